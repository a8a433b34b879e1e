import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messages, messageViews, wrapper } from '../../../src/conformance/scenarios/legacy-bytes.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { BatchView } from '../../../src/protocol/records/batch.ts';
import { buildBatch, type RecordInput } from '../../../src/protocol/records/build.ts';
import { codecOf, MAX_DECOMPRESSED_BYTES } from '../../../src/protocol/records/compression.ts';
import { crc32 as ourCrc32 } from '../../../src/protocol/records/crc.ts';
import { MessageSetCheck, producedRecords } from '../../../src/protocol/records/legacy-check.ts';
import { DownConversion } from '../../../src/protocol/records/legacy-down.ts';
import { UpConversion } from '../../../src/protocol/records/legacy-up.ts';
import type { Recompressed } from '../../../src/protocol/records/recompress.ts';
import type { RecordRules } from '../../../src/protocol/records/validate.ts';
import { readRecords, recordBytes, walkRecords } from '../../../src/protocol/records/walk.ts';
import { fetchedMessageSets, producedMessageSets } from '../../support/golden-message-sets.ts';

const NOW = 1_800_000_000_000;
const RULES: RecordRules = {
  topicPartition: 'orders-0',
  maxMessageBytes: 10_000_000,
  segmentBytes: 100_000_000,
  compacted: false,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
};

/** As the broker does it: the codec of the set, in steps of so many bytes. */
function up(set: Uint8Array, rules = RULES, step = Number.POSITIVE_INFINITY): Recompressed | null {
  const check = new MessageSetCheck(set, rules);
  while (check.go(step));
  if (check.entries === 0) return null;
  const plain = check.wrapper ? codecOf(check.codecId).decompress(check.compressed(), MAX_DECOMPRESSED_BYTES) : set;
  const conversion = new UpConversion(plain, check.magic, check.wrapper, rules, NOW);
  while (conversion.go(step));
  const { payload } = conversion;
  expect(payload.byteLength).toBeLessThanOrEqual(plain.byteLength);
  return conversion.batch(check.codecId, check.codecId === 0 ? payload : codecOf(check.codecId).compress(payload));
}

function down(bytes: Buffer, magic: 0 | 1, fromOffset = 0, step = Number.POSITIVE_INFINITY): Buffer {
  const batch = new BatchView(bytes);
  const conversion = new DownConversion(batch, recordBytes(batch), magic, fromOffset);
  while (conversion.go(step));
  return batch.codecId === 0 ? conversion.messages : conversion.wrapped(codecOf(batch.codecId).compress(conversion.messages));
}

const recordsOf = ({ records }: Recompressed) => {
  const batch = new BatchView(records);
  expect(batch.crcMatches()).toBe(true);
  walkRecords(batch, recordBytes(batch)); // throws for offsets other than 0, 1, 2, ... and for a wrong count
  return readRecords(batch).map(({ offset, timestamp, key, value, headers }) => ({ offset, timestamp, key, value, headers }));
};

describe('what clients and Apache Kafka wrote', () => {
  test.each(producedMessageSets())('the messages of $client, Produce v$version, are stored as records', ({ set, version }) => {
    const views = messageViews(set) as { inner?: { timestamp?: number }[]; timestamp?: number }[];
    const sent = views.flatMap((view) => view.inner ?? [view]);
    const records = recordsOf(up(set)!);
    expect(records.map(({ key, value }) => [String(key), String(value)])).toEqual(sent.map(() => ['k', 'v'.repeat(40)]));
    expect(records.map(({ timestamp }) => timestamp)).toEqual(sent.map(({ timestamp }) => (version < 2 ? -1 : timestamp)));
  });

  // Fetch 0 and 2 of what the same client had sent with Produce 0 and 2; the first messages of it are plain.
  test.each([0, 1] as const)('messages of magic %i that are read again are what Apache Kafka 3.9.1 makes of them', (magic) => {
    const version = 2 * magic;
    let baseOffset = 0;
    const ours = producedMessageSets()
      .filter((sent) => sent.version === version)
      .map(({ set }) => {
        const { records, valid } = up(set)!;
        new BatchView(records).setBaseOffset(baseOffset);
        baseOffset += valid.count;
        return down(Buffer.from(records), magic);
      });
    const kafkas = fetchedMessageSets().find((read) => read.version === version && read.set.byteLength > 0)!.set;
    const plain = ours.filter((set) => set[17] === 0);
    const plainBytes = plain.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(kafkas.subarray(0, plainBytes).toString('hex')).toBe(Buffer.concat(plain).toString('hex'));
    const views = messageViews(Buffer.concat(ours));
    expect(messageViews(kafkas).slice(0, views.length)).toEqual(views);
  });

  test('a lz4 frame in magic 0 has the head that Apache Kafka 3.9.1 writes, with the checksum that takes in too much', () => {
    const set = down(buildBatch({ records: [{ value: Buffer.from('x') }], attributes: 3 }), 0);
    expect(set.includes(Buffer.from('04224d1860401a', 'hex'))).toBe(true);
    expect(
      down(buildBatch({ records: [{ value: Buffer.from('x') }], attributes: 3 }), 1).includes(Buffer.from('04224d18604082', 'hex')),
    ).toBe(true);
  });
});

