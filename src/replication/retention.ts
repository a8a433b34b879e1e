import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { ReplicaManager } from './replica-manager.ts';
import { inSlices } from './sliced.ts';

export interface RetentionOptions {
  readonly replicas: Pick<ReplicaManager, 'stored' | 'hosted'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether compaction sees to the compacted logs: it deletes from them between two compactions, so that neither disturbs the other. */
  readonly leavesCompacted: boolean;
  /** Logs begin later now: a good time for checkpoints. */
  readonly deletedSome: () => void;
}

/**
 * Goes through the logs of a broker and has the old segments deleted. A log that was not used since the start is opened for it when it has a
 * folder, since nothing else tells how old its records are: once, in slices. An open idle log costs no I/O.
 */
export class Retention {
  private readonly options: RetentionOptions;
  private running = false;
  private stopped = false;

  constructor(options: RetentionOptions) {
    this.options = options;
  }

  /** Begins a check, unless the last one is still under way. */
  begin(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    const { replicas, clock, logger, leavesCompacted } = this.options;
    const stored = replicas.stored(leavesCompacted ? 'not compacted' : 'all');
    const old = new OldSegments(logger);
    inSlices(
      clock,
      stored,
      ({ topic, index }) => old.deleteSome(() => replicas.hosted(topic, index), topic, index),
      () => this.stopped,
      () => this.finished(old.count),
    );
  }

  stop(): void {
    this.stopped = true;
  }

  private finished(deleted: number): void {
    this.running = false;
    if (deleted === 0) return;
    try {
      this.options.deletedSome();
    } catch (error) {
      this.options.logger.error({ err: error }, 'the checkpoints could not be written');
    }
  }
}

/** Deletes old segments of one log after the other, and tells of each. */
export class OldSegments {
  /** Over all logs. */
  count = 0;
  private readonly logger: Logger;
  /** Of the log that is under way. */
  private here = 0;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  /** Whether it is to be called again for this log when others had their turn: what it does at once is bounded. What goes wrong is logged. */
  deleteSome(find: () => { applyRetention(): number }, topic: string, index: number): boolean {
    let deleted = 0;
    try {
      deleted = find().applyRetention();
    } catch (error) {
      // Its topic was deleted meanwhile, or its log is offline, which was logged.
      if (!(error instanceof KafkaError)) this.logger.error({ topic, partition: index, err: error }, 'old segments could not be deleted');
    }
    this.count += deleted;
    this.here += deleted;
    if (deleted > 0) return true;
    if (this.here > 0) this.logger.info({ topic, partition: index, segments: this.here }, 'old segments deleted');
    this.here = 0;
    return false;
  }
}
