import { KafkaError } from '../../core/errors.ts';
import { BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, BatchView } from './batch.ts';
import { CODEC_ZSTD } from './compression.ts';
import { forEachRecord, type ReadRecord, recordBytes, type Walked, walkRecords } from './walk.ts';

/** One record that is to blame for a refused batch. KIP-467: `batchIndex` is the record's index in its batch. */
export interface RecordError {
  readonly batchIndex: number;
  readonly message: string;
}

/** A batch refused because of single records, which Produce v8 and above can name. */
export class RecordValidationError extends KafkaError {
  override name = 'RecordValidationError';
  readonly recordErrors: readonly RecordError[];
  constructor(errorName: 'INVALID_RECORD' | 'INVALID_TIMESTAMP', message: string, recordErrors: readonly RecordError[]) {
    super(errorName, message);
    this.recordErrors = recordErrors;
  }
}

/** What a topic asks of the records produced to it. */
export interface RecordRules {
  /** `topic-partition`, for messages. */
  readonly topicPartition: string;
  readonly maxMessageBytes: number;
  readonly segmentBytes: number;
  /** Whether cleanup.policy contains compact: every record then needs a key. */
  readonly compacted: boolean;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
}

/** A batch that may be appended, as it now is: maxTimestamp, timestamp type and CRC are the broker's. */
export interface ValidBatch {
  /** Whole size; what follows in the buffer is not part of it. */
  readonly batchBytes: number;
  readonly count: number;
  readonly lastOffsetDelta: number;
  readonly maxTimestamp: number;
  /** Offset delta of the first record with `maxTimestamp`; with log append time 0, as all have it. */
  readonly offsetDeltaOfMaxTimestamp: number;
  /** -1 unless the topic uses log append time. */
  readonly logAppendTime: number;
}

/** Bytes of a header up to and with its magic. */
const MAGIC_END = 17;
/** As in Apache Kafka's message; a batch may have a million bad records. */
const SHOWN_RECORD_ERRORS = 3;
const MAX_RECORD_ERRORS = 1000; // Kafka has no bound; a reply that names a million records helps nobody

/**
 * What Produce v3 and above may carry for one partition: one whole batch of magic 2. Checked before anything else about the partition, so
 * a handler calls it first, before it asks who leads.
 * @throws KafkaError INVALID_RECORD, UNSUPPORTED_COMPRESSION_TYPE (zstd before v7, KIP-110), CORRUPT_MESSAGE
 */
export function requireOneBatch(records: Uint8Array | null, produceVersion: number): void {
  const requests = `Produce requests with version ${produceVersion}`;
  const batch = records && wholeBatchAt(new BatchView(records), 0);
  if (!batch) throw new KafkaError('INVALID_RECORD', `${requests} must have at least one record batch per partition`);
  if (batch.magic !== 2) {
    throw new KafkaError('INVALID_RECORD', `${requests} are only allowed to contain record batches with magic version 2`);
  }
  if (produceVersion < 7 && batch.codecId === CODEC_ZSTD) {
    throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `${requests} are not allowed to use ZStandard compression`);
  }
  if (wholeBatchAt(batch, batch.sizeInBytes)) {
    throw new KafkaError('INVALID_RECORD', `${requests} are only allowed to contain exactly one record batch per partition`);
  }
}

/**
 * Validates the one batch that a client produced to a partition and makes its header the broker's: maxTimestamp is recomputed (sarama leaves
 * it unset), the timestamp type set, and the CRC with them when either changed. Base offset and leader epoch are left to the log.
 * `requireOneBatch` comes first. Checks are made in Apache Kafka's order.
 *
 * A compressed batch is decompressed here, at once. Whoever does not want that takes the steps one by one: `checkHeader`, the records'
 * bytes, a walk over them, `checkRecords`, `checkFitsSegment`.
 *
 * Deviations from Apache Kafka: offset deltas must be 0, 1, 2, ... (Kafka stores an uncompressed batch that breaks this, unreadable as it
 * is); a damaged compressed stream is INVALID_RECORD, not UNKNOWN_SERVER_ERROR.
 *
 * @throws KafkaError with the code of the first check that fails; RecordValidationError when single records are to blame
 */
