import { Fetch, Produce } from '../../protocol/messages/index.ts';
import { buildBatch } from '../../protocol/records/build.ts';
import { batchBytes, T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { appendBytes, at, FETCH_MODERN, of, request } from './fetch-support.ts';
import { one, PRODUCE_MODERN, whole } from './produce-support.ts';

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const RECORDS = ['one', 'two', 'three'].map((value, i) => ({ value: Buffer.from(value.repeat(20)), timestamp: T0 + i }));
const compressed = (codec: number, more: object = {}) => buildBatch({ records: RECORDS, attributes: codec, ...more });

/** What the codecs do at each version; what the broker does with them is compression.ts. */
export const codecsScenarios = [
  scenario(
    Produce,
    'each codec',
    async (stage) => {
      const topic = await stage.topic('a');
      for (const [codec, name] of CODECS.entries()) await stage.step(name, one(topic, compressed(codec)));
      const producer = { producerId: 99, producerEpoch: 0, baseSequence: 0 };
      await stage.step('gzip of a producer', one(topic, compressed(1, producer)));
      await stage.step('gzip of a producer again', one(topic, compressed(1, producer)));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Fetch,
    'each codec',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: CODECS.length });
      for (const [codec] of CODECS.entries()) await appendBytes(stage, topic, compressed(codec), codec);
      for (const [codec, name] of CODECS.entries()) {
        await stage.step(name, request([of(topic, at(codec, 0))]));
        await stage.step(`${name}, from inside the batch`, request([of(topic, at(codec, 2))]));
      }
      await stage.step('all of them', request([of(topic, ...CODECS.map((_, codec) => at(codec, 0)))]));
    },
    FETCH_MODERN,
  ),

  // KIP-110: a reader before v10 knows no zstd, and a topic that compresses with it says so.
  scenario(
    Fetch,
    'of topics that compress with zstd',
    async (stage) => {
      const zstd = await stage.topic('zstd', { configs: { 'compression.type': 'zstd' } });
      const gzip = await stage.topic('gzip', { configs: { 'compression.type': 'gzip' } });
      await stage.step('empty', request([of(zstd, at(0, 0))]));
      await appendBytes(stage, zstd, batchBytes({ values: ['x'] }));
      await appendBytes(stage, gzip, batchBytes({ values: ['x'] }));
      // How its library compresses is each broker's own.
      const codes = { maxWaitMs: 0, minBytes: 0 };
      await stage.step('from the start', request([of(zstd, at(0, 0)), of(gzip, at(0, 0))], codes), ({ responses }) =>
        responses.map(({ partitions }) =>
          partitions.map(({ errorCode, highWatermark, logStartOffset }) => ({ errorCode, highWatermark, logStartOffset })),
        ),
      );
      await stage.step('at the end', request([of(zstd, at(0, 1)), of(gzip, at(0, 1))], codes));
      await stage.step('beyond the end, out of range', request([of(zstd, at(0, 5))], codes));
    },
    FETCH_MODERN,
  ),

  scenario(
    Fetch,
    'segments', // which do not depend on the version
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'segment.bytes': String(1024 * 1024) } });
      for (const size of [500_000, 500_000, 500_000]) await appendBytes(stage, topic, batchBytes({ values: ['x'.repeat(size)] }));
      const more = { partitionMaxBytes: 10_000_000 };
      await stage.step('the first two are in one', request([of(topic, at(0, 0, more))]));
      await stage.step('the end of the first', request([of(topic, at(0, 1, more))]));
      await stage.step('the last is in another', request([of(topic, at(0, 2, more))]));
      await stage.step('min bytes beyond the segment', request([of(topic, at(0, 0, more))], { minBytes: 1_400_000, maxWaitMs: 30 }));
    },
    [12, 12],
  ),
];
