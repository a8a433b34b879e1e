import { expect, test } from 'vitest';
import { KafkaError } from '../../../src/core/errors.ts';
import { groupsFixture, REBALANCE_MS, stableGroup } from './group-fixture.ts';

async function completing(count: number, sessionTimeoutMs = 300_000) {
  const fixture = await groupsFixture();
  const clients = Array.from({ length: count }, () => fixture.client({ sessionTimeoutMs }));
  for (const client of clients) await client.join();
  await fixture.clock.advance(0);
  return { fixture, clients };
}

test('everybody waits for the leader, and then gets what the leader said', async () => {
  const { clients, fixture } = await completing(2);
  const [a, b] = clients;
  const follower = b!.sync();
  await fixture.clock.settle();
  expect(follower.reply).toBeUndefined();
  const leader = a!.sync({ [a!.memberId]: 'one', [b!.memberId]: 'two' });
  await fixture.clock.settle();
  expect(leader.reply).toMatchObject({ error: 'NONE', protocolType: 'consumer', protocolName: 'range', assignment: Buffer.from('one') });
  expect(follower.reply).toMatchObject({ error: 'NONE', assignment: Buffer.from('two') });
});

test('the assignment is handed out when it is in the log, not before', async () => {
  const { clients, fixture } = await completing(1);
  fixture.log.isHeld = true;
  const waiting = clients[0]!.sync({ [clients[0]!.memberId]: 'one' });
  await fixture.clock.settle();
  expect(waiting.reply).toBeUndefined();
  fixture.log.commit();
  await fixture.clock.settle();
  expect(waiting.reply).toMatchObject({ error: 'NONE' });
});

test('who syncs after the leader is answered at once, and again if it asks again', async () => {
  const { clients, fixture } = await completing(2);
  const [a, b] = clients;
  a!.sync({ [b!.memberId]: 'two' });
  await fixture.clock.settle();
  const answers = [b!.sync(), b!.sync()];
  await fixture.clock.settle();
  expect(answers.map(({ reply }) => reply)).toMatchObject([
    { error: 'NONE', assignment: Buffer.from('two') },
    { error: 'NONE', assignment: Buffer.from('two') },
  ]);
});

test('a consumer that the leader left out gets an assignment of no partitions that it can decode', async () => {
  const { clients, fixture } = await completing(1);
  const waiting = clients[0]!.sync({});
  await fixture.clock.settle();
  // ConsumerProtocolAssignment v0: version 0, no topics, null user data
  expect(waiting.reply).toMatchObject({ error: 'NONE', assignment: Buffer.from('0000' + '00000000' + 'ffffffff', 'hex') });
});

test('a member of another protocol that the leader left out gets no bytes', async () => {
  const fixture = await groupsFixture();
  const client = fixture.client({ protocolType: 'connect' });
  await client.join();
  await fixture.clock.advance(0);
  const waiting = client.sync({});
  await fixture.clock.settle();
  expect(waiting.reply).toMatchObject({ error: 'NONE', assignment: Buffer.alloc(0) });
});

test('a sync of a stranger, of another generation or for another protocol is refused', async () => {
  const { clients, fixture } = await completing(1);
  const [a] = clients;
  const answers = [
    a!.sync({}, { groupId: 'other' }),
    a!.sync({}, { memberId: 'stranger' }),
    a!.sync({}, { generationId: 2 }),
    a!.sync({}, { protocolType: 'connect' }),
    a!.sync({}, { protocolName: 'sticky' }),
    a!.sync({}, { groupId: '' }),
  ];
  await fixture.clock.settle();
  expect(answers.map(({ reply }) => reply)).toEqual([
    'UNKNOWN_MEMBER_ID',
    'UNKNOWN_MEMBER_ID',
    'ILLEGAL_GENERATION',
    'INCONSISTENT_GROUP_PROTOCOL',
    'INCONSISTENT_GROUP_PROTOCOL',
    'INVALID_GROUP_ID',
  ]);
});

test('a sync during a rebalance is told to join', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  await fixture.client().join();
  const waiting = a.sync();
  await fixture.clock.settle();
  expect(waiting.reply).toBe('REBALANCE_IN_PROGRESS');
});

test('a new member ends a generation that waits for its assignment: the waiting syncs are told to join again', async () => {
  const { clients, fixture } = await completing(2);
  const follower = clients[1]!.sync();
  await fixture.client().join();
  await fixture.clock.settle();
  expect(follower.reply).toMatchObject({ error: 'REBALANCE_IN_PROGRESS' });
});

