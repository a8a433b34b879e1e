import { Fetch, ListOffsets, Produce } from '../../protocol/messages/index.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/build.ts';
import { codecOf } from '../../protocol/records/compression.ts';
import { readRecords } from '../../protocol/records/walk.ts';
import type { Decoded } from '../../protocol/schema.ts';
import type { Bytes } from '../../protocol/wire.ts';
import { batchBytes, T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { breakLz4, GZIP, LZ4, message, messages, OLD_CODECS, SNAPPY, withRightCrc, wrapper } from './legacy-bytes.ts';

interface Topic {
  readonly name: string;
}
const one = (topic: Topic, records: Bytes | null, acks = -1, index = 0) => ({
  acks,
  timeoutMs: 5000,
  topicData: [{ name: topic.name, partitionData: [{ index, records }] }],
});
const whole = (topic: Topic) => ({
  maxWaitMs: 0,
  minBytes: 0,
  topics: [{ topic: topic.name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_048_576 }] }],
  forgottenTopicsData: [],
});

const text = (bytes: Buffer | null) =>
  bytes && bytes.byteLength > 100 ? `${bytes.byteLength} bytes` : (bytes?.toString('latin1') ?? null);

/** Record batches by their headers and records: two libraries compress to different bytes. */
function shown({ responses }: Decoded<typeof Fetch.response.fields>): unknown {
  const views: unknown[] = [];
  const batch = new BatchView(responses[0]?.partitions[0]?.records ?? Buffer.alloc(0));
  while (batch.isWhole()) {
    views.push({
      baseOffset: batch.baseOffset,
      crc: batch.crcMatches() ? 'right' : 'wrong',
      codec: codecOf(batch.codecId).name,
      attributes: batch.attributes,
      ...(batch.codecId === 0 && { bytes: batch.sizeInBytes - BATCH_HEADER_BYTES }),
      lastOffsetDelta: batch.lastOffsetDelta,
      count: batch.count,
      baseTimestamp: batch.baseTimestamp,
      maxTimestamp: batch.maxTimestamp,
      producer: [batch.producerId, batch.producerEpoch, batch.baseSequence],
      partitionLeaderEpoch: batch.partitionLeaderEpoch,
      records: readRecords(batch).map(({ offset, timestamp, key, value, headers }) => ({
        offset,
        timestamp,
        key: text(key),
        value: text(value),
        headers: headers.length,
      })),
    });
    batch.next();
  }
  return views;
}

const holds = (stage: Stage, topic: Topic, name = 'what the log holds') => stage.stepOf(Fetch, 11, name, whole(topic), shown);

const OLD = [0, 2] as const;
const MAGICS = [0, 1] as const;
const ABC = ['a', 'b', 'c'];

