import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { BatchView } from '../protocol/records/batch.ts';

/** A batch that a producer is known to have written. */
export interface ProducerBatch {
  readonly lastSequence: number;
  readonly lastOffset: number;
  /** Last offset minus first, which is also what lies between the sequences. */
  readonly offsetDelta: number;
  /** Highest timestamp of its records. */
  readonly timestamp: number;
}

/** What a log knows of one producer; replaced, never changed, so that whoever holds one can put it back. */
export interface ProducerEntry {
  readonly epoch: number;
  /** The last ones, oldest first; empty when the epoch began with a transaction marker. */
  readonly batches: readonly ProducerBatch[];
  /** Of the last batch or marker. */
  readonly timestamp: number;
  readonly coordinatorEpoch: number;
  /** Where its open transaction begins, -1: none. */
  readonly transactionFirstOffset: number;
}

/** What a producer was before a batch was added: `takeBack` wants it when the batch is lost. */
export interface ProducerBefore {
  readonly producerId: number;
  readonly entry: ProducerEntry | undefined;
}

export interface ProducerLimits {
  /** producer.id.expiration.ms: a producer that wrote nothing for this long is forgotten. */
  readonly expirationMs: number;
  /** Per log. Beyond it the producer that was idle for the longest is forgotten, as if it had expired. */
  readonly maxProducers: number;
}

/**
 * Kafka has no bound but time, so a client that takes a new id for each batch could fill the memory. 100,000 are more than write to one
 * partition in a day, and more than the 65,536 writes that a log may have queued; their snapshot has 4.6 MB, which a roll writes in one go.
 */
export const DEFAULT_PRODUCER_LIMITS: ProducerLimits = { expirationMs: 86_400_000, maxProducers: 100_000 };

/** A producer has up to five requests in flight (max.in.flight.requests.per.connection), so each of the last five may be repeated. */
const MAX_BATCHES = 5;
const MAX_SEQUENCE = 2 ** 31 - 1;

/** The sequence `by` behind `sequence`: 2147483647 is followed by 0. */
export function sequenceAfter(sequence: number, by: number): number {
  const sum = sequence + by;
  return sum > MAX_SEQUENCE ? sum - MAX_SEQUENCE - 1 : sum;
}

interface Remembered {
  readonly entry: ProducerEntry;
  readonly usedMs: number;
}

/**
 * The idempotent producers of one log (KIP-98): which of their batches it has, queued ones included. Time is this broker's, by its
 * monotonic clock, since the timestamps in batches are whatever a client says; so age begins anew when a log is opened.
 */
export class ProducerState {
  private readonly clock: Clock;
  private readonly limits: ProducerLimits;
  private readonly topicPartition: string;
  /** The one that was idle for the longest comes first. */
  private readonly producers = new Map<number, Remembered>();

  constructor(clock: Clock, limits: ProducerLimits, topicPartition: string) {
    this.clock = clock;
    this.limits = limits;
    this.topicPartition = topicPartition;
  }

  get size(): number {
    this.forgetExpired();
    return this.producers.size;
  }

