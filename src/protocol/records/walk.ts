import { KafkaError } from '../../core/errors.ts';
import type { BatchView } from './batch.ts';
import { CODEC_NONE, codecOf, MAX_DECOMPRESSED_BYTES } from './compression.ts';
import { malformed, VarintReader } from './varint.ts';

const MAX = Number.MAX_SAFE_INTEGER;

/** What a walk over a batch's records finds out, without making an object of any of them. */
export interface Walked {
  /** Highest create time of a record, -1 when no record has one. */
  readonly maxTimestamp: number;
  /** Offset delta of the first record with `maxTimestamp`. */
  readonly offsetDeltaOfMaxTimestamp: number;
  /** Lowest create time of a record that has one (-1 means none); Infinity when no record has. */
  readonly minTimestamp: number;
  readonly hasNullKey: boolean;
}

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** One record; key, value and header values are views of the batch (of its decompressed form, when it is compressed). */
export interface ReadRecord {
  readonly offset: number;
  /** Ms since 1970, -1: none. With log append time, the batch's. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

/** The records' bytes, decompressed when they are compressed. */
export function recordBytes(batch: BatchView): Uint8Array {
  const codecId = batch.codecId;
  return codecId === CODEC_NONE ? batch.payload() : codecOf(codecId).decompress(batch.payload(), MAX_DECOMPRESSED_BYTES);
}

/** Walks over all records in one go. See `RecordWalk`. */
export function walkRecords(batch: BatchView, plain: Uint8Array, mayHaveGaps = false): Walked {
  const walk = new RecordWalk(batch, plain, mayHaveGaps);
  walk.go(Number.POSITIVE_INFINITY);
  return walk;
}

/**
 * Checks that `plain`, the batch's records decompressed, are exactly `count` well-formed records with the offset deltas 0, 1, 2, ...
 * and finds what the log needs to know of them. `mayHaveGaps`: compaction leaves gaps between the deltas of a stored batch. It can be done
 * in parts: a batch may have millions of records.
 */
export class RecordWalk implements Walked {
  maxTimestamp = -1;
  offsetDeltaOfMaxTimestamp = 0;
  minTimestamp = Number.POSITIVE_INFINITY;
  hasNullKey = false;
  private readonly reader: VarintReader;
  private readonly count: number;
  private readonly baseTimestamp: number;
  private readonly lastOffsetDelta: number;
  private readonly mayHaveGaps: boolean;
  private walked = 0;
  private nextDelta = 0;

  constructor(batch: BatchView, plain: Uint8Array, mayHaveGaps = false) {
    this.reader = new VarintReader(plain);
    this.count = batch.count;
    this.baseTimestamp = batch.baseTimestamp;
    this.lastOffsetDelta = batch.lastOffsetDelta;
    this.mayHaveGaps = mayHaveGaps;
  }

