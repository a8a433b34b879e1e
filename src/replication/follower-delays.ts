import type { Clock, Timer } from '../core/clock.ts';
import type { Slot } from './follower-session.ts';

/** First pause of a partition after an error; it doubles with each. An election is over in milliseconds, and its leader may hear of it after its followers. */
const FIRST_MS = 10;
/** What is due so soon after the timer fires goes with it: thousands of partitions that failed together need few timers. */
const TOGETHER_MS = 5;

/** Partitions that wait after an error, under one timer. */
export class DelayedSlots {
  private readonly clock: Clock;
  private readonly over: (slot: Slot) => void;
  private readonly due = new Map<Slot, number>();
  private timer: Timer | null = null;
  private firesAt = 0;

  constructor(clock: Clock, over: (slot: Slot) => void) {
    this.clock = clock;
    this.over = over;
  }

  delay(slot: Slot, longestMs: number): void {
    const ms = Math.min(longestMs, FIRST_MS * 2 ** Math.min(slot.failures++, 20));
    const at = this.clock.monotonicMs() + ms;
    slot.delayed = true;
    this.due.set(slot, at);
    if (!this.timer || at < this.firesAt) this.arm(at);
  }

  forget(slot: Slot): void {
    slot.delayed = false;
    this.due.delete(slot);
  }

  close(): void {
    this.timer?.cancel();
    this.due.clear();
  }

  private arm(at: number): void {
    this.timer?.cancel();
    this.firesAt = at;
    this.timer = this.clock.after(at - this.clock.monotonicMs(), () => this.fire());
  }

  private fire(): void {
    this.timer = null;
    const until = this.clock.monotonicMs() + TOGETHER_MS;
    let next = Number.POSITIVE_INFINITY;
    for (const [slot, at] of this.due) {
      if (at > until) {
        next = Math.min(next, at);
        continue;
      }
      this.forget(slot);
      this.over(slot);
    }
    if (next < Number.POSITIVE_INFINITY) this.arm(next);
  }
}
