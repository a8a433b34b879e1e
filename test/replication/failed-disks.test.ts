import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { ERROR_CODES } from '../../src/core/error-codes.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, produceBody } from '../support/memory-broker.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

const STORAGE = ERROR_CODES.KAFKA_STORAGE_ERROR.code;
const CONFIG = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '3',
};
let cluster: MemoryCluster;
afterEach(() => cluster.close());

async function call(broker: number, api: string, version: number, body: Struct): Promise<Struct> {
  return (await cluster.client(broker)).call(api, version, body);
}

async function produce(broker: number, value: string, more: Struct = {}): Promise<Struct> {
  const batch = batchBytes({ values: [value], timestamp: cluster.clock.now() });
  return firstPartition(await call(broker, 'Produce', 11, produceBody('orders', batch, more)));
}

async function read(broker: number, replicaId?: number): Promise<Struct> {
  const body = fetchBody([{ topic: 'orders', lastFetchedEpoch: -1 }]);
  return firstPartition(await call(broker, 'Fetch', 12, replicaId === undefined ? body : { ...body, replicaId }));
}

/** The next write to a log of this broker's finds the disk broken. */
function breakDisk(id: number): void {
  cluster.nodes.get(id)!.files.failNext('write', 'EIO', { path: '.log' });
}

/** Brokers where the first leads the topic. */
async function start(count = 3): Promise<void> {
  cluster = await MemoryCluster.start(count, { ...CONFIG, 'default.replication.factor': `${count}` });
  await cluster.nodes.get(1)!.broker!.createTopic('orders');
  await cluster.clock.settle();
  if ((await cluster.partition('orders')).leader !== 1) await cluster.elect('orders', 1);
}

