import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/**
 * How long a wall clock that jumped ahead must go on before it is believed. A wrong time is noticed and put right within an hour where anybody
 * looks; a sleeping laptop, or NTP that sets a clock at boot, costs no more than an hour in which old data stays.
 */
export const BELIEVED_AFTER_MS = 3_600_000;
/** What both clocks may part by without a jump: NTP slews by 1.8 s in an hour. */
const TOLERANCE_MS = 1_000;
/** Jumps that are remembered at once. Of more, the newest count from when there is room again. */
const MAX_JUMPS = 64;
/** A jump of less is not worth a line. */
const LOGGED_FROM_MS = 60_000;

/** For `aheadMs`, wall-clock time was at least so far ahead of monotonic time. */
interface Offset {
  readonly aheadMs: number;
  /** Monotonic time at which it was last seen. */
  seenMs: number;
}

/**
 * Wall-clock time for what cannot be taken back: deletion by age, expiry. It is the earliest that the wall clock, of the last hour, and the
 * monotonic clock allow: a jump ahead counts once it has stood for BELIEVED_AFTER_MS, a jump back counts at once. So it is never ahead of the
 * wall clock. A start believes the clock that it finds: nothing tells how long the machine was off.
 */
export class TrustedTime {
  private readonly clock: Clock;
  private readonly logger: Logger;
  /** Those that may be true, in the order in which they came, and ascending: the first counts. */
  private readonly offsets: Offset[] = [];
  private isDoubtful = false;

  constructor(clock: Clock, logger: Logger) {
    this.clock = clock;
    this.logger = logger;
    this.now();
  }

  /** Ms since 1970. Cheap; a jump is only noticed when this is called. */
  now(): number {
    const wallMs = this.clock.now();
    const monotonicMs = this.clock.monotonicMs();
    this.note(wallMs - monotonicMs, monotonicMs);
    const trustedMs = Math.min(wallMs, Math.round(monotonicMs + this.offsets[0]!.aheadMs));
    this.tell(wallMs - trustedMs);
    return trustedMs;
  }

  private note(aheadMs: number, monotonicMs: number): void {
    const { offsets } = this;
    const last = offsets.at(-1);
    if (last) last.seenMs = monotonicMs; // it may have held until now
    while (offsets.length > 0 && offsets.at(-1)!.aheadMs >= aheadMs) offsets.pop();
    const before = offsets.at(-1);
    if (before && (aheadMs <= before.aheadMs + TOLERANCE_MS || offsets.length === MAX_JUMPS)) before.seenMs = monotonicMs;
    else offsets.push({ aheadMs, seenMs: monotonicMs });
    while (offsets.length > 1 && monotonicMs - offsets[0]!.seenMs >= BELIEVED_AFTER_MS) offsets.shift();
  }

  private tell(doubtfulMs: number): void {
    const wasDoubtful = this.isDoubtful;
    this.isDoubtful = doubtfulMs >= LOGGED_FROM_MS;
    if (this.isDoubtful && !wasDoubtful)
      this.logger.warn(
        { aheadMs: doubtfulMs, waitMs: BELIEVED_AFTER_MS },
        'the wall clock jumped ahead: nothing expires by the new time before it has stood for a while',
      );
    else if (wasDoubtful && !this.isDoubtful) this.logger.info({}, 'the wall clock is believed again');
  }
}
