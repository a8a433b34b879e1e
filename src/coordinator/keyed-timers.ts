import type { Clock, Timer } from '../core/clock.ts';
import type { Write } from './runtime.ts';

/** Runs what a timer wants done, like any other operation on the state. */
export type Perform = (operation: () => Write | null) => void;

interface KeyedTimer {
  readonly timer: Timer;
  /** Monotonic. When `timer` fires before it, it is set again for the rest. */
  deadlineMs: number;
}

/** Timers by name, at most one for each: setting one replaces it. Bounded by its owner, which has one per member and a few of its own. */
export class KeyedTimers {
  private readonly clock: Clock;
  private readonly perform: Perform;
  private readonly timers = new Map<string, KeyedTimer>();

  constructor(clock: Clock, perform: Perform) {
    this.clock = clock;
    this.perform = perform;
  }

  set(key: string, ms: number, fire: () => Write | null): void {
    this.timers.get(key)?.timer.cancel();
    this.arm(key, ms, fire, this.clock.monotonicMs() + ms);
  }

  /**
   * Has the timer that is set fire `ms` from now instead, which is not sooner; false when there is none. Costs nothing: a session that every
   * heartbeat extends is looked at once in its length, not set anew each time.
   */
  extend(key: string, ms: number): boolean {
    const known = this.timers.get(key);
    const deadlineMs = this.clock.monotonicMs() + ms;
    if (!known || deadlineMs < known.deadlineMs) return false;
    known.deadlineMs = deadlineMs;
    return true;
  }

  private arm(key: string, ms: number, fire: () => Write | null, deadlineMs: number): void {
    const timer = this.clock.after(ms, () => {
      const leftMs = keyed.deadlineMs - this.clock.monotonicMs();
      if (leftMs > 0) return this.arm(key, leftMs, fire, keyed.deadlineMs);
      this.timers.delete(key);
      this.perform(fire);
    });
    const keyed: KeyedTimer = { timer, deadlineMs };
    this.timers.set(key, keyed);
  }

  cancel(key: string): void {
    this.timers.get(key)?.timer.cancel();
    this.timers.delete(key);
  }

  has(key: string): boolean {
    return this.timers.has(key);
  }

  clear(): void {
    for (const { timer } of this.timers.values()) timer.cancel();
    this.timers.clear();
  }
}
