import { expect, test } from 'vitest';
import { KafkaError } from '../../../src/core/errors.ts';
import { fetchedOffset, groupsFixture, SESSION_MS, stableGroup, watch } from './group-fixture.ts';

const FROM_OUTSIDE = { memberId: '', generationId: -1 };

test('a member’s commit is what the group fetches', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  const waiting = a.commit(42, {}, 'note');
  await fixture.clock.settle();
  expect(waiting.reply).toBe('NONE');
  const [topic] = await fixture.groups.fetchOffsets('g', null);
  expect(topic).toMatchObject({
    name: 't',
    partitions: [{ partition: 0, committed: { offset: 42, leaderEpoch: 3, metadata: 'note', commitTimestampMs: fixture.clock.now() } }],
  });
});

test('what was never committed is fetched as nothing, of groups that exist and of others', async () => {
  const fixture = await groupsFixture();
  fixture.client().commit(1, FROM_OUTSIDE);
  await fixture.clock.settle();
  for (const groupId of ['g', 'other']) {
    const found = await fixture.groups.fetchOffsets(groupId, [{ name: 't', partitions: [7] }]);
    expect(found).toEqual([{ name: 't', partitions: [{ partition: 7, committed: undefined, isUnstable: false }] }]);
  }
  expect(await fixture.groups.fetchOffsets('other', null)).toEqual([]);
});

test('a commit is answered, and fetched, when it is in the log', async () => {
  const fixture = await groupsFixture();
  fixture.client().commit(1, FROM_OUTSIDE);
  await fixture.clock.settle();
  fixture.log.isHeld = true;
  const commit = fixture.client().commit(2, FROM_OUTSIDE);
  const fetch = watch(fetchedOffset(fixture));
  await fixture.clock.settle();
  expect([commit.reply, fetch.reply]).toEqual([undefined, undefined]);
  fixture.log.commit();
  await fixture.clock.settle();
  expect([commit.reply, fetch.reply]).toEqual(['NONE', 2]);
});

test('a commit that is not in the log in time is answered with an error, and counts when it gets there', async () => {
  const fixture = await groupsFixture({ commitTimeoutMs: 5000 });
  fixture.log.isHeld = true;
  const commit = fixture.client().commit(1, FROM_OUTSIDE);
  await fixture.clock.advance(4999);
  expect(commit.reply).toBeUndefined();
  await fixture.clock.advance(1);
  expect(commit.reply).toBe('COORDINATOR_NOT_AVAILABLE');
  fixture.log.commit();
  expect(await fetchedOffset(fixture)).toBe(1);
});

test('a commit that the log refuses leaves no trace', async () => {
  const fixture = await groupsFixture();
  fixture.log.refusal = new KafkaError('NOT_ENOUGH_REPLICAS');
  const commit = fixture.client().commit(1, FROM_OUTSIDE);
  await fixture.clock.settle();
  expect(commit.reply).toBe('COORDINATOR_NOT_AVAILABLE');
  expect(await fetchedOffset(fixture)).toBeUndefined();
});

test('a commit that the log loses is gone: the state is what the log says', async () => {
  const fixture = await groupsFixture();
  fixture.client().commit(1, FROM_OUTSIDE);
  await fixture.clock.settle();
  fixture.log.isHeld = true;
  const commit = fixture.client().commit(2, FROM_OUTSIDE);
  fixture.log.fail(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  await fixture.clock.settle();
  expect(commit.reply).toBe('NOT_COORDINATOR');
  await fixture.groups.load(0);
  expect(await fetchedOffset(fixture)).toBe(1);
});

test('from outside a group commits are taken while it has no members', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  const outside = async (changes = {}) => {
    const waiting = fixture.client().commit(1, { ...FROM_OUTSIDE, ...changes });
    await fixture.clock.settle();
    return waiting.reply;
  };
  expect(await outside()).toBe('NONE');
  expect(await outside({ memberId: 'whoever' })).toBe('NONE');
  await stableGroup(fixture, [a]);
  expect(await outside()).toBe('UNKNOWN_MEMBER_ID');
  await a.leave();
  await fixture.clock.settle();
  expect(await outside()).toBe('NONE');
});

test('a generation of a group that does not exist is refused, in the words that the client knows', async () => {
  const fixture = await groupsFixture();
  const [old, recent] = [false, true].map((knowsGroupIdNotFound) =>
    fixture.client().commit(1, { memberId: 'a', generationId: 1, knowsGroupIdNotFound }),
  );
  await fixture.clock.settle();
  expect([old!.reply, recent!.reply]).toEqual(['ILLEGAL_GENERATION', 'GROUP_ID_NOT_FOUND']);
});

test('a commit of a stranger or of another generation is refused', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  const answers = [
    a.commit(1, { memberId: 'stranger' }),
    a.commit(1, { memberId: '' }),
    a.commit(1, { generationId: 0 }),
    a.commit(1, { generationId: -1 }),
    a.commit(1, { groupInstanceId: 'i' }),
  ];
  await fixture.clock.settle();
  expect(answers.map(({ reply }) => reply)).toEqual([
    'UNKNOWN_MEMBER_ID',
    'UNKNOWN_MEMBER_ID',
    'ILLEGAL_GENERATION',
    'ILLEGAL_GENERATION',
    'UNKNOWN_MEMBER_ID',
  ]);
  expect(await fetchedOffset(fixture)).toBeUndefined();
});

test('a commit during a rebalance is taken until the next generation has begun, then its sender must know its share first', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  await fixture.client().join();
  const during = a.commit(1);
  await fixture.clock.settle();
  expect(during.reply).toBe('NONE');
  a.send();
  await fixture.clock.settle();
  const completing = a.commit(2);
  await fixture.clock.settle();
  expect(completing.reply).toBe('REBALANCE_IN_PROGRESS');
  expect(await fetchedOffset(fixture)).toBe(1);
});

test('commits keep the session', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  a.heartbeat();
  for (let i = 0; i < 3; i++) {
    await fixture.clock.advance(SESSION_MS - 1);
    a.commit(i);
  }
  expect(a.heartbeat()).toBe('NONE');
});

test('metadata of offset.metadata.max.bytes is stored, longer is refused for its partition alone', async () => {
  const fixture = await groupsFixture({ offsetMetadataMaxBytes: 10 });
  const partition = { offset: 1, leaderEpoch: -1, commitTimestampMs: -1 };
  const [topic] = await fixture.groups.commit({
    groupId: 'g',
    ...FROM_OUTSIDE,
    groupInstanceId: null,
    retentionTimeMs: -1,
    knowsGroupIdNotFound: true,
    topics: [
      {
        name: 't',
        topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
        partitions: [
          { ...partition, partition: 0, metadata: 'x'.repeat(10) },
          { ...partition, partition: 1, metadata: 'x'.repeat(11) },
          { ...partition, partition: 2, metadata: null },
        ],
      },
    ],
  });
  expect(topic!.partitions.map(({ error }) => error)).toEqual(['NONE', 'OFFSET_METADATA_TOO_LARGE', 'NONE']);
  const [stored] = await fixture.groups.fetchOffsets('g', null);
  expect(stored!.partitions.map(({ committed, partition: index }) => [index, committed!.metadata])).toEqual([
    [0, 'x'.repeat(10)],
    [2, ''],
  ]);
});