test('an assignment that comes into the log after its generation has ended changes nothing', async () => {
  const { clients, fixture } = await completing(1);
  const [a] = clients;
  fixture.log.isHeld = true;
  const late = a!.sync({ [a!.memberId]: 'old' });
  await fixture.client().join();
  await fixture.clock.settle();
  fixture.log.commit();
  await fixture.clock.settle();
  expect(late.reply).toMatchObject({ error: 'REBALANCE_IN_PROGRESS' });
  expect(a!.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
});

test('an assignment that the log refuses is refused to all, who join again', async () => {
  const { clients, fixture } = await completing(2);
  const follower = clients[1]!.sync();
  fixture.log.refusal = new KafkaError('NOT_ENOUGH_REPLICAS');
  const leader = clients[0]!.sync({});
  await fixture.clock.settle();
  expect([leader.reply, follower.reply]).toMatchObject([{ error: 'COORDINATOR_NOT_AVAILABLE' }, { error: 'COORDINATOR_NOT_AVAILABLE' }]);
  expect(clients.map((client) => client.heartbeat())).toEqual(['REBALANCE_IN_PROGRESS', 'REBALANCE_IN_PROGRESS']);
});

test('members that do not sync within the rebalance timeout are out, and the others begin anew', async () => {
  const { clients, fixture } = await completing(2);
  const [a, b] = clients;
  a!.sync({});
  await fixture.clock.advance(REBALANCE_MS - 1);
  expect(a!.heartbeat()).toBe('NONE');
  await fixture.clock.advance(1);
  expect(a!.heartbeat()).toBe('REBALANCE_IN_PROGRESS');
  expect(b!.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
});

test('once all have synced the rebalance timeout ends nothing', async () => {
  const { clients, fixture } = await completing(2);
  clients[0]!.sync({});
  clients[1]!.sync();
  await fixture.clock.advance(2 * REBALANCE_MS);
  expect(clients.map((client) => client.heartbeat())).toEqual(['NONE', 'NONE']);
});

test('a parked sync keeps the session, and its answer starts it again', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client({ sessionTimeoutMs: 50_000 }), fixture.client({ sessionTimeoutMs: 6000 })];
  for (const client of [a, b]) await client.join();
  await fixture.clock.advance(0);
  const waiting = b.sync();
  await fixture.clock.advance(30_000);
  a.sync({});
  await fixture.clock.advance(5999);
  expect(waiting.reply).toMatchObject({ error: 'NONE' });
  expect(b.heartbeat()).toBe('NONE');
  await fixture.clock.advance(6000);
  expect(b.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
});

test('a sync in a stable group starts the session again, too', async () => {
  const { clients, fixture } = await completing(1, 6000);
  const [a] = clients;
  a!.sync({});
  await fixture.clock.advance(5000);
  a!.sync();
  await fixture.clock.advance(5000);
  expect(a!.heartbeat()).toBe('NONE');
});

test('a sync whose connection breaks leaves its member to the session timeout', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client({ sessionTimeoutMs: 50_000 }), fixture.client({ sessionTimeoutMs: 6000 })];
  for (const client of [a, b]) await client.join();
  await fixture.clock.advance(0);
  const waiting = b.sync();
  await fixture.clock.settle();
  b.disconnect();
  await fixture.clock.advance(5999);
  expect(waiting.reply).toMatchObject({ error: 'UNKNOWN_MEMBER_ID' });
  expect(b.heartbeat()).toBe('NONE');
  b.disconnect();
  await fixture.clock.advance(6000);
  expect(b.heartbeat()).toBe('UNKNOWN_MEMBER_ID');
});

test('a leader that syncs again while its assignment is being stored does not replace it: what was given is what a restart finds', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await a.join();
  await fixture.clock.advance(1);
  fixture.log.isHeld = true;
  a.sync({ [a.memberId]: 'first' });
  const again = a.sync({ [a.memberId]: 'second' });
  fixture.log.commit();
  await fixture.clock.settle();
  expect(again.reply).toMatchObject({ error: 'NONE', assignment: Buffer.from('first') });
  await fixture.restart();
  const after = a.sync();
  await fixture.clock.settle();
  expect(after.reply).toMatchObject({ error: 'NONE', assignment: Buffer.from('first') });
});
