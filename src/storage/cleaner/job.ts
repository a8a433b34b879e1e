import type { TargetCompression } from '../../protocol/records/recompress.ts';
import type { CleanerSettings } from './settings.ts';

/** A .log as a compaction reads it. */
export interface SourceSegment {
  readonly path: string;
  readonly baseOffset: number;
  /** Of whole, finished batches. */
  readonly size: number;
}

/** The producers that the log knows: the last batch of each stays, be it empty, so that what it repeats is told from what is new. */
export interface ActiveProducers {
  readonly ids: Float64Array;
  /** -1: it wrote no data in its epoch, which then is that of a marker. */
  readonly lastOffsets: Float64Array;
  readonly epochs: Int16Array;
}

/** All that a compaction needs to know, so that it can be told to a thread. Offsets are exclusive ends. */
export interface CompactionJob {
  readonly folder: string;
  /** All that may be compacted, oldest first. */
  readonly segments: readonly SourceSegment[];
  /** Those behind them: markers are looked for there. */
  readonly behind: readonly SourceSegment[];
  readonly firstDirtyOffset: number;
  /** Where `segments` end: the base offset of the next one. */
  readonly endOffset: number;
  readonly highWatermark: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly segmentBytes: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  /** Says the level for batches of its codec; a batch keeps the codec that it has. */
  readonly compression: TargetCompression | null;
  readonly producers: ActiveProducers;
  readonly settings: CleanerSettings;
}

/** Neighbouring segments were written into one, which is whole and durable under `.cleaned` names. */
export interface CleanedGroup {
  /** How many of the job's segments, from where the last group ended. */
  readonly from: number;
  readonly baseOffset: number;
  /** Of the new .log. */
  readonly size: number;
  /** False: it is one segment, and all of it stays as it is; nothing was left under `.cleaned` names. */
  readonly changed: boolean;
  readonly messagesBefore: number;
  readonly messagesAfter: number;
}

/** The first pass is done. */
export interface MappedKeys {
  /** Everything before it is compacted when the last group is in place. */
  readonly endOffset: number;
  readonly keys: number;
}
