import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Partition } from './partition.ts';

/** Compacts logs one after the other, each when it is asked for and has enough to forget. No more wait than there are partitions. */
export class Compactions {
  private readonly logger: Logger;
  private readonly waiting = new Set<Partition>();
  private running = false;
  private stopped = false;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  request(partition: Partition): void {
    this.waiting.add(partition);
    if (!this.running) this.next();
  }

  /** What is under way ends by itself, with its log. */
  stop(): void {
    this.stopped = true;
    this.waiting.clear();
  }

  private next(): void {
    const [partition] = this.waiting;
    this.running = partition !== undefined && !this.stopped;
    if (!partition || this.stopped) return;
    this.waiting.delete(partition);
    const { topic, index } = partition;
    try {
      partition.compact((error, { bytesBefore, bytesAfter }) => {
        if (error) this.logger.error({ topic, partition: index, error: error.message }, 'a log could not be compacted');
        else if (bytesBefore > 0) this.logger.debug({ topic, partition: index, bytesBefore, bytesAfter }, 'a log was compacted');
        this.next();
      });
    } catch (error) {
      // Its topic was deleted meanwhile, or its log is offline, which was logged.
      if (!(error instanceof KafkaError)) this.logger.error({ topic, partition: index, err: error }, 'a log could not be compacted');
      this.next();
    }
  }
}
