import type { Clock, Timer } from './clock.ts';

/** A clock that stands still until it is told to move. */
export interface FakeClock extends Clock {
  /** Moves time on by `ms`, firing every timer due on the way in order of its deadline, and lets promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock ahead, or back, by `ms`; monotonic time and timers know nothing of it. */
  jump(ms: number): void;
  /** Lets everything that `soon` and promises have queued happen, without moving time. */
  settle(): Promise<void>;
  /** Timers not yet fired or cancelled: a test's proof that nothing was left behind. */
  pending(): number;
}

interface Entry {
  at: number;
  order: number;
  fire: () => void;
}

/** Rounds of the event loop that `settle` waits for: a chain of `soon` calls longer than this counts as never ending. */
const SETTLE_ROUNDS = 20;

export function fakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let elapsed = 0;
  let jumped = 0;
  let order = 0;
  const timers = new Set<Entry>();

  const settle = async () => {
    for (let round = 0; round < SETTLE_ROUNDS; round++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const nextDue = (until: number): Entry | undefined => {
    let due: Entry | undefined;
    for (const timer of timers) {
      if (timer.at <= until && (!due || timer.at < due.at || (timer.at === due.at && timer.order < due.order))) due = timer;
    }
    return due;
  };

  return {
    now: () => startMs + elapsed + jumped,
    monotonicMs: () => elapsed,
    after(ms, fire): Timer {
      const entry = { at: elapsed + Math.max(ms, 0), order: order++, fire };
      timers.add(entry);
      return { cancel: () => void timers.delete(entry) };
    },
    soon: (fire) => void setImmediate(fire),
    async advance(ms) {
      const until = elapsed + ms;
      await settle();
      for (let due = nextDue(until); due; due = nextDue(until)) {
        elapsed = Math.max(elapsed, due.at);
        timers.delete(due);
        due.fire();
        await settle();
      }
      elapsed = until;
    },
    jump(ms) {
      jumped += ms;
    },
    settle,
    pending: () => timers.size,
  };
}
