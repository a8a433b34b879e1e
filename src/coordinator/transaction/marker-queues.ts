import type { Clock, Timer } from '../../core/clock.ts';
import type { ErrorName } from '../../core/error-codes.ts';
import type { Logger } from '../../core/logger.ts';
import type { TopicPartitions } from './transaction.ts';
import type { MarkerSender, Markers } from './transaction-env.ts';

/** Markers for the partitions of one leader. */
export interface MarkersToWrite extends Omit<Markers, 'partitions' | 'transactionalId'> {
  readonly topics: ReadonlyMap<string, ReadonlySet<number>>;
}

/** What became of one partition's marker. */
export interface MarkerResult {
  readonly topic: string;
  readonly partition: number;
  readonly error: ErrorName;
}

export interface MarkerQueuesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** -1: nobody leads it now; undefined: there is no such partition, or not any more. */
  readonly leaderOf: (topic: string, partition: number) => number | undefined;
  /** Writes markers to partitions that a broker leads: the results of each of them, in their order. Rejects when it cannot be reached. */
  readonly write: (nodeId: number, markers: readonly MarkersToWrite[]) => Promise<readonly (readonly MarkerResult[])[]>;
}

/** Tried again after this long, as Kafka does after its retry backoff. */
const RETRY_MS = 100;
/** Markers in one request, those of a transaction together: what is beyond goes with the next. Its receiver appends them all in one turn of its loop. */
const MAX_BATCH = 1_000;

type Topics = Map<string, Set<number>>;

/** A transaction some of whose partitions have no marker yet. */
interface Sending {
  readonly markers: Markers;
  readonly left: Topics;
  readonly done: () => void;
  isOver: boolean;
}

/** What waits for one leader, and whether a request to it is under way. */
interface Queue {
  readonly waiting: Map<Sending, Topics>;
  isBusy: boolean;
}

/**
 * Brings the markers of transactions to the leaders of their partitions: one request to each leader at a time, with all that has gathered
 * meanwhile. What was refused, or met nobody, is tried again with whoever leads then, until it is written or its partition is no more. There are
 * no more transactions here than transactional ids in their topic.
 */
export class MarkerQueues implements MarkerSender {
  private readonly options: MarkerQueuesOptions;
  private readonly queues = new Map<number, Queue>();
  private readonly retrying = new Map<Sending, Topics>();
  private timer: Timer | null = null;
  private closed = false;

  constructor(options: MarkerQueuesOptions) {
    this.options = options;
  }

  send(markers: Markers, done: () => void): () => void {
    const left = new Map([...markers.partitions].map(([topic, partitions]) => [topic, new Set(partitions)]));
    const sending: Sending = { markers, left, done, isOver: false };
    this.dispatch(sending, markers.partitions);
    return () => this.drop(sending);
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.queues.clear();
    this.retrying.clear();
  }

  private drop(sending: Sending): void {
    sending.isOver = true;
    this.retrying.delete(sending);
    for (const { waiting } of this.queues.values()) waiting.delete(sending);
  }

  /**
   * Gives partitions of a transaction to the queues of those who lead them. Each is in one place at a time, a queue, a request or the next attempt: a
   * second marker that arrived late could end the producer's next transaction.
   */
  private dispatch(sending: Sending, topics: TopicPartitions): void {
    for (const [topic, partitions] of topics) {
      for (const partition of partitions) {
        const leader = this.options.leaderOf(topic, partition);
        if (leader === undefined) this.settled(sending, topic, partition);
        else if (leader < 0) this.retryLater(sending, topic, partition);
        else this.enqueue(leader, sending, topic, partition);
      }
    }
    this.finishIfWhole(sending);
  }

  private enqueue(leader: number, sending: Sending, topic: string, partition: number): void {
    const queue = this.queues.get(leader) ?? { waiting: new Map(), isBusy: false };
    this.queues.set(leader, queue);
    add(queue.waiting, sending, topic, partition);
    // Those that are decided in one turn of the loop leave together.
    this.options.clock.soon(() => this.flush(leader, queue));
  }

  private flush(leader: number, queue: Queue): void {
    if (queue.isBusy || this.closed || queue.waiting.size === 0) return;
    const batch = nextBatch(queue);
    queue.isBusy = true;
    const requests = batch.map(
      ([
        {
          markers: { partitions: _, transactionalId: __, ...markers },
        },
        topics,
      ]) => ({ ...markers, topics }),
    );
    this.options
      .write(leader, requests)
      .then(
        (results) => {
          for (const [i, [sending, topics]] of batch.entries()) this.take(sending, topics, results[i] ?? []);
        },
        (error: unknown) => {
          this.options.logger.debug({ leader, error: String(error) }, 'Transaction markers did not arrive, and are sent again');
          for (const [sending, topics] of batch) this.retryAll(sending, topics);
        },
      )
      .finally(() => {
        queue.isBusy = false;
        if (queue.waiting.size > 0) this.flush(leader, queue);
        else if (this.queues.get(leader) === queue) this.queues.delete(leader);
      });
  }

  /** @param asked what was sent; each partition of it is taken off that was answered */
  private take(sending: Sending, asked: Topics, results: readonly MarkerResult[]): void {
    const { transactionalId } = sending.markers;
    for (const { error, partition, topic } of results) {
      if (!asked.get(topic)?.delete(partition)) continue;
      if (error === 'TRANSACTION_COORDINATOR_FENCED') {
        // Another coordinator has taken over and writes them.
        this.options.logger.info({ transactionalId, topic, partition }, 'Another coordinator writes the markers of a transaction by now');
        this.drop(sending);
        return;
      }
      // With that epoch or a newer one the partition has this marker, whose answer was lost: a newer epoch begins only behind it.
      if (error === 'NONE' || error === 'INVALID_PRODUCER_EPOCH') this.settled(sending, topic, partition);
      else this.retryLater(sending, topic, partition);
    }
    this.retryAll(sending, asked); // what was not answered
    this.finishIfWhole(sending);
  }

  private settled({ left }: Sending, topic: string, partition: number): void {
    const partitions = left.get(topic);
    partitions?.delete(partition);
    if (partitions?.size === 0) left.delete(topic);
  }

  private finishIfWhole(sending: Sending): void {
    if (sending.left.size > 0 || sending.isOver) return;
    this.drop(sending);
    sending.done();
  }

  private retryAll(sending: Sending, topics: TopicPartitions): void {
    for (const [topic, partitions] of topics) for (const partition of partitions) this.retryLater(sending, topic, partition);
  }

  private retryLater(sending: Sending, topic: string, partition: number): void {
    if (sending.isOver || this.closed) return;
    add(this.retrying, sending, topic, partition);
    this.timer ??= this.options.clock.after(RETRY_MS, () => {
      this.timer = null;
      const all = [...this.retrying];
      this.retrying.clear();
      for (const [each, topics] of all) this.dispatch(each, topics);
    });
  }
}

/** Takes the markers for the next request out of a queue. */
function nextBatch({ waiting }: Queue): [Sending, Topics][] {
  const batch: [Sending, Topics][] = [];
  let markers = 0;
  for (const [sending, topics] of waiting) {
    for (const partitions of topics.values()) markers += partitions.size;
    if (batch.length > 0 && markers > MAX_BATCH) break;
    batch.push([sending, topics]);
    waiting.delete(sending);
  }
  return batch;
}

function add(waiting: Map<Sending, Topics>, sending: Sending, topic: string, partition: number): void {
  const topics: Topics = waiting.get(sending) ?? new Map();
  topics.set(topic, (topics.get(topic) ?? new Set()).add(partition));
  waiting.set(sending, topics);
}
