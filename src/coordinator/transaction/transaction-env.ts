import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { TopicPartitions } from './transaction.ts';

export interface TransactionConfig {
  /** transaction.state.log.num.partitions, or what the topic has. */
  readonly statePartitions: number;
  /** transaction.max.timeout.ms */
  readonly maxTimeoutMs: number;
  /** transaction.abort.timed.out.transaction.cleanup.interval.ms */
  readonly timeoutCheckMs: number;
  /** transaction.remove.expired.transaction.cleanup.interval.ms */
  readonly expiryCheckMs: number;
  /** transactional.id.expiration.ms */
  readonly expirationMs: number;
  /** How long a write may take to be committed before its reply fails. */
  readonly writeTimeoutMs: number;
}

/** How a transaction ended, as its partitions are told. */
export interface Markers {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly commits: boolean;
  /** The leader epoch of the coordinator's partition: a marker of an earlier one is refused. */
  readonly coordinatorEpoch: number;
  /** Of transactions: with 2 the epoch is newer than that of the records. */
  readonly transactionVersion: number;
  readonly partitions: TopicPartitions;
}

/** Writes markers to the leaders of partitions, again and again until all have theirs. */
export interface MarkerSender {
  /** `done` once, when every partition has its marker or is no more; never after `cancel`. Returns how to cancel. */
  send(markers: Markers, done: () => void): () => void;
}

export interface TransactionEnv {
  readonly clock: Clock;
  /** Trusted wall time, in ms since 1970: ids that nobody uses any more are forgotten by it. */
  readonly expiryNow: () => number;
  readonly logger: Logger;
  readonly config: () => TransactionConfig;
  readonly markers: MarkerSender;
}
