import type { Clock, Timer } from '../core/clock.ts';

/** What flush.ms and flush.messages are when nothing is to be flushed: Kafka's Long.MAX_VALUE, saturated. */
export const NEVER = Number.MAX_SAFE_INTEGER;

/** Many logs that become due one after the other are looked through in one go. */
const LEAST_INTERVAL_MS = 10;

export interface Flushable {
  /** Makes durable what is in the log; reports failures itself. */
  flushNow(): void;
}

/**
 * flush.ms: which logs hold something that is not durable, and when each must be flushed. A log without such data is not here, so idle logs
 * cost nothing, however many there are.
 */
export class FlushScheduler {
  private readonly clock: Clock;
  private readonly intervalMs: number;
  private readonly due = new Map<Flushable, number>();
  private timer: Timer | undefined;
  private timerAt = 0;
  private lastCheck = Number.NEGATIVE_INFINITY;
  private stopped = false;

  /** @param checkMs log.flush.scheduler.interval.ms: logs are looked through no more often than this; NEVER: as often as flush.ms needs */
  constructor(clock: Clock, checkMs: number) {
    this.clock = clock;
    this.intervalMs = checkMs >= NEVER ? LEAST_INTERVAL_MS : Math.max(checkMs, LEAST_INTERVAL_MS);
  }

  /** `log` got data that must be durable in `ms`; the earliest such time counts. */
  expect(log: Flushable, ms: number): void {
    const at = this.clock.monotonicMs() + ms;
    if (this.stopped || (this.due.get(log) ?? Number.POSITIVE_INFINITY) <= at) return;
    this.due.set(log, at);
    this.arm(at);
  }

  forget(log: Flushable): void {
    this.due.delete(log);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.due.clear();
  }

  private arm(due: number): void {
    const at = Math.max(due, this.lastCheck + this.intervalMs);
    if (this.timer && this.timerAt <= at) return;
    this.timer?.cancel();
    this.timerAt = at;
    this.timer = this.clock.after(at - this.clock.monotonicMs(), () => this.check());
  }

  private check(): void {
    const nowMs = this.clock.monotonicMs();
    this.timer = undefined;
    this.lastCheck = nowMs;
    let next = Number.POSITIVE_INFINITY;
    for (const [log, at] of this.due) {
      if (at <= nowMs) {
        this.due.delete(log);
        log.flushNow();
      } else next = Math.min(next, at);
    }
    for (const at of this.due.values()) next = Math.min(next, at);
    if (next < Number.POSITIVE_INFINITY) this.arm(next);
  }
}
