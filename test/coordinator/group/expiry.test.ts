import { expect, test } from 'vitest';
import { fetchedOffset, type GroupsFixture, groupsFixture, SESSION_MS, stableGroup, TOPIC_ID } from './group-fixture.ts';

const FROM_OUTSIDE = { memberId: '', generationId: -1 };
const RETENTION_MS = 3_600_000;
const CHECK_MS = 600_000;
const SUBSCRIBED_TO_T = Buffer.from('0000000000010001' + '74' + 'ffffffff', 'hex');

const expiring = () => groupsFixture({ retentionMs: RETENTION_MS, expiryCheckIntervalMs: CHECK_MS });
const at = (name: string) => ({
  name,
  topicId: TOPIC_ID,
  partitions: [{ partition: 0, offset: 7, leaderEpoch: -1, metadata: '', commitTimestampMs: -1 }],
});

async function remaining(fixture: GroupsFixture): Promise<{ groups: string[]; topics: string[] }> {
  const [groups, topics] = await Promise.all([fixture.groups.list(), fixture.groups.fetchOffsets('g', null)]);
  return { groups: groups.map(({ groupId }) => groupId), topics: topics.map(({ name }) => name) };
}

test('offsets of a group that never had members expire by the age of each commit, and then the group goes', async () => {
  const fixture = await expiring();
  const client = fixture.client();
  client.commit(1, { ...FROM_OUTSIDE, topics: [at('early')] });
  await fixture.clock.advance(RETENTION_MS / 2);
  client.commit(1, { ...FROM_OUTSIDE, topics: [at('late')] });
  await fixture.clock.advance(RETENTION_MS / 2 - 1);
  expect((await remaining(fixture)).topics).toEqual(['early', 'late']);
  await fixture.clock.advance(CHECK_MS);
  expect(await remaining(fixture)).toEqual({ groups: ['g'], topics: ['late'] });
  await fixture.clock.advance(RETENTION_MS / 2 + CHECK_MS);
  expect(await remaining(fixture)).toEqual({ groups: [], topics: [] });
  await fixture.restart();
  expect(await remaining(fixture)).toEqual({ groups: [], topics: [] });
});

test('offsets of a group expire when it has been empty for so long, however old they are', async () => {
  const fixture = await expiring();
  const a = fixture.client({ sessionTimeoutMs: SESSION_MS });
  await stableGroup(fixture, [a]);
  a.commit(42);
  for (let ms = 0; ms < 2 * RETENTION_MS; ms += SESSION_MS / 2) {
    await fixture.clock.advance(SESSION_MS / 2);
    a.heartbeat();
  }
  await a.leave();
  await fixture.clock.advance(RETENTION_MS - CHECK_MS);
  expect(await fetchedOffset(fixture)).toBe(42);
  await fixture.restart(); // does not begin to count anew
  await fixture.clock.advance(2 * CHECK_MS);
  expect(await remaining(fixture)).toEqual({ groups: [], topics: [] });
});

test('a group at work loses only what it committed for topics that it has left', async () => {
  const fixture = await expiring();
  const a = fixture.client({ protocols: [{ name: 'range', metadata: SUBSCRIBED_TO_T }] });
  await stableGroup(fixture, [a]);
  a.commit(1, { topics: [at('t'), at('left')] });
  for (let ms = 0; ms < RETENTION_MS + CHECK_MS; ms += SESSION_MS / 2) {
    await fixture.clock.advance(SESSION_MS / 2);
    a.heartbeat();
  }
  expect(await remaining(fixture)).toEqual({ groups: ['g'], topics: ['t'] });
});

test('a commit with a retention of its own goes at its own time', async () => {
  const fixture = await expiring();
  fixture.client().commit(1, { ...FROM_OUTSIDE, retentionTimeMs: 1_000, topics: [at('short')] });
  fixture.client().commit(1, { ...FROM_OUTSIDE, retentionTimeMs: 10 * RETENTION_MS, topics: [at('long')] });
  await fixture.clock.advance(CHECK_MS);
  expect((await remaining(fixture)).topics).toEqual(['long']);
  await fixture.clock.advance(RETENTION_MS + CHECK_MS);
  expect((await remaining(fixture)).topics).toEqual(['long']);
});

test('thousands of offsets expire in several writes', async () => {
  const fixture = await expiring();
  const partitions = Array.from({ length: 2_500 }, (_, partition) => ({
    partition,
    offset: 1,
    leaderEpoch: -1,
    metadata: '',
    commitTimestampMs: -1,
  }));
  fixture.client().commit(1, { ...FROM_OUTSIDE, topics: [{ name: 't', topicId: TOPIC_ID, partitions }] });
  await fixture.clock.settle();
  await fixture.clock.advance(RETENTION_MS - 1);
  fixture.log.isHeld = true;
  await fixture.clock.advance(1);
  expect(fixture.log.pending()).toBe(1);
  fixture.log.commit();
  await fixture.clock.settle();
  expect(await remaining(fixture)).toEqual({ groups: [], topics: [] });
});
