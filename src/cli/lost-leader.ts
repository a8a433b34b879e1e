import { type ErrorName, errorNameOf } from '../core/error-codes.ts';
import type { KafkaError } from '../core/errors.ts';

/** The leader of a partition is gone, or is another one now: to be looked for anew. */
export class LostLeader extends Error {
  override name = 'LostLeader';
}

const MOVED: ReadonlySet<ErrorName> = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'REPLICA_NOT_AVAILABLE',
  'OFFSET_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'NETWORK_EXCEPTION',
  'REQUEST_TIMED_OUT',
]);

/** Whether a newer look at the metadata may mend it. */
export const mayHaveMoved = (error: KafkaError | number): boolean =>
  MOVED.has(typeof error === 'number' ? errorNameOf(error) : error.errorName);
