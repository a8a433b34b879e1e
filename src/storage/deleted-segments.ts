import type { Timer } from '../core/clock.ts';
import type { LogContext } from './log-types.ts';
import type { Segment } from './segment.ts';

/**
 * Segments that have left one log: their files stay for file.delete.delay.ms, as `.deleted`, and are then removed. What a crash leaves of
 * them is removed when the log is next opened. No more of them are kept than the log had segments.
 */
export class DeletedSegments {
  private readonly context: LogContext;
  private readonly name: string;
  private readonly waiting = new Map<Segment, Timer>();

  constructor(context: LogContext, name: string) {
    this.context = context;
    this.name = name;
  }

  /** @param segment doomed */
  add(segment: Segment, delayMs: number): void {
    const timer = this.context.clock.after(delayMs, () => this.remove(segment));
    this.waiting.set(segment, timer);
  }

  /** The log is closed. */
  removeNow(): void {
    for (const [segment, timer] of [...this.waiting]) {
      timer.cancel();
      this.remove(segment);
    }
  }

  /** The log is gone, with all its files. */
  forget(): void {
    for (const [segment, timer] of this.waiting) {
      timer.cancel();
      segment.close();
    }
    this.waiting.clear();
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