describe('the disk of a leader fails', () => {
  beforeEach(async () => {
    await start();
    for (const value of ['a', 'b', 'c']) expect(await produce(1, value)).toMatchObject({ errorCode: 0 });
    breakDisk(1);
    expect(await produce(1, 'lost')).toMatchObject({ errorCode: STORAGE });
    await cluster.clock.settle();
  });

  test('another leads at once, has what was acknowledged, and acks=all goes on without it', async () => {
    const { leader, isr } = await cluster.partition('orders');
    expect([[2, 3], isr.toSorted()]).toEqual([expect.arrayContaining([leader]), [2, 3]]);
    expect(await produce(leader, 'd')).toMatchObject({ errorCode: 0, baseOffset: 3 });
    await cluster.clock.advance(500);
    expect(await read(leader)).toMatchObject({ errorCode: 0, highWatermark: 4 });
  });

  test('whoever still asks there is told that another leads, and Metadata says who, and that the replica is offline', async () => {
    const answers = await everyQuestion();
    expect(answers).toEqual(answers.map(() => ERROR_CODES.NOT_LEADER_OR_FOLLOWER.code));
    const { leader } = await cluster.partition('orders');
    for (const broker of [1, 2, 3]) {
      const reply = await call(broker, 'Metadata', 12, { topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', name: 'orders' }] });
      expect(firstOf('topics')(reply)).toMatchObject({
        errorCode: 0,
        leaderId: leader,
        offlineReplicas: [1],
        isrNodes: expect.not.arrayContaining([1]),
      });
    }
  });

  test('it is told of once, whatever is tried on it afterwards', async () => {
    for (let i = 0; i < 5; i++) await produce(1, 'x');
    await cluster.clock.advance(120_000);
    const said = cluster.nodes.get(1)!.logged.filter(({ level }) => level === 'error' || level === 'warn');
    expect(said.map(({ message }) => message)).toEqual([
      'an append failed',
      expect.stringMatching(/^the log went offline/),
      expect.stringMatching(/^a log directory has failed/),
    ]);
  });

  test('started again on a disk that works it is in sync again, from what it had', async () => {
    const { leader } = await cluster.partition('orders');
    await produce(leader, 'd');
    await cluster.stop(1);
    await cluster.start(1);
    await cluster.clock.advance(1_000);
    const { isr, disks } = await cluster.partition('orders');
    expect(isr.toSorted()).toEqual([1, 2, 3]);
    expect(disks.find(({ id }) => id === 1)).toMatchObject({ generation: 1 });
    expect(await read(1)).toEqual(await read(leader));
    expect((await cluster.store.get('/b/offline/1')).kv).toBeUndefined();
  });
});

test('the disk of a follower fails: acks=all waits for it no longer than it takes to tell', async () => {
  await start();
  expect(await produce(1, 'a')).toMatchObject({ errorCode: 0 });
  breakDisk(3);
  expect(await produce(1, 'b')).toMatchObject({ errorCode: 0, baseOffset: 1 }); // no time passes
  expect((await cluster.partition('orders')).isr.toSorted()).toEqual([1, 2]);
});

test('with one in-sync replica left nobody leads, until it is back with its records', async () => {
  await start(1);
  expect(await produce(1, 'a', { acks: 1 })).toMatchObject({ errorCode: 0 });
  breakDisk(1);
  expect(await produce(1, 'b', { acks: 1 })).toMatchObject({ errorCode: STORAGE });
  await cluster.clock.settle();
  expect(await cluster.partition('orders')).toMatchObject({ leader: -1, isr: [1] });
  const answers = await everyQuestion();
  expect(answers).toEqual(answers.map(() => STORAGE));
  await cluster.stop(1);
  await cluster.start(1);
  expect(await cluster.partition('orders')).toMatchObject({ leader: 1, isr: [1] });
  expect(await read(1)).toMatchObject({ errorCode: 0, highWatermark: 1 });
});

test('a group whose coordinator loses its disk goes on at another, with what it had committed', async () => {
  await start();
  const find = async (broker: number) => {
    const reply = await call(broker, 'FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['g'] });
    return (reply.coordinators as Struct[])[0]!.nodeId as number;
  };
  const commit = async (broker: number, committedOffset: number) => {
    const topics = [
      { name: 'orders', partitions: [{ partitionIndex: 0, committedOffset, committedLeaderEpoch: -1, committedMetadata: '' }] },
    ];
    const body = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null, topics };
    return firstOf('topics')(await call(broker, 'OffsetCommit', 8, body)).errorCode;
  };
  await find(1);
  await cluster.clock.advance(2_000);
  const first = await find(1);
  expect(await commit(first, 7)).toBe(0);
  breakDisk(first);
  expect(await commit(first, 8)).toBe(ERROR_CODES.NOT_COORDINATOR.code);
  await cluster.clock.advance(1_000);
  const next = await find(first);
  expect(next).not.toBe(first);
  const fetched = await call(next, 'OffsetFetch', 8, { groups: [{ groupId: 'g', topics: null }], requireStable: false });
  const [group] = fetched.groups as Struct[];
  expect(firstOf('topics')(group!)).toMatchObject({ committedOffset: 7, errorCode: 0 });
  expect(await commit(next, 9)).toBe(0);
});

test('of two directories one fails: its partitions move, the others stay where they are', async () => {
  cluster = await MemoryCluster.start(3, { ...CONFIG, 'log.dirs': '/data,/more', 'auto.leader.rebalance.enable': 'false' });
  await cluster.nodes.get(1)!.broker!.createTopic('orders', { partitions: 4 });
  await cluster.clock.settle();
  const send = async (index: number, broker: number) => {
    const batch = batchBytes({ values: ['v'], timestamp: cluster.clock.now() });
    const topicData = [{ name: 'orders', partitionData: [{ index, records: batch }] }];
    return firstPartition(await call(broker, 'Produce', 11, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData }));
  };
  for (let index = 0; index < 4; index++) {
    if ((await cluster.partition('orders', index)).leader !== 1) await cluster.elect('orders', 1, {}, index);
    expect(await send(index, 1)).toMatchObject({ errorCode: 0 });
  }
  const { files } = cluster.nodes.get(1)!;
  const there = [0, 1, 2, 3].filter((index) => files.exists(`/more/orders-${index}`));
  expect(there).toHaveLength(2);
  files.failNext('write', 'EIO', { path: '/more/' });
  expect(await send(there[0]!, 1)).toMatchObject({ errorCode: STORAGE });
  await cluster.clock.settle();
  for (let index = 0; index < 4; index++) {
    const { leader, isr } = await cluster.partition('orders', index);
    if (there.includes(index)) expect(isr.toSorted()).toEqual([2, 3]);
    else expect([leader, isr.toSorted()]).toEqual([1, [1, 2, 3]]);
    expect(leader === 1).toBe(!there.includes(index));
    expect(await send(index, leader)).toMatchObject({ errorCode: 0 });
  }
  await cluster.stop(1);
  await cluster.start(1);
  await cluster.clock.advance(2_000);
  for (let index = 0; index < 4; index++) expect((await cluster.partition('orders', index)).isr.toSorted()).toEqual([1, 2, 3]);
});

test('a directory comes back empty: what others have is copied, what nobody has is led by nobody, and not silently empty', async () => {
  const own = { 'min.insync.replicas': '1', 'log.dirs': '/data,/more' };
  cluster = await MemoryCluster.start(2, { ...CONFIG, ...own });
  const replicas = { alone: [1], shared: [1, 2] };
  const topics = Object.entries(replicas).map(([name, brokerIds]) => {
    const assignments = [0, 1].map((partitionIndex) => ({ partitionIndex, brokerIds }));
    return { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
  });
  await call(1, 'CreateTopics', 7, { topics, timeoutMs: 1_000, validateOnly: false });
  await cluster.clock.settle();
  const { files } = cluster.nodes.get(1)!;
  const all = Object.keys(replicas).flatMap((topic) => [0, 1].map((index) => ({ topic, index })));
  for (const { topic, index } of all) {
    const records = batchBytes({ values: ['v'], timestamp: cluster.clock.now() });
    const topicData = [{ name: topic, partitionData: [{ index, records }] }];
    const reply = await call(1, 'Produce', 11, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData });
    expect(firstPartition(reply)).toMatchObject({ errorCode: 0 });
  }
  await cluster.clock.advance(1_000);
  const there = all.filter(({ topic, index }) => files.exists(`/more/${topic}-${index}`));
  expect(there.map(({ topic }) => topic).toSorted()).toEqual(['alone', 'shared']);
  for (let round = 0; round < 2; round++) {
    await cluster.stop(1);
    if (round === 0) files.remove('/more');
    await cluster.start(1);
    await cluster.clock.advance(2_000);
    for (const partition of all) {
      const { leader, isr } = await cluster.partition(partition.topic, partition.index);
      if (partition.topic === 'shared') expect([leader >= 1, isr.toSorted()]).toEqual([true, [1, 2]]);
      else expect(leader).toBe(there.includes(partition) ? -1 : 1);
    }
  }
});

test('a full disk under a coordinator: what was not committed is not there, and it goes on', async () => {
  cluster = await MemoryCluster.start(1, { 'offsets.topic.num.partitions': '1', 'offsets.topic.replication.factor': '1' });
  await cluster.nodes.get(1)!.broker!.createTopic('orders');
  await call(1, 'FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['g'] });
  await cluster.clock.advance(1_000);
  const commit = async (committedOffset: number) => {
    const topics = [
      { name: 'orders', partitions: [{ partitionIndex: 0, committedOffset, committedLeaderEpoch: -1, committedMetadata: '' }] },
    ];
    const body = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null, topics };
    return firstOf('topics')(await call(1, 'OffsetCommit', 8, body)).errorCode;
  };
  const fetched = async () => {
    const reply = await call(1, 'OffsetFetch', 8, { groups: [{ groupId: 'g', topics: null }], requireStable: false });
    return firstOf('topics')((reply.groups as Struct[])[0]!).committedOffset;
  };
  expect(await commit(7)).toBe(0);
  const { files, logged } = cluster.nodes.get(1)!;
  for (let i = 0; i < 5; i++) {
    files.failNext('write', 'ENOSPC', { path: '.log', prefixBytes: i * 20 });
    expect(await commit(8)).toBe(ERROR_CODES.NOT_COORDINATOR.code);
    await cluster.clock.advance(1_000);
    expect(await fetched()).toBe(7 + i);
    expect(await commit(8 + i)).toBe(0);
    expect(await fetched()).toBe(8 + i);
  }
  expect(logged.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
    expect.stringMatching(/^the disk is full/),
  ]);
});

/** What broker 1 answers to all that is asked of a leader. */
async function everyQuestion(): Promise<unknown[]> {
  const partition = { partitionIndex: 0, partition: 0, currentLeaderEpoch: -1 };
  const topics = (more: Struct) => [{ name: 'orders', topic: 'orders', partitions: [{ ...partition, ...more }] }];
  const answers = await Promise.all([
    produce(1, 'x'),
    read(1),
    call(1, 'ListOffsets', 7, { replicaId: -1, isolationLevel: 0, topics: topics({ timestamp: -1 }) }).then(firstOf('topics')),
    call(1, 'OffsetForLeaderEpoch', 4, { replicaId: -1, topics: topics({ leaderEpoch: 0 }) }).then(firstOf('topics')),
    call(1, 'DeleteRecords', 2, { timeoutMs: 1_000, topics: topics({ offset: 1 }) }).then(firstOf('topics')),
  ]);
  return answers.map(({ errorCode }) => errorCode);
}

/** The first partition of the first topic of an answer. */
function firstOf(name: string): (reply: Struct) => Struct {
  return (reply) => ((reply[name] as Struct[])[0]!.partitions as Struct[])[0]!;
}
