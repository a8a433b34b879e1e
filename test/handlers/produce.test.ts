import { beforeEach, describe, expect, test } from 'vitest';
import { type BatchBytes, batchBytes } from '../../src/conformance/batch-bytes.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import { producedBatches } from '../support/produced-batches.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders', { partitions: 2 });
  client = await on.client();
  return () => on.broker.close();
});

const good = (values: readonly string[] = ['v']) => batchBytes({ values, timestamp: on.clock.now() });
const bad = (more: Partial<BatchBytes>) => batchBytes({ values: ['v'], timestamp: on.clock.now(), ...more });
const partitionsOf = (reply: Struct) => (reply.responses as Struct[]).flatMap((topic) => topic.partitionResponses as Struct[]);
const zstd = 4;

async function endOffset(index = 0, topic = 'orders'): Promise<unknown> {
  const reply = await client.call('Fetch', 11, fetchBody([{ topic, partition: index }]));
  return firstPartition(reply).highWatermark;
}
async function topicId(name: string): Promise<string> {
  const reply = await client.call('Metadata', 12, { topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', name }] });
  return (reply.topics as Struct[])[0]!.topicId as string;
}

describe('what is appended', () => {
  test.each([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('v%i is answered with the base offset', async (version) => {
    await client.call('Produce', version, produceBody('orders', good(['a', 'b'])));
    const reply = await client.call('Produce', version, produceBody('orders', good()));
    const logStartOffset = version >= 5 ? 0 : -1;
    expect(reply.responses).toMatchObject([{ name: 'orders' }]);
    expect(firstPartition(reply)).toMatchObject({ index: 0, errorCode: 0, baseOffset: 2, logAppendTimeMs: -1, logStartOffset });
  });

  test('v13 names the topic by id', async () => {
    const id = await topicId('orders');
    const reply = await client.call('Produce', 13, produceBody('', good(), { topicId: id }));
    expect(reply.responses).toMatchObject([{ topicId: id, partitionResponses: [{ errorCode: 0, baseOffset: 0 }] }]);
  });

  test.each([-1, 1])('acks=%i is answered when the batch can be read', async (acks) => {
    expect(firstPartition(await client.call('Produce', 9, produceBody('orders', good(), { acks })))).toMatchObject({
      errorCode: 0,
      baseOffset: 0,
    });
    expect(await endOffset()).toBe(1);
  });

  test('acks=0 is not answered, and what comes behind it is', async () => {
    client.tell('Produce', 9, produceBody('orders', good(), { acks: 0 }));
    await client.call('Metadata', 9, { topics: [] });
    expect(await endOffset()).toBe(1);
    expect(client.isClosed).toBe(false);
  });

  test('batches of one connection land in the order in which they were sent', async () => {
    const replies = Array.from({ length: 50 }, (_, i) =>
      client.call('Produce', 9, produceBody('orders', good([`${i}`]), { acks: i % 2 ? 1 : -1 })),
    );
    const offsets = (await Promise.all(replies)).map((reply) => firstPartition(reply).baseOffset);
    expect(offsets).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test('with log append time the reply says which', async () => {
    await on.broker.createTopic('timed', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
    const reply = await client.call('Produce', 9, produceBody('timed', good()));
    expect(firstPartition(reply)).toMatchObject({ errorCode: 0, logAppendTimeMs: on.clock.now() });
  });

  test('what real clients send is taken, whatever they leave unset', async () => {
    const batches = producedBatches().filter(({ records }) => records.byteLength > 61 && (records.readInt16BE(21) & 0x17) <= 1);
    expect(batches.length).toBeGreaterThan(5);
    await on.broker.createTopic('anytime', { configs: { 'message.timestamp.after.max.ms': '9223372036854775807' } });
    for (const { client: name, version, records } of batches) {
      const reply = await client.call('Produce', Math.min(version, 12), produceBody('anytime', records));
      expect(firstPartition(reply), `${name} v${version}`).toMatchObject({ errorCode: 0 });
    }
  });
});

describe('what is refused', () => {
  /** The log start is told once a batch was looked at and refused, as Kafka does. */
  type Case = [name: string, version: number, body: () => Struct, errorCode: number, logStartOffset?: number];
  const cases: Case[] = [
    ['an unknown topic', 9, () => produceBody('nope', good()), 3],
    ['an unknown partition', 9, () => produceBody('orders', good(), { index: 2 }), 3],
    ['an unknown topic id', 13, () => produceBody('', good(), { topicId: 'BBBBBBBBBBBBBBBBBBBBBA' }), 100],
    ['null records', 9, () => produceBody('orders', null), 87],
    ['no batch', 9, () => produceBody('orders', Buffer.alloc(0)), 87],
    ['two batches', 9, () => produceBody('orders', Buffer.concat([good(), good()])), 87],
    ['a batch of magic 1', 9, () => produceBody('orders', bad({ magic: 1 })), 87],
    ['zstd before v7', 6, () => produceBody('orders', bad({ attributes: zstd, plainAnyway: true })), 76],
    ['acks of 2', 9, () => produceBody('orders', good(), { acks: 2 }), 21],
    ['acks of -2', 9, () => produceBody('orders', good(), { acks: -2 }), 21],
    ['a base offset', 9, () => produceBody('orders', bad({ baseOffset: 7 })), 87, 0],
    ['a batch above max.message.bytes', 9, () => produceBody('orders', good(['x'.repeat(1_048_588)])), 10],
    ['a wrong CRC', 9, () => produceBody('orders', bad({ crc: 1 })), 2],
    ['a wrong count', 9, () => produceBody('orders', bad({ count: 2 })), 87, 0],
    ['a control batch', 9, () => produceBody('orders', bad({ attributes: 0x20 })), 87, 0],
    ['a producer id without a sequence', 9, () => produceBody('orders', bad({ producerId: 5, producerEpoch: 0, baseSequence: -1 })), 87, 0],
    ['a timestamp two hours ahead', 9, () => produceBody('orders', bad({ timestamp: on.clock.now() + 7_200_000 })), 32, 0],
  ];

  test.each(cases)('%s', async (_name, version, body, errorCode, logStartOffset = -1) => {
    const partition = firstPartition(await client.call('Produce', version, body()));
    expect(partition).toMatchObject({ errorCode, baseOffset: -1, logAppendTimeMs: -1, logStartOffset });
    expect(await endOffset()).toBe(0);
  });

  test('the checks come in the order of Kafka: an unknown topic before bad records, those before bad acks', async () => {
    const two = Buffer.concat([good(), good()]);
    const codeOf = async (body: Struct) => firstPartition(await client.call('Produce', 9, body)).errorCode;
    expect(await codeOf(produceBody('nope', two, { acks: 2 }))).toBe(3);
    expect(await codeOf(produceBody('orders', two, { acks: 2 }))).toBe(87);
    await client.call('FindCoordinator', 2, { key: 'g', keyType: 0 });
    expect(await codeOf(produceBody('__consumer_offsets', good(), { acks: 2 }))).toBe(21);
    expect(await codeOf(produceBody('__consumer_offsets', bad({ crc: 1 })))).toBe(17);
    const byAdmin = client.call('Produce', 9, produceBody('__consumer_offsets', batchBytes({ values: ['v'], key: 'k' })), '__admin_client');
    expect(firstPartition(await byAdmin).errorCode).toBe(0);
  });

  test('records that are to blame are named (KIP-467)', async () => {
    await on.broker.createTopic('compacted', { configs: { 'cleanup.policy': 'compact' } });
    const partition = firstPartition(await client.call('Produce', 9, produceBody('compacted', good(['a', 'b']))));
    expect(partition).toMatchObject({ errorCode: 87, recordErrors: [{ batchIndex: 0 }, { batchIndex: 1 }] });
    expect(partition.errorMessage).toEqual(expect.any(String));
  });

  test('one partition does not keep the others from being appended', async () => {
    const topicData = [
      {
        name: 'orders',
        partitionData: [
          { index: 0, records: good() },
          { index: 7, records: good() },
          { index: 1, records: bad({ crc: 1 }) },
        ],
      },
      { name: 'nope', partitionData: [{ index: 0, records: good() }] },
      { name: 'orders', partitionData: [{ index: 1, records: good() }] },
    ];
    const reply = await client.call('Produce', 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData });
    expect((reply.responses as Struct[]).map(({ name }) => name)).toEqual(['orders', 'nope']); // a topic is answered once (seen at Apache Kafka)
    expect(partitionsOf(reply).map(({ errorCode }) => errorCode)).toEqual([0, 3, 2, 0, 3]);
    expect([await endOffset(0), await endOffset(1)]).toEqual([1, 1]);
  });

  test('a failed acks=0 closes the connection; what went well before it stays', async () => {
    client.tell('Produce', 9, produceBody('orders', good(), { acks: 0 }));
    client.tell('Produce', 9, produceBody('nope', good(), { acks: 0 }));
    await client.closed;
    client = await on.client();
    expect(await endOffset()).toBe(1);
  });

  test('a transactional id without transactional batches means nothing', async () => {
    const reply = await client.call('Produce', 9, produceBody('orders', good(), { transactionalId: 'tx' }));
    expect(firstPartition(reply)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });
});

describe('a full disk', () => {
  test('is KAFKA_STORAGE_ERROR, and appends work again once a topic is deleted', async () => {
    await on.broker.close();
    on = await memoryBroker({ files: memoryFiles({ maxBytes: 300_000 }) });
    for (const topic of ['one', 'two']) await on.broker.createTopic(topic);
    client = await on.client();
    const large = () => good(['x'.repeat(50_000)]);
    const codes: unknown[] = [];
    for (let i = 0; i < 8; i++) codes.push(firstPartition(await client.call('Produce', 9, produceBody('one', large()))).errorCode);
    const fitted = codes.filter((code) => code === 0).length;
    expect(fitted).toBeGreaterThan(3);
    expect(codes.slice(fitted).every((code) => code === 56)).toBe(true);
    expect(await endOffset(0, 'one')).toBe(fitted);
    expect(firstPartition(await client.call('Produce', 9, produceBody('two', large()))).errorCode).toBe(56);
    await client.call('DeleteTopics', 4, { topicNames: ['one'], timeoutMs: 1000 });
    expect(firstPartition(await client.call('Produce', 9, produceBody('two', large())))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(on.files.usedBytes()).toBeLessThan(60_000);
  });

  test('the broker survives that its checkpoints cannot be written, and says so', async () => {
    on.files.failNext('replace', 'ENOSPC', { path: 'recovery-point-offset-checkpoint' });
    await client.call('Produce', 9, produceBody('orders', good()));
    await on.clock.advance(60_000);
    const errors = () => on.logged.filter(({ level }) => level === 'error');
    expect(errors()).toContainEqual(expect.objectContaining({ fields: { err: expect.objectContaining({ code: 'ENOSPC' }) } }));
    on.logged.length = 0;
    await on.clock.advance(60_000);
    expect([errors(), await endOffset()]).toEqual([[], 1]);
  });
});

test('a request whose client has gone is finished all the same', async () => {
  client.call('Produce', 9, produceBody('orders', good()));
  await new Promise((resolve) => setImmediate(resolve));
  await client.close();
  await on.clock.settle();
  client = await on.client();
  expect(await endOffset()).toBe(1);
});
