import type { CachedFile } from './handle-cache.ts';
import { IndexFile, lastWhere } from './index-file.ts';

/** Timestamp i64, relative offset i32. */
const ENTRY_BYTES = 12;
const TWO_32 = 2 ** 32;

/** The highest timestamp up to a point of a segment, and the last offset of the (first) batch that has it. */
export interface TimeEntry {
  readonly timestamp: number;
  readonly offset: number;
}

/** .timeindex: strictly ascending in timestamp and offset. What has a higher timestamp than an entry lies behind that entry's batch. */
export class TimeIndex {
  readonly file: IndexFile;
  private readonly baseOffset: number;
  /** The last entry; undefined: not read yet. An append must not read: what it would meet could not be told to anybody. */
  private lastEntry: TimeEntry | null | undefined;

  constructor(file: CachedFile, baseOffset: number, isNew: boolean) {
    this.file = new IndexFile(file, ENTRY_BYTES, isNew);
    this.baseOffset = baseOffset;
  }

  /** Adds an entry unless its timestamp is no higher than the last one's. */
  maybeAppend(timestamp: number, offset: number): void {
    const last = this.last();
    if (timestamp < 0 || (last && timestamp <= last.timestamp)) return;
    const { view, at } = this.file.add();
    view.setInt32(at, Math.floor(timestamp / TWO_32));
    view.setUint32(at + 4, timestamp >>> 0);
    view.setInt32(at + 8, offset - this.baseOffset);
    this.lastEntry = { timestamp, offset };
  }

  last(): TimeEntry | null {
    if (this.lastEntry === undefined) {
      const { count } = this.file;
      this.lastEntry = count === 0 ? null : this.at(count - 1);
    }
    return this.lastEntry;
  }

  /** Number of the entry with the highest timestamp that is not above `timestamp`; -1 when there is none. */
  indexOf(timestamp: number): number {
    return lastWhere(this.file.count, (entry) => this.at(entry).timestamp <= timestamp);
  }

  clear(): void {
    this.file.reset();
    this.lastEntry = null;
  }

  /** Drops the entries of offsets from `offset` on. */
  truncateTo(offset: number): void {
    this.lastEntry = undefined;
    this.file.truncate(lastWhere(this.file.count, (i) => this.at(i).offset < offset) + 1);
  }

  at(i: number): TimeEntry {
    const { view, at } = this.file.entry(i);
    return { timestamp: view.getInt32(at) * TWO_32 + view.getUint32(at + 4), offset: this.baseOffset + view.getInt32(at + 8) };
  }
}
