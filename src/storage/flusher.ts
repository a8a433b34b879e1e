import type { Files } from '../core/files.ts';
import { inTurn } from './in-turn.ts';
import type { Done } from './log-types.ts';
import { syncFolder } from './partition-folder.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';

/** What of one log is durable, and what must still be done for the rest. */
export class Flusher {
  /** Everything before it is durable: the recovery point. */
  flushedTo = 0;
  private readonly files: Files;
  private readonly folder: string;
  /** Something changed since the last flush began. */
  private dirty = false;
  /** So did the folder's small files, or its own name is not known to be durable. */
  private folderDirty = false;
  /** The active segment's indexes lack what was appended since they were written out. */
  private unwrittenIndex = false;
  /** Full segments some of whose batches are still on their way. */
  private unsealed: Segment[] = [];
  /** Counts truncations and the log's end: what a flush began before them has nothing more to say. */
  private generation = 0;

  constructor(files: Files, folder: string) {
    this.files = files;
    this.folder = folder;
  }

  appended(): void {
    this.dirty = true;
    this.unwrittenIndex = true;
  }
  folderChanged(): void {
    this.dirty = true;
    this.folderDirty = true;
  }
  /** After an unclean end nothing that the last run wrote behind its recovery point, names of files included, is sure to be durable. */
  opened(flushedTo: number, unclean: boolean): void {
    this.flushedTo = flushedTo;
    this.dirty ||= unclean;
    this.folderDirty ||= unclean;
  }
  rolled(full: Segment): void {
    this.unsealed.push(full);
  }
  /** `active` is the last segment again, though the log had rolled. */
  unrolled(active: Segment): void {
    this.unsealed = this.unsealed.filter((segment) => segment.baseOffset < active.baseOffset);
  }
  /** Segments before `offset` have left the log: nothing of them needs to be durable. */
  trimmed(offset: number): void {
    this.unsealed = this.unsealed.filter((segment) => segment.baseOffset >= offset);
  }
  truncated(active: Segment, endOffset: number): void {
    this.generation++;
    this.unrolled(active);
    this.unwrittenIndex = true;
    this.flushedTo = Math.min(this.flushedTo, endOffset);
  }
  /** Nothing may touch the files any more: the folder's name may soon be another topic's. */
  abandon(): void {
    this.generation++;
    this.unsealed = [];
  }

  /** Segments before `active` will get no more writes: their indexes are written out, and all is made durable in the background. */
  sealBefore(segments: SegmentList, active: Segment, done: Done): void {
    if (this.unsealed.length === 0) return;
    const ready = this.unsealed.filter((segment) => segment.baseOffset < active.baseOffset);
    if (ready.length === 0) return;
    this.unsealed = this.unsealed.filter((segment) => segment.baseOffset >= active.baseOffset);
    try {
      for (const segment of ready) segment.seal();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const before = segments.from(this.flushedTo).filter((segment) => segment.baseOffset < active.baseOffset);
    this.makeDurable(before, active.baseOffset, done);
  }

  /** Completes the active segment's indexes, the last time entry included: the log is about to be closed. */
  seal(active: Segment): void {
    if (!this.unwrittenIndex) return;
    active.seal();
    this.unwrittenIndex = false;
    this.dirty = true;
  }

  /** Makes everything before `endOffset` durable. */
  flush(segments: SegmentList, endOffset: number, done: Done): void {
    if (!this.dirty && !this.folderDirty && this.flushedTo >= endOffset) {
      done(null);
      return;
    }
    this.dirty = false;
    this.makeDurable(segments.from(this.flushedTo), endOffset, (error) => {
      if (error) this.dirty = true;
      done(error);
    });
  }

  /** `segments` are all that hold offsets from flushedTo to `endOffset`. */
  private makeDurable(segments: readonly Segment[], endOffset: number, done: Done): void {
    const { generation } = this;
    const steps = segments.map((segment) => (next: Done) => {
      if (generation !== this.generation || segment.isDoomed) return next(null);
      segment.offsets.file.spill();
      segment.times.file.spill();
      segment.flush(next);
    });
    steps.push((next) => {
      if (generation === this.generation) this.syncNames();
      next(null);
    });
    inTurn(steps, (error) => {
      if (!error && generation === this.generation) this.flushedTo = Math.max(this.flushedTo, endOffset);
      done(error);
    });
  }

  /** Files of segments appear when they are first written to, so their names are always made durable; the rest when it changed. */
  private syncNames(): void {
    if (this.folderDirty) syncFolder(this.files, this.folder);
    else this.files.syncDirectory(this.folder);
    this.folderDirty = false;
  }
}
