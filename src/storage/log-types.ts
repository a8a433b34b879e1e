import type { BufferPool } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { TrustedTime } from '../core/trusted-time.ts';
import type { ValidBatch } from '../protocol/records/validate.ts';
import type { LogCleaner } from './cleaner/sessions.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import type { HandleCache } from './handle-cache.ts';
import type { TopicPartition } from './partition-folder.ts';
import type { ProducerLimits } from './producer-state.ts';
import type { Segment } from './segment.ts';
import type { Shortage } from './shortage.ts';
import type { SyncSlots } from './sync-slots.ts';

/** Called once: null, or what went wrong. */
export type Done = (error: Error | null) => void;

/** What a log shares with the others of its broker. */
export interface LogResources {
  readonly cache: HandleCache;
  readonly clock: Clock;
  /** What decides over the age of records, where that cannot be taken back. */
  readonly trustedTime: TrustedTime;
  readonly pool: BufferPool;
  readonly logger: Logger;
  readonly producers: ProducerLimits;
  readonly flushes: FlushScheduler;
  readonly syncSlots: SyncSlots;
  /** For reads that leave the loop. */
  readonly readSlots: SyncSlots;
  /** Compacts, one log after the other. */
  readonly cleaner: LogCleaner;
}

export interface LogContext extends LogResources {
  /** Of the directory. */
  readonly shortage: Shortage;
  /** Told what the disk said to a log, and that a log went offline: the directory decides whether it has failed as a whole. */
  report(cause: unknown, log: TopicPartition & { readonly isOffline: boolean }): void;
}

/** A log, as what copies it to another directory sees it. */
export interface CopySource {
  /** Changes as the log does. */
  readonly segments: readonly Segment[];
  readonly hasFolder: boolean;
  readonly folder: string;
  /** Counts truncations and segments that left the log. */
  readonly changes: number;
  readonly endOffset: number;
  epochsText(): string;
}

/** Where a log is, and what the last run said of it. */
export interface LogLocation extends TopicPartition {
  readonly folder: string;
  /** Asked when the log is first used. True: the folder is there and belongs to this log. May move a stranger's folder out of the way. */
  claim(): boolean;
  /** Creates the folder and says in it whose it is; before the first append. */
  create(): void;
  /**
   * The log was cut, or lost its end: where it now begins or ends before what the checkpoints say, they would hide or trust after a crash what
   * is appended there meanwhile. Writes them anew if so.
   */
  takenBack(): void;
  /**
   * Before the log is cut to `offset`: no checkpoint may promise more. A power failure in the middle brings back any of the segments that were
   * removed, and behind the recovery point alone a hole between them is told from what compaction leaves.
   */
  promisesLess(offset: number): void;
  /**
   * Everything before `offset` is durable, and compaction may leave gaps there: sees to it that the checkpoint says so. A gap that a start finds
   * behind the recovery point is one that a power failure has left.
   */
  madeDurable(offset: number): void;
  /** As `madeDurable`, without holding the loop up. `done` may be called before this returns. */
  madeDurableLater(offset: number, done: Done): void;
  /** Everything before `offset` is compacted now, and what was written for it is in its place: the cleaner-offset-checkpoint says so. Less than before: the log was cut. */
  compactedTo(offset: number): void;
  /** What the cleaner-offset-checkpoint says: never beyond the end of the log, maybe before its start; -1: nothing. */
  readonly firstDirtyOffset: number;
  /** Gaps before it are not of a power failure: the recovery point, or Infinity when it is not known. */
  readonly gapsBefore: number;
  /** From the checkpoints of the last run. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly unclean: boolean;
}

export interface AppendOptions {
  /** Stamped into the batch. */
  readonly leaderEpoch: number;
  /** `client` (default): one produced batch, validated as Kafka does. `coordinator`: a batch that this broker built, trusted. */
  readonly origin?: 'client' | 'coordinator';
  /** Checks what this version of Produce may carry; leave it out when `requireOneBatch` was called before. */
  readonly produceVersion?: number;
  /** What validation found, when it was done before: the batch is then taken as it is. */
  readonly valid?: ValidBatch;
}

/** For a batch that an idempotent producer repeats: what became of it the first time. */
export interface AppendInfo {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Ms since 1970 when the topic uses log append time, else -1. Of a repeated batch it is the highest timestamp, as in Kafka. */
  readonly logAppendTime: number;
  readonly maxTimestamp: number;
  readonly count: number;
  readonly batchBytes: number;
}
