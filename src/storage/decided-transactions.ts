/** From here on the places of those that are committed are given back. */
const COMPACT_AT = 1024;

/**
 * Transactions that have their marker, which may not be committed yet: until it is, another leader's log may lack it, so nobody may read as if
 * they were decided. In the order of their markers; as many as markers are on their way to the replicas.
 */
export class DecidedTransactions {
  private firstOffsets: number[] = [];
  private markers: number[] = [];
  /** Those before it are committed. */
  private head = 0;
  /** The least first offset of the rest; undefined: not known now. */
  private least: number | undefined = Number.POSITIVE_INFINITY;

  add(firstOffset: number, marker: number): void {
    this.firstOffsets.push(firstOffset);
    this.markers.push(marker);
    if (this.least !== undefined) this.least = Math.min(this.least, firstOffset);
  }

  /** The last marker is lost. */
  takeBack(): void {
    const firstOffset = this.firstOffsets.pop();
    this.markers.pop();
    if (firstOffset === this.least) this.least = undefined;
  }

  clear(): void {
    this.firstOffsets = [];
    this.markers = [];
    this.head = 0;
    this.least = Number.POSITIVE_INFINITY;
  }

  /** The least first offset of those whose marker is not below `highWatermark`, which never falls; Infinity without any. */
  firstOffset(highWatermark: number): number {
    while (this.head < this.markers.length && this.markers[this.head]! < highWatermark) {
      if (this.firstOffsets[this.head] === this.least) this.least = undefined;
      this.head++;
    }
    if (this.head === this.markers.length) this.clear();
    else if (this.head >= COMPACT_AT) this.compact();
    if (this.least === undefined) {
      this.least = Number.POSITIVE_INFINITY;
      for (let i = this.head; i < this.firstOffsets.length; i++) this.least = Math.min(this.least, this.firstOffsets[i]!);
    }
    return this.least;
  }

  private compact(): void {
    this.firstOffsets = this.firstOffsets.slice(this.head);
    this.markers = this.markers.slice(this.head);
    this.head = 0;
  }
}
