import { Fetch, Produce } from '../../protocol/messages/index.ts';
import { buildBatch, type RecordInput } from '../../protocol/records/build.ts';
import { codecOf } from '../../protocol/records/compression.ts';
import type { RequestTo, ResponseOf } from '../../protocol/schema.ts';
import { T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { GZIP, messages, withMessages, wrapper } from './legacy-bytes.ts';

type Request = RequestTo<typeof Fetch>;
type FetchStage = Stage<Request, ResponseOf<typeof Fetch>>;
interface Topic {
  readonly name: string;
}

const at = (partition: number, fetchOffset: number, partitionMaxBytes = 1_048_576) => ({ partition, fetchOffset, partitionMaxBytes });
const of = (topic: Topic, ...partitions: ReturnType<typeof at>[]) => ({ topic: topic.name, partitions });
const request = (topics: Request['topics'], more: Partial<Request> = {}): Request => ({
  maxWaitMs: 0,
  minBytes: 1,
  topics,
  forgottenTopicsData: [],
  ...more,
});

/** Appends one record batch; zstd needs version 7. */
async function append(stage: FetchStage, topic: Topic, records: readonly RecordInput[], attributes = 0, partition = 0): Promise<number> {
  const batch = buildBatch({ records, attributes });
  const topicData = [{ name: topic.name, partitionData: [{ index: partition, records: batch }] }];
  await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData });
  return batch.byteLength;
}
async function appendOld(stage: FetchStage, topic: Topic, records: Buffer): Promise<void> {
  const topicData = [{ name: topic.name, partitionData: [{ index: 0, records }] }];
  await stage.ask(Produce, 2, { acks: -1, timeoutMs: 5000, topicData });
}

const plain = (...values: string[]): RecordInput[] => values.map((value, i) => ({ value: Buffer.from(value), timestamp: T0 + i }));
/** All that a record may have, and not in the order of time. */
const RECORDS: readonly RecordInput[] = [
  { key: Buffer.from('k'), value: Buffer.from('v'.repeat(90)), timestamp: T0 },
  { key: null, value: Buffer.from('no key'), timestamp: T0 + 90_000 },
  { key: Buffer.from('tombstone'), value: null, timestamp: T0 - 5 },
  { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [{ key: 'h', value: Buffer.from([0, 255]) }], timestamp: T0 + 1 },
  { value: Buffer.from('h'), timestamp: -1, headers: ['a', '', 'a'].map((key, i) => ({ key, value: i === 1 ? null : Buffer.from(key) })) },
];
const CODECS = [0, 1, 2, 3];
const OLD = [0, 3] as const;
const FIRST_WITH_MAX_BYTES = 3;

