import { isError, KafkaError, nodeCodeOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

export function outOfRange(topicPartition: string, offset: number, startOffset: number, endOffset: number): KafkaError {
  const message = `Received request for offset ${offset} for partition ${topicPartition}, but we only have log segments from offset ${startOffset} to ${endOffset}`;
  return new KafkaError('OFFSET_OUT_OF_RANGE', message);
}

/** What is on the disk is not what was written there: no reader may get it. */
export class DamageError extends Error {
  override name = 'DamageError';
}

/** What the disk says is logged, and becomes KAFKA_STORAGE_ERROR, or CORRUPT_MESSAGE. A KafkaError stays what it is. */
export function storageError(error: unknown, topicPartition: string, logger: Logger): KafkaError {
  if (error instanceof KafkaError) return error;
  logger.error({ log: topicPartition, error: isError(error) ? error.message : String(error) }, 'the log could not be read or written');
  if (error instanceof DamageError) return new KafkaError('CORRUPT_MESSAGE', `The log of ${topicPartition} is damaged`);
  return new KafkaError('KAFKA_STORAGE_ERROR', `The log of ${topicPartition} cannot be used now: ${codeOf(error)}`);
}

/** Node's code of an error (ENOSPC, EIO), which says enough to a client. */
export function codeOf(error: unknown): string {
  return nodeCodeOf(error) || 'I/O error';
}
