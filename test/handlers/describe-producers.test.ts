import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { batchBytes, T0 } from '../../src/conformance/batch-bytes.ts';
import { TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import { ReplicaManager } from '../../src/replication/replica-manager.ts';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders', { partitions: 2 });
  client = await on.client();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await on.broker.close();
});

const describeProducers = async (...topics: [name: string, partitionIndexes: number[]][]) =>
  (await client.call('DescribeProducers', 0, { topics: topics.map(([name, partitionIndexes]) => ({ name, partitionIndexes })) })).topics;
const none = (partitionIndex: number, errorCode = 0, errorMessage: string | null = null) => ({
  partitionIndex,
  errorCode,
  errorMessage,
  activeProducers: [],
});
const NOT_HERE = 'This server does not host this topic-partition.';

// As Apache Kafka 4.4.0 and 3.9.1 answer the same requests.
test('answers each partition as it is named, and says what is wrong with it', async () => {
  const long = "Topic name is invalid: 'bad/name' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
  expect(await describeProducers(['orders', [0, 1, 7, 0]], ['nope', [0]], ['orders', []], ['bad/name', [3]], ['orders', [-1]])).toEqual([
    { name: 'orders', partitions: [none(0), none(1), none(7, 3), none(0)] },
    { name: 'nope', partitions: [none(0, 3, NOT_HERE)] },
    { name: 'orders', partitions: [] },
    { name: 'bad/name', partitions: [none(3, 17, long)] },
    { name: 'orders', partitions: [none(-1, 3)] },
  ]);
  expect(await describeProducers()).toEqual([]);
});

test('tells of idempotent producers', async () => {
  const records = batchBytes({ values: ['a', 'b'], producerId: 7, producerEpoch: 2, baseSequence: 5, timestamp: 1234 });
  await client.call('Produce', 7, produceBody('orders', records));
  const producer = {
    producerId: 7,
    producerEpoch: 2,
    lastSequence: 6,
    lastTimestamp: 1235,
    coordinatorEpoch: -1,
    currentTxnStartOffset: -1,
  };
  expect(await describeProducers(['orders', [0, 1]])).toEqual([
    { name: 'orders', partitions: [{ ...none(0), activeProducers: [producer] }, none(1)] },
  ]);
});

test('tells where the transaction of a producer begins, and who ended its last one', async () => {
  const spy = vi.spyOn(ReplicaManager.prototype, 'leader');
  await client.call('Produce', 7, produceBody('orders', batchBytes({ values: ['a'], timestamp: T0 })));
  const orders = (spy.mock.contexts[0] as ReplicaManager).leader('orders', 0);
  const producer = { producerId: 4, producerEpoch: 0 };
  const send = (baseSequence: number) => {
    const bytes = batchBytes({ values: ['x'], ...producer, baseSequence, timestamp: T0, attributes: TRANSACTIONAL_BIT });
    return new Promise<void>((resolve) => orders.produce(bytes, 1, 1000, () => resolve(), 'off'));
  };
  const state = async () => {
    const [topic] = (await describeProducers(['orders', [0]])) as Struct[];
    return ((topic!.partitions as Struct[])[0]!.activeProducers as Struct[])[0];
  };
  const told = { producerId: 4, producerEpoch: 0, lastSequence: 0, lastTimestamp: T0 };
  await send(0);
  expect(await state()).toEqual({ ...told, coordinatorEpoch: -1, currentTxnStartOffset: 1 });
  const marker = { producerId: 4, producerEpoch: 1, commits: false, coordinatorEpoch: 9, transactionVersion: 2 };
  await new Promise<void>((resolve) => orders.appendMarker(marker, () => resolve()));
  const ended = { producerEpoch: 1, lastSequence: -1, lastTimestamp: on.clock.now() };
  expect(await state()).toEqual({ ...told, ...ended, coordinatorEpoch: 9, currentTxnStartOffset: -1 });
});
