import { asError } from '../core/errors.ts';
import type { Files } from '../core/files.ts';
import { inTurn } from './in-turn.ts';
import type { Done } from './log-types.ts';
import { syncFolder, syncFolderLater } from './partition-folder.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { isOutOfHandles } from './shortage.ts';
import type { SyncSlots } from './sync-slots.ts';

/**
 * A sync failed. What it should have made durable may be gone for good, though the next sync succeeds: the kernel reports a lost page once
 * and forgets it. So it must not be tried again; the log goes offline, and the next start reads what is really there.
 */
export class SyncError extends Error {
  override name = 'SyncError';
}

/** What a sync met: a file that could not even be opened is as it was, and may be synced later. */
function asSyncError(error: unknown): Error {
  const met = asError(error);
  return isOutOfHandles(met) ? met : new SyncError(met.message, { cause: error });
}

/** The folder with whose it is, the names in it, or neither. */
type NamesToSync = 'folder' | 'names' | 'nothing';

interface FlushRequest {
  readonly segments: SegmentList;
  /** Where what becomes durable ends. */
  readonly endOffset: number;
  /** Segments that begin behind it are left out. */
  readonly lastBase: number;
  /** Indexes too, so that the recovery point moves; else the records alone. */
  readonly indexes: boolean;
  readonly done: Done;
}

/** What of one log is durable, and what must still be done for the rest. It does one thing at a time; what is asked meanwhile is done together. */
export class Flusher {
  /** Everything before it is durable, indexes included: the recovery point. */
  flushedTo = 0;
  /** All records before it are durable. Without their indexes a recovery reads them again, and loses none. */
  durableTo = 0;
  private readonly files: Files;
  private readonly slots: SyncSlots;
  private folder: string;
  /** Something changed since the last flush began. */
  private dirty = false;
  /** The folder, or whose it is, is not known to be durable: without that its records count as a stranger's. */
  private identityDirty = false;
  /** The leader epochs, or names of any files, are not known to be durable. */
  private folderDirty = false;
  /** The newest segment whose .log has a name that is known to be durable. */
  private namedTo = -1;
  /** The active segment's indexes lack what was appended since they were written out. */
  private unwrittenIndex = false;
  /** Full segments some of whose batches are still on their way. */
  private unsealed: Segment[] = [];
  /** Full segments whose last index entries are not known to be durable, however long their records may have been. */
  private notSealed: Segment[] = [];
  /** Those of them that the flush under way makes durable. */
  private sealing: readonly Segment[] = [];
  /** Counts truncations and the log's end: what a flush began before them has nothing more to say. */
  private generation = 0;
  private requests: FlushRequest[] = [];
  private running = false;
  /** A sync failed: what it lost no other brings back, nor tells of. */
  private failure: SyncError | null = null;

  constructor(files: Files, slots: SyncSlots, folder: string) {
    this.files = files;
    this.slots = slots;
    this.folder = folder;
  }

  appended(): void {
    this.dirty = true;
    this.unwrittenIndex = true;
  }
  folderCreated(): void {
    this.identityDirty = true;
    this.folderChanged();
  }
  folderChanged(): void {
    this.dirty = true;
    this.folderDirty = true;
  }
  /** After an unclean end nothing that the last run wrote behind its recovery point, names of files included, is sure to be durable. */
  opened(flushedTo: number, unclean: boolean): void {
    this.flushedTo = flushedTo;
    this.durableTo = flushedTo;
    this.dirty ||= unclean;
    this.identityDirty ||= unclean;
    this.folderDirty ||= unclean;
  }
  rolled(full: Segment): void {
    this.unsealed.push(full);
  }
  /** `active` is the last segment again, though the log had rolled. */
  unrolled(active: Segment): void {
    this.unsealed = this.unsealed.filter((segment) => segment.baseOffset < active.baseOffset);
    this.notSealed = this.notSealed.filter((segment) => segment.baseOffset < active.baseOffset);
    this.namedTo = -1; // a segment that is gone may come again
  }
  /** Segments before `offset` have left the log: nothing of them needs to be durable. */
  trimmed(offset: number): void {
    this.unsealed = this.unsealed.filter((segment) => segment.baseOffset >= offset);
    this.notSealed = this.notSealed.filter((segment) => segment.baseOffset >= offset);
  }
  /** Before a truncation: what is behind `offset` may be gone at any moment. */
  promisesLess(offset: number): void {
    this.flushedTo = Math.min(this.flushedTo, offset);
    this.durableTo = Math.min(this.durableTo, offset);
  }
  truncated(active: Segment, endOffset: number): void {
    this.generation++;
    this.unrolled(active);
    this.unwrittenIndex = true;
    this.flushedTo = Math.min(this.flushedTo, endOffset);
    this.durableTo = Math.min(this.durableTo, endOffset);
    this.requests = this.requests.map((request) => ({ ...request, endOffset: Math.min(request.endOffset, endOffset) }));
  }
  /** The log is in another folder, where everything before `endOffset` is durable. */
  movedTo(folder: string, endOffset: number): void {
    this.folder = folder;
    this.advance(endOffset, true);
    this.folderChanged();
    this.namedTo = -1;
  }
  /** Nothing may touch the files any more: the folder's name may soon be another topic's. */
  abandon(): void {
    this.generation++;
    this.unsealed = [];
    this.notSealed = [];
  }

