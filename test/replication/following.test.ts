import { afterEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { liveBrokerKey, partitionKey } from '../../src/metadata/keys.ts';
import { encodeValue, parsePartition } from '../../src/metadata/values.ts';
import type { Struct } from '../support/interpreter.ts';
import { firstPartition, produceBody } from '../support/memory-broker.ts';
import { type MemoryCluster, memoryCluster } from './brokers-in-memory.ts';

let cluster: MemoryCluster;
afterEach(() => cluster.close());

async function started(brokers: number, configs: Record<string, string> = {}): Promise<MemoryCluster> {
  cluster = await memoryCluster(brokers, { 'default.replication.factor': String(brokers), 'min.insync.replicas': '1', ...configs });
  return cluster;
}

async function create(topic: string, partitions = 1): Promise<void> {
  await cluster.member(1).broker.createTopic(topic, { partitions });
  await cluster.clock.settle();
}

const replica = (id: number, topic: string, index = 0) => cluster.member(id).services.replicas.replica(topic, index);
const state = (topic: string, index = 0) => cluster.member(1).services.metadata.current.partition(topic, index)!;

async function produce(
  topic: string,
  values: string[],
  more: Struct & { index?: number } = {},
  to = state(topic, more.index).leader,
): Promise<Struct> {
  const client = await cluster.member(to).client();
  const reply = client.call('Produce', 9, produceBody(topic, batchBytes({ values }), more));
  await cluster.clock.advance(2000);
  const answered = firstPartition(await reply);
  await client.close();
  return answered;
}

/** Has a broker lead as a controller would: in a new epoch, and under its registration. */
async function elect(topic: string, leader: number, isr: readonly number[], index = 0): Promise<void> {
  const { store, metadata } = cluster.member(leader).services;
  const key = partitionKey(metadata.current.topic(topic)!.topicId, index);
  const { kv } = await store.get(key);
  const before = parsePartition(key, kv!.value);
  const { rev } = (await store.get(liveBrokerKey(leader))).kv!;
  const epochs = { leaderEpoch: before.leaderEpoch + 1, partitionEpoch: before.partitionEpoch + 1 };
  await store.txn(
    [{ key, rev: kv!.rev }],
    [{ put: key, value: encodeValue({ ...before, leader, isr, leaderBrokerEpoch: rev, ...epochs }) }],
  );
  await cluster.clock.settle();
}

/** The log of each broker, as its files are. */
function logs(topic: string, brokers: number, index = 0): string[] {
  return Array.from({ length: brokers }, (_, i) => {
    const { files } = cluster.member(i + 1);
    const folder = `/data/${topic}-${index}`;
    const segments = files.list(folder).filter((name) => name.endsWith('.log'));
    return segments
      .sort()
      .map((name) => `${name}:${files.read(`${folder}/${name}`)!.toString('hex')}`)
      .join();
  });
}
const equal = (texts: readonly string[]) => new Set(texts).size === 1;

describe.each([2, 3])('%d brokers', (brokers) => {
  test('followers have what their leader has, byte for byte, acks=all waits for them, and they hear what is committed', async () => {
    await started(brokers);
    await create('orders', 4);
    for (let index = 0; index < 4; index++) {
      expect(await produce('orders', ['a', 'b', 'c'], { index })).toMatchObject({ errorCode: 0 });
      expect(await produce('orders', ['x'.repeat(300_000)], { index })).toMatchObject({ errorCode: 0, baseOffset: 3 });
    }
    for (let index = 0; index < 4; index++) {
      for (let id = 1; id <= brokers; id++) {
        const { logEndOffset, highWatermark } = replica(id, 'orders', index);
        expect([id, logEndOffset, highWatermark]).toEqual([id, 4, 4]);
      }
      const texts = logs('orders', brokers, index);
      expect(texts[0]!.length).toBeGreaterThan(600_000);
      expect(equal(texts)).toBe(true);
    }
  });

  test('acks=all is not answered while a follower is cut off', async () => {
    const { network, clock } = await started(brokers);
    await create('orders');
    const { leader, replicas } = state('orders');
    const follower = replicas.find((id) => id !== leader)!;
    network.cut(`broker-${leader}`, `broker-${follower}`);
    const client = await cluster.member(leader).client();
    let answered = false;
    const reply = client.call('Produce', 9, produceBody('orders', batchBytes({ values: ['a'] })));
    void reply.then(() => (answered = true));
    await clock.advance(3000);
    expect(answered).toBe(false);
    network.heal(`broker-${leader}`, `broker-${follower}`);
    await clock.advance(1500); // the pause between two tries is a second at most
    expect(firstPartition(await reply)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });

  test('what only a deposed leader has is cut off, and replaced by what the new one has', async () => {
    const { network } = await started(brokers);
    await create('orders');
    const { leader: old, replicas } = state('orders');
    const next = replicas.find((id) => id !== old)!;
    await produce('orders', ['a', 'b']);
    for (let id = 1; id <= brokers; id++) if (id !== old) network.cut(`broker-${old}`, `broker-${id}`);
    expect(await produce('orders', ['lost 1', 'lost 2'], { acks: 1 })).toMatchObject({ baseOffset: 2 });
    await elect(
      'orders',
      next,
      replicas.filter((id) => id !== old),
    );
    expect(await produce('orders', ['kept'], { acks: 1 }, next)).toMatchObject({ baseOffset: 2 });
    expect(replica(old, 'orders').logEndOffset).toBe(4);
    for (let id = 1; id <= brokers; id++) if (id !== old) network.heal(`broker-${old}`, `broker-${id}`);
    await cluster.clock.advance(2000);
    expect(replica(old, 'orders')).toMatchObject({ logEndOffset: 3, highWatermark: 3 });
    expect(equal(logs('orders', brokers))).toBe(true);
  });

  test('leadership goes round, and every replica ends with the same log', async () => {
    await started(brokers);
    await create('orders');
    for (let round = 0; round < 3 * brokers; round++) {
      const leader = (round % brokers) + 1;
      await elect('orders', leader, state('orders').isr);
      expect(await produce('orders', [`round ${round}`])).toMatchObject({ errorCode: 0, baseOffset: round });
    }
    for (let id = 1; id <= brokers; id++) expect(replica(id, 'orders').highWatermark).toBe(3 * brokers);
    expect(equal(logs('orders', brokers))).toBe(true);
  });
});

test('one more partition is followed at once, in the middle of a wait for the others', async () => {
  const { clock } = await started(2);
  await create('first');
  await produce('first', ['a']);
  const { leader } = state('first');
  await create('second', 4); // leaders are spread: some are the same
  const same = [0, 1, 2, 3].filter((index) => state('second', index).leader === leader);
  expect(same.length).toBeGreaterThan(0);
  const client = await cluster.member(leader).client();
  for (const index of same) {
    const reply = client.call('Produce', 9, produceBody('second', batchBytes({ values: ['a'] }), { index }));
    const from = clock.monotonicMs();
    await clock.settle();
    await clock.settle();
    expect(firstPartition(await reply)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(clock.monotonicMs() - from).toBe(0); // a fetch waits for 500 ms
  }
});

test('an election without a record leaves no epoch behind that followers stumble over', async () => {
  await started(3);
  await create('orders');
  const [first, second, third] = state('orders').replicas as [number, number, number];
  cluster.network.cut(`broker-${first}`, `broker-${second}`);
  cluster.network.cut(`broker-${first}`, `broker-${third}`);
  await elect('orders', first, [first, second, third]); // nobody follows it, and nothing is written
  await elect('orders', second, [second, third]);
  expect(await produce('orders', ['a'])).toMatchObject({ errorCode: 0, baseOffset: 0 });
  cluster.network.heal(`broker-${first}`, `broker-${second}`);
  cluster.network.heal(`broker-${first}`, `broker-${third}`);
  await cluster.clock.advance(2000);
  expect(replica(first, 'orders')).toMatchObject({ logEndOffset: 1, highWatermark: 1 });
  expect(equal(logs('orders', 3))).toBe(true);
});

test('records that the leader deletes are deleted on its followers', async () => {
  await started(2);
  await create('orders');
  await produce('orders', ['a', 'b', 'c']);
  const { leader } = state('orders');
  const client = await cluster.member(leader).client();
  const reply = client.call('DeleteRecords', 2, {
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: 2 }] }],
    timeoutMs: 5000,
  });
  await cluster.clock.advance(1000);
  const [topic] = (await reply).topics as Struct[];
  expect((topic!.partitions as Struct[])[0]).toMatchObject({ lowWatermark: 2, errorCode: 0 });
  for (const id of [1, 2]) expect([id, replica(id, 'orders').logStartOffset]).toEqual([id, 2]);
});

