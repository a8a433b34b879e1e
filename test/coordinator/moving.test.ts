import { afterEach, beforeEach, expect, test } from 'vitest';
import { partitionFor } from '../../src/coordinator/partition-for.ts';
import { errorNameOf } from '../../src/core/error-codes.ts';
import type { Struct } from '../support/interpreter.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

const CONFIGS = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.num.partitions': '4',
  'offsets.topic.replication.factor': '3',
};
const GROUP = 'billing';
const OFFSETS = '__consumer_offsets';
const INDEX = partitionFor(GROUP, 4);

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await MemoryCluster.start(3, CONFIGS);
  await cluster.nodes.get(1)!.broker!.createTopic('orders');
  await ask(1, 'FindCoordinator', 4, { keyType: 0, coordinatorKeys: [GROUP] });
  await cluster.clock.advance(1_000);
});
afterEach(() => cluster.close());

/** One question to one broker; time goes on until it is answered. */
async function ask(
  broker: number,
  api: Parameters<Awaited<ReturnType<MemoryCluster['client']>>['call']>[0],
  version: number,
  body: Struct,
): Promise<Struct> {
  const client = await cluster.client(broker);
  let answer: Struct | undefined;
  client.call(api, version, body).then((struct) => (answer = struct));
  for (let i = 0; i < 100 && !answer; i++) await cluster.clock.advance(100);
  if (!answer) throw new Error(`broker ${broker} does not answer ${api}`);
  return answer;
}
const nameOf = (code: unknown) => errorNameOf(Number(code));

async function coordinator(asked = 1): Promise<number> {
  const answer = await ask(asked, 'FindCoordinator', 4, { keyType: 0, coordinatorKeys: [GROUP] });
  const [found] = answer.coordinators as Struct[];
  expect(found).toMatchObject({ key: GROUP, errorCode: 0 });
  return Number(found!.nodeId);
}
async function commit(broker: number, offset: number, member: Struct = { generationIdOrMemberEpoch: -1, memberId: '' }): Promise<string> {
  const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }] }];
  const answer = await ask(broker, 'OffsetCommit', 7, { groupId: GROUP, ...member, topics });
  return nameOf(((answer.topics as Struct[])[0]!.partitions as Struct[])[0]!.errorCode);
}
async function committed(broker: number): Promise<unknown> {
  const answer = await ask(broker, 'OffsetFetch', 5, { groupId: GROUP, topics: [{ name: 'orders', partitionIndexes: [0] }] });
  if (answer.errorCode !== 0) return nameOf(answer.errorCode);
  return ((answer.topics as Struct[])[0]!.partitions as Struct[])[0]!.committedOffset;
}
async function heartbeat(broker: number, memberId: string, generationId: number): Promise<string> {
  return nameOf((await ask(broker, 'Heartbeat', 3, { groupId: GROUP, generationId, memberId })).errorCode);
}
/** A group of one member, with an assignment. */
async function member(broker: number): Promise<{ memberId: string; generationId: number }> {
  const request = { groupId: GROUP, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, protocolType: 'consumer' };
  const protocols = [{ name: 'range', metadata: Buffer.from('topics') }];
  const first = await ask(broker, 'JoinGroup', 5, { ...request, memberId: '', protocols });
  const joined = await ask(broker, 'JoinGroup', 5, { ...request, memberId: first.memberId!, protocols });
  const identity = { memberId: String(joined.memberId), generationId: Number(joined.generationId) };
  const assignments = [{ memberId: identity.memberId, assignment: Buffer.from('all of it') }];
  const synced = await ask(broker, 'SyncGroup', 3, { groupId: GROUP, ...identity, assignments });
  expect(synced).toMatchObject({ errorCode: 0 });
  return identity;
}
const others = (id: number) => [1, 2, 3].filter((each) => each !== id);

