import { KafkaError } from '../core/errors.ts';
import { BatchView } from '../protocol/records/batch.ts';
import { type RecordRules, type ValidBatch, validateProduced } from '../protocol/records/validate.ts';
import type { LogConfig } from './log-config.ts';

/**
 * Whether a log may take this batch: one that a client produced is validated as Kafka does, one that this broker built only has to fit.
 * @throws KafkaError the codes of `validateProduced`
 */
export function checkBatch(
  records: Uint8Array,
  origin: 'client' | 'coordinator',
  config: LogConfig,
  topicPartition: string,
  nowMs: number,
): ValidBatch {
  if (origin === 'coordinator') return checkFits(records, config);
  return validateProduced(records, rulesOf(config, topicPartition), nowMs);
}

/** What a log's configuration asks of the records that clients produce. */
export function rulesOf(config: LogConfig, topicPartition: string): RecordRules {
  const { maxMessageBytes, segmentBytes, compacted, timestampType, timestampBeforeMaxMs, timestampAfterMaxMs } = config;
  return { topicPartition, maxMessageBytes, segmentBytes, compacted, timestampType, timestampBeforeMaxMs, timestampAfterMaxMs };
}

function checkFits(records: Uint8Array, { maxMessageBytes, segmentBytes }: LogConfig): ValidBatch {
  const { sizeInBytes: batchBytes, count, lastOffsetDelta, maxTimestamp } = new BatchView(records);
  if (batchBytes > maxMessageBytes) {
    throw new KafkaError('MESSAGE_TOO_LARGE', `A batch of ${batchBytes} bytes, at most ${maxMessageBytes} are allowed`);
  }
  if (batchBytes > segmentBytes) {
    throw new KafkaError('RECORD_LIST_TOO_LARGE', `A batch of ${batchBytes} bytes, a segment has ${segmentBytes}`);
  }
  return { batchBytes, count, lastOffsetDelta, maxTimestamp, offsetDeltaOfMaxTimestamp: lastOffsetDelta, logAppendTime: -1 };
}
