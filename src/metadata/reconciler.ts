import type { Clock, Timer } from '../core/clock.ts';

/** After a failure of the store. */
const RETRY_MS = 100;

export interface ReconcilerOptions {
  readonly clock: Clock;
  /** Compares what is with what should be, and works off the difference. What it throws has it called again after a while. */
  readonly pass: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Work that follows a state rather than single events: however often and whenever it is kicked, one more pass follows the last kick, one at a time. */
export class Reconciler {
  private readonly options: ReconcilerOptions;
  private wanted = false;
  private running: Promise<void> | undefined;
  private retry: Timer | undefined;
  private closed = false;

  constructor(options: ReconcilerOptions) {
    this.options = options;
  }

  kick(): void {
    if (this.closed) return;
    this.wanted = true;
    this.running ??= this.run();
  }

  /** Resolves when nothing is under way or wanted; what failed is tried again later. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  /** Resolves when the pass under way has ended; none follows. */
  async close(): Promise<void> {
    this.closed = true;
    this.wanted = false;
    this.retry?.cancel();
    await this.running;
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // what the listeners of one image kick is one pass
    while (this.wanted) {
      this.wanted = false;
      try {
        await this.options.pass();
      } catch (error) {
        if (this.closed) break;
        this.options.onError(error);
        this.retry?.cancel();
        this.retry = this.options.clock.after(RETRY_MS, () => this.kick());
      }
    }
    this.running = undefined;
  }
}
