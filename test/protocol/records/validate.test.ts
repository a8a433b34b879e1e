import { describe, expect, test } from 'vitest';
import { BatchView } from '../../../src/protocol/records/batch.ts';
import { type BatchInput, buildBatch } from '../../../src/protocol/records/build.ts';
import { plainCrc32c } from '../../../src/protocol/records/crc.ts';
import { type RecordRules, RecordValidationError, requireOneBatch, validateProduced } from '../../../src/protocol/records/validate.ts';
import { producedBatches } from '../../support/produced-batches.ts';

const NOW = Date.UTC(2026, 10, 22);
const rules: RecordRules = {
  topicPartition: 'orders-0',
  maxMessageBytes: 1048588,
  segmentBytes: 2 ** 30,
  compacted: false,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
};

/** A batch of two records, changed by hand behind its builder's back, with a CRC that is right again. */
function tampered(change: (bytes: Buffer) => void, input: Partial<BatchInput> = {}): Buffer {
  const bytes = buildBatch({ records: [record('a', 10), record('b', 20)], ...input });
  change(bytes);
  bytes.writeUInt32BE(plainCrc32c()(bytes.subarray(21)), 17);
  return bytes;
}
const record = (key: string, timestamp: number) => ({ key: Buffer.from(key), value: Buffer.from('v'), timestamp });

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
const refusal = (bytes: Buffer, changed: Partial<RecordRules> = {}) =>
  errorOf(() => validateProduced(bytes, { ...rules, ...changed }, NOW));
const named = (errorName: string, text = '') => expect.objectContaining({ errorName, message: expect.stringContaining(text) });

describe('requireOneBatch', () => {
  const batch = buildBatch({ records: [{}] });

  test('one whole batch passes, also with a part of another behind it', () => {
    requireOneBatch(batch, 3);
    requireOneBatch(Buffer.concat([batch, batch.subarray(0, batch.byteLength - 1)]), 3);
  });

  test.each([
    ['null', null],
    ['nothing', Buffer.alloc(0)],
    ['a part of a batch', batch.subarray(0, 60)],
    ['two batches', Buffer.concat([batch, batch])],
    [
      'a message of magic 1',
      Buffer.concat([Buffer.from('000000000000000000000016', 'hex'), Buffer.from('00000000', 'hex'), Buffer.from([1]), Buffer.alloc(17)]),
    ],
  ])('%s is INVALID_RECORD', (_, records) => {
    expect(errorOf(() => requireOneBatch(records, 9))).toEqual(named('INVALID_RECORD', 'Produce requests with version 9'));
  });

  test('zstd needs Produce v7 (KIP-110)', () => {
    const zstd = tampered((bytes) => bytes.writeInt16BE(4, 21));
    expect(errorOf(() => requireOneBatch(zstd, 6))).toEqual(named('UNSUPPORTED_COMPRESSION_TYPE', 'ZStandard'));
    requireOneBatch(zstd, 7);
  });

  test('a length that no batch has, or an unknown magic, is CORRUPT_MESSAGE', () => {
    expect(
      errorOf(() =>
        requireOneBatch(
          tampered((bytes) => bytes.writeInt32BE(13, 8)),
          9,
        ),
      ),
    ).toEqual(named('CORRUPT_MESSAGE'));
    expect(
      errorOf(() =>
        requireOneBatch(
          tampered((bytes) => bytes.writeInt32BE(-100, 8)),
          9,
        ),
      ),
    ).toEqual(named('CORRUPT_MESSAGE'));
    expect(
      errorOf(() =>
        requireOneBatch(
          tampered((bytes) => bytes.writeInt8(3, 16)),
          9,
        ),
      ),
    ).toEqual(named('CORRUPT_MESSAGE'));
  });
});