  /**
   * Walks on, over so many records at most; false when all is done. What it found holds only then.
   * @throws KafkaError INVALID_RECORD, or INVALID_TIMESTAMP for a timestamp beyond 2^53
   */
  go(records: number): boolean {
    const { reader, count, baseTimestamp, lastOffsetDelta, mayHaveGaps } = this;
    let { maxTimestamp, minTimestamp, nextDelta } = this;
    const until = Math.min(count, this.walked + records);
    for (let i = this.walked; i < until; i++) {
      const end = recordEnd(reader);
      const timestamp = timestampOf(baseTimestamp, reader.varlong());
      const offsetDelta = reader.varint();
      const isInOrder = offsetDelta === nextDelta || (mayHaveGaps && offsetDelta > nextDelta && offsetDelta <= lastOffsetDelta);
      if (!isInOrder) throw malformed(`record ${i} has the offset delta ${offsetDelta}`);
      nextDelta = offsetDelta + 1;
      if (passField(reader)) this.hasNullKey = true;
      passField(reader);
      passHeaders(reader);
      if (reader.at !== end) throw malformed(`record ${i} is ${reader.at - end} bytes longer than its length says`);
      if (timestamp > maxTimestamp) {
        maxTimestamp = timestamp;
        this.offsetDeltaOfMaxTimestamp = offsetDelta;
      }
      if (timestamp < minTimestamp && timestamp !== -1) minTimestamp = timestamp;
    }
    this.walked = until;
    this.nextDelta = nextDelta;
    this.maxTimestamp = maxTimestamp;
    this.minTimestamp = minTimestamp;
    if (until < count) return true;
    if (reader.at !== reader.end) throw malformed(`${reader.end - reader.at} bytes follow its ${count} records`);
    return false;
  }
}

/**
 * Calls `each` for every record of a stored batch in order, until it returns false. `plain`: see `recordBytes`.
 * @throws KafkaError as `walkRecords`; what went before a malformed record has then been given to `each`
 */
export function forEachRecord(batch: BatchView, each: (record: ReadRecord) => unknown, plain: Uint8Array = recordBytes(batch)): void {
  const { count, baseOffset, baseTimestamp } = batch;
  const logAppendTime = batch.isLogAppendTime ? batch.maxTimestamp : null;
  const bytes = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
  const reader = new VarintReader(plain);
  for (let i = 0; i < count; i++) {
    const end = recordEnd(reader);
    const timestamp = timestampOf(baseTimestamp, reader.varlong());
    const offset = baseOffset + reader.varint();
    const key = readField(reader, bytes);
    const value = readField(reader, bytes);
    const headers = readHeaders(reader, bytes);
    if (reader.at !== end) throw malformed(`record ${i} is ${reader.at - end} bytes longer than its length says`);
    if (each({ offset, timestamp: logAppendTime ?? timestamp, key, value, headers }) === false) return;
  }
}

/** All records of a batch. */
export function readRecords(batch: BatchView): ReadRecord[] {
  const records: ReadRecord[] = [];
  forEachRecord(batch, (record) => void records.push(record));
  return records;
}

/** Reads a record's length and attributes; returns where the record ends. */
function recordEnd(reader: VarintReader): number {
  const length = reader.varint();
  if (length < 0 || length > reader.end - reader.at)
    throw malformed(`a record of ${length} bytes at byte ${reader.at}, ${reader.end - reader.at} left`);
  const end = reader.at + length;
  reader.take(1);
  return end;
}

/** Kafka's timestamps are 64-bit; ours are exact to 2^53 - 1, some 285,000 years. */
function timestampOf(base: number, delta: number): number {
  const timestamp = base + delta;
  if (delta > MAX || delta < -MAX || timestamp > MAX || timestamp < -MAX || base > MAX || base < -MAX) {
    throw new KafkaError('INVALID_TIMESTAMP', 'A timestamp of the record batch is beyond 2^53');
  }
  return timestamp;
}

/** Passes over a key or value; true when it is null. */
function passField(reader: VarintReader): boolean {
  const length = reader.varint();
  if (length === -1) return true;
  reader.take(length);
  return false;
}

function passHeaders(reader: VarintReader): void {
  const count = headerCount(reader);
  for (let i = 0; i < count; i++) {
    reader.take(reader.varint());
    passField(reader);
  }
}

function readField(reader: VarintReader, bytes: Buffer): Buffer | null {
  const length = reader.varint();
  if (length === -1) return null;
  const at = reader.take(length);
  return bytes.subarray(at, at + length);
}

const NO_HEADERS: readonly RecordHeader[] = [];

function readHeaders(reader: VarintReader, bytes: Buffer): readonly RecordHeader[] {
  const count = headerCount(reader);
  if (count === 0) return NO_HEADERS;
  const headers: RecordHeader[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.varint();
    const at = reader.take(length);
    headers.push({ key: bytes.toString('utf8', at, at + length), value: readField(reader, bytes) });
  }
  return headers;
}

/** A header takes two bytes at least, so a count that the bytes left cannot hold is refused before it is believed. */
function headerCount(reader: VarintReader): number {
  const count = reader.varint();
  if (count < 0 || count * 2 > reader.end - reader.at) throw malformed(`${count} record headers at byte ${reader.at}`);
  return count;
}
