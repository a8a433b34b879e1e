import { beforeEach, expect, test } from 'vitest';
import { BatchView, eachBatch } from '../../src/protocol/records/batch.ts';
import { codecOf } from '../../src/protocol/records/compression.ts';
import type { Struct } from '../support/interpreter.ts';
import { batchOf } from '../support/line-fixture.ts';
import { fetchBody, firstPartition, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

const LARGE = 30_000_000;
let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders');
  await on.broker.createTopic('others');
  client = await on.client();
  return () => on.broker.close();
});

const produce = (from: RawClient, topic: string, records: Buffer, acks = -1) =>
  from.call('Produce', 9, produceBody(topic, records, { acks }));
const outcome = (reply: Struct) => {
  const { errorCode, baseOffset } = firstPartition(reply);
  return [errorCode, baseOffset];
};

async function codecsOf(topic: string): Promise<number[]> {
  const { records } = firstPartition(await client.call('Fetch', 11, fetchBody([{ topic, partition: 0 }])));
  return Array.from(eachBatch(records as Buffer), (batch) => batch.codecId);
}

test('batches of several connections to one partition are answered with the offsets of their arrival', async () => {
  const clients = [client, await on.client(), await on.client()];
  const batches = [batchOf(4, LARGE), batchOf(0, 10), batchOf(1, 1_000_000), batchOf(2, 10), batchOf(3, 400_000), batchOf(0, 10)];
  const replies: Promise<Struct>[] = [];
  for (const [i, batch] of batches.entries()) {
    replies.push(produce(clients[i % 3]!, 'orders', batch, i % 2 ? 1 : -1));
    await on.clock.settle(); // it has arrived before the next one leaves
  }
  expect((await Promise.all(replies)).map(outcome)).toEqual(batches.map((_, i) => [0, i]));
  expect(await codecsOf('orders')).toEqual([4, 0, 1, 2, 3, 0]);
});

test('a bomb between other batches fails alone, on a connection that goes on', async () => {
  const replies = [batchOf(1, LARGE), batchOf(4, 101 * 1024 * 1024), batchOf(0, 10)].map((batch) => produce(client, 'orders', batch));
  expect((await Promise.all(replies)).map(outcome)).toEqual([
    [0, 0],
    [10, -1], // MESSAGE_TOO_LARGE
    [0, 1],
  ]);
});

test('another partition is written while a large batch is prepared', async () => {
  const order: string[] = [];
  const other = await on.client();
  const large = produce(client, 'orders', batchOf(1, LARGE)).then(() => order.push('large'));
  await produce(other, 'others', batchOf(0, 10)).then(() => order.push('other'));
  await large;
  expect(order).toEqual(['other', 'large']);
});

test('deleting the topic while a batch is prepared has it answered once, and those behind it', async () => {
  const replies = [batchOf(1, LARGE), batchOf(0, 10)].map((batch) => produce(client, 'orders', batch));
  const admin = await on.client();
  await admin.call('DeleteTopics', 5, { topicNames: ['orders'], timeoutMs: 1000 });
  expect((await Promise.all(replies)).map(outcome)).toEqual([
    [3, -1], // UNKNOWN_TOPIC_OR_PARTITION
    [3, -1],
  ]);
});

test('a broker that closes while a batch is prepared appends no more of it', async () => {
  const batch = batchOf(1, 90_000_000);
  const reply = produce(client, 'orders', batch).then(outcome, () => 'the connection closed');
  await on.clock.settle();
  const closing = on.broker.close();
  await on.clock.advance(5000);
  await closing;
  const used = on.files.usedBytes();
  // The same work again: when it is over, that which was begun before is over too.
  for (const _ of [1, 2]) await codecOf(1).decompressAsync(new BatchView(batch).payload(), 100_000_000);
  await on.clock.settle();
  expect([await reply, on.files.usedBytes()]).toEqual(['the connection closed', used]);
  expect(on.logged.filter(({ level }) => level === 'error')).toEqual([]);
});

test('a topic takes up a new compression.type for what comes then; without one it has that of the broker', async () => {
  const plain = () => batchOf(0, 1000);
  const set = (resourceType: number, resourceName: string, name: string, value: string | null) =>
    client.call('IncrementalAlterConfigs', 1, {
      resources: [{ resourceType, resourceName, configs: [{ name, configOperation: value === null ? 1 : 0, value }] }],
      validateOnly: false,
    });
  await produce(client, 'orders', plain());
  await set(2, 'orders', 'compression.type', 'lz4');
  await produce(client, 'orders', plain());
  await set(4, '', 'compression.type', 'gzip');
  await produce(client, 'orders', plain());
  await set(2, 'orders', 'compression.type', null);
  await produce(client, 'orders', plain());
  expect(await codecsOf('orders')).toEqual([0, 3, 3, 1]);
});

test('the level of the topic acts on what is compressed here', async () => {
  const text = Buffer.from(Array.from({ length: 1000 }, (_, i) => `line ${(i * i) % 977} of ${i % 13}\n`).join(''));
  const sizes: number[] = [];
  for (const level of ['1', '9']) {
    await on.broker.createTopic(`gzip-${level}`, { configs: { 'compression.type': 'gzip', 'compression.gzip.level': level } });
    await produce(client, `gzip-${level}`, batchOf(0, 0, { records: [{ value: text, timestamp: on.clock.now() }] }));
    const { records } = firstPartition(await client.call('Fetch', 11, fetchBody([{ topic: `gzip-${level}`, partition: 0 }])));
    sizes.push(new BatchView(records as Buffer).sizeInBytes);
  }
  expect(sizes[1]).toBeLessThan(sizes[0]!);
});
