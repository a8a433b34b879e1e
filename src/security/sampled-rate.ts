/** Over which time a rate is measured: quota.window.num samples of quota.window.size.seconds each. */
export interface RateWindow {
  readonly samples: number;
  readonly sampleMs: number;
}

/**
 * A rate per second over sliding samples, as Kafka's Rate measures it. A sample begins with the first value after the one before it is full, and
 * counts until nothing was added to it for a whole window. Nothing is allocated once there are as many samples as the window has, and one more.
 */
export class SampledRate {
  private readonly window: RateWindow;
  /** Of each sample: when it began, when something was last added, and the sum. */
  private readonly startedMs: number[] = [];
  private readonly addedMs: number[] = [];
  private readonly sums: number[] = [];
  private current = 0;
  private lastUsedMs: number;

  constructor(window: RateWindow, nowMs: number) {
    this.window = window;
    this.lastUsedMs = nowMs;
    this.begin(0, nowMs);
  }

  /** A negative value takes back what was added before. */
  add(value: number, nowMs: number): void {
    const { samples, sampleMs } = this.window;
    if (nowMs - this.startedMs[this.current]! >= sampleMs) {
      // One more than the window has: the oldest may overlap its beginning.
      this.current = (this.current + 1) % (samples + 1);
      this.begin(this.current, nowMs);
    }
    this.sums[this.current]! += value;
    this.addedMs[this.current] = nowMs;
    this.lastUsedMs = nowMs;
  }

  perSecond(nowMs: number): number {
    const elapsedMs = this.elapsedMs(nowMs);
    let sum = 0;
    for (const each of this.sums) sum += each;
    return sum / (elapsedMs / 1000);
  }

  /** KIP-13: how long nothing may be added for the rate to come down to `limit` per second; 0 while it is not above. */
  throttleMs(limit: number, nowMs: number): number {
    const rate = this.perSecond(nowMs);
    return rate <= limit ? 0 : Math.round(((rate - limit) / limit) * this.elapsedMs(nowMs));
  }

  /** Whether a new one would measure the same. */
  isForgettable(nowMs: number): boolean {
    return nowMs - this.lastUsedMs >= this.window.samples * this.window.sampleMs;
  }

  private begin(index: number, nowMs: number): void {
    this.startedMs[index] = nowMs;
    this.addedMs[index] = nowMs;
    this.sums[index] = 0;
  }

  /**
   * The time that the samples stand for: since the oldest began, but never less than all samples but one, so that the first values after a pause do
   * not look like a high rate.
   */
  private elapsedMs(nowMs: number): number {
    const { samples, sampleMs } = this.window;
    let oldestMs = nowMs;
    for (let i = 0; i < this.sums.length; i++) {
      if (nowMs - this.addedMs[i]! >= samples * sampleMs) this.begin(i, nowMs);
      oldestMs = Math.min(oldestMs, this.startedMs[i]!);
    }
    const elapsedMs = nowMs - oldestMs;
    const fullSamples = Math.floor(elapsedMs / sampleMs);
    return Math.max(elapsedMs + Math.max(samples - 1 - fullSamples, 0) * sampleMs, 1);
  }
}
