import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';

const WINDOW_MS = 60_000;
/** Lines of one window, of all clients together: a flood of strangers must fill neither the log nor the memory. */
export const MAX_WARNINGS = 20;

/** Says why clients are turned away: once a minute for each client host and reason, and how often more when it speaks again. */
export class ClientWarnings {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly said = new Set<string>();
  private unsaid = 0;
  private startMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, logger: Logger) {
    this.clock = clock;
    this.logger = logger;
  }

  /** @param reason of bounded length; the same for what is the same to whoever reads the log */
  warn(host: string, reason: string, fields: object, sentence: string): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.startMs >= WINDOW_MS) this.begin(nowMs);
    const key = `${host} ${reason}`;
    if (this.said.has(key) || this.said.size >= MAX_WARNINGS) {
      this.unsaid++;
      return;
    }
    this.said.add(key);
    this.logger.warn(fields, sentence);
  }

  private begin(nowMs: number): void {
    if (this.unsaid > 0)
      this.logger.warn({ count: this.unsaid }, `${this.unsaid} more connections were turned away since, for such reasons`);
    this.unsaid = 0;
    this.said.clear();
    this.startMs = nowMs;
  }
}
