import type { Clock, Timer } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Done } from '../storage/log-types.ts';

interface Pending {
  readonly lastOffset: number;
  readonly deadlineMs: number;
  readonly done: Done;
}

/** In the place of one that was told: it must not keep its request's memory until the places are given back. */
const TOLD: Pending = { lastOffset: -1, deadlineMs: Number.POSITIVE_INFINITY, done: () => {} };
/** From here on the places of those that were told are given back. */
const COMPACT_AT = 1024;

/**
 * Batches of one leadership that wait until the high watermark has passed them, by offset. One timer in all, and only while somebody waits.
 * Bounded by who waits: a connection has a limited number of requests in flight, a coordinator of appends.
 */
export class PendingAcks {
  private readonly clock: Clock;
  private pending: Pending[] = [];
  /** Those before it were told. */
  private first = 0;
  private timer: Timer | null = null;
  private timerMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.pending.length - this.first;
  }

  /** Calls `done` once: as `settle` or `fail` say, or with REQUEST_TIMED_OUT after `timeoutMs` (Infinity: never). */
  add(lastOffset: number, timeoutMs: number, done: Done): void {
    if (timeoutMs <= 0) {
      done(new KafkaError('REQUEST_TIMED_OUT'));
      return;
    }
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    const { pending } = this;
    let at = pending.length;
    // A batch that is sent again has the offset of its first time.
    while (at > this.first && pending[at - 1]!.lastOffset > lastOffset) at--;
    const entry = { lastOffset, deadlineMs, done };
    if (at === pending.length) pending.push(entry);
    else pending.splice(at, 0, entry);
    this.expireAt(deadlineMs);
  }

  /** The high watermark has moved: all before it are told `outcome`. */
  settle(highWatermark: number, outcome: KafkaError | null): void {
    const { pending } = this;
    // Whoever is told may do whatever it likes here, also end the leadership: then all others were told.
    while (this.pending === pending && this.first < pending.length && pending[this.first]!.lastOffset < highWatermark) {
      const { done } = pending[this.first]!;
      pending[this.first++] = TOLD;
      done(outcome);
    }
    this.tidy();
  }

  /** Nobody's batch can be promised any more. */
  fail(error: KafkaError): void {
    const { pending, first } = this;
    this.pending = [];
    this.first = 0;
    this.stopTimer();
    for (let i = first; i < pending.length; i++) pending[i]!.done(error);
  }

  private expire(): void {
    this.timer = null;
    this.timerMs = Number.POSITIVE_INFINITY;
    const nowMs = this.clock.monotonicMs();
    const late: Pending[] = [];
    const left: Pending[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (let i = this.first; i < this.pending.length; i++) {
      const entry = this.pending[i]!;
      if (entry.deadlineMs <= nowMs) late.push(entry);
      else {
        left.push(entry);
        nextMs = Math.min(nextMs, entry.deadlineMs);
      }
    }
    this.pending = left;
    this.first = 0;
    this.expireAt(nextMs);
    for (const { done } of late) done(new KafkaError('REQUEST_TIMED_OUT'));
  }

  private expireAt(deadlineMs: number): void {
    if (deadlineMs >= this.timerMs) return;
    this.timer?.cancel();
    this.timerMs = deadlineMs;
    this.timer = this.clock.after(deadlineMs - this.clock.monotonicMs(), () => this.expire());
  }

  private tidy(): void {
    if (this.first === this.pending.length) {
      this.pending.length = 0;
      this.first = 0;
    } else if (this.first >= COMPACT_AT) {
      this.pending = this.pending.slice(this.first);
      this.first = 0;
    }
  }

  private stopTimer(): void {
    this.timer?.cancel();
    this.timer = null;
    this.timerMs = Number.POSITIVE_INFINITY;
  }
}
