import { expect, test } from 'vitest';
import { MAX_PENDING_MEMBERS } from '../../../src/coordinator/group/join.ts';
import { groupsFixture, REBALANCE_MS, SESSION_MS, stableGroup } from './group-fixture.ts';

const protocol = (name: string, metadata = name) => ({ name, metadata: Buffer.from(metadata) });

test('a group id must not be empty', async () => {
  const fixture = await groupsFixture();
  const waiting = fixture.client({ groupId: '' }).send();
  await fixture.clock.settle();
  expect(waiting.reply).toMatchObject({ error: 'INVALID_GROUP_ID', generationId: -1, memberId: '' });
});

test('a session timeout outside the broker’s bounds is refused, with the bounds themselves allowed', async () => {
  const fixture = await groupsFixture({ minSessionTimeoutMs: 6000, maxSessionTimeoutMs: 30_000 });
  const errors = [];
  for (const sessionTimeoutMs of [5999, 6000, 30_000, 30_001]) {
    const waiting = fixture.client({ sessionTimeoutMs, groupId: `g${sessionTimeoutMs}` }).send();
    await fixture.clock.settle();
    errors.push(waiting.reply!.error);
  }
  expect(errors).toEqual(['INVALID_SESSION_TIMEOUT', 'MEMBER_ID_REQUIRED', 'MEMBER_ID_REQUIRED', 'INVALID_SESSION_TIMEOUT']);
});

test('a member id in a group that does not exist is unknown, and named in the answer', async () => {
  const fixture = await groupsFixture();
  const waiting = fixture.client({ memberId: 'ghost' }).send();
  await fixture.clock.settle();
  expect(waiting.reply).toMatchObject({ error: 'UNKNOWN_MEMBER_ID', memberId: 'ghost' });
});

test('KIP-394: a dynamic member is given an id first, made of its client id and a uuid', async () => {
  const fixture = await groupsFixture();
  const waiting = fixture.client({ clientId: 'app' }).send();
  await fixture.clock.settle();
  expect(waiting.reply).toMatchObject({ error: 'MEMBER_ID_REQUIRED', memberId: 'app-uuid1', generationId: -1 });
});

test('before KIP-394 the first call joins', async () => {
  const fixture = await groupsFixture();
  const waiting = fixture.client({ requireKnownMemberId: false }).send();
  await fixture.clock.advance(0);
  expect(waiting.reply).toMatchObject({ error: 'NONE', generationId: 1 });
});

test('the first member leads, and only the leader is told of the members', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  const first = await a.join();
  const second = await b.join();
  await fixture.clock.advance(0);
  expect(first.reply).toMatchObject({
    error: 'NONE',
    generationId: 1,
    leader: a.memberId,
    protocolType: 'consumer',
    protocolName: 'range',
  });
  expect(first.reply!.members.map(({ memberId, metadata }) => [memberId, metadata.toString()])).toEqual([
    [a.memberId, 'subscription'],
    [b.memberId, 'subscription'],
  ]);
  expect(second.reply).toMatchObject({ error: 'NONE', generationId: 1, leader: a.memberId, members: [] });
});

test('no protocol type, or no protocol, is inconsistent', async () => {
  const fixture = await groupsFixture();
  const errors = [];
  for (const changes of [{ protocolType: '' }, { protocols: [] }]) {
    const waiting = fixture.client(changes).send();
    await fixture.clock.settle();
    errors.push(waiting.reply!.error);
  }
  expect(errors).toEqual(['INCONSISTENT_GROUP_PROTOCOL', 'INCONSISTENT_GROUP_PROTOCOL']);
});

test('who has another protocol type, or no protocol that all members have, is refused', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client({ protocols: [protocol('range'), protocol('sticky')] });
  const b = fixture.client({ protocols: [protocol('sticky')] });
  await stableGroup(fixture, [a, b]);
  const errors = [];
  for (const changes of [
    { protocolType: 'connect' },
    { protocols: [protocol('range')] },
    { protocols: [protocol('x'), protocol('sticky')] },
  ]) {
    const waiting = fixture.client(changes).send();
    await fixture.clock.settle();
    errors.push(waiting.reply!.error);
  }
  expect(errors).toEqual(['INCONSISTENT_GROUP_PROTOCOL', 'INCONSISTENT_GROUP_PROTOCOL', 'MEMBER_ID_REQUIRED']);
});

