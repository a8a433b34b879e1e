import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { messageViews } from '../../src/conformance/scenarios/legacy-bytes.ts';
import { realClock } from '../../src/core/clock.ts';
import { DownConverter } from '../../src/handlers/fetch-legacy.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../../src/protocol/records/batch.ts';
import { buildBatch, type RecordInput } from '../../src/protocol/records/build.ts';
import { codecOf } from '../../src/protocol/records/compression.ts';
import { fetchBody, firstPartition, memoryBroker, produceBody } from '../support/memory-broker.ts';

const CONTROL = 0x30;
const ZSTD = 4;
const MAGICS = [0, 1] as const;
const converter = new DownConverter(realClock);

const records = (...values: string[]): RecordInput[] => values.map((value) => ({ value: Buffer.from(value) }));
const batch = (baseOffset: number, values: string[], attributes = 0) => buildBatch({ records: records(...values), baseOffset, attributes });
const room = (baseOffset: number) => buildBatch({ records: [{ headers: [{ key: 'room', value: Buffer.alloc(1000) }] }], baseOffset });

async function offsetsOf(batches: Buffer[], fromOffset = 0, magic: 0 | 1 = 1): Promise<number[]> {
  const set = await converter.convert(Buffer.concat(batches), magic, fromOffset);
  return messageViews(set).map((view) => (view as { offset: number }).offset);
}

/** A batch of so many records without key and value; 7 bytes each, and 34 as a message. */
function batchOfNulls(count: number, codecId: number): Buffer {
  const plain = Buffer.alloc(7 * count, Buffer.from([12, 0, 0, 0, 1, 1, 0]));
  const payload = codecOf(codecId).compress(plain);
  const bytes = Buffer.concat([buildBatch({ records: [] }), payload]);
  bytes.writeInt32BE(count, 57);
  bytes.writeInt32BE(count - 1, 23);
  new BatchView(bytes).setPayload(codecId, payload.byteLength);
  return bytes;
}

// KIP-98: transaction markers, which the old formats cannot say.
test.each(MAGICS)('control batches are left out of messages of magic %i', async (magic) => {
  const marker = buildBatch({ records: [{ key: Buffer.alloc(4), value: Buffer.alloc(6) }], baseOffset: 1, attributes: CONTROL });
  expect(await offsetsOf([batch(0, ['a']), marker, batch(2, ['b']), room(3)], 0, magic)).toEqual([0, 2, 3]);
  expect(await converter.convert(marker, magic, 0)).toHaveLength(0);
});

test('batches whose records compaction has removed become nothing, and gaps stay', async () => {
  const gap = batch(4, ['e', 'f', 'g']).subarray(0, BATCH_HEADER_BYTES);
  const empty = { payloadBytes: 0, count: 0, codecId: 0, horizon: false, baseTimestamp: -1, maxTimestamp: -1 };
  new BatchView(gap).setFiltered(empty);
  expect(await offsetsOf([batch(0, ['a']), gap, batch(9, ['b']), room(10)])).toEqual([0, 9, 10]);
});

test('what comes before a zstd batch is given, at it there is only the refusal', async () => {
  expect(await offsetsOf([batch(0, ['a']), batch(1, ['b'], ZSTD), batch(2, ['c']), room(3)])).toEqual([0]);
  await expect(offsetsOf([batch(1, ['b'], ZSTD), batch(2, ['c'])])).rejects.toMatchObject({ errorName: 'UNSUPPORTED_COMPRESSION_TYPE' });
});

test('messages take no more bytes than the batches did, unless the first batch alone does', async () => {
  const small = Array.from({ length: 100 }, () => '');
  const one = batch(0, small);
  const first = await converter.convert(one, 1, 0);
  expect(first.byteLength).toBe(100 * 34);
  expect(first.byteLength).toBeGreaterThan(one.byteLength);
  // Of the second there is no room for one message.
  expect((await converter.convert(Buffer.concat([one, batch(100, small)]), 1, 0)).byteLength).toBe(100 * 34);
  const many = Array.from({ length: 20 }, (_, i) => batch(100 * i, small));
  const bytes = Buffer.concat(many).byteLength;
  expect((await converter.convert(Buffer.concat(many), 1, 0)).byteLength).toBe(bytes);
});

test.each([0, 1, 2, 3])('a large batch of codec %i is converted while the event loop goes on', async (codecId) => {
  const records = 200_000;
  let turns = 0;
  let over = false;
  const converting = converter.convert(batchOfNulls(records, codecId), 1, 0).finally(() => {
    over = true;
  });
  for (; !over; turns++) await nextTurn();
  expect(turns).toBeGreaterThan(records / 10_000);
  const [first] = messageViews((await converting).subarray(0, codecId === 0 ? 34 : undefined)) as {
    inner?: unknown[];
    attributes: number;
  }[];
  expect(first!.attributes).toBe(codecId);
  if (codecId !== 0) expect(first!.inner).toHaveLength(records);
});

test('a batch that comes to more messages than a wrapper may hold is refused, not built', async () => {
  const few = batchOfNulls(3_200_000, 1);
  expect(few.byteLength).toBeLessThan(100_000 + BATCH_HEADER_BYTES);
  await expect(converter.convert(few, 1, 0)).rejects.toMatchObject({ errorName: 'MESSAGE_TOO_LARGE' });
});

test('a damaged batch is an error of its partition alone', async () => {
  const damaged = batch(0, ['a', 'b']);
  damaged[BATCH_HEADER_BYTES] = 99; // the first record's length
  await expect(converter.convert(damaged, 0, 0)).rejects.toMatchObject({ errorName: 'CORRUPT_MESSAGE' });
});

test('what one request converts is bounded by fetch.max.bytes, whatever small records become', async () => {
  const on = await memoryBroker({ configs: { 'fetch.max.bytes': '20000' } });
  const client = await on.client();
  const partitions = 10;
  await on.broker.createTopic('orders', { partitions });
  const nulls = buildBatch({ records: Array.from({ length: 250 }, () => ({})) }); // 1.8 KB, 8.5 KB as messages
  for (let index = 0; index < partitions; index++) await client.call('Produce', 9, produceBody('orders', Buffer.from(nulls), { index }));
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic: 'orders', partition }));
  const { responses } = (await client.call('Fetch', 3, fetchBody(all))) as { responses: { partitions: { records: Buffer }[] }[] };
  const sizes = responses.flatMap((topic) => topic.partitions.map(({ records }) => records.byteLength));
  expect(sizes).toEqual([8500, 8500, 8500, 0, 0, 0, 0, 0, 0, 0]);
  await on.broker.close();
});

test.each([0, 1, 2])('Fetch v%i has no batch that is larger than the limit of the client; v3 has one', async (version) => {
  const on = await memoryBroker();
  const client = await on.client();
  await on.broker.createTopic('orders');
  await client.call('Produce', 9, produceBody('orders', buildBatch({ records: records('x'.repeat(1000)) })));
  const read = async (asked: number) =>
    (firstPartition(await client.call('Fetch', asked, fetchBody([{ topic: 'orders', partitionMaxBytes: 100 }]))).records as Buffer)
      .byteLength;
  expect(await read(version)).toBe(0);
  expect(await read(3)).toBe(1034);
  await on.broker.close();
});
