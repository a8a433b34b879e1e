import { Fetch, Produce } from '../../protocol/messages/index.ts';
import { BATCH_HEADER_BYTES, BatchView, eachBatch } from '../../protocol/records/batch.ts';
import { type BatchInput, buildBatch, type RecordInput } from '../../protocol/records/build.ts';
import { codecOf } from '../../protocol/records/compression.ts';
import { readRecords } from '../../protocol/records/walk.ts';
import type { Decoded } from '../../protocol/schema.ts';
import { T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

const SOURCES = [0, 1, 2, 3, 4];
const TARGETS = ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'];
/** All that a record may have, and not in the order of time. */
const RECORDS: readonly RecordInput[] = [
  { key: Buffer.from('k'), value: Buffer.from('v'.repeat(200)), timestamp: T0 },
  { key: null, value: Buffer.from('no key'), timestamp: T0 + 90_000 },
  { key: Buffer.from('tombstone'), value: null, timestamp: T0 - 5 },
  { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [{ key: 'h', value: Buffer.from([0, 255]) }], timestamp: T0 + 1 },
  { value: Buffer.from('h'), timestamp: -1, headers: ['ä', '', 'ä'].map((key, i) => ({ key, value: i === 1 ? null : Buffer.from(key) })) },
];

const batchOf = (codecId: number, more: Partial<BatchInput> = {}) =>
  buildBatch({ records: RECORDS, ...more, attributes: codecId | (more.attributes ?? 0) });
/** One record whose value is as large as said, and compresses to next to nothing. */
const large = (codecId: number, bytes: number) =>
  buildBatch({ records: [{ value: Buffer.alloc(bytes, 'x'), timestamp: T0 }], attributes: codecId });
const produce = (topic: Topic, records: Buffer) => ({
  acks: -1,
  timeoutMs: 5000,
  topicData: [{ ...topic, partitionData: [{ index: 0, records }] }],
});
const whole = (topic: Topic) => ({
  maxWaitMs: 0,
  minBytes: 0,
  topics: [{ topic: topic.name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_048_576 }] }],
  forgottenTopicsData: [],
});

/**
 * The batches as a reader sees them. Two libraries compress to different bytes, so a payload is shown by its records, and by whether it is
 * still what was sent.
 */
function shown(sent: readonly Buffer[]) {
  let i = 0;
  const isAsSent = (payload: Uint8Array) => sent[i++]?.subarray(BATCH_HEADER_BYTES).equals(payload);
  return ({ responses }: Decoded<typeof Fetch.response.fields>) =>
    responses.flatMap(({ partitions }) =>
      partitions.flatMap(({ records }) =>
        Array.from(eachBatch(records ?? Buffer.alloc(0)), (batch) => ({
          baseOffset: batch.baseOffset,
          codec: codecOf(batch.codecId).name,
          attributes: batch.attributes,
          crc: batch.crcMatches() ? 'right' : 'wrong',
          lastOffsetDelta: batch.lastOffsetDelta,
          count: batch.count,
          baseTimestamp: batch.baseTimestamp,
          maxTimestamp: batch.maxTimestamp,
          producer: [batch.producerId, batch.producerEpoch, batch.baseSequence],
          payload: isAsSent(batch.payload()) ? 'as it was sent' : 'compressed anew',
          records: readRecords(batch).map(({ offset, timestamp, key, value, headers }) => ({
            offset,
            timestamp,
            key: text(key),
            value: text(value),
            headers: headers.map((header) => [header.key, text(header.value)]),
          })),
        })),
      ),
    );
}

const text = (bytes: Buffer | null) => bytes?.toString('latin1') ?? null;

async function holds(stage: Stage, topic: Topic, sent: readonly Buffer[]): Promise<void> {
  await stage.stepOf(Fetch, 11, `what the log of ${topic.name.replace(stage.name(''), '')} holds`, whole(topic), shown(sent));
}

/** compression.type does not depend on the version of Produce; zstd takes v7 and above. */
const ONE_VERSION = [9, 9] as const;

