import type { Clock, Timer } from '../core/clock.ts';
import { asError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Cleanable } from '../storage/compaction-range.ts';
import { type CompactionResult, NOTHING_COMPACTED } from '../storage/log-compacting.ts';
import { CompactionFailures } from './compaction-failures.ts';
import { OldSegments } from './retention.ts';
import { inSlices } from './sliced.ts';

/** A log of this broker that may be compacted: a Partition. All throw KafkaErrors when it is gone or its disk fails. */
export interface Compactable {
  readonly topic: string;
  readonly index: number;
  applyRetention(): number;
  cleanable(nowMs: number): Cleanable;
  /** Of the compaction under way. */
  readonly compactedSoFar: CompactionResult;
  compact(done: (error: Error | null, result: CompactionResult) => void): void;
}

/** Where the logs are found. */
export interface CompactableLogs {
  /** Those with cleanup.policy compact that may hold records. */
  stored(which: 'compacted'): readonly { readonly topic: string; readonly index: number }[];
  /** @throws KafkaError when it is gone */
  hosted(topic: string, index: number): Compactable;
}

export interface CompactionsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Wall-clock time by which records have an age. */
  readonly nowMs: () => number;
  /** log.cleaner.enable, and log.cleaner.threads other than 0. */
  readonly isEnabled: boolean;
  /** log.cleaner.backoff.ms */
  readonly backoffMs: () => number;
  /** Logs begin later now: a good time for checkpoints. */
  readonly deletedSome: () => void;
}

/** log.cleaner.backoff.ms may be 0; looking through all logs without a pause helps nobody. */
const LEAST_BACKOFF_MS = 100;
/** How often one hears of a compaction that goes on. */
const PROGRESS_MS = 30_000;

/**
 * Compacts the logs of a broker whose cleanup.policy is compact, one after the other whatever log.cleaner.threads says: on leaders and on
 * followers, each by itself. It looks through them every log.cleaner.backoff.ms, deletes what retention says, and compacts those that are due,
 * the dirtiest first; then it looks again at once. A coordinator's log asks for its turn itself (`request`), and is next.
 */
export class Compactions {
  private readonly options: CompactionsOptions;
  private readonly failures: CompactionFailures;
  private logs: CompactableLogs | null = null;
  private readonly waiting = new Set<Compactable>();
  /** Found due, dirtiest last. */
  private due: Compactable[] = [];
  private current: Compactable | null = null;
  private isLooking = false;
  /** Since it last looked: what could not be compacted then may be due now. */
  private hasCompacted = false;
  private timer: Timer | null = null;
  private stopped = false;

  constructor(options: CompactionsOptions) {
    this.options = options;
    this.failures = new CompactionFailures(options.logger);
  }

  /** From now on it looks for work itself, first after log.cleaner.backoff.ms. */
  begin(logs: CompactableLogs): void {
    if (!this.options.isEnabled || this.stopped) return;
    this.logs = logs;
    this.rest();
  }

  /** Looks at a log as soon as what is under way is finished. No more wait than there are partitions. */
  request(partition: Compactable): void {
    if (!this.options.isEnabled || this.stopped) return;
    this.waiting.add(partition);
    this.next();
  }

