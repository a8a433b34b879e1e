import type { Clock, Timer } from '../../core/clock.ts';
import { asError } from '../../core/errors.ts';
import type { Files } from '../../core/files.ts';
import type { Done } from '../log-types.ts';
import { Segment } from '../segment.ts';
import { type CompactionStep, compactLog } from './compact-log.ts';
import type { CompactionJob } from './job.ts';
import type { CleanerRunner, CompactionEvent, CompactionSession } from './sessions.ts';

export interface TurnOptions {
  readonly clock: Clock;
  readonly files: Files;
  /** How long steps go on before others have their turn. */
  readonly turnMs: number;
  /** Read at a time at most: a step cannot be interrupted. */
  readonly blockBytes: number;
  /** Whether a sync may hold everything else up: in a thread of its own it may, and then takes no thread from others' reads and writes. */
  readonly blocking: boolean;
}

/** Steps in a turn at most: time may stand still in it. */
const MAX_STEPS = 100;

/** Compactions in turns of an event loop: of a thread of their own, or of the broker's where there is none. */
export class TurnRunner implements CleanerRunner {
  private readonly options: TurnOptions;
  private readonly sessions = new Set<TurnSession>();

  constructor(options: TurnOptions) {
    this.options = options;
  }

  begin(job: CompactionJob): CompactionSession {
    const session = new TurnSession(this.options, job, () => this.sessions.delete(session));
    this.sessions.add(session);
    return session;
  }

  syncDirectory(folder: string, done: Done): void {
    const { clock, files } = this.options;
    // Three of them follow each other, and on the broker's loop each holds it up.
    clock.soon(() => {
      try {
        files.syncDirectory(folder);
      } catch (error) {
        done(asError(error));
        return;
      }
      done(null);
    });
  }

  stop(): void {
    for (const session of [...this.sessions]) session.end();
  }
}

class TurnSession implements CompactionSession {
  private readonly options: TurnOptions;
  private readonly steps: Generator<CompactionStep, void, void>;
  private readonly pace: Pace;
  private readonly left: () => void;
  private tell: ((error: Error | null, event: CompactionEvent) => void) | undefined;
  private timer: Timer | undefined;
  private ended = false;

  constructor(options: TurnOptions, job: CompactionJob, left: () => void) {
    const ioBufferBytes = Math.min(job.settings.ioBufferBytes, options.blockBytes);
    this.options = options;
    this.steps = compactLog(options.files, { ...job, settings: { ...job.settings, ioBufferBytes } });
    this.pace = new Pace(options.clock, job.settings.maxBytesPerSecond);
    this.left = left;
  }

  next(done: (error: Error | null, event: CompactionEvent) => void): void {
    this.tell = done;
    this.soon();
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.tell = undefined;
    this.timer?.cancel();
    this.left();
    this.steps.return();
  }

  private soon(): void {
    this.options.clock.soon(() => {
      if (!this.ended) this.turn();
    });
  }

  private turn(): void {
    const { clock, turnMs } = this.options;
    const until = clock.monotonicMs() + turnMs;
    for (let i = 0; i < MAX_STEPS; i++) {
      const step = this.step();
      if (step === undefined) return;
      const waitMs = this.pace.note(step);
      if (waitMs > 0) {
        this.timer = clock.after(waitMs, () => this.soon());
        return;
      }
      if (clock.monotonicMs() >= until) break;
    }
    this.soon();
  }

  /** Bytes gone through; undefined: the turn is over, whatever comes next. */
  private step(): number | undefined {
    try {
      const { done, value } = this.steps.next();
      if (done) this.finish(null, null);
      else if (typeof value === 'number') return value;
      else if (value instanceof Segment) return this.flush(value);
      else this.told(null, value);
    } catch (error) {
      this.finish(asError(error), null);
    }
    return undefined;
  }

  private flush(segment: Segment): number | undefined {
    if (this.options.blocking) {
      segment.flushSync();
      return 0;
    }
    segment.flush((error) => {
      if (this.ended) return;
      if (error) this.fail(error);
      else this.soon();
    });
    return undefined;
  }

  private fail(error: Error): void {
    try {
      this.steps.return();
    } finally {
      this.finish(error, null);
    }
  }

  private finish(error: Error | null, event: CompactionEvent): void {
    this.ended = true;
    this.left();
    this.told(error, event);
  }

  private told(error: Error | null, event: CompactionEvent): void {
    const { tell } = this;
    this.tell = undefined;
    tell?.(error, event);
  }
}

/** Keeps the work under so many bytes a second, over the whole of it. */
class Pace {
  private readonly clock: Clock;
  private readonly bytesPerMs: number;
  private readyMs: number;

  constructor(clock: Clock, maxBytesPerSecond: number) {
    this.clock = clock;
    this.bytesPerMs = Math.max(maxBytesPerSecond, 1) / 1000;
    this.readyMs = clock.monotonicMs();
  }

  /** How long to wait after so many bytes. */
  note(bytes: number): number {
    if (this.bytesPerMs === Number.POSITIVE_INFINITY) return 0;
    const nowMs = this.clock.monotonicMs();
    this.readyMs = Math.max(this.readyMs, nowMs) + bytes / this.bytesPerMs;
    return Math.max(this.readyMs - nowMs, 0);
  }
}
