import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { knownBrokerKey, liveBrokerKey } from '../../src/metadata/keys.ts';
import { encodeValue } from '../../src/metadata/values.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, produceBody } from '../support/memory-broker.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import type { RawClient } from '../support/raw-client.ts';

/** Broker 1 leads "orders" with two replicas; the other one, broker 2, is this test. */
let cluster: MemoryCluster;
let follower: RawClient;
let client: RawClient;
let consumer: RawClient;
let topicId: string;
/** Of broker 2's registration. */
let brokerEpoch: number;

async function begin(configs: Record<string, string> = {}): Promise<void> {
  cluster = new MemoryCluster({ 'default.replication.factor': '2', 'min.insync.replicas': '2', 'broker.rack': 'here', ...configs });
  await cluster.start(1);
  const disk = { directoryId: 'CCCCCCCCCCCCCCCCCCCCCC', generation: 0, rack: 'there' };
  const listeners = [{ name: 'PLAINTEXT', host: 'broker-2', port: 9092, securityProtocol: 'PLAINTEXT' }];
  const { rev } = await cluster.store.txn(
    [],
    [
      { put: liveBrokerKey(2), value: encodeValue({ listeners, liveness: null, ...disk }) },
      { put: knownBrokerKey(2), value: encodeValue(disk) },
    ],
  );
  brokerEpoch = rev;
  await cluster.clock.settle();
  await cluster.nodes.get(1)!.broker!.createTopic('orders', { partitions: 1 });
  await cluster.elect('orders', 1);
  topicId = (await cluster.partition('orders')).key.split('/')[2]!;
  [follower, client, consumer] = [await cluster.client(1), await cluster.client(1), await cluster.client(1)];
}

beforeEach(async () => {
  await begin();
  return () => cluster.close();
});

const good = (...values: string[]) => batchBytes({ values, timestamp: cluster.clock.now() });
const epochNow = async () => (await cluster.partition('orders')).leaderEpoch;
const produce = (values: string[], more: Struct = {}) => client.call('Produce', 11, produceBody('orders', good(...values), more));
/** Nobody waits for the answer. */
const unanswered = (values: string[]) => produce(values).catch(() => {});
const read = async (from = 0) => firstPartition(await consumer.call('Fetch', 11, fetchBody([{ topic: 'orders', fetchOffset: from }])));

/** Broker 2 fetches. */
async function fetchBody2(partition: Struct = {}, more: Struct = {}): Promise<Struct> {
  return fetchBody([{ topicId, currentLeaderEpoch: await epochNow(), lastFetchedEpoch: -1, logStartOffset: 0, ...partition }], {
    replicaState: { replicaId: 2, replicaEpoch: brokerEpoch },
    ...more,
  });
}
async function fetches(partition: Struct = {}, more: Struct = {}): Promise<Struct> {
  return follower.call('Fetch', 17, await fetchBody2(partition, more));
}
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => {
    settled = true;
  });
  await cluster.clock.settle();
  return settled;
}

