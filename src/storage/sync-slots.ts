/**
 * Bounds the syncs that are under way over all logs of a broker: each holds a thread of Node's pool (four, unless UV_THREADPOOL_SIZE says
 * otherwise), and reads must go on beside them.
 */
export class SyncSlots {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  /** Calls `act` when there is a slot, at once if so now. Who got one gives it back. Each log waits once, which bounds the line. */
  take(act: () => void): void {
    if (this.free === 0) {
      this.waiting.push(act);
      return;
    }
    this.free--;
    act();
  }

  giveBack(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}