  /** Segments before `active` will get no more writes: their indexes are written out, and all is made durable in the background. */
  sealBefore(segments: SegmentList, active: Segment, done: Done): void {
    if (this.unsealed.length === 0) return;
    const ready = this.unsealed.filter((segment) => segment.baseOffset < active.baseOffset);
    if (ready.length === 0) return;
    this.unsealed = this.unsealed.filter((segment) => segment.baseOffset >= active.baseOffset);
    this.keepNotSealed(ready);
    try {
      for (const segment of this.notSealed) if (!segment.isDoomed) segment.seal();
    } catch (error) {
      done(asError(error));
      return;
    }
    this.request({ segments, endOffset: active.baseOffset, lastBase: active.baseOffset - 1, indexes: true, done });
  }

  /** Completes the active segment's indexes, the last time entry included: the log is about to be closed. */
  seal(active: Segment): void {
    if (!this.unwrittenIndex) return;
    active.seal();
    this.unwrittenIndex = false;
    this.dirty = true;
  }

  /** Makes everything before `endOffset` durable. Errors: SyncError, or what writing the indexes met. */
  flush(segments: SegmentList, endOffset: number, done: Done): void {
    if (!this.dirty && !this.folderDirty && this.flushedTo >= endOffset && !this.running) done(null);
    else this.request({ segments, endOffset, lastBase: endOffset, indexes: true, done });
  }

  /** Those that a truncation did not make the active one, or remove. */
  private stillFull(segments: SegmentList, sealed: readonly Segment[]): Segment[] {
    return sealed.filter((segment) => segments.endOf(segment) < Number.POSITIVE_INFINITY);
  }
  private takeNotSealed(): Segment[] {
    return this.notSealed.splice(0).filter((segment) => !segment.isDoomed);
  }
  private keepNotSealed(segments: readonly Segment[]): void {
    this.notSealed.push(...segments);
    if (segments.length > 0) this.dirty = true;
  }

  /** Makes the records before `endOffset` durable: those may be read and acknowledged that must never be lost. */
  flushRecords(segments: SegmentList, endOffset: number, done: Done): void {
    this.request({ segments, endOffset, lastBase: endOffset - 1, indexes: false, done });
  }

  /** As `flush`, at once: a log is opened, and what is in it must not be read before it is durable. */
  flushSync(segments: SegmentList, endOffset: number): void {
    try {
      const sealed = this.stillFull(segments, [...this.sealing, ...this.takeNotSealed()]);
      for (const segment of sealed) segment.seal();
      for (const segment of new Set([...sealed, ...segments.from(this.flushedTo)])) segment.flushSync();
    } catch (error) {
      throw asSyncError(error);
    }
    this.syncNames(true, segments.active.baseOffset);
    this.advance(endOffset, true);
  }

  /**
   * Before the second segment of a log gets its file: a power failure must not leave that and take the first one, as the log would begin there. Later
   * ones may go, which leaves a hole that a start sees.
   */
  nameFirst(first: Segment): void {
    if (this.namedTo >= first.baseOffset) return;
    try {
      this.files.syncDirectory(this.folder);
    } catch (error) {
      throw asSyncError(error);
    }
    this.namedTo = first.baseOffset;
  }

  private request(request: FlushRequest): void {
    this.requests.push(request);
    if (this.running) return;
    this.running = true;
    this.takeSlot();
  }

