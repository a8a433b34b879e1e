import type { Timer } from '../core/clock.ts';
import type { LogContext } from './log-types.ts';
import type { Segment } from './segment.ts';

/** How long removing files may keep the loop for itself before everything else gets its turn. */
const SLICE_MS = 5;

/**
 * Segments that have left one log: their files stay for file.delete.delay.ms, as `.deleted`, and are then removed, a few at a time. What a
 * crash leaves of them is removed when the log is next opened. No more of them are kept than the log had segments.
 */
export class DeletedSegments {
  private readonly context: LogContext;
  private readonly name: string;
  /** When each is due, in monotonic time. */
  private readonly waiting = new Map<Segment, number>();
  private timer: Timer | undefined;
  private timerAt = 0;

  constructor(context: LogContext, name: string) {
    this.context = context;
    this.name = name;
  }

  /** @param segment doomed */
  add(segment: Segment, delayMs: number): void {
    const due = this.context.clock.monotonicMs() + delayMs;
    this.waiting.set(segment, due);
    this.arm(due);
  }

  /** The log is closed. */
  removeNow(): void {
    this.timer?.cancel();
    for (const segment of this.waiting.keys()) this.remove(segment);
  }

  /** The log is gone, with all its files. */
  forget(): void {
    this.timer?.cancel();
    for (const segment of this.waiting.keys()) segment.close();
    this.waiting.clear();
  }

  private arm(due: number): void {
    if (this.timer && this.timerAt <= due) return;
    this.timer?.cancel();
    this.timerAt = due;
    const { clock } = this.context;
    this.timer = clock.after(Math.max(due - clock.monotonicMs(), 0), () => this.removeDue());
  }

  private removeDue(): void {
    const { clock } = this.context;
    const startMs = clock.monotonicMs();
    this.timer = undefined;
    let next = Number.POSITIVE_INFINITY;
    for (const [segment, due] of this.waiting) {
      if (clock.monotonicMs() - startMs >= SLICE_MS) {
        next = startMs; // as soon as the others had their turn
        break;
      }
      if (due <= startMs) this.remove(segment);
      else next = Math.min(next, due);
    }
    if (next < Number.POSITIVE_INFINITY) this.arm(next);
  }

  private remove(segment: Segment): void {
    this.waiting.delete(segment);
    try {
      segment.remove();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.context.logger.warn({ log: this.name, error: why }, 'a deleted segment could not be removed; the next start tries again');
    }
  }
}
