import { crc32c } from './crc.ts';

/**
 * Record batch v2 (magic 2) as a view over bytes at fixed offsets.
 *
 *   0 baseOffset i64 · 8 length i32 (bytes after itself) · 12 partitionLeaderEpoch i32 · 16 magic i8 · 17 crc u32 · 21 attributes i16
 *   23 lastOffsetDelta i32 · 27 baseTimestamp i64 · 35 maxTimestamp i64 · 43 producerId i64 · 51 producerEpoch i16 · 53 baseSequence i32
 *   57 count i32 · 61 records
 *
 * The CRC-32C covers byte 21 to the end: base offset and leader epoch may be patched without it, the rest may not.
 */
export const BATCH_HEADER_BYTES = 61;
/** baseOffset and length, which the length field does not count. */
export const BATCH_OVERHEAD_BYTES = 12;

const LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;
const COUNT_AT = 57;

export const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
export const DELETE_HORIZON_BIT = 0x40;

const TWO_32 = 2 ** 32;

/** What compaction writes anew in a batch's header. */
export interface FilteredFields {
  /** Bytes behind the header. */
  readonly payloadBytes: number;
  readonly count: number;
  readonly codecId: number;
  /** Whether `baseTimestamp` is a delete horizon (KIP-534). */
  readonly horizon: boolean;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
}

/**
 * A cursor that can be moved from batch to batch, and from buffer to buffer, without an allocation per batch. Nothing is checked: reading
 * past the bytes throws a RangeError, so ask `isWhole` first. int64 fields are numbers; what lies beyond 2^53 comes out inexact.
 */
export class BatchView {
  bytes: Uint8Array;
  /** Where the batch begins in `bytes`. */
  at: number;
  private view: DataView;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  reset(bytes: Uint8Array, at = 0): this {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.at = at;
    return this;
  }

  /** Whether all bytes of a batch are here, by its own length. A length that no batch can have counts as not whole. */
  isWhole(): boolean {
    const left = this.bytes.byteLength - this.at;
    return left >= BATCH_HEADER_BYTES && this.sizeInBytes >= BATCH_HEADER_BYTES && this.sizeInBytes <= left;
  }
  /** Moves behind this batch. */
  next(): this {
    this.at += this.sizeInBytes;
    return this;
  }

