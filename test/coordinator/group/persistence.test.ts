import { expect, test } from 'vitest';
import { KafkaError } from '../../../src/core/errors.ts';
import { fetchedOffset, groupsFixture, SESSION_MS, stableGroup } from './group-fixture.ts';

test('after a restart a group goes on in its generation, with its members, their assignments and its offsets', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a, b]);
  a.commit(42);
  await fixture.clock.settle();
  await fixture.restart();
  expect([a.heartbeat(), b.heartbeat()]).toEqual(['NONE', 'NONE']);
  const share = b.sync();
  const rejoin = b.send();
  await fixture.clock.settle();
  expect(share.reply).toMatchObject({ error: 'NONE', protocolName: 'range', assignment: Buffer.from('share1') });
  expect(rejoin.reply).toMatchObject({ error: 'NONE', generationId: 1, leader: a.memberId });
  expect(await fetchedOffset(fixture)).toBe(42);
});

test('after a restart members that do not come back are missed after their session timeout', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client({ sessionTimeoutMs: 60_000 }), fixture.client()];
  await stableGroup(fixture, [a, b]);
  await fixture.restart();
  await fixture.clock.advance(SESSION_MS - 1);
  expect(a.heartbeat()).toBe('NONE');
  await fixture.clock.advance(1);
  expect(a.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
  expect(b.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
});

test('a rebalance that was under way at a restart is begun again by its members', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a]);
  const joining = await b.join();
  await fixture.restart();
  await fixture.clock.settle();
  expect(joining.reply).toMatchObject({ error: 'NOT_COORDINATOR' });
  expect(a.heartbeat()).toBe('NONE'); // in the generation that the log knows
  const unknown = b.send();
  await fixture.clock.settle();
  expect(unknown.reply).toMatchObject({ error: 'UNKNOWN_MEMBER_ID' });
});

test('after a restart an empty group has its offsets and goes on counting generations', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  a.commit(42);
  await a.leave();
  await fixture.restart();
  const b = fixture.client();
  const waiting = await b.join();
  await fixture.clock.advance(0);
  expect(waiting.reply).toMatchObject({ error: 'NONE', generationId: 3 });
  expect(await fetchedOffset(fixture)).toBe(42);
});

test('a static member comes back to its place after a restart of the broker', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client({ groupInstanceId: 'a' });
  await stableGroup(fixture, [a]);
  const returned = fixture.client({ groupInstanceId: 'a' });
  returned.send();
  await fixture.clock.settle();
  await fixture.restart();
  expect(returned.heartbeat()).toBe('NONE');
  expect(a.heartbeat()).toBe('FENCED_INSTANCE_ID');
});

test('when group.max.size was lowered, a loaded group rebalances down to it', async () => {
  const fixture = await groupsFixture();
  const clients = [fixture.client(), fixture.client(), fixture.client()];
  await stableGroup(fixture, clients);
  fixture.config = { ...fixture.config, maxSize: 2 };
  await fixture.restart();
  const joins = clients.map((client) => client.send());
  await fixture.clock.settle();
  expect(joins.map(({ reply }) => reply?.error)).toEqual(['NONE', 'NONE', 'GROUP_MAX_SIZE_REACHED']);
});

test('when the coordinator loses a write, everybody who waits is told to look for it again, and the group is what the log says', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a]);
  const joining = await b.join();
  await fixture.clock.settle();
  fixture.log.isHeld = true;
  const commit = a.commit(1);
  fixture.log.fail(new KafkaError('KAFKA_STORAGE_ERROR'));
  await fixture.clock.settle();
  expect([commit.reply, joining.reply]).toMatchObject(['NOT_COORDINATOR', { error: 'NOT_COORDINATOR' }]);
  expect(fixture.clock.pending()).toBe(0);
  await fixture.groups.load(0);
  expect(a.heartbeat()).toBe('NONE');
});

test('a closed coordinator leaves no timer and nobody waiting', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a]);
  const joining = await b.join();
  await fixture.clock.settle();
  fixture.groups.close();
  await fixture.clock.settle();
  expect(joining.reply).toMatchObject({ error: 'NOT_COORDINATOR' });
  expect(fixture.clock.pending()).toBe(0);
  expect(a.heartbeat()).toBe('COORDINATOR_NOT_AVAILABLE');
});

test('a group that only kept offsets goes with the last of them, and does not come back at a restart', async () => {
  const fixture = await groupsFixture();
  fixture.client().commit(42);
  await fixture.clock.settle();
  expect(await fixture.groups.list()).toHaveLength(1);
  await fixture.groups.deleteOffsets('g', [{ name: 't', partitions: [0] }]);
  expect(await fixture.groups.list()).toEqual([]);
  await fixture.restart();
  expect(await fixture.groups.list()).toEqual([]);
});