test('the protocol that most members prefer among the common ones is chosen', async () => {
  const fixture = await groupsFixture();
  const lists = [
    ['only-a', 'range', 'sticky'],
    ['sticky', 'range'],
    ['sticky', 'range'],
  ];
  const joins = [];
  for (const names of lists) joins.push(await fixture.client({ protocols: names.map((name) => protocol(name)) }).join());
  await fixture.clock.advance(0);
  expect(joins.map(({ reply }) => reply?.protocolName)).toEqual(['sticky', 'sticky', 'sticky']);
  expect(joins[0]!.reply!.members.map(({ metadata }) => metadata.toString())).toEqual(['sticky', 'sticky', 'sticky']);
});

// As Apache Kafka 4.4.0 answers: the first in the order of its hash table.
test.each([
  [['roundrobin', 'range'], 'range'],
  [['cooperative-sticky', 'range'], 'range'],
  [['z', 'y'], 'y'],
])('of protocols with as many votes (%j) %s is chosen', async (names, chosen) => {
  const fixture = await groupsFixture();
  const joins = [];
  for (const liked of [names, names.toReversed()])
    joins.push(await fixture.client({ protocols: liked.map((name) => protocol(name)) }).join());
  await fixture.clock.advance(0);
  expect(joins.map(({ reply }) => reply?.protocolName)).toEqual([chosen, chosen]);
});

test('the initial delay gathers members, and each new one extends it up to the rebalance timeout', async () => {
  const fixture = await groupsFixture({ initialRebalanceDelayMs: 3000 });
  const join = (rebalanceTimeoutMs: number) => fixture.client({ rebalanceTimeoutMs }).join();
  const first = await join(7000);
  await fixture.clock.advance(2000);
  await join(7000);
  await fixture.clock.advance(1000); // the delay is over, but somebody came: 3 s more
  await join(7000);
  await fixture.clock.advance(2999);
  expect(first.reply).toBeUndefined();
  await fixture.clock.advance(1); // and again, but only 1 s of the 7 s is left
  await join(7000);
  await fixture.clock.advance(999);
  expect(first.reply).toBeUndefined();
  await fixture.clock.advance(1);
  expect(first.reply).toMatchObject({ error: 'NONE', generationId: 1 });
  expect(first.reply!.members).toHaveLength(4);
});

test('a new member makes everybody join again, and the generation begins when they have', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a]);
  const newcomer = await b.join();
  await fixture.clock.settle();
  expect(newcomer.reply).toBeUndefined();
  expect(a.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
  const again = a.send();
  await fixture.clock.settle();
  expect(again.reply).toMatchObject({ error: 'NONE', generationId: 2, leader: a.memberId });
  expect(newcomer.reply).toMatchObject({ error: 'NONE', generationId: 2, leader: a.memberId });
});

test('an id that was given out and not used yet holds the rebalance up, until it expires', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client({ sessionTimeoutMs: 30_000 }), fixture.client()];
  await stableGroup(fixture, [a]);
  fixture.client({ sessionTimeoutMs: 6000 }).send(); // never comes back
  const joining = await b.join();
  a.send();
  await fixture.clock.advance(5999);
  expect(joining.reply).toBeUndefined();
  await fixture.clock.advance(1);
  expect(joining.reply).toMatchObject({ error: 'NONE', generationId: 2 });
});

test('members that do not join again within the rebalance timeout are out, and the leadership passes on', async () => {
  const fixture = await groupsFixture();
  const [a, b, c] = [1, 2, 3].map(() => fixture.client({ sessionTimeoutMs: 300_000 }));
  await stableGroup(fixture, [a!, b!]);
  const joins = [await c!.join(), b!.send()];
  await fixture.clock.advance(REBALANCE_MS - 1);
  expect(joins[0]!.reply).toBeUndefined();
  await fixture.clock.advance(1);
  expect(joins.map(({ reply }) => reply?.leader)).toEqual([b!.memberId, b!.memberId]);
  expect(a!.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
});

test('the longest rebalance timeout of the members counts', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client({ rebalanceTimeoutMs: 90_000, sessionTimeoutMs: 300_000 });
  await stableGroup(fixture, [a]);
  const joining = await fixture.client({ rebalanceTimeoutMs: 10_000 }).join();
  await fixture.clock.advance(89_999);
  expect(joining.reply).toBeUndefined();
  await fixture.clock.advance(1);
  expect(joining.reply).toMatchObject({ error: 'NONE' });
});

