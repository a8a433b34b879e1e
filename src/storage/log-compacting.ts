import type { KafkaError } from '../core/errors.ts';
import type { TargetCompression } from '../protocol/records/recompress.ts';
import type { CompactionJob, SourceSegment } from './cleaner/job.ts';
import { type CompactedLog, Compaction, type CompactionDone, type CompactionResult, NOTHING_COMPACTED } from './compaction.ts';
import { type Cleanable, cleanableRange, NOTHING_CLEANABLE } from './compaction-range.ts';
import { SyncError } from './flusher.ts';
import { LogFlushing } from './log-flushing.ts';
import type { Done, LogLocation } from './log-types.ts';
import type { OpenedLog } from './open-log.ts';
import { CLEANED, Segment } from './segment.ts';

export { type CompactionDone, type CompactionResult, NOTHING_COMPACTED } from './compaction.ts';

/**
 * How a log forgets records that a later one of their key replaces. Full segments are written anew by the cleaner (`cleaner/`), small neighbours
 * into one, and put in the place of those that they were made from; offsets are never renumbered, and the active segment is left alone.
 */
export abstract class LogCompacting extends LogFlushing {
  protected abstract readonly location: LogLocation;
  private compaction: Compaction | undefined;
  private swaps = 0;

  get segmentBytes(): number {
    return this.config.segmentBytes;
  }
  get compression(): TargetCompression | null {
    return this.config.compression;
  }

  /** Everything before it has been compacted, by the checkpoint as long as it can be true. Opens the log. */
  get firstDirtyOffset(): number {
    return Math.max(this.logStartOffset, this.location.firstDirtyOffset);
  }

  /** Of the compaction under way, what is in place already: segments, one group after the other, once it has noted all keys. */
  get compactedSoFar(): CompactionResult {
    return this.compaction?.soFar ?? NOTHING_COMPACTED;
  }

  /**
   * What `compact` would go through, by the age of records at `nowMs`. Opens the log at its first call; after that it reads nothing but the
   * first batch of a new segment, once.
   */
  cleanable(nowMs: number): Cleanable {
    const { segments } = this.open();
    if (segments.all.length === 1) return NOTHING_CLEANABLE;
    // A marker that is not committed yet decides nothing: the compaction, which reads up to the high watermark, does not see it either.
    const { firstDirtyOffset, highWatermark, lastStableOffset: firstUnstableOffset } = this;
    return this.storage(() => cleanableRange(segments.all, this.config, { nowMs, firstDirtyOffset, highWatermark, firstUnstableOffset }));
  }

  /**
   * Compacts what `cleanable` says, whatever its ratio, or a first part of it when the keys do not all fit into memory: then `firstDirtyOffset`
   * is still before the end, and another call goes on. One at a time: while it is under way, and when there is nothing to do, it is done at once.
   *
   * `done` may be called before this returns. It gets KAFKA_STORAGE_ERROR when something could not be read or written; the log stays as it is
   * then, and usable. When the log is cut, loses segments, or is closed or deleted meanwhile, the rest is given up without an error.
   * @throws KafkaError when the log cannot be opened or is offline
   */
  compact(done: CompactionDone): void {
    const opened = this.open();
    const nowMs = this.context.trustedTime.now();
    const { firstDirtyOffset, firstUncleanableOffset, dirtyBytes } = this.cleanable(nowMs);
    if (this.compaction || this.held || dirtyBytes === 0 || !this.hasFolder) {
      done(null, NOTHING_COMPACTED);
      return;
    }
    const segments = opened.segments.all.filter(({ baseOffset }) => baseOffset < firstUncleanableOffset);
    const compaction = new Compaction(this.compactedLog(opened), segments, (error, result) => {
      this.compaction = undefined;
      if (!error && compaction.isWhole) this.location.compactedTo(result.firstDirtyOffset);
      done(error && this.storageError(error), result);
    });
    this.compaction = compaction;
    // What is replaced must not be less durable than what replaces it, nor the recovery point before a gap.
    this.flusher.flush(opened.segments, firstUncleanableOffset, (error) => {
      if (compaction.isOver) return;
      if (error) compaction.end(error instanceof SyncError ? this.goOffline(error) : error);
      else this.begin(compaction, this.compactionJob(opened, segments, firstDirtyOffset, firstUncleanableOffset, nowMs));
    });
  }

  private begin(compaction: Compaction, job: CompactionJob): void {
    this.location.madeDurableLater(job.endOffset, (error) => {
      if (compaction.isOver) return;
      if (error) compaction.end(error);
      else compaction.run(this.context.cleaner.begin(job));
    });
  }

  private compactionJob(
    { segments: { all }, producers }: OpenedLog,
    segments: readonly Segment[],
    firstDirtyOffset: number,
    endOffset: number,
    nowMs: number,
  ): CompactionJob {
    const { highWatermark, folder } = this;
    const { deleteRetentionMs, segmentBytes, segmentIndexBytes, indexIntervalBytes, compression } = this.config;
    const sourceOf = ({ log: { path }, baseOffset, size }: Segment): SourceSegment => ({ path, baseOffset, size });
    return {
      ...{ folder, firstDirtyOffset, endOffset, highWatermark, nowMs },
      segments: segments.map(sourceOf),
      behind: all.slice(segments.length).map(sourceOf),
      ...{ deleteRetentionMs, segmentBytes, segmentIndexBytes, indexIntervalBytes, compression },
      producers: producers.active(),
      settings: this.context.cleaner.settings,
    };
  }

  /** No compaction goes on: segments are about to go, or to change. What is half in place is brought in order, durably. */
  protected stopCompaction(): void {
    const { compaction } = this;
    if (!compaction) return;
    compaction.settle();
    compaction.end(null);
  }

  /** The log will not be touched any more, as it is. */
  protected endCompaction(error: KafkaError | null): void {
    this.compaction?.end(error);
  }

  /** The log ends at `offset` now: nothing behind it has been compacted. */
  protected compactedAtMost(offset: number): void {
    if (this.location.firstDirtyOffset > offset) this.location.compactedTo(offset);
  }

  override close(done: Done): void {
    try {
      this.stopCompaction();
    } catch (error) {
      done(this.goOffline(error));
      return;
    }
    super.close(done);
  }

  private compactedLog(opened: OpenedLog): CompactedLog {
    const { cache, cleaner } = this.context;
    const { files } = cache;
    const { folder } = this;
    return {
      open: (baseOffset, size, old) =>
        new Segment(cache, folder, baseOffset, size, Math.max(...old.map((each) => each.createdMs)), CLEANED),
      replace: (old, segment) => {
        opened.segments.replace(old, segment, `.${++this.swaps}`);
        this.truncations++; // whoever reads an old segment reads again
        for (const each of old) this.deleted.add(each, this.config.fileDeleteDelayMs);
        opened.producers.pruned(opened.segments);
      },
      syncNames: (done) => cleaner.syncDirectory(folder, done),
      syncNamesNow: () => files.syncDirectory(folder),
      fail: (cause) => this.goOffline(cause),
    };
  }
}
