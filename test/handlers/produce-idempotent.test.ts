import { beforeEach, expect, test } from 'vitest';
import { type BatchBytes, batchBytes } from '../../src/conformance/batch-bytes.ts';
import { fetchBody, firstPartition, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders', { partitions: 1 });
  client = await on.client();
  return () => on.broker.close();
});

const batch = (baseSequence: number, more: Partial<BatchBytes> = {}) =>
  batchBytes({ values: ['a', 'b'], timestamp: on.clock.now(), producerId: 4, producerEpoch: 1, baseSequence, ...more });
const produce = async (records: Buffer, acks = -1, version = 9) =>
  firstPartition(await client.call('Produce', version, produceBody('orders', records, { acks })));
const endOffset = async () => firstPartition(await client.call('Fetch', 11, fetchBody([{ topic: 'orders', partition: 0 }]))).highWatermark;

test.each([-1, 1])('a repeated batch is answered with its offset, sent at once or later, with acks=%i', async (acks) => {
  const replies = await Promise.all([batch(0), batch(0), batch(2), batch(0), batch(2)].map((records) => produce(records, acks)));
  expect(replies.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual([0, 0, 2, 0, 2].map((offset) => [0, offset]));
  // Apache Kafka 4.4.0 gives the first one's highest timestamp as log append time.
  expect(await produce(batch(2), acks)).toMatchObject({ errorCode: 0, baseOffset: 2, logAppendTimeMs: on.clock.now() + 1 });
  expect(await endOffset()).toBe(4);
});

test('a repeated batch with acks=0 is no failure: the connection stays', async () => {
  await produce(batch(0));
  client.tell('Produce', 9, produceBody('orders', batch(0), { acks: 0 }));
  expect(await endOffset()).toBe(2);
  expect(client.isClosed).toBe(false);
});

test.each<[string, Partial<BatchBytes> & { baseSequence: number }, number]>([
  ['a gap', { baseSequence: 3 }, 45],
  ['a sequence of long ago', { baseSequence: 1 }, 45],
  ['a newer epoch that does not begin at 0', { baseSequence: 2, producerEpoch: 2 }, 45],
  ['an older epoch', { baseSequence: 2, producerEpoch: 0 }, 47],
])('%s is refused', async (_name, more, errorCode) => {
  await produce(batch(0));
  expect(await produce(batch(more.baseSequence, more))).toMatchObject({ errorCode, baseOffset: -1, logAppendTimeMs: -1 });
  expect(await endOffset()).toBe(2);
});

test('a transactional batch outside of a transaction fails the whole request', async () => {
  const body = produceBody('orders', batch(0, { attributes: 0x10 }));
  expect(firstPartition(await client.call('Produce', 9, body))).toMatchObject({ errorCode: 53, baseOffset: -1 });
  expect(await endOffset()).toBe(0);
});
