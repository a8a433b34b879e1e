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
    let deleted = 0;
    const check = ({ topic, index }: { topic: string; index: number }) => {
      deleted += deleteOld(() => replicas.hosted(topic, index), topic, index, logger);
    };
    inSlices(
      clock,
      stored,
      check,
      () => this.stopped,
      () => this.finished(deleted),
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

/** Deletes a log's old segments, and tells of it; returns how many. What goes wrong is logged. */
export function deleteOld(find: () => { applyRetention(): number }, topic: string, index: number, logger: Logger): number {
  try {
    const count = find().applyRetention();
    if (count > 0) logger.info({ topic, partition: index, segments: count }, 'old segments deleted');
    return count;
  } catch (error) {
    // Its topic was deleted meanwhile, or its log is offline, which was logged.
    if (!(error instanceof KafkaError)) logger.error({ topic, partition: index, err: error }, 'old segments could not be deleted');
    return 0;
  }
}
