import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { describeLogDirs } from '../../src/handlers/describe-log-dirs.ts';
import type { ReplicaManager } from '../../src/replication/replica-manager.ts';
import type { LogDirs } from '../../src/storage/log-dirs.ts';
import type { Struct } from '../support/interpreter.ts';
import { firstPartition, keptStore, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';
import { metadata, sender, versionsOf } from './group-handlers.ts';

const BATCH = batchBytes({ values: ['a', 'b', 'c'] });

let on: MemoryBroker;
let client: RawClient;
const openStore = { current: keptStore() };

async function start(files?: MemoryBroker['files']) {
  on = await memoryBroker({ openStore: openStore.current, ...(files && { files }) });
  client = await on.client();
}

beforeEach(async () => {
  openStore.current = keptStore();
  await start();
  await on.broker.createTopic('orders', { partitions: 3 });
  await on.broker.createTopic('empty');
  return () => on.broker.close();
});

const produce = (index: number) => client.call('Produce', 9, produceBody('orders', Buffer.from(BATCH), { index }));

async function sizes(topics: [string, number[]][] | null, version = 4): Promise<Record<string, unknown>> {
  const reply = await client.call('DescribeLogDirs', version, {
    topics: topics?.map(([topic, partitions]) => ({ topic, partitions })) ?? null,
  });
  expect(reply.results).toHaveLength(1);
  const found = ((reply.results as Struct[])[0]!.topics as Struct[]).flatMap(({ name, partitions }) =>
    (partitions as Struct[]).map(({ partitionIndex, partitionSize }) => [`${name} ${partitionIndex}`, partitionSize] as const),
  );
  expect(new Set(found.map(([name]) => name)).size).toBe(found.length);
  return Object.fromEntries(found);
}

const ALL = { 'orders 0': 0, 'orders 1': BATCH.byteLength, 'orders 2': 0, 'empty 0': 0 };

describe.each(versionsOf(describeLogDirs))('v%i', (version) => {
  test('tells the one directory, and the bytes of a partition', async () => {
    await produce(1);
    const reply = await client.call('DescribeLogDirs', version, { topics: [{ topic: 'orders', partitions: [1] }] });
    const partitions = [{ partitionIndex: 1, partitionSize: BATCH.byteLength, offsetLag: 0, isFutureKey: false }];
    const { totalBytes, usableBytes } = on.files.volume('/data');
    const volume = version >= 4 ? { totalBytes, usableBytes } : { totalBytes: -1, usableBytes: -1 };
    expect(reply).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      results: [{ errorCode: 0, logDir: '/data', topics: [{ name: 'orders', partitions }], ...volume, isCordoned: false }],
    });
  });

  test('null means all partitions, also those without records', async () => {
    await produce(1);
    expect(await sizes(null, version)).toEqual(ALL);
  });

  test('what is not here is left out, and nothing comes twice', async () => {
    const asked: [string, number[]][] = [
      ['orders', [2, 2, 7, -1]],
      ['nowhere', [0]],
      ['orders', [2]],
      ['empty', []],
    ];
    expect(await sizes(asked, version)).toEqual({ 'orders 2': 0 });
    expect(await sizes([], version)).toEqual({});
  });
});

test('after a restart the sizes are those of before; a deleted topic is gone', async () => {
  await produce(1);
  await on.broker.close();
  await start(on.files);
  expect(await sizes(null)).toEqual(ALL);
  await produce(1);
  expect(await sizes([['orders', [1]]])).toEqual({ 'orders 1': 2 * BATCH.byteLength });
  await client.call('DeleteTopics', 4, { topicNames: ['orders'], timeoutMs: 1000 });
  expect(await sizes(null)).toEqual({ 'empty 0': 0 });
});

test('other connections get their turn while logs are measured', async () => {
  let [nowMs, turns] = [0, 0];
  const clock: Clock = {
    ...fakeClock(),
    monotonicMs: () => (nowMs += 10),
    soon: (fire) => {
      turns++;
      setImmediate(fire);
    },
  };
  const size = { directory: '/data', sizeBytes: 5, offsetLag: 0, isFuture: false };
  const replicas = { measureLogs: () => () => [size] } as unknown as ReplicaManager;
  const logs = { directories: () => [{ path: '/data', isOffline: false, volume: null }] } as unknown as LogDirs;
  const send = sender(describeLogDirs, { metadata, replicas, logs, clock });
  const partitions = Array.from({ length: 20 }, (_, index) => index);
  const { results } = await send(4, { topics: [{ topic: 'orders', partitions }] });
  expect(results[0]!.topics[0]!.partitions).toHaveLength(20);
  expect(turns).toBeGreaterThan(5);
});

describe('several directories', () => {
  const configs = { 'log.dirs': '/data,/more' };
  let many: MemoryBroker;
  let asks: RawClient;
  beforeEach(async () => {
    many = await memoryBroker({ configs, openStore: keptStore() });
    asks = await many.client();
    await many.broker.createTopic('orders', { partitions: 4 });
    return () => many.broker.close();
  });

  async function described(): Promise<Struct[]> {
    const { results } = await asks.call('DescribeLogDirs', 4, { topics: null });
    return (results as Struct[]).map(({ logDir, errorCode, topics }) => ({
      logDir,
      errorCode,
      partitions: (topics as Struct[]).flatMap(({ partitions }) => (partitions as Struct[]).map(({ partitionIndex }) => partitionIndex)),
    }));
  }

  test('each is told with its partitions, which are where they were said to be once they have records', async () => {
    const said = await described();
    expect(said.map(({ logDir, partitions }) => [logDir, (partitions as number[]).length])).toEqual([
      ['/data', 2],
      ['/more', 2],
    ]);
    for (const index of [3, 2, 1, 0]) await asks.call('Produce', 9, produceBody('orders', Buffer.from(BATCH), { index }));
    expect(await described()).toEqual(said);
    for (const { logDir, partitions } of said)
      expect(many.files.list(logDir as string).filter((name) => name.startsWith('orders'))).toEqual(
        (partitions as number[]).map((index) => `orders-${index}`),
      );
  });

  test('one that failed is told as offline, without its partitions', async () => {
    const [index, empty] = (await described())[1]!.partitions as [number, number];
    many.files.failNext('write', 'EIO', { path: '/more' });
    const body = () => produceBody('orders', Buffer.from(BATCH), { index });
    expect(firstPartition(await asks.call('Produce', 9, body())).errorCode).toBe(56);
    expect(firstPartition(await asks.call('Produce', 9, body())).errorCode).toBe(56);
    const [first, second] = await described();
    expect(second).toEqual({ logDir: '/more', errorCode: 56, partitions: [] });
    // One that never had a record was nowhere yet.
    expect((first!.partitions as number[]).sort()).toEqual([0, 1, 2, 3].filter((partition) => partition !== index));
    expect(firstPartition(await asks.call('Produce', 9, produceBody('orders', Buffer.from(BATCH), { index: empty }))).errorCode).toBe(0);
  });
});
