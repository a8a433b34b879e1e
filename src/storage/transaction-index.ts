import type { CachedFile } from './handle-cache.ts';
import { IndexFile, lastWhere } from './index-file.ts';
import type { Done } from './log-types.ts';

/** A transaction that was aborted after it had written records here. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of its marker. */
  readonly lastOffset: number;
  /** When its marker was written: all transactions that began before it are decided by then. */
  readonly lastStableOffset: number;
}

/** Version i16 = 0, producer id, first offset, last offset and last stable offset, i64 each. */
const ENTRY_BYTES = 34;
const VERSION = 0;
const TWO_32 = 2 ** 32;

/**
 * .txnindex: the aborted transactions whose markers lie in a segment, in the order of these; which of a segment's records nobody should see who
 * reads what is committed. There is no file before the first one.
 */
export class TransactionIndex {
  readonly file: IndexFile;
  private readonly baseOffset: number;

  constructor(file: CachedFile, baseOffset: number, isNew: boolean) {
    this.file = new IndexFile(file, ENTRY_BYTES, isNew);
    this.baseOffset = baseOffset;
  }

  append({ producerId, firstOffset, lastOffset, lastStableOffset }: AbortedTransaction): void {
    const { view, at } = this.file.add();
    view.setInt16(at, VERSION);
    for (const [i, value] of [producerId, firstOffset, lastOffset, lastStableOffset].entries()) {
      view.setInt32(at + 2 + 8 * i, Math.floor(value / TWO_32));
      view.setUint32(at + 6 + 8 * i, value >>> 0);
    }
  }

  /**
   * Adds those to `into` that have, or may have, records in a range; `toOffset` is behind it. Returns true when no later segment's index has more.
   */
  collect(fromOffset: number, toOffset: number, into: AbortedTransaction[]): boolean {
    const { count } = this.file;
    for (let i = this.countBefore(fromOffset); i < count; i++) {
      const aborted = this.at(i);
      if (aborted.firstOffset < toOffset) into.push(aborted);
      // Whatever was open when this one ended, or began later, begins behind the range.
      if (aborted.lastStableOffset >= toOffset) return true;
    }
    return false;
  }

  *entries(): Generator<AbortedTransaction> {
    for (let i = 0; i < this.file.count; i++) yield this.at(i);
  }

  /** Drops the entries of markers from `offset` on. */
  truncateTo(offset: number): void {
    if (this.file.count > 0) this.file.truncate(this.countBefore(offset));
  }

  clear(): void {
    if (this.isThere()) this.file.reset();
    else this.file.truncate(0);
  }

  /** Whether its entries can be those of a segment that ends at `endOffset`; no more are looked at than the first and the last. */
  isSane(endOffset: number): boolean {
    if (!this.isThere()) return true;
    if (!this.file.isSane()) return false;
    const { count } = this.file;
    if (count === 0) return true;
    return this.at(0).lastOffset >= this.baseOffset && this.at(count - 1).lastOffset < endOffset;
  }

  spill(): void {
    if (this.file.count > 0) this.file.spill();
  }
  sync(done: Done): void {
    if (this.isThere()) this.file.sync(done);
    else done(null);
  }
  syncSync(): void {
    if (this.isThere()) this.file.syncSync();
  }

  private isThere(): boolean {
    return this.file.count > 0 || this.file.exists();
  }

  private countBefore(offset: number): number {
    return lastWhere(this.file.count, (i) => this.at(i).lastOffset < offset) + 1;
  }

  private at(i: number): AbortedTransaction {
    const { view, at } = this.file.entry(i);
    const int64 = (field: number) => view.getInt32(at + field) * TWO_32 + view.getUint32(at + field + 4);
    return { producerId: int64(2), firstOffset: int64(10), lastOffset: int64(18), lastStableOffset: int64(26) };
  }
}