  /** What is under way ends by itself, with its log. */
  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.waiting.clear();
    this.due = [];
  }

  private next(): void {
    if (this.stopped || this.current || this.isLooking) return;
    const [asked] = this.waiting;
    if (asked) this.waiting.delete(asked);
    const partition = asked ?? this.due.pop();
    if (partition) this.compact(partition);
    else if (this.hasCompacted) this.look();
    else this.rest();
  }

  private rest(): void {
    if (!this.logs || this.timer) return;
    this.timer = this.options.clock.after(this.backoffMs, () => {
      this.timer = null;
      if (!this.current) this.look();
    });
  }

  private get backoffMs(): number {
    return Math.max(this.options.backoffMs(), LEAST_BACKOFF_MS);
  }

  private look(): void {
    const { logs, options } = this;
    this.hasCompacted = false;
    if (!logs) return;
    this.timer?.cancel();
    this.timer = null;
    this.isLooking = true;
    const found: { partition: Compactable; ratio: number }[] = [];
    const old = new OldSegments(options.logger);
    const each = ({ topic, index }: { topic: string; index: number }) => {
      if (old.deleteSome(() => logs.hosted(topic, index), topic, index)) return true;
      const partition = this.find(logs, topic, index);
      const cleanable = partition && this.cleanableNow(partition);
      if (cleanable) found.push({ partition, ratio: cleanable.ratio });
      return false;
    };
    const done = () => {
      this.isLooking = false;
      if (old.count > 0) this.checkpoint();
      this.due = found.sort((a, b) => a.ratio - b.ratio).map(({ partition }) => partition);
      this.next();
    };
    inSlices(options.clock, logs.stored('compacted'), each, () => this.stopped, done);
  }

  private find(logs: CompactableLogs, topic: string, index: number): Compactable | null {
    try {
      return logs.hosted(topic, index);
    } catch {
      return null; // its topic was deleted meanwhile
    }
  }

  private checkpoint(): void {
    try {
      this.options.deletedSome();
    } catch (error) {
      this.options.logger.error({ err: error }, 'the checkpoints could not be written');
    }
  }

  /** What a log has to compact, if that is due. */
  private cleanableNow(partition: Compactable): Cleanable | null {
    const { clock, nowMs } = this.options;
    if (!this.failures.mayTry(partition, clock.monotonicMs())) return null;
    try {
      const cleanable = partition.cleanable(nowMs());
      return cleanable.isDue ? cleanable : null;
    } catch (error) {
      this.failed(partition, error);
      return null;
    }
  }

  private compact(partition: Compactable): void {
    const { clock } = this.options;
    const cleanable = this.cleanableNow(partition);
    this.current = partition;
    const ended = () => {
      this.current = null;
      clock.soon(() => this.next());
    };
    if (!cleanable) {
      ended();
      return;
    }
    const startMs = clock.monotonicMs();
    const progress = this.tellProgress(partition, cleanable, startMs);
    const done = (error: unknown, result: CompactionResult) => {
      progress.cancel();
      if (error) this.failed(partition, error);
      else this.succeeded(partition, cleanable, result, clock.monotonicMs() - startMs);
      ended();
    };
    try {
      partition.compact(done);
    } catch (error) {
      done(error, NOTHING_COMPACTED);
    }
  }

  private tellProgress(partition: Compactable, { dirtyBytes, cleanBytes }: Cleanable, startMs: number): Timer {
    const { clock, logger } = this.options;
    const { topic, index } = partition;
    let timer = clock.after(PROGRESS_MS, again);
    function again() {
      const seconds = Math.round((clock.monotonicMs() - startMs) / 1000);
      const { bytesBefore: doneBytes } = partition.compactedSoFar;
      logger.info({ topic, partition: index, seconds, doneBytes, ofBytes: cleanBytes + dirtyBytes }, 'a log is being compacted');
      timer = clock.after(PROGRESS_MS, again);
    }
    return { cancel: () => timer.cancel() };
  }

  private succeeded(partition: Compactable, { firstDirtyOffset }: Cleanable, result: CompactionResult, durationMs: number): void {
    const { topic, index } = partition;
    this.failures.succeeded(partition);
    if (result.bytesBefore === 0) return; // given up, as its log changed meanwhile: later
    // One that got nowhere is as due as before: at once, it would be tried for ever.
    this.hasCompacted ||= result.firstDirtyOffset > firstDirtyOffset;
    this.options.logger.info({ topic, partition: index, durationMs: Math.round(durationMs), ...result }, 'a log was compacted');
  }

  private failed(partition: Compactable, error: unknown): void {
    const failure = asError(error);
    this.failures.failed(partition, failure, this.options.clock.monotonicMs(), this.backoffMs);
  }
}
