import type { RateWindow } from './sampled-rate.ts';

/** KIP-599: tokens come in at a rate, up to what a whole window brings; more may be taken than there are, and must be waited for. */
export class TokenBucket {
  private readonly window: RateWindow;
  private tokens: number;
  private filledMs: number;
  private limit: number;

  /** Full. @param limit tokens per second */
  constructor(window: RateWindow, limit: number, nowMs: number) {
    this.window = window;
    this.limit = limit;
    this.filledMs = nowMs;
    this.tokens = this.size();
  }

  take(tokens: number, limit: number, nowMs: number): void {
    this.fill(limit, nowMs);
    this.tokens = Math.min(this.tokens - tokens, this.size());
  }

  /** Until none is owed any more; 0: none is. */
  throttleMs(limit: number, nowMs: number): number {
    this.fill(limit, nowMs);
    return this.tokens < 0 ? Math.round((-this.tokens / limit) * 1000) : 0;
  }

  /** Whether a new one would be the same. */
  isForgettable(nowMs: number): boolean {
    this.fill(this.limit, nowMs);
    return this.tokens >= this.size();
  }

  private fill(limit: number, nowMs: number): void {
    this.limit = limit;
    this.tokens = Math.min(this.tokens + (limit * (nowMs - this.filledMs)) / 1000, this.size());
    this.filledMs = nowMs;
  }

  private size(): number {
    return (this.limit * this.window.samples * this.window.sampleMs) / 1000;
  }
}
