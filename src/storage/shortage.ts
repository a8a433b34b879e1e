import type { Clock } from '../core/clock.ts';
import { nodeCodeOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

/** A disk, or the share of it that this user has, is full; this process, or the machine, has too many files open. */
const SHORT = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE']);
const OUT_OF_HANDLES = new Set(['EMFILE', 'ENFILE']);

/** Whether what failed may go well later, and nothing is lost meanwhile. Not of a sync: what that left out is gone. */
export function isShortage(error: unknown): boolean {
  return SHORT.has(nodeCodeOf(error));
}

/** Nothing was opened, so nothing was done. */
export function isOutOfHandles(error: unknown): boolean {
  return OUT_OF_HANDLES.has(nodeCodeOf(error));
}

/** Near its end a disk takes small writes and no large ones: it has room again when nothing was refused for this long. */
const OVER_AFTER_MS = 10_000;

/** Says once that a log directory takes no writes for want of room or of files, and once that it does again, whatever happens in between. */
export class Shortage {
  private readonly directory: string;
  private readonly clock: Clock;
  private readonly logger: Logger;
  /** Of the last refusal; null: there is no shortage. */
  private lastMs: number | null = null;
  private refused = 0;

  constructor(directory: string, clock: Clock, logger: Logger) {
    this.directory = directory;
    this.clock = clock;
    this.logger = logger;
  }

  /** Takes note of an error, if it is one of a shortage; tells whether it is. */
  noted(error: unknown): boolean {
    if (!isShortage(error)) return false;
    if (this.lastMs === null) {
      const { directory } = this;
      const what = isOutOfHandles(error) ? 'too many files are open' : 'the disk is full';
      this.logger.error(
        { directory, error: nodeCodeOf(error) },
        `${what}: what cannot be written is refused until there is room; reads go on`,
      );
    }
    this.lastMs = this.clock.monotonicMs();
    this.refused++;
    return true;
  }

  /** Something was written. Costs nothing while there is no shortage. */
  wrote(): void {
    if (this.lastMs === null || this.clock.monotonicMs() - this.lastMs < OVER_AFTER_MS) return;
    const { directory, refused } = this;
    this.lastMs = null;
    this.refused = 0;
    this.logger.warn({ directory, refused }, 'there is room again: writes succeed');
  }
}
