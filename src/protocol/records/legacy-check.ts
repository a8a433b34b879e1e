import { KafkaError } from '../../core/errors.ts';
import { BatchView, CODEC_MASK, LOG_APPEND_TIME_BIT } from './batch.ts';
import { asBuffer } from './compression/codec.ts';
import { CODEC_LZ4, CODEC_NONE, CODEC_ZSTD, codecOf } from './compression.ts';
import { fromMagic0Lz4 } from './legacy-lz4.ts';
import { corrupt, MAGIC_AT, MessageCursor } from './legacy-message.ts';
import { type RecordRules, requireOneBatch } from './validate.ts';

/** A compressed message: what it says of the messages in it. */
export interface Wrapper {
  readonly offset: number;
  readonly timestamp: number;
  readonly isLogAppendTime: boolean;
}

const NOTHING = new Uint8Array(0);
const ONE_BATCH = 'Compressed outer record has more than one batch';

/**
 * What a Produce before version 3 carries for one partition: a message set as it came, or one record batch without the bytes that follow it. No
 * whole entry at all is nothing to append, and no error.
 * @throws KafkaError CORRUPT_MESSAGE, INVALID_RECORD
 */
export function messageSetOrBatch(records: Uint8Array | null): Uint8Array {
  if (!records) throw new KafkaError('INVALID_RECORD', 'Produce requests must have records for each partition');
  const first = new MessageCursor(records);
  if (!first.next()) return NOTHING;
  if (first.magic < 2) return records;
  const { end } = first;
  if (first.next()) throw new KafkaError('INVALID_RECORD', ONE_BATCH);
  return records.subarray(0, end);
}

/** Whether these are records of the formats before record batches, or none at all. One byte tells. */
export const isMessageSet = (records: Uint8Array): boolean => records[MAGIC_AT] !== 2;

/**
 * The checks of a message set that need no decompression, in Apache Kafka's order; and what it then is. In parts: a set may have millions of
 * entries.
 */
export class MessageSetCheck {
  /** Whole entries. */
  entries = 0;
  magic: 0 | 1 = 0;
  /** The codec of the one wrapper; 0: the messages are plain. */
  codecId = CODEC_NONE;
  /** What the one wrapper says; null: the messages are plain. */
  wrapper: Wrapper | null = null;
  private readonly cursor: MessageCursor;
  private readonly rules: RecordRules;
  private isMixed = false;

  constructor(records: Uint8Array, rules: RecordRules) {
    this.cursor = new MessageCursor(records);
    this.rules = rules;
  }

  /**
   * Goes on until so many bytes more are behind it; false when all is done.
   * @throws KafkaError CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_RECORD, UNSUPPORTED_COMPRESSION_TYPE
   */
  go(bytes: number): boolean {
    const hasMore = this.cursor.forEach(bytes, this.take);
    if (!hasMore) this.finish();
    return hasMore;
  }

  /** The wrapper's value as its codec reads it. @throws KafkaError INVALID_RECORD */
  compressed(): Buffer {
    const { cursor, codecId, magic } = this;
    cursor.readFields();
    if (cursor.valueBytes < 0)
      throw new KafkaError('INVALID_RECORD', `Found invalid compressed record set with null value (magic = ${magic})`);
    const value = asBuffer(cursor.bytes.subarray(cursor.valueAt, cursor.valueAt + cursor.valueBytes));
    return magic === 0 && codecId === CODEC_LZ4 ? fromMagic0Lz4(value) : value;
  }

  private readonly take = (): void => {
    this.checkEntry();
    const { magic } = this.cursor;
    if (this.entries++ === 0) this.magic = magic === 0 ? 0 : 1;
    else if (magic !== this.magic) this.isMixed = true;
    if (magic < 2) this.noteCodec();
  };

  private checkEntry(): void {
    const { cursor } = this;
    const { topicPartition, maxMessageBytes } = this.rules;
    if (cursor.sizeInBytes > maxMessageBytes)
      throw new KafkaError(
        'MESSAGE_TOO_LARGE',
        `The record batch size in the append to ${topicPartition} is ${cursor.sizeInBytes} bytes which exceeds the maximum configured value of ${maxMessageBytes}).`,
      );
    const matches = cursor.magic === 2 ? new BatchView(cursor.bytes, cursor.at).crcMatches() : cursor.crcMatches();
    if (!matches) throw corrupt(`Record is corrupt in topic partition ${topicPartition}.`);
  }

  private noteCodec(): void {
    const { attributes, magic, offset, timestamp } = this.cursor;
    const codecId = attributes & CODEC_MASK;
    if (codecId === CODEC_NONE) return;
    codecOf(codecId);
    this.codecId = codecId;
    this.wrapper = { offset, timestamp, isLogAppendTime: magic === 1 && (attributes & LOG_APPEND_TIME_BIT) !== 0 };
  }

  private finish(): void {
    if (this.codecId !== CODEC_NONE && this.entries > 1) throw new KafkaError('INVALID_RECORD', ONE_BATCH);
    if (this.isMixed) throw new KafkaError('INVALID_RECORD', `Not all messages have the magic ${this.magic} of the first`);
    if (this.codecId === CODEC_ZSTD) throw new KafkaError('INVALID_RECORD', 'Messages before record batches know no ZStandard compression');
  }
}

/** For callers that serve every version of Produce. */
export function producedRecords(records: Uint8Array | null, produceVersion: number): Uint8Array {
  if (produceVersion < FIRST_WITH_BATCHES) return messageSetOrBatch(records);
  requireOneBatch(records, produceVersion);
  return records!;
}

/** KIP-98: from this version of Produce on, one record batch. */
const FIRST_WITH_BATCHES = 3;
