import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import type { Struct } from '../support/interpreter.ts';
import { firstPartition, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

const TRANSACTION = 1;
const OFFSETS_TOPIC = '__consumer_offsets';
const NONE = 0;
const TRANSACTION_ABORTABLE = 120;
const UNSTABLE_OFFSET_COMMIT = 88;

let on: MemoryBroker;
let client: RawClient;
afterEach(() => on.broker.close());

async function start(configs: Readonly<Record<string, string>>): Promise<void> {
  on = await memoryBroker({ configs: { 'offsets.topic.num.partitions': '1', 'transaction.state.log.num.partitions': '1', ...configs } });
  await on.broker.createTopic('orders');
  client = await on.client();
}

interface Producer {
  readonly producerId: bigint | number;
  readonly producerEpoch: number;
}

async function producer(): Promise<Producer> {
  await client.call('FindCoordinator', 4, { keyType: TRANSACTION, coordinatorKeys: ['t'] });
  const body = { transactionalId: 't', transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
  const { errorCode, producerEpoch, producerId } = await client.call('InitProducerId', 4, body);
  expect(errorCode).toBe(NONE);
  return { producerId: producerId as number, producerEpoch: producerEpoch as number };
}

async function write({ producerEpoch, producerId }: Producer, version: number): Promise<unknown> {
  const records = batchBytes({
    ...{ values: ['v'], producerId: Number(producerId), producerEpoch, baseSequence: 0 },
    ...{ attributes: TRANSACTIONAL_BIT, timestamp: on.clock.now() },
  });
  return firstPartition(await client.call('Produce', version, produceBody('orders', records, { transactionalId: 't' }))).errorCode;
}

async function partitions(): Promise<unknown> {
  const { transactionStates } = await client.call('DescribeTransactions', 0, { transactionalIds: ['t'] });
  const [{ topics }] = transactionStates as [{ topics: { topic: string; partitions: number[] }[] }];
  return topics.map(({ topic, partitions: all }) => `${topic}:${all}`);
}

async function commit(who: Producer): Promise<void> {
  const reply = await client.call('EndTxn', 5, { transactionalId: 't', ...who, committed: true });
  expect(reply).toMatchObject({ errorCode: NONE });
  await on.clock.advance(1000);
}

async function lastStableOffset(): Promise<unknown> {
  const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1, currentLeaderEpoch: -1 }] }];
  const reply = await client.call('ListOffsets', 7, { replicaId: -1, isolationLevel: 1, topics });
  return Number(((reply.topics as Struct[])[0]!.partitions as Struct[])[0]!.offset);
}

describe.each(['true', 'false'])('with transaction.partition.verification.enable=%s', (enabled) => {
  beforeEach(() => start({ 'transaction.partition.verification.enable': enabled }));

  test('Produce v12 adds its partition to the transaction, whose end it thus hears of', async () => {
    const who = await producer();
    expect(await write(who, 12)).toBe(NONE);
    expect(await partitions()).toEqual(['orders:0']);
    expect(await lastStableOffset()).toBe(0);
    await commit(who);
    expect(await lastStableOffset()).toBe(2); // the record, and the marker
  });

  test('TxnOffsetCommit v5 adds the partition of its group to the transaction, whose end it thus hears of', async () => {
    await client.call('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['g'] });
    const who = await producer();
    const committed = { partitionIndex: 0, committedOffset: 7n, committedLeaderEpoch: -1, committedMetadata: null };
    const reply = await client.call('TxnOffsetCommit', 5, {
      ...{ transactionalId: 't', groupId: 'g', ...who, generationId: -1, memberId: '', groupInstanceId: null },
      topics: [{ name: 'orders', partitions: [committed] }],
    });
    expect(((reply.topics as Struct[])[0]!.partitions as Struct[])[0]).toMatchObject({ errorCode: NONE });
    expect(await partitions()).toEqual([`${OFFSETS_TOPIC}:0`]);
    const offset = async () => {
      const groups = [{ groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] }];
      const fetched = await client.call('OffsetFetch', 8, { groups, requireStable: true });
      return (((fetched.groups as Struct[])[0]!.topics as Struct[])[0]!.partitions as Struct[])[0]!;
    };
    expect(await offset()).toMatchObject({ errorCode: UNSTABLE_OFFSET_COMMIT });
    await commit(who);
    const { committedOffset, errorCode } = await offset();
    expect([Number(committedOffset), errorCode]).toEqual([7, NONE]);
  });

  test('Produce v11 is taken into a partition that was not added only if nothing is verified', async () => {
    expect(await write(await producer(), 11)).toBe(enabled === 'true' ? TRANSACTION_ABORTABLE : NONE);
    expect(await partitions()).toEqual([]);
  });
});

test('ListTransactions before there is a transactional id has none', async () => {
  await start({});
  const reply = await client.call('ListTransactions', 2, {
    stateFilters: [],
    producerIdFilters: [],
    durationFilter: -1n,
    transactionalIdPattern: null,
  });
  expect(reply).toMatchObject({ errorCode: NONE, transactionStates: [] });
});

test('a broker that is closed while transactions are open, and decided, leaves no timer behind', async () => {
  await start({});
  const who = await producer();
  const open = await client.call('InitProducerId', 4, {
    transactionalId: 'open',
    transactionTimeoutMs: 60_000,
    producerId: -1,
    producerEpoch: -1,
  });
  expect(open).toMatchObject({ errorCode: NONE });
  await client.call('AddPartitionsToTxn', 3, {
    ...{ v3AndBelowTransactionalId: 'open', v3AndBelowProducerId: open.producerId, v3AndBelowProducerEpoch: open.producerEpoch },
    v3AndBelowTopics: [{ name: 'orders', partitions: [0] }],
  });
  expect(await write(who, 12)).toBe(NONE);
  await client.call('EndTxn', 5, { transactionalId: 't', ...who, committed: true });
  await on.broker.close();
  await on.clock.advance(60_000);
  expect(on.clock.pending()).toBe(0);
});
