import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes, T0 } from '../../src/conformance/batch-bytes.ts';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders');
  await on.broker.createTopic('empty');
  client = await on.client();
  // Records at T0, T0+1, T0+2 in one compressed batch, then T0+100, then T0+50.
  const gzip = 1;
  const batches = [
    { values: ['a', 'b', 'c'], attributes: gzip },
    { values: ['d'], timestamp: T0 + 100 },
    { values: ['e'], timestamp: T0 + 50 },
  ];
  for (const batch of batches) await client.call('Produce', 9, produceBody('orders', batchBytes(batch)));
  return () => on.broker.close();
});

async function list(version: number, timestamp: number, more: Struct & { topic?: string } = {}): Promise<Struct> {
  const { topic = 'orders', ...rest } = more;
  const partitions = [{ partitionIndex: 0, timestamp, currentLeaderEpoch: -1, maxNumOffsets: 10, ...rest }];
  const reply = await client.call('ListOffsets', version, { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] });
  return ((reply.topics as Struct[])[0]!.partitions as Struct[])[0]!;
}

describe('the ends', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])(
    'v%i: latest is the high watermark, earliest the log start, both without a timestamp',
    async (version) => {
      const leaderEpoch = version >= 4 ? 0 : -1;
      expect(await list(version, -1)).toMatchObject({ errorCode: 0, offset: 5, timestamp: -1, leaderEpoch });
      expect(await list(version, -2)).toMatchObject({ errorCode: 0, offset: 0, timestamp: -1, leaderEpoch });
    },
  );

  test('of an empty partition are both 0, in the epoch in which its leader began', async () => {
    expect(await list(4, -1, { topic: 'empty' })).toMatchObject({ offset: 0, leaderEpoch: 0 });
    expect(await list(4, -2, { topic: 'empty' })).toMatchObject({ offset: 0, leaderEpoch: 0 });
  });
});

describe('by time', () => {
  test.each([
    [T0 - 1000, 0, T0],
    [T0, 0, T0],
    [T0 + 1, 1, T0 + 1], // inside the compressed batch
    [T0 + 3, 3, T0 + 100],
    [T0 + 60, 3, T0 + 100],
  ])('%i gives the first record at or after it: offset %i', async (timestamp, offset, found) => {
    expect(await list(7, timestamp)).toMatchObject({ errorCode: 0, offset, timestamp: found, leaderEpoch: 0 });
  });

  test.each([T0 + 101, Number.MAX_SAFE_INTEGER])('%i, later than any record, gives -1 and no error', async (timestamp) => {
    expect(await list(7, timestamp)).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 });
  });

  test('the largest timestamp gives the record that has it (KIP-734)', async () => {
    expect(await list(7, -3)).toMatchObject({ errorCode: 0, offset: 3, timestamp: T0 + 100, leaderEpoch: 0 });
    expect(await list(7, -3, { topic: 'empty' })).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 });
  });
});

describe('special timestamps', () => {
  test.each([
    [-3, 7],
    [-4, 8],
    [-5, 9],
    [-6, 11],
  ])('%i is UNSUPPORTED_VERSION for its partition before v%i', async (timestamp, since) => {
    expect(await list(since - 1, timestamp)).toMatchObject({ errorCode: 35, offset: -1 });
    expect(await list(since, timestamp)).toMatchObject({ errorCode: 0 });
  });

  test('without tiered storage, earliest local is the log start, and nothing is tiered', async () => {
    expect(await list(9, -4)).toMatchObject({ offset: 0, leaderEpoch: 0 });
    expect(await list(9, -5)).toMatchObject({ offset: -1, leaderEpoch: -1 });
  });
});

describe('errors', () => {
  test.each<[string, Struct & { topic?: string }, number]>([
    ['an unknown topic', { topic: 'nope' }, 3],
    ['an unknown partition', { partitionIndex: 1 }, 3],
    ['a newer leader epoch', { currentLeaderEpoch: 1 }, 75],
  ])('%s', async (_name, more, errorCode) => {
    expect(await list(7, -1, more)).toMatchObject({ errorCode, offset: -1, timestamp: -1, leaderEpoch: -1 });
  });

  test('a partition that is asked for twice is answered once, with INVALID_REQUEST; the others as ever', async () => {
    const partition = { partitionIndex: 0, timestamp: -1, currentLeaderEpoch: -1 };
    const topics = [
      { name: 'orders', partitions: [partition, partition] },
      { name: 'empty', partitions: [partition] },
    ];
    const reply = await client.call('ListOffsets', 7, { replicaId: -1, isolationLevel: 0, topics });
    expect((reply.topics as Struct[]).map(({ partitions }) => (partitions as Struct[]).map(({ errorCode }) => errorCode))).toEqual([
      [42],
      [0],
    ]);
  });
});

test('v0 answers lists: the end and the segments, newest first, at most as many as asked for', async () => {
  expect((await list(0, -1)).oldStyleOffsets).toEqual([5, 0]);
  expect((await list(0, -1, { maxNumOffsets: 1 })).oldStyleOffsets).toEqual([5]);
  expect((await list(0, -2)).oldStyleOffsets).toEqual([0]);
  expect((await list(0, -1, { topic: 'empty' })).oldStyleOffsets).toEqual([0]);
  expect((await list(0, -1, { maxNumOffsets: 0 })).oldStyleOffsets).toEqual([]);
});