export const compressionScenarios = [
  scenario(
    Produce,
    'compression.type',
    async (stage) => {
      const sent = SOURCES.map((codecId) => batchOf(codecId));
      for (const target of TARGETS) {
        const topic = await stage.topic(target, { configs: { 'compression.type': target } });
        for (const codecId of SOURCES) await stage.step(`${codecOf(codecId).name} to ${target}`, produce(topic, batchOf(codecId)));
        await holds(stage, topic, sent);
      }
    },
    ONE_VERSION,
  ),

  scenario(
    Produce,
    'compression.type, times and levels',
    async (stage) => {
      const sent = SOURCES.map((codecId) => batchOf(codecId));
      const levels = { 'compression.gzip.level': '9', 'compression.lz4.level': '17', 'compression.zstd.level': '-7' };
      for (const target of TARGETS) {
        const configs = { 'compression.type': target, 'message.timestamp.type': 'LogAppendTime', ...levels };
        const topic = await stage.topic(target, { configs });
        for (const codecId of [1, 3]) await stage.step(`${codecOf(codecId).name} to ${target}`, produce(topic, batchOf(codecId)));
        await stage.stepOf(Fetch, 11, `what the log of ${target} holds`, whole(topic), (response) =>
          shown(sent)(response).map((batch) => ({
            ...batch,
            maxTimestamp: batch.maxTimestamp > T0 + 1e9 ? 'of the append' : batch.maxTimestamp,
            records: batch.records.map((record) => ({
              ...record,
              timestamp: record.timestamp === batch.maxTimestamp ? 'of the batch' : record.timestamp,
            })),
          })),
        );
      }
    },
    ONE_VERSION,
  ),

  scenario(
    Produce,
    'compression.type and base timestamps',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'compression.type': 'gzip' } });
      const bit = batchOf(0, { attributes: 8 });
      await stage.step('the LogAppendTime bit on a CreateTime topic', produce(topic, bit));
      const unset = batchOf(3);
      unset.writeBigInt64BE(-1n, 35);
      unset.writeUInt32BE(new BatchView(unset).computeCrc(), 17);
      await stage.step('a max timestamp that the client left unset', produce(topic, unset));
      await holds(stage, topic, [bit, unset]);
    },
    ONE_VERSION,
  ),

  scenario(
    Produce,
    'compression.type and sizes',
    async (stage) => {
      const limit = { 'max.message.bytes': '2000' };
      const gzip = await stage.topic('gzip', { configs: { 'compression.type': 'gzip', ...limit } });
      await stage.step('too large before', produce(gzip, large(0, 3000)));
      await stage.step('not too large', produce(gzip, large(0, 1900)));
      const uncompressed = await stage.topic('uncompressed', { configs: { 'compression.type': 'uncompressed', ...limit } });
      await stage.step('too large after', produce(uncompressed, large(1, 3000)));
      await stage.step('not too large after', produce(uncompressed, large(1, 1900)));
      const producer = await stage.topic('producer', { configs: limit });
      await stage.step('never looked at when plain', produce(producer, large(1, 3000)));
      for (const topic of [gzip, uncompressed, producer]) await holds(stage, topic, []);
    },
    ONE_VERSION,
  ),

  scenario(
    Produce,
    'compression.type and an idempotent producer',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'compression.type': 'zstd' } });
      const sent = [0, 1, 4].map((codecId, i) =>
        batchOf(codecId, { producerId: 4711, producerEpoch: 3, baseSequence: i * RECORDS.length }),
      );
      for (const [i, batch] of sent.entries()) await stage.step(`batch ${i}`, produce(topic, Buffer.from(batch)));
      for (const [i, batch] of sent.entries()) await stage.step(`batch ${i} again`, produce(topic, Buffer.from(batch)));
      const gap = batchOf(1, { producerId: 4711, producerEpoch: 3, baseSequence: 100 });
      await stage.step('a gap', produce(topic, gap));
      await holds(stage, topic, sent);
    },
    ONE_VERSION,
  ),
];
