import type { CachedFile } from './handle-cache.ts';

/** Entries gathered before they are written in one go; two to twelve kilobytes. */
const SPILL_ENTRIES = 1024;

/**
 * A file of fixed-size entries in ascending order, whose last entries are still in memory. Reading an entry that is on disk costs one
 * pread (a binary search some twenty), which the log avoids for sequential readers; so nothing needs to be loaded and an idle index costs
 * nothing. The index is rebuilt from the log after an unclean end, so the entries in memory may be lost.
 */
export class IndexFile {
  private readonly file: CachedFile;
  private readonly entryBytes: number;
  /** Entries on disk; -1: not asked yet. */
  private stored: number;
  private tail: Buffer;
  private tailCount = 0;
  private tailView: DataView;

  constructor(file: CachedFile, entryBytes: number, isNew: boolean) {
    this.file = file;
    this.entryBytes = entryBytes;
    this.stored = isNew ? 0 : -1;
    this.tail = NO_TAIL;
    this.tailView = NO_TAIL_VIEW;
  }

  get count(): number {
    return this.storedCount() + this.tailCount;
  }
  get sizeBytes(): number {
    return this.count * this.entryBytes;
  }

  /** Where entry `i` can be read: a view and an offset in it, valid until the next call, be it of another index. */
  entry(i: number): { view: DataView; at: number } {
    const stored = this.storedCount();
    if (i >= stored) return { view: this.tailView, at: (i - stored) * this.entryBytes };
    if (this.readEntry(i) < this.entryBytes) throw new Error(`${this.file.path} ends before entry ${i}`);
    return { view: SCRATCH_VIEW, at: 0 };
  }

  /** Adds an entry: fill it at the offset returned. */
  add(): { view: DataView; at: number } {
    if (this.tailCount >= SPILL_ENTRIES) this.trySpill();
    const at = this.tailCount * this.entryBytes;
    if (at + this.entryBytes > this.tail.byteLength) {
      const larger = Buffer.alloc(Math.max(16 * this.entryBytes, 2 * this.tail.byteLength));
      larger.set(this.tail);
      this.tail = larger;
      this.tailView = viewOf(larger);
    }
    this.tailCount++;
    return { view: this.tailView, at };
  }

  /** Keeps the first `count` entries. */
  truncate(count: number): void {
    const stored = this.storedCount();
    if (count >= stored) {
      this.tailCount = Math.min(this.tailCount, count - stored);
      return;
    }
    this.tailCount = 0;
    this.file.handle().truncate(count * this.entryBytes);
    this.stored = count;
  }

  /** Empties file and memory. */
  reset(): void {
    this.tailCount = 0;
    this.file.handle().truncate(0);
    this.stored = 0;
  }

  /** Writes what is in memory; creates the file when it has no entries, as Kafka has one for each segment. */
  spill(): void {
    const stored = this.storedCount();
    const handle = this.file.handle();
    if (this.tailCount === 0) return;
    handle.writeSync([this.tail.subarray(0, this.tailCount * this.entryBytes)], stored * this.entryBytes);
    this.stored = stored + this.tailCount;
    this.tailCount = 0;
  }

  /** Releases memory and handle of an index that is on disk whole. */
  close(): void {
    if (this.tailCount === 0) {
      this.tail = NO_TAIL;
      this.tailView = NO_TAIL_VIEW;
    }
    this.file.close();
  }

  sync(done: (error: Error | null) => void): void {
    this.file.handle().sync(done);
  }
  syncSync(): void {
    this.file.handle().syncSync();
  }
  exists(): boolean {
    return this.file.exists();
  }
  /** Whether the file, if there is one, consists of whole entries. */
  isSane(): boolean {
    return this.file.handle().size() % this.entryBytes === 0;
  }
  rename(path: string): void {
    this.file.rename(path);
  }
  /** What is in memory stays there. */
  movedTo(path: string): void {
    this.file.movedTo(path);
  }
  get path(): string {
    return this.file.path;
  }
  remove(): void {
    this.file.remove();
  }

  /** While the disk is full the entries stay in memory and the next spill takes them along: an index is at most segment.index.bytes. */
  private trySpill(): void {
    try {
      this.spill();
    } catch {
      // the append that follows meets the same disk and reports it
    }
  }

  /** Kafka preallocates index files and trims them only on roll and close: entries of zeros at the end are not entries. */
  private storedCount(): number {
    if (this.stored !== -1) return this.stored;
    let low = 0;
    let high = this.file.exists() ? Math.floor(this.file.handle().size() / this.entryBytes) : 0;
    if (high > 1 && this.isZero(high - 1)) {
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.isZero(middle)) high = middle;
        else low = middle + 1;
      }
    }
    this.stored = high;
    return high;
  }

  private isZero(i: number): boolean {
    this.readEntry(i);
    return SCRATCH.subarray(0, this.entryBytes).every((byte) => byte === 0);
  }

  private readEntry(i: number): number {
    return this.file.handle().readSync(SCRATCH.subarray(0, this.entryBytes), i * this.entryBytes);
  }
}

const NO_TAIL = Buffer.alloc(0);
const NO_TAIL_VIEW = viewOf(NO_TAIL);
/** One entry of whichever index is read, the largest of which has 34 bytes: there may be tens of thousands of indexes. */
const SCRATCH = Buffer.alloc(34);
const SCRATCH_VIEW = viewOf(SCRATCH);

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Index of the last entry for which `isAtMost` holds, -1 when it holds for none. It must hold for a prefix of the entries. */
export function lastWhere(count: number, isAtMost: (i: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAtMost(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
