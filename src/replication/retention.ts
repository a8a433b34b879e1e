import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { ReplicaManager } from './replica-manager.ts';

/** How long a check may keep the loop for itself before everything else gets its turn. */
const SLICE_MS = 10;

/**
 * Goes through the logs of a broker and has the old segments deleted. A log that was not used since the start is opened for it when it has a
 * folder, since nothing else tells how old its records are: once, in slices. An open idle log costs no I/O.
 */
export class Retention {
  private readonly replicas: Pick<ReplicaManager, 'stored' | 'hosted'>;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly deletedSome: () => void;
  private running = false;
  private stopped = false;

  /** @param deletedSome logs begin later now: a good time for checkpoints */
  constructor(replicas: Pick<ReplicaManager, 'stored' | 'hosted'>, clock: Clock, logger: Logger, deletedSome: () => void) {
    this.replicas = replicas;
    this.clock = clock;
    this.logger = logger;
    this.deletedSome = deletedSome;
  }

  /** Begins a check, unless the last one is still under way. */
  begin(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    this.goOn(this.replicas.stored(), 0, 0);
  }

  stop(): void {
    this.stopped = true;
  }

  private goOn(partitions: readonly { topic: string; index: number }[], from: number, deletedBefore: number): void {
    if (this.stopped) return;
    const startMs = this.clock.monotonicMs();
    let next = from;
    let deleted = deletedBefore;
    while (next < partitions.length && (next === from || this.clock.monotonicMs() - startMs < SLICE_MS))
      deleted += this.check(partitions[next++]!);
    if (next < partitions.length) {
      this.clock.soon(() => this.goOn(partitions, next, deleted));
      return;
    }
    this.running = false;
    if (deleted === 0) return;
    try {
      this.deletedSome();
    } catch (error) {
      this.logger.error({ err: error }, 'the checkpoints could not be written');
    }
  }

  private check({ topic, index }: { topic: string; index: number }): number {
    try {
      const count = this.replicas.hosted(topic, index).applyRetention();
      if (count > 0) this.logger.info({ topic, partition: index, segments: count }, 'old segments deleted');
      return count;
    } catch (error) {
      // Its topic was deleted meanwhile, or its log is offline, which was logged.
      if (!(error instanceof KafkaError)) this.logger.error({ topic, partition: index, err: error }, 'old segments could not be deleted');
      return 0;
    }
  }
}
