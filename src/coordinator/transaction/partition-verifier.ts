import type { Clock } from '../../core/clock.ts';
import type { ErrorName } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import type { VerificationGuard } from '../../storage/verifications.ts';
import type { Producer, Verdict } from './add-partitions.ts';

/** Whether a transaction has a partition, or (`adds`) that it gets it: transactions v2. */
export interface Question {
  readonly transactionalId: string;
  readonly producer: Producer;
  readonly adds: boolean;
}

/** A partition that is to take a batch. */
export interface Asking {
  readonly topic: string;
  readonly partition: number;
  /** `Partition.beginVerification`: for each batch, and before each time that the coordinator is asked. */
  readonly begin: () => VerificationGuard | null;
}

/** All partitions that are asked for of one transaction. */
export interface Questions extends Question {
  readonly topics: ReadonlyMap<string, ReadonlySet<number>>;
}

export interface PartitionVerifierOptions {
  readonly clock: Clock;
  /** The broker that coordinates a transactional id now; negative: nobody. */
  readonly coordinatorOf: (transactionalId: string) => number;
  /** Asks a coordinator: what it says of the partitions of each. Rejects when it cannot be reached. */
  readonly ask: (nodeId: number, questions: readonly Questions[]) => Promise<readonly Verdict[]>;
  /** add.partitions.to.txn.retry.backoff.ms and .max.ms: an earlier transaction of the producer that is not over yet is waited for, for so long. */
  readonly retryMs: () => { readonly backoffMs: number; readonly maxMs: number };
}

/** Partitions in one request: what is asked beyond that waits for the next. */
const MAX_BATCH = 1_000;
/** Batches. Beyond it producers are told to come again: a coordinator that does not answer must not collect them for ever. */
const MAX_WAITING = 10_000;

/** `guard`: what goes with the batch; null, the transaction is open there. */
type Done = (error: ErrorName, guard: VerificationGuard | null) => void;

/** A partition that waits for the word of a coordinator, and its batches of one transaction in their order. */
interface Waiting {
  readonly key: string;
  readonly question: Question;
  readonly asking: Asking;
  readonly sinceMs: number;
  readonly batches: Done[];
  guard: VerificationGuard;
}

interface Queue {
  waiting: Waiting[];
  isBusy: boolean;
}

/**
 * Asks the coordinators of transactions whether a partition that this broker leads is part of them, before it takes their first record (KIP-890). One
 * request to each coordinator at a time, with all that has gathered meanwhile.
 *
 * Batches of one producer for one partition are answered in their order: one that was overtaken would be in order, and what overtook it would not be,
 * which a producer that has heard of both takes for lost records.
 */
export class PartitionVerifier {
  private readonly options: PartitionVerifierOptions;
  private readonly queues = new Map<number, Queue>();
  private readonly latest = new Map<string, Waiting>();
  private batches = 0;

  constructor(options: PartitionVerifierOptions) {
    this.options = options;
  }

  /**
   * `done` gets NONE or what the coordinator says; COORDINATOR_NOT_AVAILABLE, NETWORK_EXCEPTION when it says nothing. It may be called before this returns.
   * @throws KafkaError as `begin`
   */
  verify(question: Question, asking: Asking, done: Done): void {
    const { adds, producer } = question;
    const guard = asking.begin();
    const key = `${adds} ${producer.producerId} ${producer.producerEpoch} ${asking.partition} ${asking.topic}`;
    const ahead = this.latest.get(key);
    if (!guard && !ahead) {
      done('NONE', null);
      return;
    }
    if (this.batches >= MAX_WAITING) {
      done('COORDINATOR_NOT_AVAILABLE', guard);
      return;
    }
    this.batches++;
    // In transactions v1 an epoch has several: what is said of the one before is not said of this.
    if (ahead && (adds || !guard || guard === ahead.guard)) ahead.batches.push(done);
    else if (guard) {
      const waiting = { key, question, asking, sinceMs: this.options.clock.monotonicMs(), batches: [done], guard };
      this.latest.set(key, waiting);
      this.enqueue(waiting);
    }
  }

