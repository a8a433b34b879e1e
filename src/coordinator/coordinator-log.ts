import { KafkaError } from '../core/errors.ts';
import type { CoordinatorRecord } from '../protocol/messages/internal/coordinator-records.ts';
import type { TransactionMarker } from '../storage/producer-state.ts';
import type { Verification } from '../storage/verifications.ts';

/** A record of a coordinator's log, and how it came in. */
export interface ReplayedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly offset: number;
  /** Of the transaction that it is part of; -1: of none. */
  readonly producerId: number;
}

/** What reads a coordinator's log, in its order. */
export interface LogReplay {
  record(record: ReplayedRecord): void;
  /** A producer's transaction ends here. */
  marker(producerId: number, commits: boolean): void;
}

/** Records that are part of a client's transaction. */
export interface TransactionalWrite {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** What the transaction's coordinator has said of it: see Partition.beginVerification. */
  readonly verification: Verification;
}

/** One partition of a coordinator's topic, as the coordinator's runtime needs it; for as long as this broker leads it in one leader epoch. */
export interface CoordinatorLog {
  /** In which this broker leads it. */
  readonly leaderEpoch: number;
  /** This broker does not lead the partition any more, or in a later leader epoch: others may have written to it meanwhile. */
  readonly isOver: boolean;
  /**
   * Appends the records as one batch, and returns the offset of the first. `done(null)` once the high watermark has passed them (it may be called before `append` returns),
   * `done(error)` when that can no longer be promised; in the order of the appends.
   * @throws KafkaError when the records are refused: then nothing was appended, and `done` is never called.
   */
  append(records: readonly CoordinatorRecord[], done: (error: KafkaError | null) => void, transaction?: TransactionalWrite): number;
  /** Appends the marker that ends a client's transaction; as `append`. @throws KafkaError as Partition.appendMarker */
  appendMarker(marker: TransactionMarker, done: (error: KafkaError | null) => void): number;
  /** Tells `replay` everything from the log's start to its end. */
  replay(replay: LogReplay): Promise<void>;
  /** Resolves once all that `replay` has read is committed; rejects with a KafkaError when that can no longer be. */
  committed(): Promise<void>;
}

/** Opens a partition that this broker leads. Rejects with a KafkaError otherwise: NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, ... */
export type OpenLog = (partition: number) => Promise<CoordinatorLog>;

/** @throws KafkaError as `OpenLog` rejects with, when this broker is not the partition's leader now, or may not be any more */
export type RequireLeader = (partition: number) => void;

/** What a client of a coordinator is told of a failure in the coordinator's own log: it knows nothing of that log's partitions. */
export function coordinatorError(error: unknown): KafkaError {
  if (!(error instanceof KafkaError)) return new KafkaError('UNKNOWN_SERVER_ERROR');
  switch (error.errorName) {
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'LEADER_NOT_AVAILABLE':
    case 'NOT_ENOUGH_REPLICAS':
    case 'NOT_ENOUGH_REPLICAS_AFTER_APPEND':
    case 'REQUEST_TIMED_OUT':
      return new KafkaError('COORDINATOR_NOT_AVAILABLE');
    case 'NOT_LEADER_OR_FOLLOWER':
    case 'KAFKA_STORAGE_ERROR':
      return new KafkaError('NOT_COORDINATOR');
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
    case 'INVALID_FETCH_SIZE':
      return new KafkaError('UNKNOWN_SERVER_ERROR');
    default:
      return error;
  }
}