describe('validateProduced', () => {
  const supported = producedBatches().filter(({ records }) => (records[22]! & 7) <= 1);

  test.each(supported)('takes what $client sent with v$version', ({ records, version }) => {
    const before = new BatchView(Buffer.from(records));
    requireOneBatch(records, version);
    const valid = validateProduced(records, { ...rules, timestampAfterMaxMs: Number.MAX_SAFE_INTEGER }, NOW);
    expect(valid).toMatchObject({
      batchBytes: records.byteLength,
      count: before.count,
      lastOffsetDelta: before.lastOffsetDelta,
      logAppendTime: -1,
    });
    if (before.maxTimestamp !== -1) expect(valid.maxTimestamp).toBe(before.maxTimestamp);
    expect(new BatchView(records).crcMatches()).toBe(true);
  });

  test('what a client leaves unset is made right: sarama sends no maxTimestamp', () => {
    const bytes = tampered((b) => b.writeBigInt64BE(-1n, 35));
    expect(validateProduced(bytes, rules, NOW)).toMatchObject({ maxTimestamp: 20, offsetDeltaOfMaxTimestamp: 1 });
    expect(bytes.readBigInt64BE(35)).toBe(20n);
    expect(bytes.readUInt32BE(17)).toBe(plainCrc32c()(bytes.subarray(21)));
  });

  test.each<[string, string, (bytes: Buffer) => void]>([
    ['a base offset other than 0', 'INVALID_RECORD', (b) => b.writeBigInt64BE(1n, 0)],
    ['a count of 0', 'INVALID_RECORD', (b) => b.writeInt32BE(0, 57)],
    ['a count that the offsets do not agree with', 'INVALID_RECORD', (b) => b.writeInt32BE(3, 57)],
    ['a negative lastOffsetDelta', 'INVALID_RECORD', (b) => b.writeInt32BE(-1, 23)],
    ['a control batch', 'INVALID_RECORD', (b) => b.writeInt16BE(0x20, 21)],
    ['a producer id with a negative sequence', 'INVALID_RECORD', (b) => b.writeBigInt64BE(9n, 43)],
    ['a base timestamp beyond 2^53', 'INVALID_TIMESTAMP', (b) => b.writeBigInt64BE(2n ** 60n, 27)],
    ['offset deltas that are not 0, 1, 2', 'INVALID_RECORD', (b) => b.writeInt8(4, 64)],
    ['a record that is longer than its length', 'INVALID_RECORD', (b) => b.writeInt8(4, 61)],
    ['a record that ends behind the batch', 'INVALID_RECORD', (b) => b.writeInt8(126, 61)],
    ['a codec that Kafka does not have', 'UNSUPPORTED_COMPRESSION_TYPE', (b) => b.writeInt16BE(5, 21)],
    ['a gzip batch that is no gzip', 'INVALID_RECORD', (b) => b.writeInt16BE(1, 21)],
    ['a snappy batch that is no snappy', 'INVALID_RECORD', (b) => b.writeInt16BE(2, 21)],
    ['a lz4 batch that is no lz4', 'INVALID_RECORD', (b) => b.writeInt16BE(3, 21)],
    ['a zstd batch that is no zstd', 'INVALID_RECORD', (b) => b.writeInt16BE(4, 21)],
  ])('%s is %s', (_, errorName, change) => {
    expect(refusal(tampered(change))).toEqual(named(errorName));
  });

  test('a wrong CRC is CORRUPT_MESSAGE', () => {
    const bytes = buildBatch({ records: [record('a', 1)] });
    bytes[bytes.byteLength - 1]! ^= 1;
    expect(refusal(bytes)).toEqual(named('CORRUPT_MESSAGE', 'Record is corrupt (stored crc = '));
  });

  test('max.message.bytes holds to the byte, and comes before the CRC', () => {
    const bytes = buildBatch({ records: [record('a', 1)] });
    validateProduced(Buffer.from(bytes), { ...rules, maxMessageBytes: bytes.byteLength }, NOW);
    bytes[30]! ^= 1;
    expect(refusal(bytes, { maxMessageBytes: bytes.byteLength - 1 })).toEqual(named('MESSAGE_TOO_LARGE', `is ${bytes.byteLength} bytes`));
  });

  test('segment.bytes holds to the byte', () => {
    const bytes = buildBatch({ records: [record('a', 1)] });
    validateProduced(Buffer.from(bytes), { ...rules, segmentBytes: bytes.byteLength }, NOW);
    expect(refusal(bytes, { segmentBytes: bytes.byteLength - 1 })).toEqual(named('RECORD_LIST_TOO_LARGE'));
  });

  test('a compacted topic names each record without a key (KIP-467)', () => {
    const bytes = buildBatch({ records: [{ key: null }, record('a', 1), { key: null }] });
    const error = refusal(bytes, { compacted: true });
    expect(error).toBeInstanceOf(RecordValidationError);
    expect(error).toEqual(
      named('INVALID_RECORD', 'One or more records have been rejected due to 2 record errors in total, and only showing the first three'),
    );
    expect(error).toMatchObject({
      recordErrors: [0, 2].map((batchIndex) => ({
        batchIndex,
        message: 'Compacted topic cannot accept message without key in topic partition orders-0',
      })),
    });
    validateProduced(bytes, rules, NOW);
  });

  test('timestamps must lie between now - before.max and now + after.max; -1, none, is always taken', () => {
    const at = (timestamp: number) => buildBatch({ records: [record('a', -1), record('b', timestamp)] });
    const bounded = { timestampBeforeMaxMs: 1000, timestampAfterMaxMs: 500 };
    for (const inside of [NOW - 1000, NOW, NOW + 500]) validateProduced(at(inside), { ...rules, ...bounded }, NOW);
    for (const outside of [NOW - 1001, NOW + 501]) {
      expect(refusal(at(outside), bounded)).toMatchObject({
        errorName: 'INVALID_TIMESTAMP',
        message: 'One or more records have been rejected due to invalid timestamp',
        recordErrors: [
          { batchIndex: 1, message: expect.stringContaining(`Timestamp ${outside} of message with offset 1 is out of range`) },
        ],
      });
    }
    expect(refusal(at(NOW + 3_600_001))).toEqual(named('INVALID_TIMESTAMP'));
  });

  test('log append time: the broker sets time and bit; a client that set the bit is refused', () => {
    const bytes = buildBatch({ records: [record('a', NOW * 2)] });
    const logAppendTime = { timestampType: 'LogAppendTime' } as const;
    expect(validateProduced(bytes, { ...rules, ...logAppendTime }, NOW)).toMatchObject({ maxTimestamp: NOW, logAppendTime: NOW });
    expect(new BatchView(bytes)).toMatchObject({ isLogAppendTime: true, maxTimestamp: NOW });
    expect(new BatchView(bytes).crcMatches()).toBe(true);
    expect(refusal(bytes, logAppendTime)).toMatchObject({ errorName: 'INVALID_TIMESTAMP', recordErrors: [{ batchIndex: 0 }] });
  });

  test('with create time the log append time bit of a client is just reset', () => {
    const bytes = tampered((b) => b.writeInt16BE(8, 21));
    expect(validateProduced(bytes, rules, NOW)).toMatchObject({ maxTimestamp: 20, logAppendTime: -1 });
    expect(new BatchView(bytes)).toMatchObject({ isLogAppendTime: false, maxTimestamp: 20 });
    expect(new BatchView(bytes).crcMatches()).toBe(true);
  });
});
