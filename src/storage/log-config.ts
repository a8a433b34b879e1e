import type { TargetCompression } from '../protocol/records/recompress.ts';

/** What a topic's configuration says to its logs: Kafka's topic keys, parsed. Replaceable while the log is in use. */
export interface LogConfig {
  /** segment.bytes */
  readonly segmentBytes: number;
  /** segment.index.bytes: a full index makes the log roll. */
  readonly segmentIndexBytes: number;
  /** index.interval.bytes */
  readonly indexIntervalBytes: number;
  /** max.message.bytes: largest batch, header included. */
  readonly maxMessageBytes: number;
  /** segment.ms and segment.jitter.ms, which each segment takes a random part of. */
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  /** retention.ms and retention.bytes; negative: no limit. */
  readonly retentionMs: number;
  readonly retentionBytes: number;
  /** flush.messages: so many records that are not durable make the append that brings their number there wait for a sync. */
  readonly flushMessages: number;
  /** flush.ms: nothing stays so long without being durable. Both: Number.MAX_SAFE_INTEGER or more for never. */
  readonly flushMs: number;
  /** file.delete.delay.ms */
  readonly fileDeleteDelayMs: number;
  /** cleanup.policy contains delete: retention.ms and retention.bytes hold. */
  readonly deletes: boolean;
  /** cleanup.policy contains compact. */
  readonly compacted: boolean;
  /** min.cleanable.dirty.ratio and delete.retention.ms, for compaction. */
  readonly minCleanableDirtyRatio: number;
  readonly deleteRetentionMs: number;
  /** min.compaction.lag.ms and max.compaction.lag.ms (KIP-354); the latter Number.MAX_SAFE_INTEGER or more for never. */
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  /** message.timestamp.type */
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  /** message.timestamp.before.max.ms and .after.max.ms; Infinity or any number beyond 2^53 for Kafka's Long.MAX_VALUE. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** compression.type and the level that goes with it; null: `producer`, batches are kept as they come. */
  readonly compression: TargetCompression | null;
}

/** Kafka 4.4.0's defaults. */
export const DEFAULT_LOG_CONFIG: LogConfig = {
  segmentBytes: 1024 * 1024 * 1024,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  maxMessageBytes: 1048588,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  retentionMs: 604_800_000,
  retentionBytes: -1,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  fileDeleteDelayMs: 60_000,
  deletes: true,
  compacted: false,
  minCleanableDirtyRatio: 0.5,
  deleteRetentionMs: 86_400_000,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  compression: null,
};
