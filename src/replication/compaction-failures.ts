import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

/** A log whose disk fails is tried again after twice the time each time, up to this. */
const LONGEST_RETRY_MS = 600_000;

interface Failure {
  readonly retryMs: number;
  /** Monotonic; Infinity: never. */
  readonly notBeforeMs: number;
}
interface Named {
  readonly topic: string;
  readonly index: number;
}

/** The logs that could not be compacted: each is told of once, and waits, so that it takes nobody's turn. */
export class CompactionFailures {
  private readonly logger: Logger;
  private readonly failures = new WeakMap<Named, Failure>();

  constructor(logger: Logger) {
    this.logger = logger;
  }

  mayTry(log: Named, nowMs: number): boolean {
    return nowMs >= (this.failures.get(log)?.notBeforeMs ?? 0);
  }

  /**
   * What the disk did not do it may do later, as when there is room again. Anything else is in the log itself: it is passed over until the
   * broker is started again, as in Kafka.
   */
  failed(log: Named, error: Error, nowMs: number, leastRetryMs: number): void {
    const { topic, index: partition } = log;
    if (error instanceof KafkaError && isOver(error)) return;
    const before = this.failures.get(log);
    if (error instanceof KafkaError && error.errorName === 'KAFKA_STORAGE_ERROR') {
      const retryMs = Math.min(before ? before.retryMs * 2 : Math.max(leastRetryMs, 1), LONGEST_RETRY_MS);
      this.failures.set(log, { retryMs, notBeforeMs: nowMs + retryMs });
      if (!before) this.logger.warn({ topic, partition, error: error.message }, 'a log could not be compacted; it is tried again');
    } else {
      this.failures.set(log, { retryMs: 0, notBeforeMs: Number.POSITIVE_INFINITY });
      this.logger.error({ topic, partition, error: error.message }, 'a log cannot be compacted, and is passed over until the next start');
    }
  }

  succeeded(log: Named): void {
    const { topic, index: partition } = log;
    if (this.failures.delete(log)) this.logger.info({ topic, partition }, 'a log can be compacted again');
  }
}

/** The topic was deleted, or the replica moved away, or this broker lost its registration. */
function isOver({ errorName }: KafkaError): boolean {
  return errorName === 'UNKNOWN_TOPIC_OR_PARTITION' || errorName === 'NOT_LEADER_OR_FOLLOWER';
}
