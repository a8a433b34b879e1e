import { KafkaError } from '../../core/errors.ts';
import { BATCH_HEADER_BYTES, CODEC_MASK, LOG_APPEND_TIME_BIT } from './batch.ts';
import { writeBatchHeader } from './build.ts';
import { CODEC_NONE } from './compression.ts';
import type { Wrapper } from './legacy-check.ts';
import { corrupt, MessageCursor } from './legacy-message.ts';
import type { Recompressed } from './recompress.ts';
import { checkFitsSegment, type RecordRules } from './validate.ts';
import { writeZigzag, zigzagSize } from './varint.ts';

/** A record's attributes, and its count of headers: both 0. */
const ATTRIBUTES_AND_HEADERS_BYTES = 2;

/**
 * Makes one record batch v2 of a message set: of plain messages, or of those that were in one wrapper, decompressed. Each is checked as Apache
 * Kafka does: magic, CRC (of those inside a wrapper; the others have been), key, timestamp. In parts: a set may have millions of messages.
 *
 * Offsets are given anew, 0, 1, 2, ..., whatever the client wrote. A message of magic 0 has no timestamp (-1). Nothing is allocated for a
 * message; together they never take more bytes as records than as messages.
 */
export class UpConversion {
  private readonly cursor: MessageCursor;
  private readonly into: Buffer;
  private readonly magic: 0 | 1;
  private readonly wrapper: Wrapper | null;
  private readonly rules: RecordRules;
  private readonly nowMs: number;
  private at = BATCH_HEADER_BYTES;
  private count = 0;
  private baseTimestamp = -1;
  private maxTimestamp = -1;
  private offsetDeltaOfMaxTimestamp = 0;
  private lastInnerOffset = -1;
  private refusal: KafkaError | null = null;

  /** @param set the plain messages: of the whole set, or of its one wrapper */
  constructor(set: Uint8Array, magic: 0 | 1, wrapper: Wrapper | null, rules: RecordRules, nowMs: number) {
    this.cursor = new MessageCursor(set);
    this.into = Buffer.allocUnsafe(BATCH_HEADER_BYTES + set.byteLength);
    this.magic = magic;
    this.wrapper = wrapper;
    this.rules = rules;
    this.nowMs = nowMs;
  }

  /**
   * Goes on until so many bytes more are behind it; false when all is done.
   * @throws KafkaError INVALID_RECORD, INVALID_TIMESTAMP, CORRUPT_MESSAGE
   */
  go(bytes: number): boolean {
    const hasMore = this.cursor.forEach(bytes, this.take);
    if (!hasMore) this.finish();
    return hasMore;
  }

  /** The records that were written, plain. */
  get payload(): Buffer {
    return this.into.subarray(BATCH_HEADER_BYTES, this.at);
  }

  /**
   * The batch, with the records as they are to be stored: `payload` itself, or compressed with `codecId`.
   * @throws KafkaError MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE
   */
  batch(codecId: number, stored: Buffer): Recompressed {
    const { rules, nowMs, count, baseTimestamp } = this;
    const batchBytes = BATCH_HEADER_BYTES + stored.byteLength;
    if (batchBytes > rules.maxMessageBytes)
      throw new KafkaError(
        'MESSAGE_TOO_LARGE',
        `Message batch size is ${batchBytes} bytes in append to partition ${rules.topicPartition} which exceeds the maximum configured size of ${rules.maxMessageBytes}.`,
      );
    checkFitsSegment(batchBytes, rules);
    const isLogAppendTime = rules.timestampType === 'LogAppendTime';
    const maxTimestamp = isLogAppendTime ? nowMs : this.maxTimestamp;
    const records = codecId === CODEC_NONE ? this.into.subarray(0, this.at) : Buffer.concat([Buffer.alloc(BATCH_HEADER_BYTES), stored]);
    writeBatchHeader(records, { count, attributes: codecId | (isLogAppendTime ? LOG_APPEND_TIME_BIT : 0), baseTimestamp, maxTimestamp });
    const offsetDeltaOfMaxTimestamp = isLogAppendTime ? 0 : this.offsetDeltaOfMaxTimestamp;
    const logAppendTime = isLogAppendTime ? nowMs : -1;
    return { records, valid: { batchBytes, count, lastOffsetDelta: count - 1, maxTimestamp, offsetDeltaOfMaxTimestamp, logAppendTime } };
  }

