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
  /** Those whose time has come, in line; the first is being removed. */
  private readonly due: Segment[] = [];

  constructor(context: LogContext, name: string) {
    this.context = context;
    this.name = name;
  }

  /** @param segment doomed */
  add(segment: Segment, delayMs: number): void {
    const timer = this.context.clock.after(delayMs, () => this.expired(segment));
    this.waiting.set(segment, timer);
  }

  /** The log is closed. */
  removeNow(): void {
    for (const segment of [...this.waiting.keys()]) {
      this.release(segment);
      this.attempt(() => segment.remove());
    }
  }

  /** The log is gone, with all its files. */
  forget(): void {
    for (const segment of [...this.waiting.keys()]) {
      this.release(segment);
      segment.close();
    }
  }

  /** Many expire at once, and removing a file of a gigabyte takes its time: one after the other, off the loop. */
  private expired(segment: Segment): void {
    this.due.push(segment);
    if (this.due.length === 1) this.removeDue();
  }

  private removeDue(): void {
    const [segment] = this.due;
    if (!segment) return;
    const next = () => {
      this.due.shift();
      this.removeDue();
    };
    if (!this.waiting.has(segment)) {
      next(); // the log was closed, or is gone
      return;
    }
    this.release(segment);
    segment.removeLater(this.context.cache.files, (error) => {
      if (error) this.warn(error);
      next();
    });
  }

  private release(segment: Segment): void {
    this.waiting.get(segment)?.cancel();
    this.waiting.delete(segment);
  }

  private attempt(remove: () => void): void {
    try {
      remove();
    } catch (error) {
      this.warn(error);
    }
  }

  private warn(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.context.logger.warn({ log: this.name, error: why }, 'a deleted segment could not be removed; the next start tries again');
  }
}
