import type { Clock, Timer } from './clock.ts';

/** What a waiter waits on: a string, compared by value ("hw:orders-0", "group:billing"). */
export type WaitKey = string;

/** A pending wait that can be given up. */
export interface Waiter {
  /** Ends the wait without an outcome. */
  cancel(): void;
}

interface Entry {
  readonly keys: readonly WaitKey[];
  readonly ready: () => boolean;
  readonly done: (ready: boolean) => void;
  timer: Timer | null;
  queued: boolean;
  over: boolean;
}

/**
 * Where requests wait for something to change. Nothing polls: whoever changes state calls `wake(key)`, and the waiters of that key are asked
 * again, each at most once per turn of the event loop however many of its keys were woken.
 */
export class Purgatory {
  private readonly clock: Clock;
  private readonly waiting = new Map<WaitKey, Set<Entry>>();
  private count = 0;
  private woken: Entry[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * Calls `done(true)` once `ready()` holds (at once, if it holds now), `done(false)` after `ms`. `ready` is synchronous and idempotent;
   * when it throws, as a partition does that is gone, there is nothing left to wait for: that counts as ready.
   * Bounded by its callers: a connection has a limited number of requests in flight, and each waits at most once.
   */
  watch(keys: readonly WaitKey[], ms: number, ready: () => boolean, done: (ready: boolean) => void): Waiter {
    const entry: Entry = { keys, ready, done, timer: null, queued: false, over: false };
    if (isReady(entry)) {
      entry.over = true;
      done(true);
    } else if (ms <= 0) {
      entry.over = true;
      done(false);
    } else {
      this.count++;
      for (const key of keys) this.add(key, entry);
      entry.timer = this.clock.after(ms, () => this.finish(entry, isReady(entry)));
    }
    return { cancel: () => this.remove(entry) };
  }

  /** The same as a promise. An aborted signal ends the wait with false. */
  wait(keys: readonly WaitKey[], ms: number, ready: () => boolean, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve(false);
        return;
      }
      const onAbort = () => {
        waiter.cancel();
        resolve(false);
      };
      // Before the wait, which may end at once and must then find the listener to take it away: the signal outlives it.
      signal?.addEventListener('abort', onAbort, { once: true });
      const waiter = this.watch(keys, ms, ready, (outcome) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(outcome);
      });
    });
  }

  wake(key: WaitKey): void {
    const entries = this.waiting.get(key);
    if (!entries) return;
    if (this.woken.length === 0) this.clock.soon(() => this.askWoken());
    for (const entry of entries) {
      if (entry.queued) continue;
      entry.queued = true;
      this.woken.push(entry);
    }
  }

  /** Waits that have not ended. */
  size(): number {
    return this.count;
  }
  /** Keys that somebody waits on. */
  keyCount(): number {
    return this.waiting.size;
  }

  private askWoken(): void {
    const entries = this.woken;
    this.woken = [];
    for (const entry of entries) {
      entry.queued = false;
      if (!entry.over && isReady(entry)) this.finish(entry, true);
    }
  }

  private finish(entry: Entry, outcome: boolean): void {
    if (entry.over) return;
    this.remove(entry);
    entry.done(outcome);
  }

  private add(key: WaitKey, entry: Entry): void {
    const entries = this.waiting.get(key);
    if (entries) entries.add(entry);
    else this.waiting.set(key, new Set([entry]));
  }

  private remove(entry: Entry): void {
    if (entry.over) return;
    entry.over = true;
    this.count--;
    entry.timer?.cancel();
    for (const key of entry.keys) {
      const entries = this.waiting.get(key);
      if (entries?.delete(entry) && entries.size === 0) this.waiting.delete(key);
    }
  }
}

function isReady({ ready }: Entry): boolean {
  try {
    return ready();
  } catch {
    return true;
  }
}