describe('a follower fetches', () => {
  test('all that is written; consumers see what is committed, and acks=all is answered when that is', async () => {
    const acknowledged = produce(['a', 'b']);
    expect(await isSettled(acknowledged)).toBe(false);
    expect(await read()).toMatchObject({ errorCode: 0, highWatermark: 0, records: Buffer.alloc(0) });
    const fetched = firstPartition(await fetches());
    expect(fetched).toMatchObject({ errorCode: 0, highWatermark: 0, logStartOffset: 0 });
    expect((fetched.records as Buffer).byteLength).toBeGreaterThan(61);
    await fetches({ fetchOffset: 2, lastFetchedEpoch: await epochNow() });
    expect(firstPartition(await acknowledged)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await read()).toMatchObject({ errorCode: 0, highWatermark: 2, records: fetched.records });
  });

  test('under the registration that it has: no other, and not without one', async () => {
    await fetches();
    brokerEpoch--;
    expect(firstPartition(await fetches())).toMatchObject({ errorCode: 6 });
    // As Kafka answers a replica that the partition does not have.
    expect(firstPartition(await fetches({}, { replicaState: { replicaId: 2, replicaEpoch: -1 } }))).toMatchObject({ errorCode: 75 });
    expect(firstPartition(await client.call('Fetch', 11, fetchBody([{ topic: 'orders' }], { replicaId: 2 })))).toMatchObject({
      errorCode: 6,
    });
  });

  test('only if it is a replica', async () => {
    expect(firstPartition(await fetches({}, { replicaState: { replicaId: 3, replicaEpoch: 5 } }))).toMatchObject({ errorCode: 6 });
  });

  test.each([
    [-1, 74],
    [1, 75],
  ])('in the leader epoch that is: %i from it is error %i', async (more, errorCode) => {
    expect(firstPartition(await fetches({ currentLeaderEpoch: (await epochNow()) + more }))).toMatchObject({ errorCode });
  });

  test('what diverges is told so, and its offset does not count', async () => {
    void unanswered(['a', 'b']);
    await cluster.clock.settle();
    const epoch = await epochNow();
    const beyond = firstPartition(await fetches({ fetchOffset: 3, lastFetchedEpoch: epoch }));
    expect(beyond).toMatchObject({ errorCode: 0, divergingEpoch: { epoch, endOffset: 2 } });
    const older = firstPartition(await fetches({ fetchOffset: 2, lastFetchedEpoch: epoch - 1 }));
    expect(older).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: epoch - 1, endOffset: 0 } });
    const unknown = firstPartition(await fetches({ fetchOffset: 9, lastFetchedEpoch: -1 }));
    expect(unknown).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: -1, endOffset: 2 } });
    expect(await read()).toMatchObject({ highWatermark: 0 });
  });

  test('and waits, until there is a record, or its next fetch comes, or it took too long', async () => {
    const { sessionId } = await fetches({}, { sessionEpoch: 0 });
    const incremental = (sessionEpoch: number) =>
      follower.call('Fetch', 17, {
        ...fetchBody([], { sessionId, sessionEpoch, maxWaitMs: 500 }),
        replicaState: { replicaId: 2, replicaEpoch: brokerEpoch },
      });
    const first = incremental(1);
    expect(await isSettled(first)).toBe(false);
    void unanswered(['a']);
    expect(await isSettled(first)).toBe(true);
    expect((firstPartition(await first).records as Buffer).byteLength).toBeGreaterThan(61);

    const named = async (epoch: number) =>
      follower.call(
        'Fetch',
        17,
        await fetchBody2({ fetchOffset: 1, lastFetchedEpoch: await epochNow() }, { sessionId, sessionEpoch: epoch, maxWaitMs: 500 }),
      );
    const second = named(2);
    // The high watermark is news: told a little later.
    expect(await isSettled(second)).toBe(false);
    await cluster.clock.advance(5);
    expect(firstPartition(await second)).toMatchObject({ highWatermark: 1 });
    const third = incremental(3);
    expect(await isSettled(third)).toBe(false);
    const fourth = incremental(4);
    expect(await isSettled(third)).toBe(true);
    expect(await third).toMatchObject({ responses: [] });
    await cluster.clock.advance(499);
    expect(await isSettled(fourth)).toBe(false);
    await cluster.clock.advance(1);
    expect(await isSettled(fourth)).toBe(true);
  });
});

describe('too few in sync', () => {
  test('acks=all is refused before anything is appended; others are not', async () => {
    const { key, rev, ...value } = await cluster.partition('orders');
    await cluster.store.txn([{ key, rev }], [{ put: key, value: encodeValue({ ...value, isr: [1], elr: [2], partitionEpoch: 50 }) }]);
    await cluster.clock.settle();
    expect(firstPartition(await produce(['a']))).toMatchObject({ errorCode: 19, baseOffset: -1, logStartOffset: 0 });
    expect(firstPartition(await produce(['a'], { acks: 1 }))).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });
});

