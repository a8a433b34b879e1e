import { KafkaError } from '../../core/errors.ts';
import { BATCH_HEADER_BYTES, BatchView } from './batch.ts';
import { checkFitsSegment, type RecordRules, type ValidBatch } from './validate.ts';

/** compression.type, when it is not `producer`: what all batches of a topic are compressed with. */
export interface TargetCompression {
  readonly codecId: number;
  /** compression.<codec>.level; undefined: the codec has none. It acts when a batch is compressed here: one that comes with this codec is kept. */
  readonly level: number | undefined;
}

/** A batch as it is appended in another's place. */
export interface Recompressed {
  readonly records: Uint8Array;
  readonly valid: ValidBatch;
}

/**
 * A valid batch with its records in another codec. All else of the header stays: the records' bytes are the same, and with them their
 * offset deltas, timestamps and headers; producer id, epoch and sequence; the attribute bits beside the codec.
 *
 * Deviation from Apache Kafka: it writes each record anew, so that its base timestamp becomes that of the first record, where a client
 * chose another; readers see the same records.
 *
 * @param payload the records' bytes, compressed with `codecId`
 * @throws KafkaError MESSAGE_TOO_LARGE (asked of what came, and again of this), RECORD_LIST_TOO_LARGE
 */
export function recompressed(batch: BatchView, valid: ValidBatch, codecId: number, payload: Uint8Array, rules: RecordRules): Recompressed {
  const batchBytes = BATCH_HEADER_BYTES + payload.byteLength;
  const { topicPartition, maxMessageBytes } = rules;
  if (batchBytes > maxMessageBytes) {
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `Message batch size is ${batchBytes} bytes in append to partition ${topicPartition} which exceeds the maximum configured size of ${maxMessageBytes}.`,
    );
  }
  checkFitsSegment(batchBytes, rules);
  const records = Buffer.allocUnsafe(batchBytes);
  records.set(batch.bytes.subarray(batch.at, batch.at + BATCH_HEADER_BYTES));
  records.set(payload, BATCH_HEADER_BYTES);
  new BatchView(records).setPayload(codecId, payload.byteLength);
  return { records, valid: { ...valid, batchBytes } };
}
