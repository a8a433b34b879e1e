import type { TargetCompression } from '../protocol/records/recompress.ts';
import { LastOffsets, type PlainRecord } from './compaction.ts';
import { CompactionStopped, type CompactOptions, compactSegments, noteLastOffsets, Turns } from './compactor.ts';
import { SyncError } from './flusher.ts';
import { LogFlushing } from './log-flushing.ts';
import type { LogLocation } from './log-types.ts';
import type { OpenedLog } from './open-log.ts';
import { syncFolder } from './partition-folder.ts';
import { CLEANED, type Segment, SWAP } from './segment.ts';

/** What a compaction has done: bytes of the segments that it wrote anew, before and after. */
export interface CompactionResult {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

type CompactionDone = (error: Error | null, result: CompactionResult) => void;

const NOTHING: CompactionResult = { bytesBefore: 0, bytesAfter: 0 };

/**
 * How a log forgets records that a later one of their key replaces. Full segments are written anew, small neighbours into one; offsets are
 * never renumbered, and the active segment is left alone.
 */
export abstract class LogCompacting extends LogFlushing {
  protected abstract readonly location: LogLocation;
  /** Everything before it has been compacted since the log was opened. */
  private compactedTo = 0;
  private compacting = false;
  private swaps = 0;

  get segmentBytes(): number {
    return this.config.segmentBytes;
  }
  get compression(): TargetCompression | null {
    return this.config.compression;
  }

  /**
   * Compacts when more than min.cleanable.dirty.ratio of the full segments' bytes came since the last time. Tombstones go when they are
   * delete.retention.ms old (Kafka counts from their first compaction, KIP-534). One at a time: while it is under way, and when there is
   * nothing to do, it is done at once. `done` may get KAFKA_STORAGE_ERROR; the log stays as it is then, and usable.
   */
  compact(done: CompactionDone): void {
    const opened = this.open();
    const full = this.fullSegments(opened);
    const dirty = full.filter(({ baseOffset }) => baseOffset >= this.compactedTo);
    const bytes = sizeOf(full);
    if (this.compacting || this.held || sizeOf(dirty) === 0 || sizeOf(dirty) / bytes <= this.config.minCleanableDirtyRatio)
      done(null, NOTHING);
    else this.compactFull(opened, full, dirty, done);
  }

  private compactFull(opened: OpenedLog, full: readonly Segment[], dirty: readonly Segment[], done: CompactionDone): void {
    this.compacting = true;
    const end: CompactionDone = (error, result) => {
      this.compacting = false;
      done(error && !(error instanceof CompactionStopped) ? this.storageError(error) : null, result);
    };
    const cuts = this.truncations - this.swaps;
    const isOver = () => this.offline !== undefined || cuts !== this.truncations - this.swaps;
    this.flusher.flush(opened.segments, behind(opened, full.at(-1)!), (error) => {
      if (error) end(error instanceof SyncError ? this.goOffline(error) : error, NOTHING);
      else if (isOver()) end(null, NOTHING);
      else this.compactDurable(opened, full, dirty, isOver, end);
    });
  }

  private compactDurable(
    opened: OpenedLog,
    full: readonly Segment[],
    dirty: readonly Segment[],
    isOver: () => boolean,
    end: CompactionDone,
  ): void {
    const last = new LastOffsets();
    const turns = new Turns(this.context.clock);
    noteLastOffsets(dirty, last, { isOver, turns }, (error, whole) => {
      // What lies behind the last segment that was noted whole waits for its turn.
      const noted = full.slice(0, full.indexOf(dirty[0]!) + whole);
      if (error) end(error, NOTHING);
      else if (whole === 0) end(new Error(`${dirty[0]!.log.path} has more keys than a compaction can remember`), NOTHING);
      else this.compactNext(opened, noted, { ...this.compactOptions(opened, noted.at(-1)!), last, isOver, turns }, end);
    });
  }

  private compactOptions(opened: OpenedLog, lastSegment: Segment): Omit<CompactOptions, 'isOver' | 'turns'> {
    const { cache, clock } = this.context;
    const { indexIntervalBytes, segmentBytes } = this.config;
    const oldest = clock.now() - this.config.deleteRetentionMs;
    const isExpired = ({ timestamp }: PlainRecord) => timestamp < oldest;
    return { cache, clock, folder: this.folder, indexIntervalBytes, segmentBytes, endOffset: behind(opened, lastSegment), isExpired };
  }

  /** Those that get no more batches, and of which all batches are committed. */
  private fullSegments({ segments: { all } }: OpenedLog): Segment[] {
    const { highWatermark } = this;
    return all.slice(0, -1).filter((_, i) => all[i + 1]!.baseOffset <= highWatermark);
  }

  private compactNext(
    opened: OpenedLog,
    segments: readonly Segment[],
    options: CompactOptions & { last: LastOffsets },
    done: CompactionDone,
    before: CompactionResult = NOTHING,
  ): void {
    if (segments.length === 0) {
      done(null, before);
      return;
    }
    compactSegments(segments, options.last, options, (error, compacted) => {
      if (!compacted) return done(error, before);
      const { from, segment } = compacted;
      const isSame = from.length === 1 && segment.size === sizeOf(from);
      if (options.isOver() || isSame) this.discard(segment);
      if (options.isOver()) return done(new CompactionStopped(), before);
      const result = { bytesBefore: before.bytesBefore + sizeOf(from), bytesAfter: before.bytesAfter + segment.size };
      try {
        if (!isSame) this.swap(opened, from, segment);
      } catch (failure) {
        return done(this.goOffline(failure), before); // some files have their new names, and some not: the next start puts that right
      }
      this.compactedTo = Math.max(this.compactedTo, from.at(-1)!.baseOffset + 1);
      this.compactNext(opened, segments.slice(from.length), options, done, result);
    });
  }

  private discard(segment: Segment): void {
    try {
      segment.remove();
    } catch {
      // It goes when the log is next opened.
    }
  }

  /**
   * Crash-safe, as Kafka does it: `.swap` says that the new segment is whole and stands for the old ones; then these go, one name after the
   * other, and it takes its own name. What a crash leaves undone of it is done when the log is next opened.
   */
  private swap(opened: OpenedLog, old: readonly Segment[], segment: Segment): void {
    const { files } = this.context.cache;
    this.location.madeDurable(behind(opened, old.at(-1)!));
    segment.changeSuffix(CLEANED, SWAP);
    syncFolder(files, this.folder);
    opened.segments.replace(old, segment, `.${++this.swaps}`);
    files.syncDirectory(this.folder);
    segment.changeSuffix(SWAP, '');
    files.syncDirectory(this.folder);
    this.truncations++; // whoever reads an old segment reads again
    for (const each of old) this.deleted.add(each, this.config.fileDeleteDelayMs);
  }
}

/** Where the segment behind it begins. */
const behind = ({ segments: { all } }: OpenedLog, segment: Segment): number => all[all.indexOf(segment) + 1]!.baseOffset;
const sizeOf = (segments: readonly Segment[]): number => segments.reduce((sum, { size }) => sum + size, 0);