export const legacyProduceScenarios = [
  scenario(
    Produce,
    'message sets',
    async (stage) => {
      const topic = await stage.topic('a');
      for (const magic of MAGICS) {
        const sets: [string, Bytes | null][] = [
          ['one', messages(magic, ['hello'])],
          ['three', messages(magic, ABC)],
          ['three with the offset 0', messages(magic, ABC, { offset: 0 })],
          ['three with any offsets', Buffer.concat([7, 3, 99].map((offset) => message({ magic, offset, value: `at ${offset}` })))],
          ['a key', messages(magic, ABC, { key: 'k' })],
          ['nulls', message({ magic, key: null, value: null })],
          ['empty key and value', message({ magic, key: '', value: '' })],
          ['bytes', message({ magic, key: Buffer.of(0, 255), value: Buffer.of(200, 0, 1) })],
          ['large', message({ magic, value: 'x'.repeat(50_000) })],
          ['times that go down', Buffer.concat([5, 0, 9].map((ms) => message({ magic, timestamp: T0 + ms, value: `${ms}` })))],
          ['no timestamp', messages(magic, ABC, { timestamp: -1 })],
          ['nothing', Buffer.alloc(0)],
          ['a part of a message', messages(magic, ABC).subarray(0, 20)],
          ['a message and a part of one', messages(magic, ABC).subarray(0, -1)],
          ['a message and some bytes', Buffer.concat([messages(magic, ['x']), Buffer.alloc(5)])],
          ['a bit of the attributes that nobody knows', message({ magic, attributes: 0x40, value: 'x' })],
        ];
        for (const [name, records] of sets) await stage.step(`magic ${magic}, ${name}`, one(topic, records));
      }
      for (const timestamp of [-3, T0 + 1, T0 + 6, T0 + 1000])
        await stage.stepOf(ListOffsets, 7, `the offset of the time ${timestamp}`, {
          replicaId: -1,
          topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp }] }],
        });
      await holds(stage, topic);
    },
    OLD,
  ),

  scenario(
    Produce,
    'compressed message sets',
    async (stage) => {
      const topic = await stage.topic('a');
      for (const codecId of OLD_CODECS) {
        const { name } = codecOf(codecId);
        for (const magic of MAGICS) {
          const of = (inner: Buffer, more = {}) => one(topic, wrapper(magic, codecId, inner, more));
          await stage.step(`${name}, magic ${magic}, three`, of(messages(magic, ABC)));
          await stage.step(`${name}, magic ${magic}, under offset 0`, of(messages(magic, ABC), { offset: 0 }));
          await stage.step(`${name}, magic ${magic}, under a later offset`, of(messages(magic, ABC), { offset: 1000 }));
          await stage.step(`${name}, magic ${magic}, all with the offset 0`, of(messages(magic, ABC, { offset: 0 })));
          const much = Array.from({ length: 200 }, (_, i) => `${i} `.repeat(400));
          await stage.step(`${name}, magic ${magic}, more than one block`, of(messages(magic, much, { key: 'k' }), { offset: 199 }));
        }
      }
      const plain = messages(0, ABC);
      const raw = codecOf(SNAPPY).compress(plain).subarray(20);
      await stage.step('snappy without framing', one(topic, message({ magic: 0, offset: 2, attributes: SNAPPY, value: raw })));
      const right = codecOf(LZ4).compress(plain);
      await stage.step('lz4, magic 0, the right checksum', one(topic, message({ magic: 0, offset: 2, attributes: LZ4, value: right })));
      const times = Buffer.concat([5, 0, 9].map((ms, offset) => message({ magic: 1, offset, timestamp: T0 + ms, value: `${ms}` })));
      await stage.step('times that go down', one(topic, wrapper(1, GZIP, times)));
      await stage.step('another time on the outside', one(topic, wrapper(1, GZIP, messages(1, ABC), { timestamp: T0 + 777 })));
      await stage.step('no time on the outside', one(topic, wrapper(1, GZIP, messages(1, ABC), { timestamp: -1 })));
      await stage.step('a key on the outside', one(topic, wrapper(1, GZIP, messages(1, ABC), { key: 'outside' })));
      await stage.step('a part of a message behind', one(topic, wrapper(1, GZIP, messages(1, ABC).subarray(0, -1))));
      await stage.step('some bytes behind', one(topic, wrapper(1, GZIP, Buffer.concat([messages(1, ABC), Buffer.alloc(7)]))));
      await stage.step(
        'a compressed one, then a part of one',
        one(topic, Buffer.concat([wrapper(1, GZIP, messages(1, ABC)), plain.subarray(0, 15)])),
      );
      await holds(stage, topic);
    },
    OLD,
  ),

  scenario(
    Produce,
    'message sets that are refused',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'max.message.bytes': '2000' } });
      const hello = batchBytes({ values: ['hello'] });
      const refused: [string, Bytes | null][] = [
        ['wrong CRC', message({ magic: 0, value: 'x', crc: 1 })],
        ['wrong CRC, magic 1', message({ magic: 1, value: 'x', crc: 1 })],
        ['wrong CRC of the second', Buffer.concat([message({ magic: 1, value: 'x' }), message({ magic: 1, value: 'y', crc: 1 })])],
        ['wrong CRC on the outside', wrapper(1, GZIP, messages(1, ABC), { crc: 1 })],
        ['wrong CRC on the inside', wrapper(1, GZIP, messages(1, ABC, { crc: 1 }))],
        ['wrong CRC on the inside, magic 0', wrapper(0, GZIP, messages(0, ABC, { crc: 1 }))],
        ['magic 3', message({ magic: 3, value: 'x' })],
        ['magic -1', message({ magic: -1, value: 'x' })],
        ['a size below any', message({ magic: 0, value: 'x', bytes: 13 })],
        ['a negative size', message({ magic: 0, value: 'x', bytes: -1 })],
        ['magic 0, then 1', Buffer.concat([messages(0, ABC), messages(1, ABC)])],
        ['magic 1, then 0', Buffer.concat([messages(1, ABC), messages(0, ABC)])],
        ['magic 1, then 2', Buffer.concat([messages(1, ABC), hello])],
        ['magic 2, then 1', Buffer.concat([hello, messages(1, ABC)])],
        ['two record batches', Buffer.concat([hello, hello])],
        ['too large', message({ magic: 1, value: 'x'.repeat(2000) })],
        ['the second too large', Buffer.concat([message({ magic: 1, value: 'x' }), message({ magic: 1, value: 'x'.repeat(2000) })])],
        ['too large together', Buffer.concat([1, 2].map((i) => message({ magic: 1, value: `${i}`.repeat(1500) })))],
        ['a compressed one that is small', wrapper(1, GZIP, messages(1, ['x'.repeat(3000)]), { offset: 0 })],
        ['compressed in compressed', wrapper(1, GZIP, wrapper(1, GZIP, messages(1, ABC)))],
        ['compressed in compressed, magic 0', wrapper(0, GZIP, wrapper(0, GZIP, messages(0, ABC)))],
        ['plain, then compressed in compressed', wrapper(1, GZIP, Buffer.concat([messages(1, ABC), wrapper(1, GZIP, messages(1, ABC))]))],
        ['compressed without a value', message({ magic: 1, attributes: GZIP, value: null })],
        ['compressed nothing', wrapper(1, GZIP, Buffer.alloc(0))],
        ['compressed a part of a message', wrapper(1, GZIP, messages(1, ABC).subarray(0, 20))],
        ['magic 0 in 1', wrapper(1, GZIP, messages(0, ABC))],
        ['magic 1 in 0', wrapper(0, GZIP, messages(1, ABC))],
        ['magic 1, the second magic 0, in 1', wrapper(1, GZIP, Buffer.concat([messages(1, ['a']), messages(0, ['b'])]))],
        ['an offset before the last inside', wrapper(1, GZIP, messages(1, ABC), { offset: 1 })],
        ['two compressed ones', Buffer.concat([wrapper(1, GZIP, messages(1, ABC)), wrapper(1, GZIP, messages(1, ABC))])],
        ['a compressed one, then a plain one', Buffer.concat([wrapper(1, GZIP, messages(1, ABC)), messages(1, ABC)])],
        ['a plain one, then a compressed one', Buffer.concat([messages(1, ABC), wrapper(1, GZIP, messages(1, ABC))])],
        ['a size below any on the inside', wrapper(1, GZIP, message({ magic: 1, value: 'x', bytes: 13 }))],
        ['zstd', wrapper(1, 4, messages(1, ABC))],
        ['zstd, magic 0', wrapper(0, 4, messages(0, ABC))],
        ['a value shorter than the message', withRightCrc(message({ magic: 1, key: 'kkkk', value: 'xxxx' }).fill(2, 37, 38))],
      ];
      for (const [name, records] of refused) await stage.step(name, one(topic, records));
      await holds(stage, topic);
    },
    OLD,
  ),

  // Apache Kafka fails inside on each of these.
  scenario(
    Produce,
    'message sets that are damaged',
    async (stage) => {
      const topic = await stage.topic('a');
      const brokenOfMagic1 = codecOf(LZ4).compress(messages(1, ABC));
      breakLz4(brokenOfMagic1);
      const damaged: [string, Bytes][] = [
        ['compressed and empty', message({ magic: 1, attributes: GZIP, value: '' })],
        ['magic 2 in 1', wrapper(1, GZIP, batchBytes({ values: ['x'] }), { offset: 0 })],
        ['a huge size on the inside', wrapper(1, GZIP, message({ magic: 1, value: 'x', bytes: 2 ** 31 - 1 }))],
        ['gzip that is none', message({ magic: 1, attributes: GZIP, value: 'x'.repeat(50) })],
        ['snappy that is none', message({ magic: 1, attributes: SNAPPY, value: Buffer.alloc(50, 255) })],
        ['lz4 that is none', message({ magic: 1, attributes: LZ4, value: 'x'.repeat(50) })],
        ['lz4, magic 1, the broken checksum', message({ magic: 1, offset: 2, attributes: LZ4, value: brokenOfMagic1 })],
        ['a codec that does not exist', message({ magic: 1, attributes: 5, value: 'x' })],
        ['a key longer than the message', withRightCrc(message({ magic: 1, key: 'kkkk', value: 'x' }).fill(9, 29, 30))],
        ['a value longer than the message', withRightCrc(message({ magic: 1, key: 'kkkk', value: 'x' }).fill(9, 37, 38))],
        ['a key of a negative length', withRightCrc(message({ magic: 1, key: 'kkkk', value: 'x' }).fill(0xfe, 26, 30))],
        ['a negative timestamp', message({ magic: 1, timestamp: -5, value: 'x' })],
      ];
      for (const [name, records] of damaged) await stage.step(name, one(topic, records));
      await holds(stage, topic);
    },
    OLD,
  ),

  scenario(
    Produce,
    'record batches in old requests',
    async (stage) => {
      const topic = await stage.topic('a');
      await stage.step('plain', one(topic, batchBytes({ values: ['a', 'b'], key: 'k' })));
      await stage.step('gzip', one(topic, batchBytes({ values: ['a', 'b'], attributes: 1 })));
      await stage.step('zstd', one(topic, buildBatch({ records: [{ value: Buffer.from('x'), timestamp: T0 }], attributes: 4 })));
      await stage.step('a part of one behind', one(topic, Buffer.concat([batchBytes({ values: ['a'] }), Buffer.alloc(8)])));
      await stage.step('a base offset', one(topic, batchBytes({ values: ['x'], baseOffset: 7 })));
      await stage.step('wrong CRC', one(topic, batchBytes({ values: ['x'], crc: 1 })));
      await stage.step('half of one', one(topic, batchBytes({ values: ['x'] }).subarray(0, 40)));
      await stage.step('the control bit', one(topic, batchBytes({ values: ['x'], attributes: 32 })));
      await stage.step('the transactional bit', one(topic, batchBytes({ values: ['x'], attributes: 16 })));
      const idempotent = { producerId: 4711, producerEpoch: 0, baseSequence: 0 };
      await stage.step('an idempotent producer', one(topic, batchBytes({ values: ['x'], ...idempotent })));
      await stage.step('the same again', one(topic, batchBytes({ values: ['x'], ...idempotent })));
      await holds(stage, topic);
    },
    OLD,
  ),

  scenario(
    Produce,
    'times of message sets',
    async (stage) => {
      const appendTime = await stage.topic('append-time', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
      for (const magic of MAGICS) {
        await stage.step(`LogAppendTime, magic ${magic}`, one(appendTime, messages(magic, ABC)));
        await stage.step(`LogAppendTime, magic ${magic}, gzip`, one(appendTime, wrapper(magic, GZIP, messages(magic, ABC))));
        await stage.step(
          `LogAppendTime, magic ${magic}, the bit set by the client`,
          one(appendTime, messages(magic, ABC, { attributes: 8 })),
        );
      }
      await stage.step(
        'LogAppendTime, gzip, the bit on the outside',
        one(appendTime, wrapper(1, GZIP, messages(1, ABC), { attributes: 8 })),
      );
      await stage.step(
        'LogAppendTime, gzip, the bit on the inside',
        one(appendTime, wrapper(1, GZIP, messages(1, ABC, { attributes: 8 }))),
      );
      await stage.step('LogAppendTime, no timestamp', one(appendTime, messages(1, ABC, { timestamp: -1 })));
      await holds(stage, appendTime, 'what the LogAppendTime log holds');
      const createTime = await stage.topic('create-time');
      await stage.step('the bit', one(createTime, messages(1, ABC, { attributes: 8 })));
      await stage.step('the bit and no timestamp', one(createTime, messages(1, ABC, { attributes: 8, timestamp: -1 })));
      await stage.step(
        'the bit on the outside',
        one(createTime, wrapper(1, GZIP, messages(1, ABC), { attributes: 8, timestamp: T0 + 500 })),
      );
      await stage.step(
        'the bit on the outside without a time',
        one(createTime, wrapper(1, GZIP, messages(1, ABC), { attributes: 8, timestamp: -1 })),
      );
      await stage.step('the bit on the inside', one(createTime, wrapper(1, GZIP, messages(1, ABC, { attributes: 8 }))));
      await stage.step('the bit, magic 0', one(createTime, messages(0, ABC, { attributes: 8 })));
      await stage.step('the bit on the outside, magic 0', one(createTime, wrapper(0, GZIP, messages(0, ABC), { attributes: 8 })));
      await holds(stage, createTime, 'what the CreateTime log holds');
      const after = await stage.topic('after', { configs: { 'message.timestamp.after.max.ms': '60000' } });
      await stage.step('too far ahead', one(after, messages(1, ABC, { timestamp: 4_000_000_000_000 })));
      await stage.step('too far ahead, gzip', one(after, wrapper(1, GZIP, messages(1, ABC, { timestamp: 4_000_000_000_000 }))));
      await stage.step('too far ahead on the outside', one(after, wrapper(1, GZIP, messages(1, ABC), { timestamp: 4_000_000_000_000 })));
      const before = await stage.topic('before', { configs: { 'message.timestamp.before.max.ms': '60000' } });
      await stage.step('too long ago', one(before, messages(1, ABC)));
      await stage.step('no timestamp passes', one(before, messages(1, ABC, { timestamp: -1 })));
      await stage.step('magic 0 passes', one(before, messages(0, ABC)));
      await stage.step('magic 0 with gzip passes', one(before, wrapper(0, GZIP, messages(0, ABC))));
      await holds(stage, before, 'what passed');
    },
    OLD,
  ),

  scenario(
    Produce,
    'message sets to a compacted topic',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'cleanup.policy': 'compact' } });
      for (const magic of MAGICS) {
        const withKeys = messages(magic, ABC, { key: 'k' });
        await stage.step(`magic ${magic}, with keys`, one(topic, withKeys));
        await stage.step(`magic ${magic}, without keys`, one(topic, messages(magic, ABC)));
        await stage.step(`magic ${magic}, the last without a key`, one(topic, Buffer.concat([withKeys, message({ magic, value: 'x' })])));
        await stage.step(`magic ${magic}, gzip, with keys`, one(topic, wrapper(magic, GZIP, withKeys)));
        await stage.step(`magic ${magic}, gzip, without keys`, one(topic, wrapper(magic, GZIP, messages(magic, ABC))));
        await stage.step(`magic ${magic}, a tombstone`, one(topic, message({ magic, key: 'k', value: null })));
      }
      await holds(stage, topic);
    },
    OLD,
  ),

  scenario(
    Produce,
    'message sets and compression.type',
    async (stage) => {
      for (const target of ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd']) {
        const topic = await stage.topic(target, { configs: { 'compression.type': target } });
        for (const magic of MAGICS) {
          await stage.step(`plain to ${target}, magic ${magic}`, one(topic, messages(magic, ABC)));
          for (const codecId of OLD_CODECS) {
            const name = `${codecOf(codecId).name} to ${target}, magic ${magic}`;
            await stage.step(name, one(topic, wrapper(magic, codecId, messages(magic, ABC, { key: 'k' }))));
          }
        }
        await stage.step(
          `plain, then compressed, to ${target}`,
          one(topic, Buffer.concat([messages(1, ABC), wrapper(1, GZIP, messages(1, ABC))])),
        );
        await holds(stage, topic, `what the log of ${target} holds`);
      }
      const small = await stage.topic('small', { configs: { 'compression.type': 'uncompressed', 'max.message.bytes': '2000' } });
      await stage.step('too large when plain', one(small, wrapper(1, GZIP, messages(1, ['x'.repeat(3000)]), { offset: 0 })));
      const large = await stage.topic('large', { configs: { 'compression.type': 'gzip', 'max.message.bytes': '2000' } });
      const two = Buffer.concat([1, 2].map((i) => message({ magic: 1, value: `${i}`.repeat(1500) })));
      await stage.step('not too large when compressed', one(large, two));
      await holds(stage, large, 'what the log of large holds');
    },
    OLD,
  ),

  scenario(
    Produce,
    'old requests',
    async (stage) => {
      const a = await stage.topic('a', { partitions: 2 });
      const b = await stage.topic('b');
      const hello = () => messages(1, ['hello']);
      await stage.step('acks=1', one(a, hello(), 1));
      await stage.silent('acks=0', one(a, hello(), 0));
      await stage.silent('acks=0 with a wrong CRC', one(a, message({ magic: 0, value: 'x', crc: 1 }), 0));
      await stage.silent('acks=0 to a topic that does not exist', one({ name: stage.name('nowhere') }, hello(), 0));
      for (const acks of [2, -2]) await stage.step(`acks=${acks}`, one(a, hello(), acks));
      await stage.step('a topic that does not exist', one({ name: stage.name('nowhere') }, hello()));
      await stage.step('an invalid topic name', one({ name: 'a b' }, hello()));
      await stage.step('a partition that does not exist', one(a, hello(), -1, 2));
      const part = (index: number, records: Bytes) => ({ index, records });
      await stage.step('several', {
        acks: -1,
        timeoutMs: 5000,
        topicData: [
          { name: a.name, partitionData: [part(0, hello()), part(1, message({ magic: 0, value: 'x', crc: 1 })), part(9, hello())] },
          { name: b.name, partitionData: [part(0, messages(0, ABC))] },
        ],
      });
      await stage.step('nothing', { acks: -1, timeoutMs: 5000, topicData: [] });
      await stage.step('a topic without partitions', { acks: -1, timeoutMs: 5000, topicData: [{ name: a.name, partitionData: [] }] });
      await stage.group('any');
      await stage.ready('__consumer_offsets', 50);
      await stage.step('an internal topic', one({ name: '__consumer_offsets' }, hello()));
      await holds(stage, a);
    },
    OLD,
  ),
];
