import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { BATCH_HEADER_BYTES, eachBatch } from '../../src/protocol/records/batch.ts';
import { buildBatch, type RecordInput } from '../../src/protocol/records/build.ts';
import { codecOf } from '../../src/protocol/records/compression.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import { type KafkajsBatch, readByKafkajs } from '../support/kafkajs-reader.ts';
import { lineOf } from '../support/line-fixture.ts';
import { openStore, orders, read } from '../support/log-fixture.ts';

const T0 = 1_700_000_000_000;
const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc
      .record({ length: fc.integer({ min: 1000, max: 200_000 }), fill: fc.nat(255) })
      .map(({ length, fill }) => new Uint8Array(length).fill(fill)),
  },
);
const nullable = fc.option(bytes).map((value) => value && Buffer.from(value));
const record: fc.Arbitrary<RecordInput> = fc.record({
  key: nullable,
  value: nullable,
  timestamp: fc.oneof(fc.constant(-1), fc.integer({ min: T0 - 1e6, max: T0 + 1e6 })),
  headers: fc.uniqueArray(fc.record({ key: fc.stringMatching(/^[a-zäß]{1,3}[0-9]$/), value: nullable }), {
    selector: ({ key }) => key,
    maxLength: 3,
  }),
});
const batch = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 12 }),
  codecId: fc.nat(4),
  producer: fc.option(fc.record({ producerEpoch: fc.nat(100), baseSequence: fc.nat(2 ** 31 - 1) })),
});
type Batch = typeof batch extends fc.Arbitrary<infer T> ? T : never;

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** The batch as kafkajs reads it: with its payload plain where that is not gzip, which it knows by itself. */
async function independently(stored: Buffer): Promise<{ codec: string; batch: KafkajsBatch }> {
  const codecId = stored.readInt16BE(21) & 7;
  let readable = stored;
  if (codecId > 1) {
    const plain = codecOf(codecId).decompress(stored.subarray(BATCH_HEADER_BYTES), 100_000_000);
    readable = Buffer.concat([stored.subarray(0, BATCH_HEADER_BYTES), plain]);
    readable.writeInt32BE(readable.byteLength - 12, 8);
    readable.writeInt16BE(stored.readInt16BE(21) & ~7, 21);
  }
  return { codec: codecs[codecId]!, batch: await readByKafkajs(readable) };
}

/** Strings are compared much faster than buffers. */
const text = (value: Uint8Array | null) => value && Buffer.from(value).toString('latin1');

async function shown(stored: Buffer) {
  const { codec, batch } = await independently(stored);
  const { firstOffset, lastOffsetDelta, maxTimestamp, timestampType, producerId, producerEpoch, firstSequence } = batch;
  const records = batch.records.map(({ offset, timestamp, key, value, headers }) => ({
    offset,
    timestamp,
    key: text(key),
    value: text(value),
    headers: Object.entries(headers).map(([name, content]) => [name, text(content as Buffer | null)]),
  }));
  return { codec, firstOffset, lastOffsetDelta, maxTimestamp, timestampType, producerId, producerEpoch, firstSequence, records };
}

/** What must be stored of a batch, written from what went in. */
function expected({ records, codecId, producer }: Batch, i: number, baseOffset: number, target: number | null, appendTime: number | null) {
  const newest = Math.max(...records.map(({ timestamp }) => timestamp!));
  return {
    codec: codecs[target ?? codecId],
    firstOffset: `${baseOffset}`,
    lastOffsetDelta: records.length - 1,
    maxTimestamp: `${appendTime ?? newest}`,
    timestampType: appendTime === null ? 0 : 1,
    producerId: `${producer ? i : -1}`,
    producerEpoch: producer?.producerEpoch ?? -1,
    firstSequence: producer?.baseSequence ?? -1,
    records: records.map(({ key, value, timestamp, headers }, at) => ({
      offset: `${baseOffset + at}`,
      timestamp: `${appendTime ?? timestamp}`,
      key: text(key!),
      value: text(value!),
      headers: headers!.map((header) => [header.key, text(header.value)]),
    })),
  };
}

test('whatever is produced is stored in the order of its coming, in the codec of the topic, and is else what it was', async () => {
  const target = fc.option(fc.nat(4));
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), target, fc.boolean(), async (batches, codecId, stamped) => {
      const clock = fakeClock();
      const config: Partial<LogConfig> = {
        compression: codecId === null ? null : { codecId, level: undefined },
        timestampType: stamped ? 'LogAppendTime' : 'CreateTime',
        maxMessageBytes: 10_000_000,
      };
      const log = orders(openStore(memoryFiles({ clock }), '/data', clock), config);
      const { produce } = lineOf(log, clock, config);
      const infos = await Promise.all(
        batches.map(({ records, codecId: attributes, producer }, i) =>
          produce(buildBatch({ records, attributes, ...(producer && { producerId: i, ...producer }) })),
        ),
      );
      const chunk = await read(log, 0, 100_000_000);
      const stored = Array.from(eachBatch(chunk!.bytes), (view) => {
        expect(view.crcMatches()).toBe(true);
        return Buffer.from(view.slice());
      });
      const appendTime = stamped ? clock.now() : null;
      let baseOffset = 0;
      const model = batches.map((one, i) => {
        const begins = baseOffset;
        baseOffset += one.records.length;
        return expected(one, i, begins, codecId, appendTime);
      });
      expect(await Promise.all(stored.map(shown))).toEqual(model);
      expect(infos.map((info) => info.lastOffset)).toEqual(
        model.map((_, i) => Number(infos[i]!.baseOffset) + batches[i]!.records.length - 1),
      );
    }),
    { numRuns: 60 },
  );
});