test('a follower whose next records were deleted meanwhile begins anew at the log start of its leader', async () => {
  const { network, clock } = await started(2);
  await create('orders');
  await produce('orders', ['a', 'b', 'c']);
  const { leader } = state('orders');
  const follower = 3 - leader;
  network.cut('broker-1', 'broker-2');
  await elect('orders', leader, [leader]); // so that what is written is committed
  await produce('orders', ['d', 'e', 'f']);
  const client = await cluster.member(leader).client();
  const deleted = client.call('DeleteRecords', 2, {
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: 5 }] }],
    timeoutMs: 500,
  });
  await clock.advance(1000);
  await deleted;
  network.heal('broker-1', 'broker-2');
  await clock.advance(2000);
  expect(replica(follower, 'orders')).toMatchObject({ logStartOffset: 5, logEndOffset: 6, highWatermark: 6 });
});

test('a write that fails on a follower is tried again', async () => {
  const { clock } = await started(2);
  await create('orders');
  await produce('orders', ['a']);
  const { leader } = state('orders');
  const follower = 3 - leader;
  cluster.member(follower).files.failNext('write', 'ENOSPC');
  expect(await produce('orders', ['b'])).toMatchObject({ errorCode: 0, baseOffset: 1 });
  await clock.advance(100);
  expect(replica(follower, 'orders')).toMatchObject({ logEndOffset: 2 });
  expect(
    cluster.member(follower).logged.filter(({ message }) => message === 'a replica cannot follow its leader now').length,
  ).toBeGreaterThan(0);
});