  get baseOffset(): number {
    return this.int64(0);
  }
  /** Header and records. */
  get sizeInBytes(): number {
    return this.view.getInt32(this.at + LENGTH_AT) + BATCH_OVERHEAD_BYTES;
  }
  get partitionLeaderEpoch(): number {
    return this.view.getInt32(this.at + LEADER_EPOCH_AT);
  }
  get magic(): number {
    return this.view.getInt8(this.at + MAGIC_AT);
  }
  get crc(): number {
    return this.view.getUint32(this.at + CRC_AT);
  }
  get attributes(): number {
    return this.view.getInt16(this.at + ATTRIBUTES_AT);
  }
  get lastOffsetDelta(): number {
    return this.view.getInt32(this.at + LAST_OFFSET_DELTA_AT);
  }
  /** With the delete horizon bit: the time from which tombstones and markers of the batch may go. */
  get baseTimestamp(): number {
    return this.int64(BASE_TIMESTAMP_AT);
  }
  get maxTimestamp(): number {
    return this.int64(MAX_TIMESTAMP_AT);
  }
  get producerId(): number {
    return this.int64(PRODUCER_ID_AT);
  }
  get producerEpoch(): number {
    return this.view.getInt16(this.at + PRODUCER_EPOCH_AT);
  }
  get baseSequence(): number {
    return this.view.getInt32(this.at + BASE_SEQUENCE_AT);
  }
  get count(): number {
    return this.view.getInt32(this.at + COUNT_AT);
  }

  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }
  get nextOffset(): number {
    return this.lastOffset + 1;
  }
  get codecId(): number {
    return this.attributes & CODEC_MASK;
  }
  get isLogAppendTime(): boolean {
    return (this.attributes & LOG_APPEND_TIME_BIT) !== 0;
  }
  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL_BIT) !== 0;
  }
  get isControl(): boolean {
    return (this.attributes & CONTROL_BIT) !== 0;
  }
  get hasDeleteHorizon(): boolean {
    return (this.attributes & DELETE_HORIZON_BIT) !== 0;
  }

  /** The records as they are in the batch, compressed or not; a view. */
  payload(): Uint8Array {
    return this.bytes.subarray(this.at + BATCH_HEADER_BYTES, this.at + this.sizeInBytes);
  }
  /** The whole batch; a view. */
  slice(): Uint8Array {
    return this.bytes.subarray(this.at, this.at + this.sizeInBytes);
  }
  computeCrc(): number {
    return crc32c(this.bytes.subarray(this.at + ATTRIBUTES_AT, this.at + this.sizeInBytes));
  }
  crcMatches(): boolean {
    return this.computeCrc() === this.crc;
  }

  /** Outside the CRC. */
  setBaseOffset(offset: number): void {
    this.setInt64(0, offset);
  }
  /** Outside the CRC. */
  setPartitionLeaderEpoch(epoch: number): void {
    this.view.setInt32(this.at + LEADER_EPOCH_AT, epoch);
  }
  /** Sets what a broker decides about time, and the CRC with it. With log append time, readers take `maxTimestamp` for every record. */
  setMaxTimestamp(maxTimestamp: number, logAppendTime: boolean): void {
    const attributes = logAppendTime ? this.attributes | LOG_APPEND_TIME_BIT : this.attributes & ~LOG_APPEND_TIME_BIT;
    this.view.setInt16(this.at + ATTRIBUTES_AT, attributes);
    this.setInt64(MAX_TIMESTAMP_AT, maxTimestamp);
    this.view.setUint32(this.at + CRC_AT, this.computeCrc());
  }

  /** Sets the codec of the records that the batch now has, its length with them (all that is behind the header), and the CRC. */
  setPayload(codecId: number, payloadBytes: number): void {
    this.view.setInt32(this.at + LENGTH_AT, BATCH_HEADER_BYTES - BATCH_OVERHEAD_BYTES + payloadBytes);
    this.view.setInt16(this.at + ATTRIBUTES_AT, (this.attributes & ~CODEC_MASK) | codecId);
    this.view.setUint32(this.at + CRC_AT, this.computeCrc());
  }

  /**
   * Makes the header that of a batch of which some records are gone: what it says of records, codec, horizon and time, its length, and the CRC,
   * which needs the payload in place. Offsets, leader epoch, producer and the other attributes stay.
   */
  setFiltered({ payloadBytes, count, codecId, horizon, baseTimestamp, maxTimestamp }: FilteredFields): void {
    const attributes = (this.attributes & ~CODEC_MASK & ~DELETE_HORIZON_BIT) | codecId | (horizon ? DELETE_HORIZON_BIT : 0);
    this.view.setInt32(this.at + LENGTH_AT, BATCH_HEADER_BYTES - BATCH_OVERHEAD_BYTES + payloadBytes);
    this.view.setInt16(this.at + ATTRIBUTES_AT, attributes);
    this.setInt64(BASE_TIMESTAMP_AT, baseTimestamp);
    this.setInt64(MAX_TIMESTAMP_AT, maxTimestamp);
    this.view.setInt32(this.at + COUNT_AT, count);
    this.view.setUint32(this.at + CRC_AT, this.computeCrc());
  }

  private int64(field: number): number {
    return this.view.getInt32(this.at + field) * TWO_32 + this.view.getUint32(this.at + field + 4);
  }
  private setInt64(field: number, value: number): void {
    this.view.setInt32(this.at + field, Math.floor(value / TWO_32));
    this.view.setUint32(this.at + field + 4, value >>> 0);
  }
}

/**
 * Each whole batch of a buffer, in order, as one cursor that moves: take what is needed from it before going on. Bytes behind the last
 * whole batch (a fetch response may end in the middle of one) are passed over.
 */
export function* eachBatch(bytes: Uint8Array): Generator<BatchView, void, undefined> {
  const batch = new BatchView(bytes);
  while (batch.isWhole()) {
    const next = batch.at + batch.sizeInBytes;
    yield batch;
    batch.reset(bytes, next);
  }
}