export function validateProduced(records: Uint8Array, rules: RecordRules, nowMs: number): ValidBatch {
  const batch = new BatchView(records);
  checkHeader(batch, rules);
  const plain = recordBytes(batch);
  const valid = checkRecords(batch, plain, walkRecords(batch, plain), rules, nowMs);
  checkFitsSegment(valid.batchBytes, rules);
  return valid;
}

/** The last check, of the batch as it is appended. @throws KafkaError RECORD_LIST_TOO_LARGE */
export function checkFitsSegment(batchBytes: number, { topicPartition, segmentBytes }: RecordRules): void {
  if (batchBytes <= segmentBytes) return;
  throw new KafkaError(
    'RECORD_LIST_TOO_LARGE',
    `Message batch size is ${batchBytes} bytes in append to partition ${topicPartition}, which exceeds the maximum configured segment size of ${segmentBytes}.`,
  );
}

/** What can be told from the header, the CRC included. @throws KafkaError */
export function checkHeader(batch: BatchView, { topicPartition, maxMessageBytes }: RecordRules): void {
  const { baseOffset, sizeInBytes, count, lastOffsetDelta, producerId, baseSequence } = batch;
  if (baseOffset !== 0) {
    throw new KafkaError(
      'INVALID_RECORD',
      `The baseOffset of the record batch in the append to ${topicPartition} should be 0, but it is ${baseOffset}`,
    );
  }
  if (sizeInBytes > maxMessageBytes) {
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `The record batch size in the append to ${topicPartition} is ${sizeInBytes} bytes which exceeds the maximum configured value of ${maxMessageBytes}).`,
    );
  }
  if (sizeInBytes < BATCH_HEADER_BYTES || !batch.crcMatches()) {
    throw new KafkaError('CORRUPT_MESSAGE', `Record is corrupt (stored crc = ${batch.crc}) in topic partition ${topicPartition}.`);
  }
  const refuse = (why: string) => new KafkaError('INVALID_RECORD', `${why} in topic partition ${topicPartition}`);
  if (lastOffsetDelta < 0) throw refuse(`Batch has an invalid offset range: [0, ${lastOffsetDelta}]`);
  if (count <= 0) throw refuse(`Invalid reported count for record batch: ${count}`);
  if (lastOffsetDelta + 1 !== count) throw refuse(`Inconsistent batch offset range [0, ${lastOffsetDelta}] and count of records ${count}`);
  if (batch.isControl) throw refuse('Clients are not allowed to write control records');
  if (producerId >= 0 && baseSequence < 0) {
    throw refuse(`Invalid sequence number ${baseSequence} in record batch with producerId ${producerId}`);
  }
}

/**
 * Judges what a walk over the records found, and makes the header the broker's; once for a batch.
 * @param plain the records' bytes, decompressed
 * @throws KafkaError, RecordValidationError when single records are to blame
 */
export function checkRecords(batch: BatchView, plain: Uint8Array, walked: Walked, rules: RecordRules, nowMs: number): ValidBatch {
  const { sizeInBytes: batchBytes, count, lastOffsetDelta } = batch;
  const logAppendTime = rules.timestampType === 'LogAppendTime';
  const earliest = nowMs - rules.timestampBeforeMaxMs;
  const latest = nowMs + rules.timestampAfterMaxMs;
  const outOfRange = !logAppendTime && (walked.maxTimestamp > latest || walked.minTimestamp < earliest);
  const wrongType = logAppendTime && batch.isLogAppendTime;
  if ((rules.compacted && walked.hasNullKey) || outOfRange || wrongType) throw blameRecords(batch, plain, rules, earliest, latest);

  if (logAppendTime) {
    batch.setMaxTimestamp(nowMs, true);
    return { batchBytes, count, lastOffsetDelta, maxTimestamp: nowMs, offsetDeltaOfMaxTimestamp: 0, logAppendTime: nowMs };
  }
  const { maxTimestamp, offsetDeltaOfMaxTimestamp } = walked;
  if (batch.maxTimestamp !== maxTimestamp || batch.isLogAppendTime) batch.setMaxTimestamp(maxTimestamp, false);
  return { batchBytes, count, lastOffsetDelta, maxTimestamp, offsetDeltaOfMaxTimestamp, logAppendTime: -1 };
}