async function moveTo(leader: number, more = {}): Promise<void> {
  await cluster.elect(OFFSETS, leader, more, INDEX);
  await cluster.clock.advance(100);
}

test('a group is coordinated by the leader of its partition alone; everybody knows who that is', async () => {
  const id = await coordinator();
  expect(id).toBe((await cluster.partition(OFFSETS, INDEX)).leader);
  for (const other of others(id)) {
    expect(await coordinator(other)).toBe(id);
    expect([await commit(other, 5), await committed(other), await heartbeat(other, 'm', 1)]).toEqual(Array(3).fill('NOT_COORDINATOR'));
  }
  expect([await commit(id, 5), await committed(id)]).toEqual(['NONE', 5]);
});

test('a group outlives its coordinator: commits, members and generation are there at the next one', async () => {
  const id = await coordinator();
  const identity = await member(id);
  const as = { generationIdOrMemberEpoch: identity.generationId, memberId: identity.memberId };
  for (let offset = 1; offset <= 10; offset++) expect(await commit(id, offset, as)).toBe('NONE');
  const [next] = others(id) as [number];
  await cluster.stop(id);
  if ((await cluster.partition(OFFSETS, INDEX)).leader !== next) await moveTo(next, { isr: others(id) });
  expect(await coordinator(next)).toBe(next);
  expect(await heartbeat(next, identity.memberId, identity.generationId)).toBe('NONE');
  expect(await committed(next)).toBe(10);
  expect(await commit(next, 11, as)).toBe('NONE');
  const sync = { groupId: GROUP, ...identity, assignments: [] };
  expect(await ask(next, 'SyncGroup', 3, sync)).toMatchObject({ errorCode: 0, assignment: Buffer.from('all of it') });
});

test('a coordinator that is deposed drops what it knew, and reads it anew when it is elected again', async () => {
  const id = await coordinator();
  const [next] = others(id) as [number];
  expect(await commit(id, 1)).toBe('NONE');
  await moveTo(next);
  expect([await commit(id, 2), await committed(id)]).toEqual(['NOT_COORDINATOR', 'NOT_COORDINATOR']);
  expect(await commit(next, 3)).toBe('NONE');
  await moveTo(id);
  expect([await committed(id), await committed(next)]).toEqual([3, 'NOT_COORDINATOR']);
});

test('a commit that waits for its replicas is told when the coordinator is deposed', async () => {
  const id = await coordinator();
  const [next, third] = others(id) as [number, number];
  for (const other of [next, third]) cluster.network.cut(`broker-${id}`, `broker-${other}`);
  const waiting = commit(id, 7);
  await cluster.clock.advance(200);
  await moveTo(next);
  expect(await waiting).toBe('NOT_COORDINATOR');
  for (const other of [next, third]) cluster.network.heal(`broker-${id}`, `broker-${other}`);
  await cluster.clock.advance(2_000);
  expect(await committed(next)).toBe(-1); // nobody was told that it was
});

// metadata-store rule 8
test('a new coordinator serves once what it has read is committed', async () => {
  const id = await coordinator();
  const [next, third] = others(id) as [number, number];
  expect(await commit(id, 6)).toBe('NONE');
  const cut = (a: number, b: number) => cluster.network.cut(`broker-${a}`, `broker-${b}`);
  cut(id, third);
  const waiting = commit(id, 7); // the next one has it, and cannot know whether it is committed
  await cluster.clock.advance(200);
  cut(id, next);
  cut(next, third);
  await moveTo(next, { isr: [next, third] });
  expect(await waiting).toBe('NOT_COORDINATOR');
  await cluster.clock.advance(3_000);
  expect([await committed(next), await commit(next, 8)]).toEqual(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_LOAD_IN_PROGRESS']);
  cluster.network.heal(`broker-${next}`, `broker-${third}`);
  await cluster.clock.advance(3_000);
  expect([await committed(next), await commit(next, 8), await committed(next)]).toEqual([7, 'NONE', 8]);
});
