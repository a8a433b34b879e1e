import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { deleteRecords } from '../../src/handlers/delete-records.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, keptStore, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';
import { versionsOf } from './group-handlers.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker({ configs: { 'log.retention.check.interval.ms': '1000' } });
  await on.broker.createTopic('orders', { partitions: 2 });
  client = await on.client();
  return () => on.broker.close();
});

const produce = (topic = 'orders') =>
  client.call('Produce', 9, produceBody(topic, batchBytes({ values: ['a', 'b', 'c'], timestamp: on.clock.now() })));
async function ask(version: number, offset: number, topic = 'orders', partitionIndex = 0): Promise<Struct> {
  const reply = await client.call('DeleteRecords', version, {
    topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
    timeoutMs: 1000,
  });
  const { partitionIndex: index, ...rest } = ((reply.topics as Struct[])[0]!.partitions as Struct[])[0]!;
  expect(index).toBe(partitionIndex);
  return rest;
}
const fetched = async (fetchOffset: number) =>
  firstPartition(await client.call('Fetch', 11, fetchBody([{ topic: 'orders', fetchOffset }])));

describe.each(versionsOf(deleteRecords))('v%i', (version) => {
  test('answers where the partition begins now; readers before it are out of range', async () => {
    await produce();
    expect(await ask(version, 2)).toEqual({ lowWatermark: 2, errorCode: 0 });
    expect(await ask(version, 1)).toEqual({ lowWatermark: 2, errorCode: 0 });
    expect(await fetched(1)).toMatchObject({ errorCode: 1 });
    expect(await fetched(2)).toMatchObject({ errorCode: 0, logStartOffset: 2 });
    expect(await ask(version, -1)).toEqual({ lowWatermark: 3, errorCode: 0 });
  });

  test.each([4, 2 ** 53 - 1, -2])('offset %i is out of range', async (offset) => {
    await produce();
    expect(await ask(version, offset)).toEqual({ lowWatermark: -1, errorCode: 1 });
    expect(await fetched(0)).toMatchObject({ errorCode: 0, logStartOffset: 0 });
  });

  test('what does not exist, is internal, or only compacted', async () => {
    await on.broker.createTopic('latest', { configs: { 'cleanup.policy': 'compact' } });
    await on.broker.createTopic('both', { configs: { 'cleanup.policy': 'compact,delete' } });
    await client.call('FindCoordinator', 3, { key: 'g', keyType: 0 });
    expect(await ask(version, 0, 'nowhere')).toEqual({ lowWatermark: -1, errorCode: 3 });
    expect(await ask(version, 0, 'orders', 7)).toEqual({ lowWatermark: -1, errorCode: 3 });
    expect(await ask(version, 0, 'orders', -1)).toEqual({ lowWatermark: -1, errorCode: 3 });
    expect(await ask(version, 0, '__consumer_offsets')).toEqual({ lowWatermark: -1, errorCode: 17 });
    expect(await ask(version, 0, 'latest')).toEqual({ lowWatermark: -1, errorCode: 44 });
    expect(await ask(version, 0, 'both')).toEqual({ lowWatermark: 0, errorCode: 0 });
  });
});

test('retention is applied every log.retention.check.interval.ms, and what it deleted is in the checkpoint', async () => {
  await client.call('IncrementalAlterConfigs', 1, {
    resources: [{ resourceType: 2, resourceName: 'orders', configs: [{ name: 'retention.ms', configOperation: 0, value: '500' }] }],
    validateOnly: false,
  });
  await produce();
  await on.clock.advance(100);
  expect(await fetched(0)).toMatchObject({ errorCode: 0 });
  await on.clock.advance(1000);
  expect(await fetched(0)).toMatchObject({ errorCode: 1 });
  expect(await fetched(3)).toMatchObject({ errorCode: 0, logStartOffset: 3, highWatermark: 3 });
  expect(on.files.read('/data/log-start-offset-checkpoint')!.toString()).toBe('0\n1\norders 0 3\n');
});

test('retention reaches logs that were not used since the start, and opens none without a folder', async () => {
  const openStore = keptStore();
  const configs = { 'log.retention.check.interval.ms': '1000', 'log.retention.ms': '500' };
  const first = await memoryBroker({ openStore, configs });
  await first.broker.createTopic('orders', { partitions: 2 });
  const sender = await first.client();
  await sender.call('Produce', 9, produceBody('orders', batchBytes({ values: ['a'], timestamp: first.clock.now() })));
  await first.broker.close();
  const second = await memoryBroker({ openStore, configs, files: first.files });
  expect(second.files.list('/data/orders-0')).toContain('00000000000000000000.log');
  await second.clock.advance(1000);
  expect(second.files.list('/data/orders-0')).not.toContain('00000000000000000000.log');
  expect(second.files.exists('/data/orders-1')).toBe(false);
  await second.broker.close();
});