/** The walk said that something is wrong with some records; this one, off the hot path, says with which. */
function blameRecords(batch: BatchView, plain: Uint8Array, rules: RecordRules, earliest: number, latest: number): RecordValidationError {
  const { topicPartition, compacted, timestampType } = rules;
  const errors: RecordError[] = [];
  let total = 0;
  let badTimestamp = false;
  let batchIndex = 0;
  const add = (message: string) => {
    total++;
    if (errors.length < MAX_RECORD_ERRORS) errors.push({ batchIndex, message });
  };
  const wrongType = timestampType === 'LogAppendTime' && batch.isLogAppendTime;
  if (timestampType === 'CreateTime' && batch.isLogAppendTime) batch.setMaxTimestamp(batch.maxTimestamp, false); // judge the records' own times
  const judge = ({ offset, timestamp, key }: ReadRecord) => {
    const outOfRange = timestampType === 'CreateTime' && timestamp !== -1 && (timestamp < earliest || timestamp > latest);
    if (compacted && key === null) {
      add(`Compacted topic cannot accept message without key in topic partition ${topicPartition}`);
    } else if (outOfRange) {
      badTimestamp = true;
      add(
        `Timestamp ${timestamp} of message with offset ${offset} is out of range. The timestamp should be within [${earliest}, ${latest}]`,
      );
    } else if (wrongType) {
      badTimestamp = true;
      add(`Invalid timestamp type in message ${offset}. Producer should not set timestamp type to LogAppendTime.`);
    }
    batchIndex++;
  };
  forEachRecord(batch, judge, plain);
  if (badTimestamp) {
    return new RecordValidationError('INVALID_TIMESTAMP', 'One or more records have been rejected due to invalid timestamp', errors);
  }
  const shown = errors
    .slice(0, SHOWN_RECORD_ERRORS)
    .map((error) => `RecordError(batchIndex=${error.batchIndex}, message='${error.message}')`);
  const message = `One or more records have been rejected due to ${total} record errors in total, and only showing the first three errors at most: [${shown.join(', ')}]`;
  return new RecordValidationError('INVALID_RECORD', message, errors);
}

/** Moves to a batch that is whole by its own length; null when the bytes end before it does. A trailing part is no batch. */
function wholeBatchAt(batch: BatchView, at: number): BatchView | null {
  batch.reset(batch.bytes, at);
  const left = batch.bytes.byteLength - at;
  if (left < BATCH_OVERHEAD_BYTES) return null;
  if (batch.sizeInBytes < SMALLEST_ENTRY_BYTES) {
    throw new KafkaError(
      'CORRUPT_MESSAGE',
      `Record size ${batch.sizeInBytes - BATCH_OVERHEAD_BYTES} is less than the minimum record overhead (14)`,
    );
  }
  if (left < MAGIC_END) return null;
  if (batch.magic < 0 || batch.magic > 2) throw new KafkaError('CORRUPT_MESSAGE', `Invalid magic found in record: ${batch.magic}`);
  if (left < batch.sizeInBytes) return null;
  if (batch.magic === 2 && batch.sizeInBytes < BATCH_HEADER_BYTES) {
    throw new KafkaError('CORRUPT_MESSAGE', `Record batch of ${batch.sizeInBytes} bytes is smaller than its header`);
  }
  return batch;
}

/** A message of magic 0 without key and value, the smallest entry that any version has. */
const SMALLEST_ENTRY_BYTES = BATCH_OVERHEAD_BYTES + 14;