  private enqueue(waiting: Waiting): void {
    const coordinator = this.options.coordinatorOf(waiting.question.transactionalId);
    if (coordinator < 0) {
      this.options.clock.soon(() => this.answer(waiting, 'COORDINATOR_NOT_AVAILABLE'));
      return;
    }
    const queue = this.queues.get(coordinator) ?? { waiting: [], isBusy: false };
    this.queues.set(coordinator, queue);
    queue.waiting.push(waiting);
    this.options.clock.soon(() => this.flush(coordinator, queue));
  }

  private flush(coordinator: number, queue: Queue): void {
    if (queue.isBusy || queue.waiting.length === 0) return;
    const taken = queue.waiting.splice(0, MAX_BATCH);
    const { questions, indexOf } = gathered(taken);
    queue.isBusy = true;
    this.options
      .ask(coordinator, questions)
      .then(
        (verdicts) => {
          for (const [i, each] of taken.entries()) this.settle(each, verdicts[indexOf[i]!]!(each.asking.topic, each.asking.partition));
        },
        (error: unknown) => {
          for (const each of taken) this.answer(each, error instanceof KafkaError ? error.errorName : 'NETWORK_EXCEPTION');
        },
      )
      .finally(() => {
        queue.isBusy = false;
        if (queue.waiting.length > 0) this.flush(coordinator, queue);
        else if (this.queues.get(coordinator) === queue) this.queues.delete(coordinator);
      });
  }

  private settle(waiting: Waiting, error: ErrorName): void {
    // The marker of the transaction before may come between question and answer. An epoch has one transaction in v2, so the question can be put again.
    const isLate = error === 'NONE' && waiting.guard.isSpent;
    if (!waiting.question.adds || (!isLate && error !== 'CONCURRENT_TRANSACTIONS')) {
      this.answer(waiting, error);
      return;
    }
    const { clock, retryMs } = this.options;
    const { backoffMs, maxMs } = retryMs();
    const waitMs = isLate ? 0 : backoffMs;
    if (clock.monotonicMs() - waiting.sinceMs + waitMs > maxMs) this.answer(waiting, 'CONCURRENT_TRANSACTIONS');
    else if (isLate) this.again(waiting);
    else clock.after(waitMs, () => this.again(waiting));
  }

  private again(waiting: Waiting): void {
    let guard: VerificationGuard | null;
    try {
      guard = waiting.asking.begin();
    } catch (error) {
      this.answer(waiting, error instanceof KafkaError ? error.errorName : 'UNKNOWN_SERVER_ERROR');
      return;
    }
    if (guard) {
      waiting.guard = guard;
      this.enqueue(waiting);
    } else this.answer(waiting, 'NONE');
  }

  private answer(waiting: Waiting, error: ErrorName): void {
    const { batches, guard, key } = waiting;
    if (this.latest.get(key) === waiting) this.latest.delete(key);
    this.batches -= batches.length;
    for (const done of batches) done(error, guard);
  }
}

/** The questions about one transaction become one. */
function gathered(all: readonly Waiting[]): { questions: Questions[]; indexOf: number[] } {
  const questions: (Question & { topics: Map<string, Set<number>> })[] = [];
  const known = new Map<string, number>();
  const indexOf = all.map(({ asking: { partition, topic }, question }) => {
    const { adds, producer, transactionalId } = question;
    const key = `${producer.producerId} ${producer.producerEpoch} ${adds} ${transactionalId}`;
    const index = known.get(key) ?? questions.push({ ...question, topics: new Map() }) - 1;
    known.set(key, index);
    const { topics } = questions[index]!;
    topics.set(topic, (topics.get(topic) ?? new Set()).add(partition));
    return index;
  });
  return { questions, indexOf };
}
