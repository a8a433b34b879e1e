import { expect, test } from 'vitest';
import { KafkaError } from '../../../src/core/errors.ts';
import { groupsFixture, stableGroup } from './group-fixture.ts';

/** KIP-345. */
async function staticGroup(options: { supportsSkippingAssignment?: boolean } = {}) {
  const fixture = await groupsFixture();
  const common = { sessionTimeoutMs: 300_000, ...options };
  const [a, b] = [fixture.client({ groupInstanceId: 'a', ...common }), fixture.client({ groupInstanceId: 'b', ...common })];
  await stableGroup(fixture, [a, b]);
  return { fixture, a, b, again: (groupInstanceId: string) => fixture.client({ groupInstanceId, ...common }) };
}

test('a static member joins in one call, under its instance id', async () => {
  const { a } = await staticGroup();
  expect(a.memberId).toBe('a-uuid1');
});

test('a static member that comes back gets its assignment without a rebalance', async () => {
  const { a, again, fixture } = await staticGroup();
  const returned = again('b');
  const join = returned.send();
  await fixture.clock.settle();
  expect(join.reply).toMatchObject({ error: 'NONE', generationId: 1, leader: a.memberId, members: [], skipAssignment: false });
  const share = returned.sync();
  await fixture.clock.settle();
  expect(share.reply).toMatchObject({ error: 'NONE', assignment: Buffer.from('share1') });
  expect(a.heartbeat()).toBe('NONE');
});

test('the one before it is fenced', async () => {
  const { again, b, fixture } = await staticGroup();
  again('b').send();
  const share = b.sync();
  const commit = b.commit(1);
  await fixture.clock.settle();
  expect(b.heartbeat()).toBe('FENCED_INSTANCE_ID');
  expect([share.reply, commit.reply]).toEqual(['FENCED_INSTANCE_ID', 'FENCED_INSTANCE_ID']);
  const join = b.send();
  await fixture.clock.settle();
  expect(join.reply).toMatchObject({ error: 'FENCED_INSTANCE_ID', memberId: b.memberId });
});

test('a parked request of the one before it is fenced, too', async () => {
  const { a, again, b, fixture } = await staticGroup();
  a.send(); // the leader begins a rebalance
  const parked = b.send();
  await fixture.clock.settle();
  expect(parked.reply).toMatchObject({ error: 'NONE' }); // all have joined
  const sync = b.sync();
  const returned = again('b').send();
  await fixture.clock.settle();
  expect(sync.reply).toMatchObject({ error: 'FENCED_INSTANCE_ID' });
  expect(returned.reply).toBeUndefined(); // the leader may be assigning to the old id: all join again
  expect(a.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
});

test('KIP-814: a leader that comes back is told to leave the assignment as it is', async () => {
  const { again, b, fixture } = await staticGroup();
  const returned = again('a');
  const join = returned.send();
  await fixture.clock.settle();
  expect(join.reply).toMatchObject({ error: 'NONE', leader: returned.memberId, skipAssignment: true });
  expect(join.reply!.members.map(({ groupInstanceId, memberId }) => [groupInstanceId, memberId])).toEqual([
    ['b', b.memberId],
    ['a', returned.memberId],
  ]);
});

test('before KIP-814 a leader that comes back is told of its old self as the leader, so that it does not assign', async () => {
  const { a, again, fixture } = await staticGroup({ supportsSkippingAssignment: false });
  const join = again('a').send();
  await fixture.clock.settle();
  expect(join.reply).toMatchObject({ error: 'NONE', leader: a.memberId, members: [], skipAssignment: false });
});

test('the new member id is in the log before it may be used', async () => {
  const { again, fixture } = await staticGroup();
  fixture.log.isHeld = true;
  const join = again('b').send();
  await fixture.clock.settle();
  expect(join.reply).toBeUndefined();
  fixture.log.commit();
  await fixture.clock.settle();
  expect(join.reply).toMatchObject({ error: 'NONE' });
});

test('a static member that comes back with other protocols, such that another would be chosen, begins a rebalance', async () => {
  const fixture = await groupsFixture();
  const both = [
    { name: 'range', metadata: Buffer.from('r') },
    { name: 'sticky', metadata: Buffer.from('s') },
  ];
  const a = fixture.client({ groupInstanceId: 'a', protocols: both });
  await stableGroup(fixture, [a]);
  const join = fixture.client({ groupInstanceId: 'a', protocols: both.slice(1) }).send();
  await fixture.clock.advance(0);
  expect(join.reply).toMatchObject({ error: 'NONE', generationId: 2, protocolName: 'sticky' });
});

test('a static member that does not join again keeps its place until its session ends', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client({ groupInstanceId: 'a', sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 10_000 });
  const b = fixture.client({ sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 10_000 });
  await stableGroup(fixture, [b, a]);
  const rejoin = b.send();
  await fixture.clock.advance(10_000);
  expect(rejoin.reply).toMatchObject({ generationId: 2 });
  expect(rejoin.reply!.members).toHaveLength(2);
});

test('when no member that is left has joined again, the rebalance waits for the end of their sessions', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client({ groupInstanceId: 'a', sessionTimeoutMs: 25_000, rebalanceTimeoutMs: 10_000 });
  const b = fixture.client({ groupInstanceId: 'b', sessionTimeoutMs: 6000, rebalanceTimeoutMs: 10_000 });
  await stableGroup(fixture, [a, b]);
  await fixture.clock.advance(6000); // b's session ends
  expect(a.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
  await fixture.clock.advance(24_000);
  expect(a.heartbeat()).toBe('REBALANCE_IN_PROGRESS'); // two rebalance timeouts later
  await fixture.clock.advance(25_001);
  expect(a.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
});

test('an instance id that the group does not have is unknown for a member', async () => {
  const { a } = await staticGroup();
  expect(a.heartbeat({ groupInstanceId: 'c' })).toBe('UNKNOWN_MEMBER_ID');
});

test('an id that was given out is nobody’s with an instance id: an instance has one member', async () => {
  const { a, fixture } = await staticGroup();
  const stranger = fixture.client();
  stranger.send();
  await fixture.clock.settle();
  const joins = ['a', 'c'].map((groupInstanceId) => stranger.send({ groupInstanceId }));
  await fixture.clock.settle();
  expect(joins.map(({ reply }) => reply?.error)).toEqual(['FENCED_INSTANCE_ID', 'UNKNOWN_MEMBER_ID']);
  expect(a.heartbeat()).toBe('NONE');
});

test('when the return of a static member cannot be stored the group rebalances, so that its log does not keep the old id', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client({ groupInstanceId: 'a' }), fixture.client()];
  await stableGroup(fixture, [a, b]);
  const returned = fixture.client({ groupInstanceId: 'a' });
  fixture.log.refusal = new KafkaError('NOT_ENOUGH_REPLICAS');
  const refused = returned.send();
  await fixture.clock.settle();
  expect(refused.reply?.error).toBe('COORDINATOR_NOT_AVAILABLE');
  expect(b.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
  returned.send();
  b.send();
  await fixture.clock.settle();
  returned.sync({ [returned.memberId]: 'new0', [b.memberId]: 'new1' });
  await fixture.clock.settle();
  await fixture.restart();
  expect([returned.heartbeat(), b.heartbeat(), a.heartbeat()]).toEqual(['NONE', 'NONE', 'FENCED_INSTANCE_ID']);
});
