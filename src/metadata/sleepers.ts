import type { Timer } from '../core/clock.ts';

/** The watches of a store that wait for its next commit. */
export class Sleepers {
  private readonly wakers = new Set<() => void>();
  private closed = false;

  /** Resolves at the next `wake`, when the signal fires, when `timed` calls what it is given, and at once when one of the ends has come. */
  sleep(signal: AbortSignal, timed?: (wake: () => void) => Timer): Promise<void> {
    if (this.closed || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = timed?.(() => wake());
      const wake = () => {
        this.wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        timer?.cancel();
        resolve();
      };
      this.wakers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  wake(): void {
    for (const wake of [...this.wakers]) wake();
  }

  /** Wakes all, and lets nobody sleep any more. */
  close(): void {
    this.closed = true;
    this.wake();
  }
}
