import type { KafkaError } from '../core/errors.ts';
import type { DeletedSegments } from './deleted-segments.ts';
import type { Flusher } from './flusher.ts';
import type { LogConfig } from './log-config.ts';
import { outOfRange } from './log-errors.ts';
import { LogReading } from './log-reading.ts';
import type { OpenedLog } from './open-log.ts';
import { syncFolder } from './partition-folder.ts';
import { countDeletable, heldByFuture } from './retention.ts';
import type { Segment } from './segment.ts';
import { isOutOfHandles } from './shortage.ts';

/** How long deleting segments may keep the loop: each costs a sync of the folder. */
const SLICE_MS = 10;
/** Segments judged at once: the first time each costs a look into its time index. */
const MAX_AT_ONCE = 100;

/** How a log loses its beginning. */
export abstract class LogTrimming extends LogReading {
  abstract readonly folder: string;
  abstract get isOpen(): boolean;
  protected abstract readonly opened: OpenedLog | undefined;
  protected abstract readonly config: LogConfig;
  protected abstract readonly flusher: Flusher;
  protected abstract readonly deleted: DeletedSegments;
  protected hasFolder = false;
  /** It is about to go on in another directory: its files must stay as they are. */
  protected held = false;
  protected startOffset = 0;
  protected endOffset = 0;
  /** Behind all that is queued. */
  protected nextOffset = 0;
  /** What `commitTo` said last; null: nothing yet. */
  private committedTo: number | null = null;
  /** Base offset of the segment whose records from the future were warned of last. */
  private futureBase = -1;

  get logStartOffset(): number {
    this.open();
    return this.startOffset;
  }
  get logEndOffset(): number {
    this.open();
    return this.endOffset;
  }

  /** The high watermark, which is never outside the log: what `commitTo` said, else what the checkpoint of the last run says. */
  get highWatermark(): number {
    this.open();
    return this.committedOffset();
  }
  private committedOffset(): number {
    return Math.max(this.startOffset, Math.min(this.committedTo ?? this.startOffset, this.endOffset));
  }

  /**
   * Records before `highWatermark` are committed: retention and compaction leave all others alone. It may lie behind an earlier one.
   * Infinity: whatever is written is committed, as where there is one replica. Opens nothing.
   */
  commitTo(highWatermark: number): void {
    const isBeyond = this.isOpen && highWatermark < Number.POSITIVE_INFINITY && highWatermark > this.endOffset;
    this.committedTo = isBeyond ? this.endOffset : highWatermark;
    this.opened?.producers.committed(this.committedOffset());
  }

  /** Where what readers of committed records alone may see ends: before the first transaction that is not decided, or whose marker is not committed. */
  get lastStableOffset(): number {
    const { producers } = this.open();
    return Math.max(this.startOffset, producers.lastStableOffset(this.highWatermark));
  }

  /** The log was opened: what was said of it before, if anything was, counts as far as there are records. */
  protected recallCommitted(checkpointed: number): void {
    this.commitTo(this.committedOr(checkpointed));
  }
  protected committedOr(checkpointed: number): number {
    return this.committedTo ?? checkpointed;
  }

  /** Nothing of this log can be used any more; returns what its users are told. */
  protected abstract goOffline(cause: unknown): KafkaError;
  /** No compaction goes on: segments are about to go, or to change. */
  protected abstract stopCompaction(): void;
  /** Begins a segment at `nextOffset`. */
  protected abstract roll(opened: OpenedLog): Segment;

  /** What clients may ask to be deleted: cleanup.policy is not compact alone. */
  get mayDeleteRecords(): boolean {
    return this.config.deletes || !this.config.compacted;
  }

  /**
   * Records before `offset` are there no more; the segments that only held such go when retention is next applied.
   * @throws KafkaError OFFSET_OUT_OF_RANGE beyond the end of the log, or negative
   */
  deleteRecordsBefore(offset: number): void {
    const opened = this.open();
    if (offset < 0 || offset > this.endOffset) throw outOfRange(this.name, offset, this.startOffset, this.endOffset);
    this.beginAt(opened, offset);
  }

  /**
   * Deletes the segments that retention.ms, retention.bytes and the log start say, as many as can go without keeping the loop; returns how many.
   * After 0 there is no more to do. Their files are renamed at once, and removed after file.delete.delay.ms. The active segment is deleted too
   * when it has expired: the log then goes on in a new one.
   */
  applyRetention(): number {
    const opened = this.open();
    const { startOffset, highWatermark: committedTo, nextOffset } = this;
    if (!this.hasFolder || this.held) return 0;
    return this.storage(() => {
      const state = { nowMs: this.context.trustedTime.now(), startOffset, committedTo, nextOffset };
      const count = countDeletable(opened.segments.all, this.config, state, MAX_AT_ONCE);
      const deleted = count > 0 ? this.deleteOldest(opened, count) : 0;
      this.warnOfFuture(opened);
      return deleted;
    });
  }

  /** Once for each segment: it may be years until its records expire, and until then the log only grows. */
  private warnOfFuture({ segments }: OpenedLog): void {
    const held = heldByFuture(segments.all, this.config, this.context.clock.now());
    if (!held || held.baseOffset === this.futureBase) return;
    this.futureBase = held.baseOffset;
    const { baseOffset, maxTimestamp } = held;
    this.context.logger.warn(
      { log: this.name, baseOffset, maxTimestamp },
      'a record from the future keeps this segment, and all behind it, from expiring',
    );
  }

  /** At least one of them; returns how many. */
  private deleteOldest(opened: OpenedLog, count: number): number {
    const { segments, producers } = opened;
    const { clock, cache } = this.context;
    const { files } = cache;
    const startMs = clock.monotonicMs();
    this.durably(() => this.stopCompaction());
    if (count === segments.all.length) this.roll(opened);
    segments.all[count]!.log.handle(); // its file, be it empty, says where the log goes on when those before it are gone
    this.durably(() => syncFolder(files, this.folder));
    this.truncations++;
    let deleted = 0;
    for (; deleted < count && (deleted === 0 || clock.monotonicMs() - startMs < SLICE_MS); deleted++) {
      this.deleted.add(segments.dropOldest(), this.config.fileDeleteDelayMs);
      const { baseOffset } = segments.all[0]!;
      this.flusher.trimmed(baseOffset);
      this.beginAt(opened, baseOffset);
      // One by one: were an older one back after a power failure, and this one not, there would be a hole.
      this.durably(() => files.syncDirectory(this.folder));
    }
    producers.trimmed(segments.all[0]!.baseOffset);
    return deleted;
  }

  /** A sync that fails must not be tried again: see SyncError. One that did not begin may be. */
  private durably(sync: () => void): void {
    try {
      sync();
    } catch (error) {
      if (isOutOfHandles(error)) throw error;
      throw this.goOffline(error);
    }
  }

  private beginAt({ epochs }: OpenedLog, offset: number): void {
    if (offset <= this.startOffset) return;
    this.startOffset = offset;
    epochs.truncateStart(offset);
  }
}