describe('after an election', () => {
  test('the end is not known before the ISR has fetched (KIP-207); what lies between is empty, not out of range', async () => {
    void unanswered(['a', 'b']);
    await cluster.clock.settle();
    await cluster.elect('orders', 1);
    const latest = async (version: number) => {
      const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }];
      const reply = await consumer.call('ListOffsets', version, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: 'orders', partitions }],
      });
      return (reply.topics as { partitions: Struct[] }[])[0]!.partitions[0]!;
    };
    expect(await latest(5)).toMatchObject({ errorCode: 78 });
    expect(await latest(4)).toMatchObject({ errorCode: 5 });
    expect(await read(2)).toMatchObject({ errorCode: 0, records: Buffer.alloc(0) });
    expect(await read(3)).toMatchObject({ errorCode: 1 });
    await fetches({ fetchOffset: 2, lastFetchedEpoch: (await epochNow()) - 1 });
    expect(await latest(5)).toMatchObject({ errorCode: 0, offset: 2 });
  });

  test('who does not lead any more says who does, and where (KIP-951)', async () => {
    const waits = produce(['a']);
    await cluster.clock.settle();
    await cluster.elect('orders', 2);
    const currentLeader = { leaderId: 2, leaderEpoch: await epochNow() };
    const nodeEndpoints = [{ nodeId: 2, port: 9092, rack: 'there' }];
    const lost = await waits;
    expect(firstPartition(lost)).toMatchObject({ errorCode: 6, currentLeader });
    expect(lost).toMatchObject({ nodeEndpoints });
    expect(firstPartition(await produce(['b']))).toMatchObject({ errorCode: 6, currentLeader });
    const fetched = await follower.call('Fetch', 16, await fetchBody2());
    expect(firstPartition(fetched)).toMatchObject({ errorCode: 6, currentLeader });
    expect(fetched).toMatchObject({ nodeEndpoints: [] }); // replicas know where brokers are (seen at Apache Kafka)
    const consumed = await client.call('Fetch', 16, fetchBody([{ topicId, currentLeaderEpoch: currentLeader.leaderEpoch - 1 }]));
    expect(firstPartition(consumed)).toMatchObject({ errorCode: 74, currentLeader });
    expect(consumed).toMatchObject({ nodeEndpoints });
  });
});

describe('DeleteRecords', () => {
  const deleteBefore = (offset: number, timeoutMs = 1_000) =>
    client.call('DeleteRecords', 2, {
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: offset }] }],
      timeoutMs,
    });
  beforeEach(async () => {
    const acknowledged = produce(['a', 'b', 'c']);
    await cluster.clock.settle();
    await fetches({ fetchOffset: 3, lastFetchedEpoch: await epochNow() });
    await acknowledged;
  });
  const answer = (reply: Struct) => (reply.topics as { partitions: Struct[] }[])[0]!.partitions[0]!;

  test('is answered when all replicas begin there', async () => {
    const deleted = deleteBefore(2);
    expect(await isSettled(deleted)).toBe(false);
    await fetches({ fetchOffset: 3, lastFetchedEpoch: await epochNow(), logStartOffset: 1 });
    expect(await isSettled(deleted)).toBe(false);
    await fetches({ fetchOffset: 3, lastFetchedEpoch: await epochNow(), logStartOffset: 2 });
    expect(answer(await deleted)).toMatchObject({ errorCode: 0, lowWatermark: 2 });
  });

  test('is given up after its timeout', async () => {
    const deleted = deleteBefore(2, 100);
    await cluster.clock.advance(100);
    expect(answer(await deleted)).toMatchObject({ errorCode: 7 });
    expect(await read(2)).toMatchObject({ errorCode: 0, logStartOffset: 2 });
  });
});

describe('KIP-392', () => {
  const SELECTOR = 'org.apache.kafka.common.replica.RackAwareReplicaSelector';
  const asks = async (rackId: string, fetchOffset = 0) =>
    firstPartition(await client.call('Fetch', 11, fetchBody([{ topic: 'orders', fetchOffset }], { rackId, maxWaitMs: 500 })));

  test('a consumer is sent to an in-sync replica in its rack that holds what it asks for', async () => {
    await cluster.close();
    await begin({ 'replica.selector.class': SELECTOR });
    const acknowledged = produce(['a', 'b']);
    await cluster.clock.settle();
    await fetches({ fetchOffset: 2, lastFetchedEpoch: await epochNow() });
    await acknowledged;
    expect(await asks('there')).toMatchObject({ errorCode: 0, preferredReadReplica: 2, records: Buffer.alloc(0) });
    expect(await asks('here')).toMatchObject({ preferredReadReplica: -1 });
    expect(((await asks('nowhere')).records as Buffer).byteLength).toBeGreaterThan(61);
    expect((await read()).preferredReadReplica).toBe(-1);
  });

  test('without a selector the leader gives the records', async () => {
    const acknowledged = produce(['a', 'b']);
    await cluster.clock.settle();
    await fetches({ fetchOffset: 2, lastFetchedEpoch: await epochNow() });
    await acknowledged;
    expect(await asks('there')).toMatchObject({ preferredReadReplica: -1 });
  });
});