test('a follower that joins a stable group again with the same metadata is told the generation at once', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a, b]);
  const again = b.send();
  await fixture.clock.settle();
  expect(again.reply).toMatchObject({ error: 'NONE', generationId: 1, leader: a.memberId, members: [] });
  expect(a.heartbeat()).toBe('NONE');
});

test.each([
  ['the leader', 0, {}],
  ['a follower with other metadata', 1, { protocols: [protocol('range', 'other')] }],
])('%s joining a stable group again begins a rebalance', async (_, index, changes) => {
  const fixture = await groupsFixture();
  const clients = [fixture.client(), fixture.client()];
  await stableGroup(fixture, clients);
  const again = clients[index]!.send(changes);
  await fixture.clock.settle();
  expect(again.reply).toBeUndefined();
  expect(clients[1 - index]!.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
});

test('a member that missed the answer of its join gets it again, the leader with the members', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await a.join();
  await b.join();
  await fixture.clock.advance(0);
  const again = [a.send(), b.send()];
  await fixture.clock.settle();
  expect(again.map(({ reply }) => [reply?.error, reply?.generationId, reply?.members.length])).toEqual([
    ['NONE', 1, 2],
    ['NONE', 1, 0],
  ]);
});

test('group.max.size bounds the members: one more is refused', async () => {
  const fixture = await groupsFixture({ maxSize: 2 });
  await stableGroup(fixture, [fixture.client(), fixture.client()]);
  const third = fixture.client().send();
  await fixture.clock.settle();
  expect(third.reply).toMatchObject({ error: 'GROUP_MAX_SIZE_REACHED', memberId: '' });
});

test('of the members that join at once only group.max.size get in', async () => {
  const fixture = await groupsFixture({ maxSize: 2 });
  const joins = [];
  for (let i = 0; i < 3; i++) joins.push(fixture.client({ requireKnownMemberId: false }).send());
  await fixture.clock.advance(0);
  expect(joins.map(({ reply }) => reply?.error)).toEqual(['NONE', 'NONE', 'GROUP_MAX_SIZE_REACHED']);
});

test('ids that are given out and never used are bounded', async () => {
  const fixture = await groupsFixture();
  for (let i = 0; i < MAX_PENDING_MEMBERS; i++) fixture.client().send();
  const before = fixture.client().send();
  await fixture.clock.settle();
  expect(before.reply!.error).toBe('GROUP_MAX_SIZE_REACHED');
  expect(fixture.groupTimers()).toBe(MAX_PENDING_MEMBERS); // one session timer each
});

test('a group of which only an id was asked for leaves nothing behind', async () => {
  const fixture = await groupsFixture();
  const client = fixture.client();
  client.send();
  await fixture.clock.advance(SESSION_MS);
  expect(fixture.groupTimers()).toBe(0);
  expect(fixture.log.records).toEqual([]);
  const late = client.send();
  await fixture.clock.settle();
  expect(late.reply!.error).toBe('UNKNOWN_MEMBER_ID');
});

test('a member whose connection breaks while it waits is missed after its session timeout, not before', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client({ sessionTimeoutMs: 30_000 }), fixture.client({ sessionTimeoutMs: 6000 })];
  await stableGroup(fixture, [a]);
  const lost = await b.join();
  await fixture.clock.settle();
  b.disconnect();
  const again = a.send();
  await fixture.clock.advance(5999);
  expect(lost.reply).toMatchObject({ error: 'UNKNOWN_MEMBER_ID' }); // to nobody: the promise does not leak
  expect(again.reply).toBeUndefined();
  await fixture.clock.advance(1);
  expect(again.reply).toMatchObject({ error: 'NONE', generationId: 2 });
  expect(again.reply!.members).toHaveLength(1);
});

test('a member that joins again on another connection is in the rebalance, whatever becomes of the first one', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a]);
  const first = await b.join();
  await fixture.clock.settle();
  const firstConnection = b.connection;
  b.connection = new AbortController();
  const second = b.send();
  await fixture.clock.settle();
  expect(first.reply!.error).toBe('REBALANCE_IN_PROGRESS');
  firstConnection.abort();
  a.send();
  await fixture.clock.settle();
  expect(second.reply).toMatchObject({ error: 'NONE', generationId: 2 });
});
