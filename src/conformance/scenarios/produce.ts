import { Fetch, Produce } from '../../protocol/messages/index.ts';
import type { Bytes } from '../../protocol/wire.ts';
import { batchBytes, messageSet, T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';
const part = (index: number, records: Bytes | null) => ({ index, records });
const one = (topic: Topic, records: Bytes | null, acks = -1, index = 0) => ({
  acks,
  timeoutMs: 5000,
  topicData: [{ ...topic, partitionData: [part(index, records)] }],
});
/** What the log holds, seen by a version of Fetch that both Kafkas speak and that names topics. */
const whole = (topic: Topic) => ({
  maxWaitMs: 0,
  minBytes: 0,
  topics: [{ topic: topic.name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_048_576 }] }],
  forgottenTopicsData: [],
});

const MODERN = [3, 13] as const;
const hello = batchBytes({ values: ['hello'] });

export const produceScenarios = [
  scenario(
    Produce,
    'appending',
    async (stage) => {
      const topic = await stage.topic('a');
      await stage.step('acks=-1', one(topic, hello));
      await stage.step('acks=1', one(topic, batchBytes({ values: ['a', null, 'c'], key: 'k' }), 1));
      await stage.silent('acks=0', one(topic, hello, 0));
      await stage.step('gzip', one(topic, batchBytes({ values: ['x'.repeat(100), 'y'], attributes: 1 })));
      await stage.step('no timestamp', one(topic, batchBytes({ values: ['a', 'b'], timestamp: -1 })));
      await stage.step('a max timestamp that the client left unset', one(topic, batchBytes({ values: ['a', 'b'], maxTimestamp: -1 })));
      await stage.step('the LogAppendTime bit on a CreateTime topic', one(topic, batchBytes({ values: ['a'], attributes: 8 })));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    MODERN,
  ),

  scenario(
    Produce,
    'several partitions and topics',
    async (stage) => {
      const a = await stage.topic('a', { partitions: 2 });
      const b = await stage.topic('b');
      await stage.step('all good', {
        acks: -1,
        timeoutMs: 5000,
        topicData: [
          { ...a, partitionData: [part(0, hello), part(1, hello)] },
          { ...b, partitionData: [part(0, hello)] },
        ],
      });
      await stage.step('one bad among good ones', {
        acks: -1,
        timeoutMs: 5000,
        topicData: [
          { ...a, partitionData: [part(0, hello), part(1, batchBytes({ values: ['x'], crc: 1 })), part(7, hello)] },
          { ...b, partitionData: [part(0, hello)] },
        ],
      });
      await stage.step('nothing', { acks: -1, timeoutMs: 5000, topicData: [] });
      await stage.step('a topic without partitions', { acks: -1, timeoutMs: 5000, topicData: [{ ...a, partitionData: [] }] });
    },
    MODERN,
  ),

  scenario(
    Produce,
    'batches that are refused',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'max.message.bytes': '2000' } });
      const refused: [string, Bytes][] = [
        ['wrong CRC', batchBytes({ values: ['x'], crc: 1 })],
        ['magic 1', batchBytes({ values: ['x'], magic: 1 })],
        ['magic 3', batchBytes({ values: ['x'], magic: 3 })],
        ['a message set of magic 1', messageSet(1, 'x')],
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
    MODERN,
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
    MODERN,
  ),

  scenario(
    Produce,
    'timestamps',
    async (stage) => {
      const appendTime = await stage.topic('append-time', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
      await stage.step('LogAppendTime', one(appendTime, batchBytes({ values: ['a', 'b'] })));
      await stage.step('LogAppendTime, gzip', one(appendTime, batchBytes({ values: ['a', 'b'], attributes: 1 })));
      await stage.step('LogAppendTime, the bit set by the client', one(appendTime, batchBytes({ values: ['a'], attributes: 8 })));
      await stage.stepOf(Fetch, 11, 'what the LogAppendTime log holds', whole(appendTime));
      const after = await stage.topic('after', { configs: { 'message.timestamp.after.max.ms': '60000' } });
      await stage.step('too far ahead', one(after, batchBytes({ values: ['a'], timestamp: 4_000_000_000_000 })));
      const before = await stage.topic('before', { configs: { 'message.timestamp.before.max.ms': '60000' } });
      await stage.step('too long ago', one(before, batchBytes({ values: ['a', 'b'], timestamp: T0 })));
      await stage.step('no timestamp passes', one(before, batchBytes({ values: ['a'], timestamp: -1 })));
    },
    MODERN,
  ),

  scenario(
    Produce,
    'a compacted topic',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'cleanup.policy': 'compact' } });
      await stage.step('with key', one(topic, batchBytes({ values: ['x'], key: 'k' })));
      await stage.step('without key', one(topic, batchBytes({ values: ['x', 'y'] })));
    },
    MODERN,
  ),

  scenario(
    Produce,
    'an idempotent producer',
    async (stage) => {
      const topic = await stage.topic('a');
      const producerId = await stage.producerId();
      const batch = (baseSequence: number, values = ['x'], producerEpoch = 0) =>
        one(topic, batchBytes({ values, producerId, producerEpoch, baseSequence }));
      await stage.step('sequence 0', batch(0, ['a', 'b']));
      await stage.step('the next', batch(2));
      await stage.step('the first again', batch(0, ['a', 'b']));
      await stage.step('a gap', batch(9));
      await stage.step('back, and no repetition', batch(1));
      await stage.step('a newer epoch that does not start at 0', batch(3, ['x'], 1));
      await stage.step('a newer epoch', batch(0, ['x'], 1));
      await stage.step('the older epoch', batch(3, ['x'], 0));
      await stage.step('no sequence', one(topic, batchBytes({ values: ['x'], producerId, producerEpoch: 1, baseSequence: -1 })));
      for (let i = 1; i <= 5; i++) await stage.step(`filling the window ${i}`, batch(i, ['x'], 1));
      await stage.step('the oldest in the window again', batch(1, ['x'], 1));
      await stage.step('one that has left the window', batch(0, ['x'], 1));
      await stage.step(
        'a producer id that nobody handed out',
        one(topic, batchBytes({ values: ['x'], producerId: 987_654_321, producerEpoch: 3, baseSequence: 5 })),
      );
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    MODERN,
  ),
];
