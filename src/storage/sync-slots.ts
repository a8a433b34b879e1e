/**
 * Bounds what is under way in Node's thread pool over all logs of a broker (four threads, unless UV_THREADPOOL_SIZE says otherwise): a write
 * that comes behind many syncs or reads would wait for all of them.
 */
export class SyncSlots {
  private free: number;
  private readonly waiting: (() => void)[] = [];
  private calling = false;

  constructor(count: number) {
    this.free = count;
  }

  /** Calls `act` when there is a slot, at once if so now. Who got one gives it back. Whoever waits has nothing else under way, which bounds the line. */
  take(act: () => void): void {
    this.waiting.push(act);
    this.callNext();
  }

  giveBack(): void {
    this.free++;
    this.callNext();
  }

  /** A loop, not recursion: thousands may wait that all give back at once. */
  private callNext(): void {
    if (this.calling) return;
    this.calling = true;
    while (this.free > 0 && this.waiting.length > 0) {
      this.free--;
      this.waiting.shift()!();
    }
    this.calling = false;
  }
}
