/**
 * Large batches that one broker prepares at once: each may take up MAX_DECOMPRESSED_BYTES of memory twice, and half of the thread pool's four
 * threads are left to the disk. Those that wait are bounded by the partitions, as each has one at most.
 */
export const MAX_PREPARATIONS = 2;

/** Who may prepare a large batch now, in the order of asking. */
export class PreparationSlots {
  private free = MAX_PREPARATIONS;
  private readonly waiting: ((giveBack: () => void) => void)[] = [];

  /** Calls `begin` when there is a slot, at once if one is free; it calls `giveBack` once. */
  take(begin: (giveBack: () => void) => void): void {
    if (this.free === 0) this.waiting.push(begin);
    else {
      this.free--;
      begin(this.giveBack);
    }
  }

  private readonly giveBack = (): void => {
    const next = this.waiting.shift();
    if (next) next(this.giveBack);
    else this.free++;
  };
}
