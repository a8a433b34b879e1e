import { Fetch, Produce } from '../../protocol/messages/index.ts';
import type { Bytes } from '../../protocol/wire.ts';
import { batchBytes, recordOf, zigzag } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { message } from './legacy-bytes.ts';
import { hello, one, PRODUCE_MODERN, part, UNKNOWN_ID, whole } from './produce-support.ts';

const INT32_MAX = 2 ** 31 - 1;
const good = recordOf(0, 0, 'k', 'v');
/** A record of which only the parts behind its length are given. */
const framed = (...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([zigzag(body.byteLength), body]);
};
const zero = Buffer.of(0);
const none = zigzag(-1);
/** Attributes, timestamp delta, offset delta: how a record begins. */
const start = Buffer.of(0, 0, 0);

/** Bytes that are no record: the count says that there is one. */
const BROKEN_RECORDS: readonly [string, Buffer][] = [
  ['a length of 0', zigzag(0)],
  ['a negative length', zigzag(-5)],
  ['a length that is no varint', Buffer.alloc(6, 0xff)],
  ['a key longer than the record', framed(start, zigzag(50), Buffer.from('k'), none, zero)],
  ['a value longer than the record', framed(start, none, zigzag(50), Buffer.from('v'), zero)],
  ['a negative count of headers', framed(start, none, none, none)],
  ['more headers than there are', framed(start, none, none, zigzag(3))],
  ['a header without a key', framed(start, none, none, zigzag(1), none, none)],
  ['a header longer than the record', framed(start, none, none, zigzag(1), zigzag(50), none)],
  ['bytes behind the headers', framed(start, none, none, zero, Buffer.of(1, 2, 3))],
  ['a record without an end', framed(start, none)],
  ['bytes behind the last record', Buffer.concat([good, Buffer.of(1, 2, 3)])],
  ['another record behind the last', Buffer.concat([good, recordOf(0, 1, 'k', 'v')])],
  ['no bytes at all', Buffer.alloc(0)],
];

const BEYOND = Buffer.concat([zigzag(100), good.subarray(1)]);
const ODD_KEY = framed(start, zigzag(-2), none, zero);

