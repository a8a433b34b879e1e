import { describe, expect, test } from 'vitest';
import { BatchView, eachBatch, LOG_APPEND_TIME_BIT } from '../../../src/protocol/records/batch.ts';
import { buildBatch } from '../../../src/protocol/records/build.ts';
import { codecOf } from '../../../src/protocol/records/compression.ts';
import { crc32, crc32c, nativeCrc32c, plainCrc32c } from '../../../src/protocol/records/crc.ts';
import { readRecords } from '../../../src/protocol/records/walk.ts';
import { producedBatches } from '../../support/produced-batches.ts';

const golden = producedBatches();

/** RFC 3720's check value of CRC-32C, and that of CRC-32. */
const CHECK = Buffer.from('123456789');

describe('CRC-32C', () => {
  const all = { native: nativeCrc32c(), plain: plainCrc32c() };

  test.each(Object.entries(all))('the %s one gives the published check value, unsigned', (_, crc) => {
    expect(crc?.(CHECK)).toBe(0xe3069283);
  });

  test.each(Object.entries(all))('the %s one goes on from a seed, and respects where a view begins', (_, crc) => {
    const whole = Buffer.from('xx123456789yy');
    expect(crc?.(whole.subarray(6, 11), crc(whole.subarray(2, 6)))).toBe(0xe3069283);
  });

  test('the one in use is one of them; the old formats have CRC-32', () => {
    expect(crc32c(CHECK)).toBe(0xe3069283);
    expect(crc32(CHECK)).toBe(0xcbf43926);
  });
});

describe('BatchView', () => {
  test('the golden frames hold batches of nine clients', () => {
    expect(new Set(golden.map(({ client }) => client)).size).toBeGreaterThanOrEqual(9);
  });

  test.each(golden)('a batch of $client (v$version) has the layout and the CRC that its client gave it', ({ records }) => {
    const batch = new BatchView(records);
    expect(batch.isWhole()).toBe(true);
    expect(batch.sizeInBytes).toBe(records.byteLength);
    expect(batch).toMatchObject({ magic: 2, baseOffset: 0, lastOffsetDelta: batch.count - 1, isControl: false });
    expect(batch.crcMatches()).toBe(true);
    expect(batch.crc).toBe(records.readUInt32BE(17));
    expect(batch.baseTimestamp).toBe(Number(records.readBigInt64BE(27)));
    expect(batch.maxTimestamp).toBe(Number(records.readBigInt64BE(35)));
    expect(batch.producerId).toBe(Number(records.readBigInt64BE(43)));
  });

  test('base offset and leader epoch are patched in place without touching the CRC', () => {
    const { records } = producedBatches()[0]!;
    const before = Buffer.from(records);
    const batch = new BatchView(records);
    batch.setBaseOffset(5_000_000_000);
    batch.setPartitionLeaderEpoch(7);
    expect(records.readBigInt64BE(0)).toBe(5_000_000_000n);
    expect(records.readInt32BE(12)).toBe(7);
    expect(batch.nextOffset).toBe(5_000_000_000 + batch.count);
    expect(records.subarray(16)).toEqual(before.subarray(16));
    expect(batch.crcMatches()).toBe(true);
  });

  test('log append time sets bit 3 and the maximum, and the CRC with them', () => {
    const { records } = producedBatches()[0]!;
    const batch = new BatchView(records);
    batch.setMaxTimestamp(1_800_000_000_123, true);
    expect(records.readInt16BE(21) & LOG_APPEND_TIME_BIT).toBe(LOG_APPEND_TIME_BIT);
    expect(records.readBigInt64BE(35)).toBe(1_800_000_000_123n);
    expect(records.readUInt32BE(17)).toBe(plainCrc32c()(records.subarray(21)));
    expect(readRecords(batch).every(({ timestamp }) => timestamp === 1_800_000_000_123)).toBe(true);
    batch.setMaxTimestamp(5, false);
    expect(batch.isLogAppendTime).toBe(false);
    expect(batch.crcMatches()).toBe(true);
  });

  test('batches that follow each other are stepped through, and what is cut off at the end is passed over', () => {
    const batches = golden.map(({ records }) => records);
    const bytes = Buffer.concat([Buffer.from('gap'), ...batches, batches[0]!.subarray(0, 70)]).subarray(3);
    expect([...eachBatch(bytes)].length).toBe(batches.length);
    expect([...eachBatch(bytes)].map((batch) => Buffer.from(batch.slice()))).not.toEqual([]);
    const sizes: number[] = [];
    for (const batch of eachBatch(bytes)) sizes.push(batch.slice().byteLength);
    expect(sizes).toEqual(batches.map((batch) => batch.byteLength));
    expect([...eachBatch(Buffer.alloc(60))]).toEqual([]);
    expect([...eachBatch(Buffer.alloc(100))]).toEqual([]); // a length of 0 is no batch
  });
});

describe('buildBatch', () => {
  test.each(golden.filter(({ records }) => [0, 1].includes(records[22]! & 7)))(
    'the records of a batch of $client (v$version), built anew, give the same bytes',
    ({ records }) => {
      const original = new BatchView(records);
      const read = readRecords(original);
      const built = buildBatch({
        records: read,
        partitionLeaderEpoch: original.partitionLeaderEpoch,
        attributes: original.attributes & ~7,
        producerId: original.producerId,
        producerEpoch: original.producerEpoch,
        baseSequence: original.baseSequence,
      });
      if (original.codecId === 0 && original.baseTimestamp === read[0]!.timestamp) expect(built).toEqual(records);
      expect(readRecords(new BatchView(built))).toEqual(read);
      for (const codecId of [1, 2, 3, 4]) {
        const compressed = new BatchView(buildBatch({ records: read, attributes: codecId }));
        expect(compressed.codecId).toBe(codecId);
        expect(readRecords(compressed)).toEqual(read);
      }
    },
  );

  test('a timestamp beyond 2^53 is refused', () => {
    expect(() => buildBatch({ records: [{ timestamp: 2 ** 53 }] })).toThrow(expect.objectContaining({ errorName: 'INVALID_TIMESTAMP' }));
  });
});

describe('compression', () => {
  test('gzip of several members is one stream; the bound holds to the byte; damage is INVALID_RECORD', () => {
    const gzip = codecOf(1);
    const two = Buffer.concat([gzip.compress(Buffer.from('ab')), gzip.compress(Buffer.from('cd'))]);
    expect(gzip.decompress(two, 4).toString()).toBe('abcd');
    expect(() => gzip.decompress(two, 3)).toThrow(expect.objectContaining({ errorName: 'MESSAGE_TOO_LARGE' }));
    const bomb = gzip.compress(Buffer.alloc(10_000_000));
    expect(() => gzip.decompress(bomb, 1_000_000)).toThrow(expect.objectContaining({ errorName: 'MESSAGE_TOO_LARGE' }));
    expect(() => gzip.decompress(two.subarray(0, 10), 100)).toThrow(expect.objectContaining({ errorName: 'INVALID_RECORD' }));
  });
});
