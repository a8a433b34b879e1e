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
/** A broker that was off for longer than this, by the wall clock, may have been started with a wrong one. */
const BELIEVED_GAP_MS = 24 * 3_600_000;
/** A jump of less is not worth a line. */
const LOGGED_FROM_MS = 60_000;

/** Wall-clock time was so far ahead of running time. */
interface Offset {
  readonly aheadMs: number;
  /** Running time at which that was last seen. */
  seenMs: number;
}

/**
 * Wall-clock time for what cannot be taken back: deletion by age, expiry. It is the earliest that the wall clock, of the last hour, and the
 * monotonic clock allow: a jump ahead counts once it has stood for BELIEVED_AFTER_MS, a jump back counts at once. So it is never ahead of the
 * wall clock.
 *
 * What is kept of it from run to run (`state`) makes it doubt a start that comes more than a day after the last run, too: nothing tells whether the
 * machine was off or its clock is wrong. Hours are counted over several runs, in running time: monotonic time, and the believed gaps between runs.
 */
export class TrustedTime {
  private readonly clock: Clock;
  private readonly logger: Logger;
  /** Those that may be true, in the order in which they came, and ascending: the first counts. */
  private readonly offsets: Offset[] = [];
  /** Running time when monotonic time was 0. */
  private ranBeforeMs = 0;
  private isDoubtful = false;

  /** @param known what `state` said in the last run; null: there was none, or nobody knows */
  constructor(clock: Clock, logger: Logger, known: string | null = null) {
    this.clock = clock;
    this.logger = logger;
    const state = parseState(known);
    if (state) {
      const gapMs = clock.now() - state.wallMs;
      this.ranBeforeMs = state.ranMs + (gapMs > 0 && gapMs <= BELIEVED_GAP_MS ? gapMs : 0) - clock.monotonicMs();
      for (const [aheadMs, seenMs] of state.offsets) this.offsets.push({ aheadMs, seenMs });
    }
    this.now();
  }

  /** Ms since 1970. Cheap; a jump is only noticed when this is called. */
  now(): number {
    const wallMs = this.clock.now();
    const ranMs = this.ranMs();
    this.note(wallMs - ranMs, ranMs);
    const trustedMs = Math.min(wallMs, Math.round(ranMs + this.offsets[0]!.aheadMs));
    this.tell(wallMs - trustedMs);
    return trustedMs;
  }

  /** What the next run should know of this one: to be kept now and then, and at the end. */
  state(): string {
    this.now();
    const offsets = this.offsets.map(({ aheadMs, seenMs }) => [aheadMs, seenMs]);
    return `${JSON.stringify({ version: 1, wallMs: this.clock.now(), ranMs: this.ranMs(), offsets })}\n`;
  }

  private ranMs(): number {
    return this.ranBeforeMs + this.clock.monotonicMs();
  }

  private note(aheadMs: number, ranMs: number): void {
    const { offsets } = this;
    const last = offsets.at(-1);
    if (last) last.seenMs = ranMs; // it may have held until now
    while (offsets.length > 0 && offsets.at(-1)!.aheadMs >= aheadMs) offsets.pop();
    const before = offsets.at(-1);
    if (before && (aheadMs <= before.aheadMs + TOLERANCE_MS || offsets.length === MAX_JUMPS)) before.seenMs = ranMs;
    else offsets.push({ aheadMs, seenMs: ranMs });
    while (offsets.length > 1 && ranMs - offsets[0]!.seenMs >= BELIEVED_AFTER_MS) offsets.shift();
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

interface State {
  readonly wallMs: number;
  readonly ranMs: number;
  readonly offsets: readonly (readonly [aheadMs: number, seenMs: number])[];
}

/** null: damaged, which is as good as none. */
function parseState(text: string | null): State | null {
  if (text === null) return null;
  try {
    const { version, wallMs, ranMs, offsets } = JSON.parse(text) as Record<string, unknown>;
    if (version !== 1 || !isTime(wallMs) || !isTime(ranMs) || !Array.isArray(offsets) || offsets.length > MAX_JUMPS) return null;
    if (!offsets.every((each) => Array.isArray(each) && each.length === 2 && each.every(isTime))) return null;
    return { wallMs, ranMs, offsets };
  } catch {
    return null;
  }
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
