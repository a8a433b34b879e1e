import type { Clock, Timer } from '../core/clock.ts';
import type { Write } from './runtime.ts';

/** Runs what a timer wants done, like any other operation on the state. */
export type Perform = (operation: () => Write | null) => void;

/** Timers by name, at most one for each: setting one replaces it. Bounded by its owner, which has one per member and a few of its own. */
export class KeyedTimers {
  private readonly clock: Clock;
  private readonly perform: Perform;
  private readonly timers = new Map<string, Timer>();

  constructor(clock: Clock, perform: Perform) {
    this.clock = clock;
    this.perform = perform;
  }

  set(key: string, ms: number, fire: () => Write | null): void {
    this.timers.get(key)?.cancel();
    const timer = this.clock.after(ms, () => {
      this.timers.delete(key);
      this.perform(fire);
    });
    this.timers.set(key, timer);
  }

  cancel(key: string): void {
    this.timers.get(key)?.cancel();
    this.timers.delete(key);
  }

  has(key: string): boolean {
    return this.timers.has(key);
  }

  clear(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }
}