export const produceRefusedScenarios = [
  scenario(
    Produce,
    'batches that are refused',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'max.message.bytes': '2000' } });
      const refused: [string, Bytes][] = [
        ['wrong CRC', batchBytes({ values: ['x'], crc: 1 })],
        ['magic 1', batchBytes({ values: ['x'], magic: 1 })],
        ['magic 3', batchBytes({ values: ['x'], magic: 3 })],
        ['a message set of magic 1', message({ magic: 1, value: 'x' })],
        ['too large', batchBytes({ values: ['x'.repeat(2000)] })],
        ['count too high', batchBytes({ values: ['x'], count: 2 })],
        ['count 0', batchBytes({ values: ['x'], count: 0 })],
        ['count negative', batchBytes({ values: ['x'], count: -1 })],
        ['last offset delta too high', batchBytes({ values: ['x'], lastOffsetDelta: 5 })],
        ['count and last offset delta too high', batchBytes({ values: ['x'], count: 2, lastOffsetDelta: 1 })],
        ['count and last offset delta too low', batchBytes({ values: ['x', 'y', 'z'], count: 2, lastOffsetDelta: 1 })],
        ['no records', batchBytes({ values: [], lastOffsetDelta: 0 })],
        ['base offset not 0', batchBytes({ values: ['x'], baseOffset: 7 })],
        ['the control bit', batchBytes({ values: ['x'], attributes: 32 })],
        ['the transactional bit without a transaction', batchBytes({ values: ['x'], attributes: 16 })],
        ['a codec that does not exist', batchBytes({ values: ['x'], attributes: 5 })],
        ['gzip that is none', batchBytes({ values: ['x'.repeat(50)], attributes: 1, plainAnyway: true })],
        ['two batches', Buffer.concat([hello, hello])],
        ['a batch and some bytes', Buffer.concat([hello, Buffer.alloc(3)])],
        ['an empty record set', Buffer.alloc(0)],
        ['half a batch', hello.subarray(0, 40)],
      ];
      for (const [name, records] of refused) await stage.step(name, one(topic, records));
      // Apache Kafka leaves it unanswered: once is enough to wait for that.
      if (stage.version === 13) await stage.step('null', one(topic, null));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'batches whose length is not theirs',
    async (stage) => {
      const topic = await stage.topic('a');
      const lengths: [string, number][] = [
        ['one too long', hello.byteLength - 11],
        ['far too long', 100_000],
        ['the longest', INT32_MAX],
        ['one too short', hello.byteLength - 13],
        ['shorter than its header', 40],
        ['shorter than any message', 5],
        ['0', 0],
        ['negative', -1],
      ];
      for (const [name, length] of lengths) await stage.step(name, one(topic, batchBytes({ values: ['hello'], length })));
      await stage.step('only an offset and a length', one(topic, hello.subarray(0, 12)));
      await stage.step('not even that', one(topic, hello.subarray(0, 11)));
      await stage.step('a batch and half another', one(topic, Buffer.concat([hello, hello.subarray(0, 40)])));
      await stage.step('a batch and a message of magic 1', one(topic, Buffer.concat([hello, message({ magic: 1, value: 'x' })])));
      await stage.step('a message of magic 1 and a batch', one(topic, Buffer.concat([message({ magic: 1, value: 'x' }), hello])));
      await stage.step('two batches, the first of them wrong', one(topic, Buffer.concat([batchBytes({ values: ['x'], crc: 1 }), hello])));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'records that cannot be read',
    async (stage) => {
      for (const [codec, attributes] of [
        ['none', 0],
        ['gzip', 1],
      ] as const) {
        const topic = await stage.topic(codec);
        for (const [name, records] of BROKEN_RECORDS) {
          await stage.step(`${codec}: ${name}`, one(topic, batchBytes({ values: ['x'], records, attributes })));
        }
        await stage.stepOf(Fetch, 11, `what the log of ${codec} holds`, whole(topic));
      }
    },
    PRODUCE_MODERN,
  ),

  // Apache Kafka looks closely at some records only: what it keeps of these, no other client can read.
  scenario(
    Produce,
    'records that not every client can read',
    async (stage) => {
      const topic = await stage.topic('a');
      const batch = (records: Buffer, attributes = 0) => one(topic, batchBytes({ values: ['x'], records, attributes }));
      await stage.step('a key length of -2', batch(ODD_KEY));
      await stage.step('a key length of -2, gzip', batch(ODD_KEY, 1));
      await stage.step('a length beyond the batch', batch(BEYOND));
      await stage.step('a length beyond the batch, gzip', batch(BEYOND, 1));
      const uneven = Buffer.concat([recordOf(0, 0, null, 'x'), recordOf(0, 5, null, 'y')]);
      const two = { values: ['', ''], records: uneven };
      await stage.step('offsets with a gap', one(topic, batchBytes(two)));
      await stage.step('offsets with a gap, gzip', one(topic, batchBytes({ ...two, attributes: 1 })));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'headers of batches',
    async (stage) => {
      const topic = await stage.topic('a');
      const wrong: [string, Parameters<typeof batchBytes>[0]][] = [
        ['magic 0', { values: ['x'], magic: 0 }],
        ['magic -1', { values: ['x'], magic: -1 }],
        ['magic 127', { values: ['x'], magic: 127 }],
        ['a negative base offset', { values: ['x'], baseOffset: -1 }],
        ['a negative last offset delta', { values: ['x'], lastOffsetDelta: -1 }],
        ['the largest last offset delta', { values: ['x'], lastOffsetDelta: INT32_MAX }],
        ['the largest count', { values: ['x'], count: INT32_MAX }],
        ['the largest of both', { values: ['x'], count: INT32_MAX, lastOffsetDelta: INT32_MAX - 1 }],
        ['the control and the transactional bit', { values: ['x'], attributes: 48 }],
        ['codec 6', { values: ['x'], attributes: 6 }],
        ['codec 7', { values: ['x'], attributes: 7 }],
        ['a producer id of -2', { values: ['x'], producerId: -2, producerEpoch: 0, baseSequence: 0 }],
      ];
      for (const [name, batch] of wrong) await stage.step(name, one(topic, batchBytes(batch)));
      const right: [string, Parameters<typeof batchBytes>[0]][] = [
        ['a leader epoch of the client', { values: ['x'], partitionLeaderEpoch: 77 }],
        ['a leader epoch of 0', { values: ['x'], partitionLeaderEpoch: 0 }],
        ['a sequence without a producer id', { values: ['x'], baseSequence: 0 }],
        ['an epoch without a producer id', { values: ['x'], producerEpoch: 5 }],
        ['a max timestamp too high', { values: ['x', 'y'], maxTimestamp: 1_800_000_000_000 }],
        ['a max timestamp too low', { values: ['x', 'y'], maxTimestamp: 5 }],
        ['bit 7', { values: ['x'], attributes: 0x80 }],
        ['bit 14', { values: ['x'], attributes: 0x4000 }],
      ];
      for (const [name, batch] of right) await stage.step(name, one(topic, batchBytes(batch)));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'requests that are refused',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      for (const acks of [2, -2, 100]) await stage.step(`acks=${acks}`, one(topic, hello, acks));
      await stage.step('a topic that does not exist', one({ name: stage.name('nowhere'), topicId: UNKNOWN_ID }, hello));
      await stage.step('an invalid topic name', one({ name: 'a b', topicId: UNKNOWN_ID }, hello));
      await stage.step('a partition that does not exist', one(topic, hello, -1, 2));
      await stage.step('a negative partition', one(topic, hello, -1, -1));
      await stage.group('any');
      const internalId = await stage.ready('__consumer_offsets', 50);
      await stage.step('an internal topic', one({ name: '__consumer_offsets', topicId: internalId }, hello));
      await stage.silent('acks=0 to a topic that does not exist', one({ name: stage.name('nowhere'), topicId: UNKNOWN_ID }, hello, 0));
      await stage.step('the same partition twice', {
        acks: -1,
        timeoutMs: 5000,
        topicData: [{ ...topic, partitionData: [part(0, hello), part(0, batchBytes({ values: ['again'] }))] }],
      });
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'names and ids of topics',
    async (stage) => {
      const topic = await stage.topic('a');
      const other = await stage.topic('b');
      await stage.step('the empty name, the zero id', one({ name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }, hello));
      await stage.step('the longest name', one({ name: 'x'.repeat(249), topicId: UNKNOWN_ID }, hello));
      await stage.step('a name that is too long', one({ name: 'x'.repeat(250), topicId: UNKNOWN_ID }, hello));
      await stage.step('a dot', one({ name: '.', topicId: UNKNOWN_ID }, hello));
      await stage.step('a name and an id that disagree', one({ name: topic.name, topicId: other.topicId }, hello));
      await stage.step('two that do not exist, and one that does', {
        acks: -1,
        timeoutMs: 5000,
        topicData: [
          { name: stage.name('nowhere'), topicId: UNKNOWN_ID, partitionData: [part(0, hello), part(1, hello)] },
          { ...topic, partitionData: [part(0, hello), part(1, hello), part(2 ** 31 - 1, hello), part(-(2 ** 31), hello)] },
          { name: stage.name('neither'), topicId: 'AAAAAAAAAAAAAAAAAAAACg', partitionData: [part(0, hello)] },
        ],
      });
      await stage.step('the same topic twice', {
        acks: -1,
        timeoutMs: 5000,
        topicData: [
          { ...topic, partitionData: [part(0, hello)] },
          { ...other, partitionData: [part(0, hello)] },
          { ...topic, partitionData: [part(1, hello)] },
        ],
      });
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'what one bad partition does to the others',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      const ask = (acks: number, middle: Bytes, more: object = {}) => ({
        acks,
        timeoutMs: 5000,
        topicData: [{ ...topic, partitionData: [part(0, hello), part(1, middle), part(2, hello)] }],
        ...more,
      });
      const zstd = batchBytes({ values: ['x'], attributes: 4, plainAnyway: true });
      await stage.step('a message of magic 1', ask(-1, message({ magic: 1, value: 'x' })));
      await stage.step('two batches', ask(-1, Buffer.concat([hello, hello])));
      await stage.step('no batch', ask(-1, Buffer.alloc(0)));
      await stage.step('zstd that is none', ask(-1, zstd));
      await stage.step('a wrong CRC', ask(1, batchBytes({ values: ['x'], crc: 1 })));
      await stage.step('a transactional batch', ask(-1, batchBytes({ values: ['x'], attributes: 16 })));
      await stage.step('acks=7', ask(7, hello));
      await stage.silent('a wrong CRC, acks=0', ask(0, batchBytes({ values: ['x'], crc: 1 })));
      await stage.silent('a message of magic 1, acks=0', ask(0, message({ magic: 1, value: 'x' })));
      await stage.silent('a transactional batch, acks=0', ask(0, batchBytes({ values: ['x'], attributes: 16 })));
      for (const partition of [0, 1, 2]) await stage.stepOf(Fetch, 11, `what partition ${partition} holds`, whole(topic, partition));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'the fields of a request',
    async (stage) => {
      const topic = await stage.topic('a');
      for (const timeoutMs of [0, 1, -1, 2 ** 31 - 1]) await stage.step(`timeout ${timeoutMs}`, { ...one(topic, hello), timeoutMs });
      await stage.step('a transactional id, and nothing transactional', { ...one(topic, hello), transactionalId: stage.name('t') });
      await stage.step('an empty transactional id', { ...one(topic, hello), transactionalId: '' });
      await stage.silent('nothing, acks=0', { acks: 0, timeoutMs: 5000, topicData: [] });
      await stage.step('nothing, acks=5', { acks: 5, timeoutMs: 5000, topicData: [] });
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  // Kafka's own tools may write to internal topics. What they write here is damaged, so that nothing is: only the reason tells.
  scenario(
    Produce,
    'internal topics and the admin client',
    async (stage) => {
      await stage.group('any');
      const internal = { name: '__consumer_offsets', topicId: await stage.ready('__consumer_offsets', 50) };
      const damaged = one(internal, batchBytes({ values: ['x'], key: 'k', crc: 1 }));
      await stage.step('some client', damaged);
      await stage.stepOf(Produce, stage.version, 'the admin client', damaged, undefined, 'as __admin_client');
    },
    PRODUCE_MODERN,
  ),
];