  private takeSlot(): void {
    this.slots.take(() => {
      const together = this.requests;
      this.requests = [];
      const synced = (error: Error | null, indexError: Error | null) => {
        if (error instanceof SyncError) this.failure = error;
        this.slots.giveBack(); // and joins the line again: other logs wait too
        for (const { indexes, done } of together) done(error ?? (indexes ? indexError : null));
        this.running = this.requests.length > 0;
        if (this.running) this.takeSlot();
      };
      if (this.failure) synced(this.failure, null);
      else this.makeDurable(together, synced);
    });
  }

  /** Indexes that cannot be written, as on a full disk, keep nobody's records from being durable. */
  private makeDurable(together: readonly FlushRequest[], done: (error: Error | null, indexError: Error | null) => void): void {
    const { generation } = this;
    const [{ segments }] = together as [FlushRequest];
    const indexes = together.some((request) => request.indexes);
    const endOffset = Math.max(...together.map((request) => request.endOffset));
    const lastBase = Math.max(...together.map((request) => request.lastBase));
    if (indexes) this.dirty = false;
    const unflushed = segments.from(indexes ? this.flushedTo : this.durableTo).filter(({ baseOffset }) => baseOffset <= lastBase);
    const sealed = indexes ? this.takeNotSealed() : [];
    this.sealing = sealed;
    const covered = [...sealed.filter((segment) => !unflushed.includes(segment)), ...unflushed];
    let indexError: Error | null = null;
    const steps = covered.map((segment) => (next: Done) => {
      if (generation !== this.generation || segment.isDoomed) return next(null);
      const synced: Done = (error) => next(error && asSyncError(error));
      if (!indexes) return segment.log.sync(synced);
      // A full segment's last time entry goes with the rest: once the recovery point is behind, nobody looks for it again.
      try {
        if (sealed.includes(segment) || segments.endOf(segment) <= endOffset) segment.seal();
        else segment.spill();
      } catch (error) {
        indexError ??= asError(error);
        return segment.log.sync(synced);
      }
      segment.flush(synced);
    });
    steps.push((next) => {
      const newest = covered.findLast((segment) => !segment.isDoomed);
      if (generation === this.generation) this.syncNamesLater(indexes, newest?.baseOffset ?? -1, next);
      else next(null);
    });
    inTurn(steps, (error) => {
      if (error || indexError) this.dirty = true;
      const isCurrent = generation === this.generation;
      // A truncation cuts the flush short, but not what is left in front of it.
      if (error || indexError || !isCurrent) this.keepNotSealed(this.stillFull(segments, sealed));
      this.sealing = [];
      if (!error && isCurrent) this.advance(endOffset, indexes && !indexError);
      done(error, indexError);
    });
  }

  private advance(endOffset: number, indexes: boolean): void {
    this.durableTo = Math.max(this.durableTo, endOffset);
    if (indexes) this.flushedTo = Math.max(this.flushedTo, endOffset);
  }

  /**
   * Files of segments appear when they are first written to, so their names are made durable after them. For the records alone it is enough
   * when a .log is new: leader epochs and indexes are learned from it. `newest`: the last segment whose files are there.
   */
  private syncNames(all: boolean, newest: number): void {
    const what = this.namesToSync(all, newest);
    try {
      if (what === 'folder') syncFolder(this.files, this.folder);
      else if (what === 'names') this.files.syncDirectory(this.folder);
    } catch (error) {
      throw this.notSynced(what, error);
    }
    this.namedTo = Math.max(this.namedTo, newest);
  }

  private syncNamesLater(all: boolean, newest: number, done: Done): void {
    const { files, folder, generation } = this;
    const what = this.namesToSync(all, newest);
    const synced: Done = (error) => {
      if (folder !== this.folder) return done(null); // the log has moved: all that counts is durable in its new place, and the old one may be gone
      if (error) return done(this.notSynced(what, error));
      if (generation === this.generation) this.namedTo = Math.max(this.namedTo, newest);
      done(null);
    };
    if (what === 'folder') syncFolderLater(files, folder, synced);
    else if (what === 'names') files.syncDirectoryLater(folder, synced);
    else synced(null);
  }

  private notSynced(what: NamesToSync, error: unknown): Error {
    if (what === 'folder') {
      this.identityDirty = true;
      this.folderDirty = true;
    }
    return asSyncError(error);
  }

  /** What is about to be synced. What changes meanwhile waits for the next time. */
  private namesToSync(all: boolean, newest: number): NamesToSync {
    const isWhole = this.identityDirty || (all && this.folderDirty);
    if (isWhole) this.folderDirty = false;
    this.identityDirty = false;
    return isWhole ? 'folder' : all || newest > this.namedTo ? 'names' : 'nothing';
  }
}
