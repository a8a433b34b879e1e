import { KafkaError } from '../../core/errors.ts';
import { BATCH_HEADER_BYTES } from './batch.ts';
import { crc32 } from './crc.ts';

/**
 * Message sets, the formats before record batches. Each entry:
 *
 *   0 offset i64 · 8 size i32 (bytes after itself) · 12 crc u32 · 16 magic i8 (0 or 1) · 17 attributes i8 · [18 timestamp i64, magic 1]
 *   key (i32 length, bytes) · value (i32 length, bytes)
 *
 * The CRC-32 covers the magic to the end. Attributes: codec in bits 0-2, log append time in bit 3. The value of a compressed message, a
 * wrapper, is another message set; its offset is that of the last message in it. The offsets inside are the messages' own in magic 0, and
 * count from the wrapper's first message in magic 1 (KIP-31).
 */
export const ENTRY_OVERHEAD_BYTES = 12;
/** CRC, magic, attributes, and the lengths of key and value. */
export const MESSAGE_OVERHEAD_BYTES = [14, 22] as const;
const SMALLEST_ENTRY_BYTES = ENTRY_OVERHEAD_BYTES + MESSAGE_OVERHEAD_BYTES[0];
const SIZE_AT = 8;
export const CRC_AT = 12;
export const MAGIC_AT = 16;
const ATTRIBUTES_AT = 17;
const TIMESTAMP_AT = 18;
/** Bytes of an entry up to and with its magic. */
const MAGIC_END = 17;
const TWO_32 = 2 ** 32;

/**
 * A cursor over the entries of a message set. `next` moves it; the fields are those of the entry it stands on. Nothing is allocated for an
 * entry, and no length is believed.
 */
export class MessageCursor {
  readonly bytes: Uint8Array;
  /** Where the entry begins. */
  at = 0;
  /** Where it ends, by its own size. */
  end = 0;
  magic = 0;
  /** Of key and value: where they begin, and their length, -1 for null. What `readFields` found. */
  keyAt = 0;
  keyBytes = -1;
  valueAt = 0;
  valueBytes = -1;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Moves to the next entry that is whole; false when there is none. Bytes behind the last whole entry are passed over, as Kafka does.
   * @throws KafkaError CORRUPT_MESSAGE for a size or magic that no entry can have
   */
  next(): boolean {
    const left = this.bytes.byteLength - this.end;
    if (left < ENTRY_OVERHEAD_BYTES) return false;
    const entryBytes = this.view.getInt32(this.end + SIZE_AT) + ENTRY_OVERHEAD_BYTES;
    if (entryBytes < SMALLEST_ENTRY_BYTES) throw corrupt(`An entry of ${entryBytes} bytes is smaller than any can be`);
    if (left < MAGIC_END) return false;
    const magic = this.view.getInt8(this.end + MAGIC_AT);
    if (magic < 0 || magic > 2) throw corrupt(`Invalid magic found in record: ${magic}`);
    if (left < entryBytes) return false;
    if (magic === 2 && entryBytes < BATCH_HEADER_BYTES) throw corrupt(`A record batch of ${entryBytes} bytes is smaller than its header`);
    this.at = this.end;
    this.end += entryBytes;
    this.magic = magic;
    return true;
  }

  /** Moves over entries until so many bytes more are behind it; false when there are no more. */
  forEach(bytes: number, each: () => void): boolean {
    const until = this.end + bytes;
    while (this.end < until) {
      if (!this.next()) return false;
      each();
    }
    return true;
  }

  get sizeInBytes(): number {
    return this.end - this.at;
  }
  get offset(): number {
    return this.int64(this.at);
  }
  get attributes(): number {
    return this.view.getInt8(this.at + ATTRIBUTES_AT);
  }
  /** Ms since 1970, -1: none. Beyond 2^53 it comes out inexact. */
  get timestamp(): number {
    return this.magic === 0 ? -1 : this.int64(this.at + TIMESTAMP_AT);
  }

  /** Of magic 0 and 1. */
  crcMatches(): boolean {
    return this.view.getUint32(this.at + CRC_AT) === crc32(this.bytes.subarray(this.at + MAGIC_AT, this.end));
  }

  /**
   * Finds key and value, of magic 0 and 1. Bytes behind the value are passed over, as Kafka does.
   * @throws KafkaError INVALID_RECORD when they are longer than the message
   */
  readFields(): void {
    const from = this.at + (this.magic === 0 ? TIMESTAMP_AT : TIMESTAMP_AT + 8);
    this.keyAt = from + 4;
    this.keyBytes = this.fieldBytes(from);
    const valueLengthAt = this.keyAt + Math.max(this.keyBytes, 0);
    this.valueAt = valueLengthAt + 4;
    this.valueBytes = this.fieldBytes(valueLengthAt);
  }

  private fieldBytes(at: number): number {
    const left = this.end - at - 4;
    const length = left < 0 ? 0 : this.view.getInt32(at);
    if (length < -1 || length > left)
      throw new KafkaError('INVALID_RECORD', `A field of ${length} bytes in a message that has ${left} left`);
    return length;
  }

  private int64(at: number): number {
    return this.view.getInt32(at) * TWO_32 + this.view.getUint32(at + 4);
  }
}

export function corrupt(why: string): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', why);
}

/** Bytes of an entry with such a key and value; lengths of -1: null. */
export function entryBytes(magic: 0 | 1, keyBytes: number, valueBytes: number): number {
  return ENTRY_OVERHEAD_BYTES + MESSAGE_OVERHEAD_BYTES[magic] + Math.max(keyBytes, 0) + Math.max(valueBytes, 0);
}

/** Writes entries one after the other into a buffer that has room for them. */
export class MessageWriter {
  readonly bytes: Buffer;
  at = 0;
  private readonly magic: 0 | 1;

  constructor(magic: 0 | 1, bytes: Buffer) {
    this.magic = magic;
    this.bytes = bytes;
  }

  /** `source` has key and value; lengths of -1: null. */
  write(
    offset: number,
    attributes: number,
    timestamp: number,
    source: Uint8Array,
    keyAt: number,
    keyBytes: number,
    valueAt: number,
    valueBytes: number,
  ): void {
    const { bytes, magic, at } = this;
    const end = at + entryBytes(magic, keyBytes, valueBytes);
    this.int64(offset, at);
    bytes.writeInt32BE(end - at - ENTRY_OVERHEAD_BYTES, at + SIZE_AT);
    bytes[at + MAGIC_AT] = magic;
    bytes[at + ATTRIBUTES_AT] = attributes;
    if (magic === 1) this.int64(timestamp, at + TIMESTAMP_AT);
    const behindKey = this.field(at + (magic === 0 ? TIMESTAMP_AT : TIMESTAMP_AT + 8), source, keyAt, keyBytes);
    this.field(behindKey, source, valueAt, valueBytes);
    bytes.writeUInt32BE(crc32(bytes.subarray(at + MAGIC_AT, end)), at + CRC_AT);
    this.at = end;
  }

  private field(at: number, source: Uint8Array, from: number, length: number): number {
    this.bytes.writeInt32BE(length, at);
    if (length > 0) this.bytes.set(source.subarray(from, from + length), at + 4);
    return at + 4 + Math.max(length, 0);
  }

  private int64(value: number, at: number): void {
    this.bytes.writeInt32BE(Math.floor(value / TWO_32), at);
    this.bytes.writeUInt32BE(value >>> 0, at + 4);
  }
}