  /**
   * Whether the next batch of a producer may be appended. Returns the batch that it repeats, to be answered in its place; null: append it.
   * @throws KafkaError INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER
   */
  check(batch: BatchView): ProducerBatch | null {
    const { producerId, producerEpoch, baseSequence, lastOffsetDelta } = batch;
    if (producerId < 0) return null;
    if (!Number.isSafeInteger(producerId)) throw new KafkaError('INVALID_RECORD', 'Producer ids beyond 2^53 are not supported');
    const entry = this.find(producerId);
    // No state: it may have been forgotten, so any sequence may be its next.
    if (!entry || entry.epoch < 0) return null;
    const who = `producer ${producerId} in partition ${this.topicPartition}`;
    if (producerEpoch < entry.epoch)
      throw new KafkaError('INVALID_PRODUCER_EPOCH', `Epoch of ${who} is ${producerEpoch}, the last seen is ${entry.epoch}`);
    if (producerEpoch > entry.epoch) {
      if (baseSequence === 0) return null;
      throw new KafkaError(
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
        `Epoch ${producerEpoch} of ${who} begins at sequence ${baseSequence}, it should be 0`,
      );
    }
    const lastSequence = sequenceAfter(baseSequence, lastOffsetDelta);
    for (const known of entry.batches) if (known.lastSequence === lastSequence && known.offsetDelta === lastOffsetDelta) return known;
    const last = entry.batches.at(-1)?.lastSequence ?? -1;
    if (baseSequence === sequenceAfter(last, 1)) return null;
    throw new KafkaError(
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      `Out of order sequence number of ${who}: ${baseSequence}, the last one was ${last}`,
    );
  }

  /** Notes a batch that has passed `check`, or that a log holds already; null when it is of no idempotent producer. */
  add(batch: BatchView, lastOffset: number, timestamp: number): ProducerBefore | null {
    const { producerId, producerEpoch: epoch, baseSequence, lastOffsetDelta: offsetDelta } = batch;
    if (producerId < 0) return null;
    const entry = this.find(producerId);
    const known = entry?.epoch === epoch ? entry.batches : [];
    const coordinatorEpoch = entry?.coordinatorEpoch ?? -1;
    let transactionFirstOffset = entry?.transactionFirstOffset ?? -1;
    if (batch.isControl) {
      // A marker ends the transaction; with a new epoch (KIP-890) the sequences begin anew.
      this.set(producerId, { epoch, batches: known, timestamp, coordinatorEpoch, transactionFirstOffset: -1 });
      return { producerId, entry };
    }
    if (batch.isTransactional && transactionFirstOffset < 0) transactionFirstOffset = lastOffset - offsetDelta;
    const added = { lastSequence: sequenceAfter(baseSequence, offsetDelta), lastOffset, offsetDelta, timestamp };
    const batches = [...(known.length < MAX_BATCHES ? known : known.slice(1 - MAX_BATCHES)), added];
    this.set(producerId, { epoch, batches, timestamp, coordinatorEpoch, transactionFirstOffset });
    return { producerId, entry };
  }

  /** The batches that were added last are lost: given from the last one back. */
  takeBack({ producerId, entry }: ProducerBefore): void {
    if (entry) this.set(producerId, entry);
    else this.producers.delete(producerId);
  }

  set(producerId: number, entry: ProducerEntry): void {
    this.producers.delete(producerId);
    this.forgetExpired();
    if (this.producers.size >= this.limits.maxProducers) this.producers.delete(this.producers.keys().next().value!);
    this.producers.set(producerId, { entry, usedMs: this.clock.monotonicMs() });
  }

  /** Where the first open transaction begins; Infinity: none is open. Asks every producer. */
  get firstUnstableOffset(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { entry } of this.producers.values())
      if (entry.transactionFirstOffset >= 0) first = Math.min(first, entry.transactionFirstOffset);
    return first;
  }

  clear(): void {
    this.producers.clear();
  }

  *entries(): Generator<[producerId: number, entry: ProducerEntry]> {
    for (const [producerId, { entry }] of this.producers) yield [producerId, entry];
  }

  private find(producerId: number): ProducerEntry | undefined {
    const found = this.producers.get(producerId);
    return found && !this.hasExpired(found) ? found.entry : undefined;
  }

  /** An open transaction keeps its producer (Kafka does). */
  private hasExpired({ entry, usedMs }: Remembered): boolean {
    return entry.transactionFirstOffset < 0 && this.clock.monotonicMs() - usedMs >= this.limits.expirationMs;
  }

  private forgetExpired(): void {
    for (const [producerId, producer] of this.producers) {
      if (!this.hasExpired(producer)) return;
      this.producers.delete(producerId);
    }
  }
}
