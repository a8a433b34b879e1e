/** A pending call that has not happened yet. Cancelling twice, or after it has happened, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * The port to time. Nothing else in the project reads a clock or sets a timer, so that a whole cluster can be run on a fake one.
 * The real clock is here; the fake one is in fake-clock.ts.
 */
export interface Clock {
  /** Wall-clock time in ms since 1970: for timestamps in records and files, never for measuring durations. */
  now(): number;
  /** Ms since an arbitrary start, never going back: for deadlines and durations. */
  monotonicMs(): number;
  /** Calls `fire` once, `ms` from now or later. A pending timer keeps no process alive. */
  after(ms: number, fire: () => void): Timer;
  /** Calls `fire` at the end of this turn of the event loop: where work of one turn is gathered and done at once. */
  soon(fire: () => void): void;
}

/** setTimeout's own limit; a longer delay would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon(fire) {
    setImmediate(fire);
  },
};
