import type { LogConfig } from './log-config.ts';
import type { Segment } from './segment.ts';

/** What of a log a compaction would go through now. Bytes are those of whole segments, as Kafka counts them. */
export interface Cleanable {
  /** Everything before it has been compacted. */
  readonly firstDirtyOffset: number;
  /** Where a compaction ends at the latest: a segment's base offset. */
  readonly firstUncleanableOffset: number;
  /** Bytes before `firstDirtyOffset`, and from there to `firstUncleanableOffset`. */
  readonly cleanBytes: number;
  readonly dirtyBytes: number;
  /** dirtyBytes of all those; 0 when there are none. min.cleanable.dirty.ratio is held against it. */
  readonly ratio: number;
  /** A dirty record is older than max.compaction.lag.ms (KIP-354): it is to be compacted whatever the ratio. */
  readonly mustClean: boolean;
  /** Whether a compaction is worth it, or must be: by min.cleanable.dirty.ratio and `mustClean`. */
  readonly isDue: boolean;
}

export const NOTHING_CLEANABLE: Cleanable = {
  firstDirtyOffset: 0,
  firstUncleanableOffset: 0,
  cleanBytes: 0,
  dirtyBytes: 0,
  ratio: 0,
  mustClean: false,
  isDue: false,
};

/** Where a log is, as far as its compaction asks. Offsets are exclusive ends. */
export interface CompactionState {
  readonly nowMs: number;
  readonly firstDirtyOffset: number;
  readonly highWatermark: number;
  /** Where the first transaction begins that is not decided, or not committed to be; the high watermark, or beyond, without any. */
  readonly firstUnstableOffset: number;
}

/**
 * What may be compacted of these segments, the last of which is active: that one never, nothing that is not committed or decided, and
 * nothing from the first segment on that has a record younger than min.compaction.lag.ms.
 */
export function cleanableRange(all: readonly Segment[], config: LogConfig, state: CompactionState): Cleanable {
  const { nowMs, firstDirtyOffset, highWatermark, firstUnstableOffset } = state;
  const active = all.at(-1)!;
  const stable = Math.min(active.baseOffset, highWatermark, firstUnstableOffset);
  const firstDirty = Math.max(floorOf(all, firstDirtyOffset), 0);
  let end = Math.max(floorOf(all, stable), 0);
  if (config.minCompactionLagMs > 0) {
    const young = all.findIndex(({ maxTimestamp }, i) => i >= firstDirty && i < end && maxTimestamp > nowMs - config.minCompactionLagMs);
    if (young >= 0) end = young;
  }
  const firstUncleanableOffset = all[end]!.baseOffset;
  const dirty = all.slice(firstDirty, end);
  // Kafka counts the segment that the first dirty offset is in with both.
  const cleanBytes = sizeOf(all.filter(({ baseOffset }) => baseOffset < firstDirtyOffset));
  const dirtyBytes = sizeOf(dirty);
  const oldest = nowMs - config.maxCompactionLagMs;
  const mustClean = dirtyBytes > 0 && oldest > 0 && dirty.some(({ beginTimestamp }) => beginTimestamp > 0 && beginTimestamp < oldest);
  const ratio = dirtyBytes === 0 ? 0 : dirtyBytes / (cleanBytes + dirtyBytes);
  const isDue = mustClean || ratio > config.minCleanableDirtyRatio;
  return { firstDirtyOffset, firstUncleanableOffset, cleanBytes, dirtyBytes, ratio, mustClean, isDue };
}

/** The segment that `offset` belongs to; -1 before the first. */
const floorOf = (all: readonly Segment[], offset: number): number => all.findLastIndex(({ baseOffset }) => baseOffset <= offset);

export const sizeOf = (segments: readonly Segment[]): number => segments.reduce((sum, { size }) => sum + size, 0);
