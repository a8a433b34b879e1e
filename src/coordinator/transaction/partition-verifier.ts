import type { Clock } from '../../core/clock.ts';
import type { ErrorName } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import type { Producer, Verdict } from './add-partitions.ts';

/** Whether a transaction has a partition, or (`adds`) that it gets it: transactions v2. */
export interface Question {
  readonly transactionalId: string;
  readonly producer: Producer;
  readonly adds: boolean;
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

/** Transactions in one request: what is asked beyond that waits for the next. */
const MAX_BATCH = 1_000;
/** Beyond it producers are told to come again: a coordinator that does not answer must not collect questions for ever. */
const MAX_WAITING = 10_000;

interface Waiting {
  readonly question: Question;
  readonly topic: string;
  readonly partition: number;
  readonly sinceMs: number;
  readonly done: (error: ErrorName) => void;
}

interface Queue {
  waiting: Waiting[];
  isBusy: boolean;
}

/**
 * Asks the coordinators of transactions whether a partition that this broker leads is part of them, before it takes their first record (KIP-890). One
 * request to each coordinator at a time, with all that has gathered meanwhile; answers come in the order of the questions.
 */
export class PartitionVerifier {
  private readonly options: PartitionVerifierOptions;
  private readonly queues = new Map<number, Queue>();
  private waiting = 0;

  constructor(options: PartitionVerifierOptions) {
    this.options = options;
  }

  /** `done` gets NONE or what the coordinator says; COORDINATOR_NOT_AVAILABLE, NETWORK_EXCEPTION when it says nothing. */
  verify(question: Question, topic: string, partition: number, done: (error: ErrorName) => void): void {
    if (this.waiting >= MAX_WAITING) {
      done('COORDINATOR_NOT_AVAILABLE');
      return;
    }
    this.waiting++;
    const sinceMs = this.options.clock.monotonicMs();
    this.enqueue({ question, topic, partition, sinceMs, done });
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
          for (const [i, each] of taken.entries()) this.settle(each, verdicts[indexOf[i]!]!(each.topic, each.partition));
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
    const { clock, retryMs } = this.options;
    const { backoffMs, maxMs } = retryMs();
    const mayRetry = waiting.question.adds && error === 'CONCURRENT_TRANSACTIONS';
    if (mayRetry && clock.monotonicMs() - waiting.sinceMs + backoffMs <= maxMs) clock.after(backoffMs, () => this.enqueue(waiting));
    else this.answer(waiting, error);
  }

  private answer({ done }: Waiting, error: ErrorName): void {
    this.waiting--;
    done(error);
  }
}

/** The questions about one transaction become one. */
function gathered(all: readonly Waiting[]): { questions: Questions[]; indexOf: number[] } {
  const questions: (Question & { topics: Map<string, Set<number>> })[] = [];
  const known = new Map<string, number>();
  const indexOf = all.map(({ partition, question, topic }) => {
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
