import type { Segment } from './segment.ts';
import type { Place } from './segment-places.ts';

/** The segments of one log, ascending by base offset, never empty; the last one is active. */
export class SegmentList {
  readonly all: Segment[];
  /** Stays though it is empty, since its file alone says that the log goes on there. */
  pinned: Segment | null;

  constructor(segments: readonly Segment[]) {
    this.all = [...segments];
    this.pinned = this.active.size === 0 ? this.active : null;
  }

  get active(): Segment {
    return this.all.at(-1)!;
  }
  get sizeBytes(): number {
    let bytes = 0;
    for (const segment of this.all) bytes += segment.size;
    return bytes;
  }

  /** Index of the segment that `offset` belongs to: the last that begins at or before it. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.all[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, 0);
  }
  /** Where the segment behind it begins; Infinity for the active one, and for one that has left the log. */
  endOf(segment: Segment): number {
    const i = this.all.indexOf(segment);
    return (i < 0 ? undefined : this.all[i + 1]?.baseOffset) ?? Number.POSITIVE_INFINITY;
  }
  from(offset: number): Segment[] {
    return this.all.slice(this.indexOf(offset));
  }

  /** Where the batch that contains `offset`, or else the first behind it, begins, and where its segment ends; null when there is none. */
  locate(offset: number): (Place & { segment: Segment; endOffset: number; recent: boolean }) | null {
    for (let i = this.indexOf(offset); i < this.all.length; i++) {
      const segment = this.all[i]!;
      const place = segment.find(offset);
      const endOffset = this.all[i + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
      if (place.position < segment.size) return { ...place, segment, endOffset, recent: i >= this.all.length - 2 };
    }
    return null; // compaction may leave nothing at the end of a segment, so the search went to the end
  }

  /** Bytes from the batch of `from` to before the batch of `to`, or at least `enough` of them; `endOffset` is where the log ends. */
  sizeBetween(from: number, to: number, endOffset: number, enough: number): number {
    const { all } = this;
    const first = this.indexOf(from);
    const last = to === endOffset ? all.length - 1 : this.indexOf(to);
    let bytes = -all[first]!.positionOf(from);
    for (let i = first; i < last; i++) {
      bytes += all[i]!.size;
      if (bytes > 0 && bytes >= enough) return bytes; // thousands may follow
    }
    return bytes + (to === endOffset ? all[last]!.size : all[last]!.positionOf(to));
  }

  /** Takes back rolls to segments from `offset` on that got no batch; the one before them is active again. */
  dropEmptyFrom(offset: number): void {
    const isTakenBack = (segment: Segment) => segment.baseOffset >= offset && segment.size === 0 && segment !== this.pinned;
    while (this.all.length > 1 && isTakenBack(this.active)) this.all.pop()!.remove();
  }

  /** The oldest segment leaves; another one must be left. Its files are kept, as `.deleted`, until somebody removes them. */
  dropOldest(): Segment {
    const [oldest] = this.all;
    oldest!.doom();
    return this.all.shift()!;
  }

  /** Where the log ends once it is cut at `offset`: at the start of the batch that contains it; and where its last batch ends then. */
  endCutAt(offset: number): { endOffset: number; recordsEnd: number } {
    const last = this.all.findLast(({ baseOffset }) => baseOffset < offset) ?? this.all[0]!;
    const position = last.positionOf(offset);
    const endOffset = position < last.size ? Math.min(offset, last.batchAt(position).baseOffset) : offset;
    return { endOffset, recordsEnd: Math.min(endOffset, last.endBefore(position, endOffset)) };
  }

  /** Cuts at the start of the batch that contains `offset`, and makes it durable. @param endOffset `endCutAt(offset)` */
  truncateTo(offset: number, endOffset: number): void {
    while (this.all.length > 1 && this.active.baseOffset >= offset) this.all.pop()!.remove();
    const { active } = this;
    active.truncate(active.positionOf(offset), endOffset);
    active.flushSync();
  }

  /** Puts one segment in the place of neighbours that it was made from; they keep their files, as `.deleted`. */
  replace(old: readonly Segment[], segment: Segment, mark: string): void {
    for (const each of old) each.doom(mark);
    this.all.splice(this.all.indexOf(old[0]!), old.length, segment);
  }

  replaceAll(segment: Segment): void {
    for (const old of this.all.splice(0).reverse()) old.remove(); // what a kill leaves of them is a prefix
    this.all.push(segment);
  }
}
