import { KafkaError } from '../../core/errors.ts';
import { BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, CODEC_MASK } from './batch.ts';
import { codecOf } from './compression.ts';
import { crc32c } from './crc.ts';
import { writeZigzag, zigzagSize } from './varint.ts';

export interface HeaderInput {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface RecordInput {
  /** Default null. */
  readonly key?: Uint8Array | null;
  /** Default null: a tombstone. */
  readonly value?: Uint8Array | null;
  readonly headers?: readonly HeaderInput[];
  /** Ms since 1970; default -1, no timestamp. */
  readonly timestamp?: number;
}

export interface BatchInput {
  readonly records: readonly RecordInput[];
  /** Default 0, which is what a producer sends. */
  readonly baseOffset?: number;
  /** Default -1. */
  readonly partitionLeaderEpoch?: number;
  /** Codec in bits 0-2 and the flag bits of batch.ts; default 0. The records are compressed with that codec. */
  readonly attributes?: number;
  /** These three default to -1: not idempotent. */
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
}

const TWO_32 = 2 ** 32;

/**
 * Encodes a record batch v2: what the coordinators append, what the client produces. The records take consecutive offsets.
 * @throws KafkaError INVALID_TIMESTAMP for a timestamp beyond 2^53, UNSUPPORTED_COMPRESSION_TYPE for a codec this broker does not have.
 */
export function buildBatch(input: BatchInput): Buffer {
  const { records, attributes = 0 } = input;
  const baseTimestamp = records[0]?.timestamp ?? -1;
  let maxTimestamp = -1;
  let payloadBytes = 0;
  const keys = records.map((record) => (record.headers ?? []).map((header) => Buffer.from(header.key)));
  const sizes = records.map((record, i) => {
    const timestamp = record.timestamp ?? -1;
    if (!Number.isSafeInteger(timestamp)) throw new KafkaError('INVALID_TIMESTAMP', `Timestamp ${timestamp} is beyond 2^53`);
    maxTimestamp = Math.max(maxTimestamp, timestamp);
    const size = bodySize(record, timestamp - baseTimestamp, i, keys[i]!);
    payloadBytes += zigzagSize(size) + size;
    return size;
  });

  const codec = codecOf(attributes & CODEC_MASK);
  const plain = codec.id === 0;
  const whole = Buffer.allocUnsafe(BATCH_HEADER_BYTES + payloadBytes);
  let at = BATCH_HEADER_BYTES;
  for (const [i, record] of records.entries())
    at = writeRecord(whole, at, record, sizes[i]!, (record.timestamp ?? -1) - baseTimestamp, i, keys[i]!);

  const batch = plain ? whole : Buffer.concat([whole.subarray(0, BATCH_HEADER_BYTES), codec.compress(whole.subarray(BATCH_HEADER_BYTES))]);
  writeBatchHeader(batch, { ...input, count: records.length, attributes, baseTimestamp, maxTimestamp });
  return batch;
}

export interface HeaderFields extends Omit<BatchInput, 'records'> {
  readonly count: number;
  readonly attributes: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
}

/** Writes the header, with the CRC, before the records that `batch` has behind the room for it. */
export function writeBatchHeader(batch: Buffer, header: HeaderFields): void {
  const { count } = header;
  const int64 = (value: number, at: number) => {
    batch.writeInt32BE(Math.floor(value / TWO_32), at);
    batch.writeUInt32BE(value >>> 0, at + 4);
  };
  int64(header.baseOffset ?? 0, 0);
  batch.writeInt32BE(batch.byteLength - BATCH_OVERHEAD_BYTES, 8);
  batch.writeInt32BE(header.partitionLeaderEpoch ?? -1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(header.attributes, 21);
  batch.writeInt32BE(Math.max(count - 1, 0), 23);
  int64(header.baseTimestamp, 27);
  int64(header.maxTimestamp, 35);
  int64(header.producerId ?? -1, 43);
  batch.writeInt16BE(header.producerEpoch ?? -1, 51);
  batch.writeInt32BE(header.baseSequence ?? -1, 53);
  batch.writeInt32BE(count, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
}

function bodySize(record: RecordInput, timestampDelta: number, offsetDelta: number, headerKeys: readonly Buffer[]): number {
  let size = 1 + zigzagSize(timestampDelta) + zigzagSize(offsetDelta) + fieldSize(record.key) + fieldSize(record.value);
  size += zigzagSize(headerKeys.length);
  for (const [i, key] of headerKeys.entries()) size += fieldSize(key) + fieldSize(record.headers![i]!.value);
  return size;
}

function fieldSize(field: Uint8Array | null | undefined): number {
  return field ? zigzagSize(field.byteLength) + field.byteLength : 1;
}

function writeRecord(
  into: Buffer,
  from: number,
  record: RecordInput,
  size: number,
  timestampDelta: number,
  offsetDelta: number,
  headerKeys: readonly Buffer[],
): number {
  let at = writeZigzag(into, from, size);
  into[at++] = 0; // record attributes: none are defined
  at = writeZigzag(into, at, timestampDelta);
  at = writeZigzag(into, at, offsetDelta);
  at = writeField(into, at, record.key);
  at = writeField(into, at, record.value);
  at = writeZigzag(into, at, headerKeys.length);
  for (const [i, key] of headerKeys.entries()) {
    at = writeField(into, at, key);
    at = writeField(into, at, record.headers![i]!.value);
  }
  return at;
}

function writeField(into: Buffer, from: number, field: Uint8Array | null | undefined): number {
  const at = writeZigzag(into, from, field ? field.byteLength : -1);
  if (!field) return at;
  into.set(field, at);
  return at + field.byteLength;
}