export const legacyFetchScenarios = [
  scenario(
    Fetch,
    'message sets',
    async (stage) => {
      const step = (name: string, body: Request) => stage.step(name, body, withMessages);
      const topic = await stage.topic('a');
      await step('an empty log', request([of(topic, at(0, 0))]));
      await step('an empty log, waiting', request([of(topic, at(0, 0))], { maxWaitMs: 20 }));
      for (const codecId of CODECS) await append(stage, topic, RECORDS, codecId);
      await append(stage, topic, plain('one', 'two', 'three'));
      await append(stage, topic, plain('the last but one'));
      // Messages are larger than records, and where they are cut off depends on the library that compresses: headers, which go, make room.
      await append(stage, topic, [
        { value: Buffer.from('the last'), headers: [{ key: 'room', value: Buffer.alloc(2000) }], timestamp: T0 },
      ]);
      const end = CODECS.length * RECORDS.length + 5;
      await step('from the start', request([of(topic, at(0, 0))]));
      await step('from inside a plain batch', request([of(topic, at(0, 2))]));
      await step('the last of a plain batch', request([of(topic, at(0, 4))]));
      for (const codecId of [1, 2, 3])
        await step(`from inside ${codecOf(codecId).name}`, request([of(topic, at(0, codecId * RECORDS.length + 2))]));
      await step('the last', request([of(topic, at(0, end - 1))]));
      await step('from the end', request([of(topic, at(0, end))]));
      await step('from the end, waiting', request([of(topic, at(0, end))], { maxWaitMs: 20 }));
      await step('min bytes 0 does not wait', request([of(topic, at(0, end))], { maxWaitMs: 5000, minBytes: 0 }));
      await step('more min bytes than there are', request([of(topic, at(0, 0))], { maxWaitMs: 20, minBytes: 100_000 }));
      await step('beyond the end', request([of(topic, at(0, end + 1))]));
      await step('a negative offset', request([of(topic, at(0, -1))]));
    },
    OLD,
  ),

  scenario(
    Fetch,
    'message sets that came as such',
    async (stage) => {
      const topic = await stage.topic('a');
      for (const magic of [0, 1]) {
        await appendOld(stage, topic, messages(magic, ['a', 'b', 'c'], { key: 'k' }));
        for (const codecId of [1, 2, 3]) await appendOld(stage, topic, wrapper(magic, codecId, messages(magic, ['a', 'b', 'c'])));
      }
      await append(stage, topic, [{ value: null, headers: [{ key: 'room', value: Buffer.alloc(2000) }], timestamp: T0 }]);
      await stage.step('from the start', request([of(topic, at(0, 0))]), withMessages);
      await stage.step('from the middle', request([of(topic, at(0, 13))]), withMessages);
    },
    OLD,
  ),

  scenario(
    Fetch,
    'message sets and times',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
      for (const codecId of CODECS) await append(stage, topic, plain('a', 'b'), codecId);
      await append(stage, topic, [{ value: null, headers: [{ key: 'room', value: Buffer.alloc(2000) }] }]);
      await stage.step('LogAppendTime', request([of(topic, at(0, 0))]), withMessages);
      await stage.step('LogAppendTime, from inside', request([of(topic, at(0, 1))]), withMessages);
    },
    OLD,
  ),

  scenario(
    Fetch,
    'limits of bytes in message sets',
    async (stage) => {
      const step = (name: string, body: Request) => stage.step(name, body, withMessages);
      const topic = await stage.topic('a', { partitions: 3 });
      const large = await append(stage, topic, plain('x'.repeat(1000)));
      await append(stage, topic, plain('y'.repeat(1000)));
      await append(stage, topic, plain('small'), 0, 1);
      await append(stage, topic, plain(...Array.from({ length: 50 }, (_, i) => `${i}`)), GZIP, 2);
      const many = await append(stage, topic, plain(...Array.from({ length: 50 }, (_, i) => `${i}`)), 0, 2);
      await append(stage, topic, plain('last'), 0, 2);
      await step('exactly one batch', request([of(topic, at(0, 0, large))]));
      await step('one batch and a part of the next', request([of(topic, at(0, 0, large + 100))]));
      await step('exactly two batches', request([of(topic, at(0, 0, 2 * large))]));
      await step('many small records', request([of(topic, at(2, 50, many))]));
      await step('many small records from the middle', request([of(topic, at(2, 75, many))]));
      await step('a small compressed batch', request([of(topic, at(2, 0, 300))]));
      await step('a part of the first batch', request([of(topic, at(0, 0, large - 1))]));
      await step('ten bytes', request([of(topic, at(0, 0, 10))]));
      await step('none', request([of(topic, at(0, 0, 0))]));
      await step('two partitions, the first over its limit', request([of(topic, at(0, 0, 10), at(1, 0))]));
      await step('two partitions, the second over its limit', request([of(topic, at(1, 0), at(0, 0, 10))]));
      if (stage.version < FIRST_WITH_MAX_BYTES) return;
      await step('a limit of the request', request([of(topic, at(0, 0), at(1, 0))], { maxBytes: 10 }));
      await step('the request is full after the first', request([of(topic, at(0, 0), at(1, 0), at(2, 0))], { maxBytes: large }));
      await step('limits of 0', request([of(topic, at(0, 0, 0))], { maxBytes: 0 }));
    },
    OLD,
  ),

  scenario(
    Fetch,
    'zstd in message sets',
    async (stage) => {
      const step = (name: string, body: Request) => stage.step(name, body, withMessages);
      const topic = await stage.topic('a', { partitions: 2 });
      await append(stage, topic, plain('a', 'b'));
      await append(stage, topic, plain('c', 'd'), 4);
      await append(stage, topic, plain('e'));
      await append(stage, topic, plain('other'), 0, 1);
      await step('before it', request([of(topic, at(0, 0, 80))]));
      await step('at it', request([of(topic, at(0, 2))]));
      await step('behind it', request([of(topic, at(0, 4))]));
      await step('beside another partition', request([of(topic, at(0, 2), at(1, 0))]));
      const all = await stage.topic('zstd', { configs: { 'compression.type': 'zstd' } });
      await step('compression.type, empty', request([of(all, at(0, 0))]));
      await append(stage, all, plain('a'));
      await step('compression.type', request([of(all, at(0, 0))]));
      await step('compression.type, waiting at the end', request([of(all, at(0, 1))], { maxWaitMs: 20 }));
      await step('compression.type, beyond the end', request([of(all, at(0, 9))]));
    },
    OLD,
  ),

  // Versions 4 to 9 know no zstd either (KIP-110); since 4.0 nobody looks.
  scenario(
    Fetch,
    'a topic of zstd',
    async (stage) => {
      const all = await stage.topic('zstd', { configs: { 'compression.type': 'zstd' } });
      await append(stage, all, plain('a'));
      const codes = ({ responses }: ResponseOf<typeof Fetch>) =>
        responses.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
      await stage.step('from the start', request([of(all, at(0, 0))]), codes);
      await stage.step('beyond the end', request([of(all, at(0, 9))]), codes);
    },
    [4, 10],
  ),

  scenario(
    Fetch,
    'old requests',
    async (stage) => {
      const step = (name: string, body: Request) => stage.step(name, body, withMessages);
      const topic = await stage.topic('a', { partitions: 2 });
      await append(stage, topic, plain('one'));
      await append(stage, topic, plain('other'), 0, 1);
      const nowhere = { name: stage.name('nowhere') };
      await step('two partitions', request([of(topic, at(0, 0), at(1, 0))]));
      await step('a topic that does not exist', request([of(nowhere, at(0, 0))]));
      await step('beside one that does', request([of(nowhere, at(0, 0)), of(topic, at(0, 0))], { maxWaitMs: 50, minBytes: 100_000 }));
      await step('a partition that does not exist', request([of(topic, at(5, 0))]));
      await step('a negative partition', request([of(topic, at(-1, 0))]));
      await step('no topics', request([]));
      await step('a topic without partitions', request([of(topic)]));
      await step('the same topic twice', request([of(topic, at(0, 0)), of(topic, at(1, 0))]));
    },
    OLD,
  ),
];