  private readonly take = (): void => {
    const { cursor, wrapper, rules } = this;
    if (wrapper) this.checkInner();
    cursor.readFields();
    const timestamp = wrapper?.isLogAppendTime ? wrapper.timestamp : cursor.timestamp;
    if (rules.compacted && cursor.keyBytes < 0)
      this.refuse('INVALID_RECORD', `Compacted topic cannot accept message without key in topic partition ${rules.topicPartition}`);
    else this.checkTimestamp(timestamp);
    if (!this.refusal) this.write(timestamp);
  };

  /** @throws KafkaError what ends the conversion at once */
  private checkInner(): void {
    const { cursor, magic, rules } = this;
    if (cursor.magic !== magic)
      throw new KafkaError(
        'INVALID_RECORD',
        `A message of magic ${cursor.magic} in one of magic ${magic} in topic partition ${rules.topicPartition}`,
      );
    if ((cursor.attributes & CODEC_MASK) !== CODEC_NONE) throw new KafkaError('INVALID_RECORD', 'Inner messages must not be compressed');
    if (!cursor.crcMatches()) throw corrupt(`Record is corrupt in topic partition ${rules.topicPartition}.`);
    this.lastInnerOffset = cursor.offset;
  }

  private checkTimestamp(timestamp: number): void {
    const { rules, wrapper, cursor, nowMs } = this;
    // Kafka fails inside on a negative one.
    const isExact = timestamp >= -1 && timestamp <= Number.MAX_SAFE_INTEGER;
    const isRanged = rules.timestampType === 'CreateTime' && timestamp !== -1;
    const isInRange = timestamp >= nowMs - rules.timestampBeforeMaxMs && timestamp <= nowMs + rules.timestampAfterMaxMs;
    const isOfBroker = wrapper ? wrapper.isLogAppendTime : this.magic === 1 && (cursor.attributes & LOG_APPEND_TIME_BIT) !== 0;
    if (!isExact || (isRanged && !isInRange))
      this.refuse('INVALID_TIMESTAMP', `Timestamp ${timestamp} of message ${this.count} is out of range.`);
    else if (!isRanged && isOfBroker)
      this.refuse('INVALID_TIMESTAMP', 'Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.');
  }

  /** Plain messages are batches of their own: the first that is refused decides. In a wrapper, a timestamp goes before a key. */
  private refuse(errorName: 'INVALID_RECORD' | 'INVALID_TIMESTAMP', why: string): void {
    const isWorse = !this.refusal || (errorName === 'INVALID_TIMESTAMP' && this.refusal.errorName !== errorName);
    if (isWorse) this.refusal = new KafkaError(errorName, why);
    if (this.refusal && !this.wrapper) throw this.refusal;
  }

  private write(timestamp: number): void {
    const { cursor, into } = this;
    const { bytes, keyAt, keyBytes, valueAt, valueBytes } = cursor;
    if (this.count === 0) this.baseTimestamp = timestamp;
    const timestampDelta = timestamp - this.baseTimestamp;
    const { count } = this;
    const bodyBytes =
      ATTRIBUTES_AND_HEADERS_BYTES + zigzagSize(timestampDelta) + zigzagSize(count) + fieldBytes(keyBytes) + fieldBytes(valueBytes);
    let at = writeZigzag(into, this.at, bodyBytes);
    into[at++] = 0;
    at = writeZigzag(into, at, timestampDelta);
    at = writeZigzag(into, at, count);
    at = writeField(into, at, bytes, keyAt, keyBytes);
    at = writeField(into, at, bytes, valueAt, valueBytes);
    into[at++] = 0;
    this.at = at;
    if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp;
      this.offsetDeltaOfMaxTimestamp = count;
    }
    this.count++;
  }

  private finish(): void {
    const { wrapper, magic, lastInnerOffset } = this;
    if (this.refusal) throw this.refusal;
    if (this.count === 0) throw new KafkaError('INVALID_RECORD', 'Found invalid compressed record set with no inner records');
    // Old librdkafka leaves the wrapper's offset 0.
    if (wrapper && magic === 1 && wrapper.offset !== 0 && wrapper.offset < lastInnerOffset)
      throw new KafkaError('INVALID_RECORD', `The wrapper's offset ${wrapper.offset} is less than the last inner one, ${lastInnerOffset}`);
  }
}

function fieldBytes(length: number): number {
  return length < 0 ? 1 : zigzagSize(length) + length;
}

function writeField(into: Buffer, from: number, source: Uint8Array, sourceAt: number, length: number): number {
  const at = writeZigzag(into, from, length);
  if (length <= 0) return at;
  into.set(source.subarray(sourceAt, sourceAt + length), at);
  return at + length;
}
