import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { alterReplicaLogDirs } from '../../src/handlers/alter-replica-log-dirs.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, keptStore, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';
import { versionsOf } from './group-handlers.ts';

const BATCH = Buffer.from(batchBytes({ values: ['a', 'b', 'c'] }));
const NONE = 0;
const KAFKA_STORAGE_ERROR = 56;
const LOG_DIR_NOT_FOUND = 57;

let on: MemoryBroker;
let client: RawClient;
let openStore: ReturnType<typeof keptStore>;

async function start(files?: MemoryBroker['files'], configs: Readonly<Record<string, string>> = { 'log.dirs': '/data,/more' }) {
  on = await memoryBroker({ configs, openStore, ...(files && { files }) });
  client = await on.client();
}

beforeEach(async () => {
  openStore = keptStore();
  await start();
  await on.broker.createTopic('orders', { partitions: 4 });
  for (const index of [0, 1]) await client.call('Produce', 9, produceBody('orders', Buffer.from(BATCH), { index }));
  return () => on.broker.close();
});

async function move(path: string, topic: string, partitions: number[], version = 2): Promise<unknown> {
  const { results } = await client.call('AlterReplicaLogDirs', version, { dirs: [{ path, topics: [{ name: topic, partitions }] }] });
  return Object.fromEntries(
    (results as Struct[]).flatMap((result) =>
      (result.partitions as Struct[]).map(({ partitionIndex, errorCode }) => [`${result.topicName} ${partitionIndex}`, errorCode]),
    ),
  );
}

/** The directory of each partition; of one that is on its way: where it will be. */
async function places(): Promise<Record<string, string>> {
  const { results } = await client.call('DescribeLogDirs', 4, { topics: null });
  const found: Record<string, string> = {};
  for (const future of [false, true]) {
    for (const { logDir, topics } of results as Struct[]) {
      for (const { partitions } of topics as Struct[])
        for (const { partitionIndex, isFutureKey } of partitions as Struct[])
          if (isFutureKey === future) found[String(partitionIndex)] = String(logDir);
    }
  }
  return found;
}

const folders = (path: string) => on.files.list(path).filter((name) => name.startsWith('orders'));
async function settled(): Promise<void> {
  for (let turns = 0; turns < 200; turns++) await on.clock.advance(10);
}
const highWatermark = async (index: number) => {
  const body = fetchBody([{ topic: 'orders', topicPartition: index, partition: index }]);
  return firstPartition(await client.call('Fetch', 6, body)).highWatermark;
};

describe.each(versionsOf(alterReplicaLogDirs))('v%i', (version) => {
  test('moves a replica to another directory, where its records are', async () => {
    const [before] = [await places()];
    const to = before['0'] === '/data' ? '/more' : '/data';
    expect(await move(to, 'orders', [0], version)).toEqual({ 'orders 0': NONE });
    expect((await places())['0']).toBe(to);
    await settled();
    expect(folders(to)).toContain('orders-0');
    expect(folders(before['0']!)).not.toContain('orders-0');
    await client.call('Produce', 9, produceBody('orders', Buffer.from(BATCH), { index: 0 }));
    expect(await highWatermark(0)).toBe(6);
  });
});

test('a replica without records is made where it is wanted', async () => {
  expect(await move('/more', 'orders', [2, 3])).toEqual({ 'orders 2': NONE, 'orders 3': NONE });
  expect(await places()).toMatchObject({ 2: '/more', 3: '/more' });
  for (const index of [2, 3]) await client.call('Produce', 9, produceBody('orders', Buffer.from(BATCH), { index }));
  expect(folders('/more')).toEqual(expect.arrayContaining(['orders-2', 'orders-3']));
});

test('what is not here has no effect on what is', async () => {
  expect(await move('/nowhere', 'orders', [0])).toEqual({ 'orders 0': LOG_DIR_NOT_FOUND });
  expect(await move('/more', 'orders', [0, 9])).toEqual({ 'orders 0': NONE, 'orders 9': 3 });
  expect(await move('/more', 'nowhere', [0])).toEqual({ 'nowhere 0': 3 });
});

test('a directory that failed takes no replicas, and gives none', async () => {
  const before = await places();
  const inMore = before['0'] === '/more' ? 0 : 1;
  on.files.failNext('write', 'EIO', { path: '/more' });
  await client.call('Produce', 9, produceBody('orders', Buffer.from(BATCH), { index: inMore }));
  expect(await move('/more', 'orders', [1 - inMore])).toEqual({ [`orders ${1 - inMore}`]: KAFKA_STORAGE_ERROR });
  expect(await move('/data', 'orders', [inMore])).toEqual({ [`orders ${inMore}`]: KAFKA_STORAGE_ERROR });
});

test('a move that a kill cuts short goes on at the next start', async () => {
  const from = (await places())['0']!;
  const to = from === '/data' ? '/more' : '/data';
  await move(to, 'orders', [0]);
  expect(folders(to).filter((name) => name.endsWith('-future'))).toHaveLength(1);
  on.files.kill();
  await start(on.files);
  await settled();
  expect([folders(to).includes('orders-0'), folders(from).includes('orders-0')]).toEqual([true, false]);
  expect(await highWatermark(0)).toBe(3);
});

describe('at a start without one of the directories', () => {
  test('what was in it is offline, and there when it is back', async () => {
    const before = await places();
    const [inData, inMore] = before['0'] === '/data' ? [0, 1] : [1, 0];
    await on.broker.close();
    on.files.failNext('sync', 'EIO', { path: '/more' });
    await start(on.files);
    const produce = async (index: number) =>
      firstPartition(await client.call('Produce', 9, produceBody('orders', Buffer.from(BATCH), { index }))).errorCode;
    expect([await produce(inData), await produce(inMore)]).toEqual([NONE, expect.toBeOneOf([KAFKA_STORAGE_ERROR, 5, 6])]);
    await on.broker.createTopic('later', { partitions: 2 });
    const { results } = await client.call('DescribeLogDirs', 4, { topics: null });
    expect((results as Struct[]).map(({ logDir, errorCode }) => [logDir, errorCode])).toEqual([
      ['/data', NONE],
      ['/more', KAFKA_STORAGE_ERROR],
    ]);
    await on.broker.close();
    await start(on.files);
    expect([await highWatermark(inData), await highWatermark(inMore)]).toEqual([6, 3]);
  });

  test('the one with the metadata must be there', async () => {
    await on.broker.close();
    on.files.failNext('sync', 'EIO', { path: '/data' });
    await expect(start(on.files)).rejects.toThrow('EIO');
    await start(on.files);
  });
});
