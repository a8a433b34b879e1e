import { type BatchView, LOG_APPEND_TIME_BIT } from './batch.ts';
import { tooLarge } from './compression/codec.ts';
import { CODEC_LZ4, CODEC_NONE, MAX_DECOMPRESSED_BYTES } from './compression.ts';
import { toMagic0Lz4 } from './legacy-lz4.ts';
import { entryBytes, MessageWriter } from './legacy-message.ts';
import { RecordCursor } from './record-cursor.ts';

const NO_KEY = -1;

/**
 * Makes messages of the formats before v2 from the records of one batch, as Apache Kafka 3.9 does: headers are left out; of a plain batch the
 * records before `fromOffset`, too. In a compressed one all stay: its messages are written plain here, to go into one wrapper (`wrapped`).
 * In parts: a batch may have millions of records.
 */
export class DownConversion {
  private readonly batch: BatchView;
  private readonly magic: 0 | 1;
  private readonly fromOffset: number;
  private readonly sizing: RecordCursor;
  private readonly reading: RecordCursor;
  private readonly logAppendTime: number | null;
  private readonly attributes: number;
  private bytes = 0;
  private firstOffset = -1;
  private lastOffset = -1;
  private maxTimestamp = -1;
  private writer: MessageWriter | null = null;

  /** @param plain the batch's records, decompressed */
  constructor(batch: BatchView, plain: Uint8Array, magic: 0 | 1, fromOffset: number) {
    const isCompressed = batch.codecId !== CODEC_NONE;
    this.batch = batch;
    this.magic = magic;
    this.fromOffset = isCompressed ? -1 : fromOffset;
    this.sizing = new RecordCursor(batch, plain);
    this.reading = new RecordCursor(batch, plain);
    this.logAppendTime = batch.isLogAppendTime ? batch.maxTimestamp : null;
    this.attributes = magic === 1 && batch.isLogAppendTime ? LOG_APPEND_TIME_BIT : 0;
  }

  /**
   * Goes on until it has read, or written, so many bytes more; false when all is done.
   * @throws KafkaError INVALID_RECORD for a damaged batch, MESSAGE_TOO_LARGE for one of more messages than a wrapper may hold
   */
  go(bytes: number): boolean {
    const { sizing, reading } = this;
    const readUntil = sizing.at + bytes;
    while (!this.writer) {
      if (sizing.at >= readUntil) return true;
      if (!sizing.next()) this.writer = this.newWriter();
      else if (sizing.offset >= this.fromOffset) this.measure();
    }
    const { writer } = this;
    const writtenUntil = writer.at + bytes;
    while (writer.at < writtenUntil) {
      if (!reading.next()) return false;
      if (reading.offset >= this.fromOffset) this.write(writer);
    }
    return true;
  }

  /** The messages, plain. */
  get messages(): Buffer {
    return this.writer!.bytes;
  }

  /** All of them in one message. `compressed`: `messages`, with the batch's codec. */
  wrapped(compressed: Buffer): Buffer {
    const { magic, batch, logAppendTime, maxTimestamp, attributes, lastOffset } = this;
    const value = magic === 0 && batch.codecId === CODEC_LZ4 ? toMagic0Lz4(compressed) : compressed;
    const { byteLength } = value;
    const writer = new MessageWriter(magic, Buffer.allocUnsafe(entryBytes(magic, NO_KEY, byteLength)));
    writer.write(lastOffset, attributes | batch.codecId, logAppendTime ?? maxTimestamp, value, 0, NO_KEY, 0, byteLength);
    return writer.bytes;
  }

  /** A small record becomes five times as large. */
  private newWriter(): MessageWriter {
    if (this.bytes > MAX_DECOMPRESSED_BYTES) throw tooLarge('as messages', MAX_DECOMPRESSED_BYTES);
    return new MessageWriter(this.magic, Buffer.allocUnsafe(this.bytes));
  }

  private measure(): void {
    const { offset, timestamp, keyBytes, valueBytes } = this.sizing;
    this.bytes += entryBytes(this.magic, keyBytes, valueBytes);
    if (this.firstOffset < 0) this.firstOffset = offset;
    this.lastOffset = offset;
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
  }

  private write(writer: MessageWriter): void {
    const { reading, magic, batch, attributes, logAppendTime } = this;
    const { offset, timestamp, keyAt, keyBytes, valueAt, valueBytes } = reading;
    // KIP-31: inside a wrapper of magic 1, offsets count from its first message.
    const written = magic === 1 && batch.codecId !== CODEC_NONE ? offset - this.firstOffset : offset;
    writer.write(written, attributes, logAppendTime ?? timestamp, reading.bytes, keyAt, keyBytes, valueAt, valueBytes);
  }
}
