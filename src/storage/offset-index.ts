import type { CachedFile } from './handle-cache.ts';
import { IndexFile, lastWhere } from './index-file.ts';

/** Relative offset i32, position i32. */
const ENTRY_BYTES = 8;

/**
 * .index: where batches lie in the .log. An entry names the *last* offset of the batch at its position (Kafka's dump tool checks this).
 */
export class OffsetIndex {
  readonly file: IndexFile;
  private readonly baseOffset: number;

  constructor(file: CachedFile, baseOffset: number, isNew: boolean) {
    this.file = new IndexFile(file, ENTRY_BYTES, isNew);
    this.baseOffset = baseOffset;
  }

  append(lastOffset: number, position: number): void {
    const { view, at } = this.file.add();
    view.setInt32(at, lastOffset - this.baseOffset);
    view.setInt32(at + 4, position);
  }

  /** The last entry of a batch that ends at or before `offset`, -1 when there is none. */
  indexOf(offset: number): number {
    const relative = offset - this.baseOffset;
    return lastWhere(this.file.count, (entry) => this.relativeOffset(entry) <= relative);
  }
  entry(i: number): { lastOffset: number; position: number } {
    const { view, at } = this.file.entry(i);
    return { lastOffset: this.baseOffset + view.getInt32(at), position: view.getInt32(at + 4) };
  }

  /** Position of the last batch that has an entry, 0 without entries. */
  lastPosition(): number {
    const count = this.file.count;
    if (count === 0) return 0;
    const { view, at } = this.file.entry(count - 1);
    return view.getInt32(at + 4);
  }

  /** Drops the entries of batches at or after `position`. */
  truncateTo(position: number): void {
    this.file.truncate(lastWhere(this.file.count, (i) => this.positionOf(i) < position) + 1);
  }

  private relativeOffset(i: number): number {
    const { view, at } = this.file.entry(i);
    return view.getInt32(at);
  }
  private positionOf(i: number): number {
    const { view, at } = this.file.entry(i);
    return view.getInt32(at + 4);
  }
}
