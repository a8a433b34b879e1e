import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { eachBatch, TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import type { Partition } from '../../src/replication/partition.ts';
import { ReplicaManager } from '../../src/replication/replica-manager.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

let on: MemoryBroker;
let client: RawClient;
let orders: Partition;

beforeEach(async () => {
  const spy = vi.spyOn(ReplicaManager.prototype, 'leader');
  on = await memoryBroker();
  await on.broker.createTopic('orders');
  client = await on.client();
  await client.call('ListOffsets', 1, listBody(-1));
  orders = (spy.mock.contexts[0] as ReplicaManager).leader('orders', 0);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await on.broker.close();
});

/** `count` records of a producer's transaction at `timestamp`. */
async function send(producerId: number, baseSequence: number, { count = 1, timestamp = on.clock.now() } = {}): Promise<void> {
  const values = Array.from({ length: count }, () => 'x');
  const bytes = batchBytes({ values, producerId, producerEpoch: 0, baseSequence, timestamp, attributes: TRANSACTIONAL_BIT });
  await new Promise<void>((resolve, reject) => orders.produce(bytes, 1, 1000, (error) => (error ? reject(error) : resolve()), 'off'));
}
async function end(producerId: number, commits: boolean): Promise<void> {
  const marker = { producerId, producerEpoch: 0, commits, coordinatorEpoch: 3, transactionVersion: 1 };
  await new Promise<void>((resolve, reject) => orders.appendMarker(marker, (error) => (error ? reject(error) : resolve())));
}
function listBody(timestamp: number, isolationLevel = READ_UNCOMMITTED): Struct {
  const partitions = [{ partitionIndex: 0, timestamp, currentLeaderEpoch: -1 }];
  return { replicaId: -1, isolationLevel, topics: [{ name: 'orders', partitions }] };
}
async function listed(timestamp: number, isolationLevel: number): Promise<unknown> {
  const reply = await client.call('ListOffsets', 7, listBody(timestamp, isolationLevel));
  return ((reply.topics as Struct[])[0]!.partitions as Struct[])[0]!.offset;
}
async function fetched(fetchOffset: number, isolationLevel: number, { version = 12, ...more }: Struct & { version?: number } = {}) {
  const body = fetchBody([{ topic: 'orders', fetchOffset, ...more }], { isolationLevel, maxWaitMs: 0 });
  const data = firstPartition(await client.call('Fetch', version, body));
  const offsets = Array.from(eachBatch(data.records as Buffer), ({ baseOffset }) => baseOffset);
  return { offsets, aborted: data.abortedTransactions, lastStableOffset: data.lastStableOffset, highWatermark: data.highWatermark };
}

describe.each([4, 8, 12])('Fetch v%i', (version) => {
  test('with read_committed ends at the last stable offset, and lists what was aborted in what it returns, no more', async () => {
    await send(1, 0); // 0
    await send(2, 0); // 1
    await end(1, false); // 2
    await end(2, true); // 3
    await send(1, 1); // 4
    await end(1, false); // 5
    await send(3, 0); // 6: stays open
    await send(2, 1); // 7
    await end(2, false); // 8
    const committed = (from: number, more: Struct = {}) => fetched(from, READ_COMMITTED, { version, ...more });
    const aborted = (...all: [producerId: number, firstOffset: number][]) =>
      all.map(([producerId, firstOffset]) => ({ producerId: producerId, firstOffset: firstOffset }));
    const offsets = { lastStableOffset: 6, highWatermark: 9 };
    expect(await committed(0)).toEqual({ offsets: [0, 1, 2, 3, 4, 5], aborted: aborted([1, 0], [1, 4]), ...offsets });
    expect(await committed(3)).toEqual({ offsets: [3, 4, 5], aborted: aborted([1, 4]), ...offsets });
    expect(await committed(0, { partitionMaxBytes: 1 })).toEqual({ offsets: [0], aborted: aborted([1, 0]), ...offsets });
    expect(await committed(3, { partitionMaxBytes: 1 })).toEqual({ offsets: [3], aborted: [], ...offsets });
    expect(await committed(6)).toEqual({ offsets: [], aborted: [], ...offsets });
    await end(3, true); // 9
    expect(await committed(6)).toEqual({ offsets: [6, 7, 8, 9], aborted: aborted([2, 7]), lastStableOffset: 10, highWatermark: 10 });
  });

  test('with read_uncommitted gives everything, and no list', async () => {
    await send(1, 0);
    await end(1, false);
    await send(1, 1);
    expect(await fetched(0, READ_UNCOMMITTED, { version })).toEqual({
      offsets: [0, 1, 2],
      aborted: null,
      lastStableOffset: 2,
      highWatermark: 3,
    });
  });
});

test('a Fetch with read_committed waits for the marker, however many records come before it', async () => {
  const body = fetchBody([{ topic: 'orders', fetchOffset: 0 }], { isolationLevel: READ_COMMITTED, maxWaitMs: 10_000, minBytes: 1 });
  let reply: Struct | undefined;
  void client.call('Fetch', 12, body).then((answer) => {
    reply = answer;
  });
  await send(1, 0, { count: 100 });
  await send(2, 0);
  await on.clock.advance(1000);
  expect(reply).toBeUndefined();
  await end(1, true);
  await on.clock.advance(1);
  const data = firstPartition(reply!);
  expect(Array.from(eachBatch(data.records as Buffer), ({ baseOffset }) => baseOffset)).toEqual([0]);
});

test('ListOffsets looks for what the isolation level may see', async () => {
  const now = on.clock.now();
  await send(1, 0); // 0
  await end(1, true); // 1
  await send(2, 0, { timestamp: now + 1000 }); // 2
  await send(1, 1, { timestamp: now + 2000 }); // 3
  const both = async (timestamp: number) => [await listed(timestamp, READ_UNCOMMITTED), await listed(timestamp, READ_COMMITTED)];
  expect(await both(-1)).toEqual([4, 2]);
  expect(await both(-2)).toEqual([0, 0]);
  expect(await both(now)).toEqual([0, 0]);
  expect(await both(now + 1000)).toEqual([2, -1]);
  expect(await both(now + 2000)).toEqual([3, -1]);
  expect(await both(-3)).toEqual([3, -1]); // the highest timestamp is of a record that is not decided
  await end(2, true);
  await end(1, true);
  expect(await both(-1)).toEqual([6, 6]);
});