const field = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null });
const record = fc.record({
  key: field,
  value: field,
  timestamp: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 2_000_000_000_000 })),
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 5 }), value: field }), { maxLength: 2 }),
});
const magics = fc.constantFrom<0 | 1>(0, 1);
const oldCodecs = fc.constantFrom(0, 1, 2, 3);
const text = (bytes: Uint8Array | null | undefined) => (bytes ? Buffer.from(bytes).toString('latin1') : null);

describe('any records', () => {
  test('become messages that an independent reader finds the same, and records again', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 30 }),
        magics,
        oldCodecs,
        fc.nat(1e9),
        (records, magic, codecId, baseOffset) => {
          const batch = buildBatch({ records: records as RecordInput[], attributes: codecId, baseOffset });
          const set = down(batch, magic, baseOffset);
          const time = (ms: number) => (magic === 0 ? -1 : ms);

          const views = messageViews(set) as Record<string, unknown>[];
          const inner = codecId === 0 ? views : (views[0]!.inner as Record<string, unknown>[]);
          const first = codecId !== 0 && magic === 1 ? 0 : baseOffset;
          expect(inner.map(({ offset, key, value, crc, timestamp = -1 }) => [offset, key, value, crc, timestamp])).toEqual(
            records.map(({ key, value, timestamp }, i) => [first + i, text(key), text(value), 'right', time(timestamp)]),
          );
          if (codecId !== 0) {
            const maxTimestamp = Math.max(...records.map(({ timestamp }) => timestamp));
            expect(views).toHaveLength(1);
            expect(views[0]).toMatchObject({ offset: baseOffset + records.length - 1, attributes: codecId, crc: 'right' });
            if (magic === 1) expect(views[0]).toMatchObject({ timestamp: maxTimestamp });
          }

          expect(recordsOf(up(set)!)).toEqual(
            records.map(({ key, value, timestamp }, offset) => ({
              offset,
              timestamp: time(timestamp),
              key: key && Buffer.from(key),
              value: value && Buffer.from(value),
              headers: [],
            })),
          );
          expect(new BatchView(up(set)!.records).codecId).toBe(codecId);
        },
      ),
    );
  });

  test('give the same in parts as at once', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 30 }),
        magics,
        oldCodecs,
        fc.integer({ min: 1, max: 300 }),
        (records, magic, codecId, step) => {
          const batch = buildBatch({ records: records as RecordInput[], attributes: codecId });
          const set = down(batch, magic);
          expect(down(batch, magic, 0, step)).toEqual(set);
          expect(up(set, RULES, step)).toEqual(up(set));
        },
      ),
    );
  });

  test('of a plain batch are given from the wanted offset on, of a compressed one all', () => {
    const records = ['a', 'b', 'c'].map((value) => ({ value: Buffer.from(value) }));
    for (const codecId of [0, 1]) {
      const set = down(buildBatch({ records, baseOffset: 10, attributes: codecId }), 0, 11);
      const views = messageViews(set) as { offset: number; inner?: { offset: number }[] }[];
      expect((views[0]!.inner ?? views).map(({ offset }) => offset)).toEqual(codecId === 0 ? [11, 12] : [10, 11, 12]);
    }
  });
});

test.each([0, 1, 34, 511, 512, 513, 100_000])('the CRC-32 of %i bytes is that of zlib', (length) => {
  const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 7) % 251));
  expect(ourCrc32(bytes)).toBe(crc32(bytes));
});

describe('any bytes', () => {
  const survives = (bytes: Buffer) => {
    try {
      const records = producedRecords(bytes, 0);
      if (records.byteLength > 16 && records[16] === 2) return;
      const converted = up(records);
      if (converted) recordsOf(converted);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
    }
  };

  test('are refused with a code, or make a batch that can be read', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survives(Buffer.from(bytes))));
  });

  test('in message sets, in wrappers too, are refused with a code, or make a batch that can be read', () => {
    const mutated = fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(magics, oldCodecs, mutated, fc.boolean(), (magic, codecId, changes, inside) => {
        const inner = messages(magic, ['a', 'bb', ''], { key: 'k' });
        const change = (bytes: Buffer) => {
          for (const [at, byte] of changes) bytes[at % bytes.byteLength] = byte;
        };
        if (inside) change(inner);
        const set = codecId === 0 ? inner : wrapper(magic, codecId, inner);
        if (!inside) {
          change(set);
          if (set.byteLength >= 17) set.writeUInt32BE(firstCrc(set), 12); // else nothing comes behind the checksum
        }
        survives(set);
      }),
      { numRuns: 2000 },
    );
  });
});

/** The checksum that the first message of a changed set should have. */
function firstCrc(set: Buffer): number {
  const end = Math.min(Math.max(12 + set.readInt32BE(8), 17), set.byteLength);
  return crc32(set.subarray(16, end));
}
