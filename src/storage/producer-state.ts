import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { BatchView } from '../protocol/records/batch.ts';
import { type EndMarker, endMarkerOf } from '../protocol/records/end-marker.ts';
import { DecidedTransactions } from './decided-transactions.ts';
import type { AbortedTransaction } from './transaction-index.ts';
import { type Verification, type VerificationGuard, type VerificationRequest, Verifications } from './verifications.ts';

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
  /** The batch ended a transaction that had records here. */
  readonly ends: boolean;
  /** ... and aborted it: for the transaction index, when the batch is written. */
  readonly aborted: AbortedTransaction | null;
}

/** What a transaction coordinator has a partition's log told. */
export interface TransactionMarker extends EndMarker {
  readonly producerId: number;
  /** With transactions v2 one that is newer than that of the records (KIP-890). */
  readonly producerEpoch: number;
  /** Of transactions: 0, 1 or 2. */
  readonly transactionVersion: number;
}

/** Of a batch that is to be appended. */
export interface ProducerCheck {
  /** `coordinator`: its sequences are not looked at. Default `client`. */
  readonly origin?: 'client' | 'coordinator';
  /** Of a transactional batch whose transaction is not open here. */
  readonly verification?: Verification;
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
 * The idempotent and transactional producers of one log (KIP-98): which of their batches it has, queued ones included, and which transactions
 * are open in it. Time is this broker's, by its monotonic clock, since the timestamps in batches are whatever a client says; so age begins anew
 * when a log is opened.
 */
export class ProducerState {
  readonly verifications: Verifications;
  private readonly clock: Clock;
  private readonly limits: ProducerLimits;
  private readonly topicPartition: string;
  /** Without an open transaction. The one that was idle for the longest comes first. */
  private readonly idle = new Map<number, Remembered>();
  /** With an open transaction: never forgotten. By its first offset once `sortOpen` was called. */
  private readonly open = new Map<number, ProducerEntry>();
  private isSorted = true;
  private lastFirstOffset = -1;
  private readonly decided = new DecidedTransactions();

  constructor(clock: Clock, limits: ProducerLimits, topicPartition: string) {
    this.clock = clock;
    this.limits = limits;
    this.topicPartition = topicPartition;
    this.verifications = new Verifications(clock, limits);
  }

  get size(): number {
    this.forgetExpired();
    return this.idle.size + this.open.size;
  }

  /**
   * Whether the next batch of a producer may be appended. Returns the batch that it repeats, to be answered in its place; null: append it.
   * @throws KafkaError INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE, NOT_LEADER_OR_FOLLOWER
   */
  check(batch: BatchView, { origin = 'client', verification }: ProducerCheck = {}): ProducerBatch | null {
    const { producerId, producerEpoch, isTransactional } = batch;
    if (producerId < 0) return null;
    if (!Number.isSafeInteger(producerId)) throw new KafkaError('INVALID_RECORD', 'Producer ids beyond 2^53 are not supported');
    const entry = this.find(producerId);
    const earlier = origin === 'client' ? repeatedBy(batch, entry) : null;
    if (earlier) return earlier;
    if (takesOld(origin) && entry && producerEpoch < entry.epoch) return null;
    this.requireEpoch(batch, entry);
    if (isTransactional && !(entry && isOpen(entry) && entry.epoch === producerEpoch)) {
      this.verifications.require(producerId, verification);
      if (this.open.size >= this.limits.maxProducers && !this.open.has(producerId))
        throw new KafkaError('KAFKA_STORAGE_ERROR', `Too many transactions are open in partition ${this.topicPartition}`);
    }
    if (origin === 'client') this.requireInSequence(batch, entry);
    if (entry && isOpen(entry) && !isTransactional)
      throw new KafkaError('INVALID_TXN_STATE', `Expected transactional write from ${this.nameOf(producerId)}`);
    return null;
  }

  /**
   * Whether a marker may be appended. That no transaction of its producer is open here is no reason against it.
   * @throws KafkaError INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED
   */
  checkMarker({ producerId, producerEpoch, coordinatorEpoch, transactionVersion }: TransactionMarker): void {
    const entry = this.find(producerId);
    if (!entry) return;
    // KIP-890: the epoch of a v2 marker is newer than that of its records, or the marker is late, of a transaction that is over. One that only
    // comes again is written again: it was decided before its coordinator moved, or its answer was lost.
    const isLate = transactionVersion >= 2 && producerEpoch === entry.epoch && isOpen(entry);
    if (safetyRules.markerChecksEpoch) {
      if (isLate) throw this.staleEpoch(producerId, producerEpoch, entry);
      this.requireEpoch({ producerId, producerEpoch }, entry);
    }
    if (coordinatorEpoch < entry.coordinatorEpoch && safetyRules.markerChecksCoordinator)
      throw new KafkaError(
        'TRANSACTION_COORDINATOR_FENCED',
        `Invalid coordinator epoch for ${this.nameOf(producerId)}: ${coordinatorEpoch} (zombie), ${entry.coordinatorEpoch} (current)`,
      );
  }

  /** Whether a transaction of this producer and epoch is open here: then its batches need no verification. */
  hasOpenTransaction(producerId: number, producerEpoch: number): boolean {
    return this.open.get(producerId)?.epoch === producerEpoch;
  }

  /** Null: its transaction is open here, so there is nothing to verify. @throws KafkaError INVALID_PRODUCER_EPOCH */
  beginVerification(request: VerificationRequest): VerificationGuard | null {
    const { producerId, producerEpoch } = request;
    const entry = this.find(producerId);
    if (takesOld('client') && entry && producerEpoch < entry.epoch) return null;
    this.requireEpoch(request, entry);
    return this.hasOpenTransaction(producerId, producerEpoch) ? null : this.verifications.begin(request);
  }

  /**
   * Notes a batch that has passed `check`, or that a log holds already; null when that changes nothing: it is of no producer, or a control batch
   * without a marker. A control batch must be there whole, of others the header is enough.
   */
  add(batch: BatchView, lastOffset: number, timestamp: number): ProducerBefore | null {
    const { producerId, producerEpoch: epoch, baseSequence, lastOffsetDelta: offsetDelta, isTransactional } = batch;
    if (producerId < 0) return null;
    if (isTransactional && (safetyRules.guardEnds || !batch.isControl)) this.verifications.end(producerId);
    const entry = this.find(producerId);
    const batches = entry?.epoch === epoch ? entry.batches : [];
    if (batch.isControl) {
      const marker = endMarkerOf(batch);
      return marker && this.addMarker(marker, { producerId, epoch, lastOffset, timestamp, entry, batches });
    }
    const coordinatorEpoch = entry?.coordinatorEpoch ?? -1;
    let transactionFirstOffset = entry?.transactionFirstOffset ?? -1;
    if (isTransactional && transactionFirstOffset < 0) transactionFirstOffset = lastOffset - offsetDelta;
    const lastSequence = baseSequence < 0 ? -1 : sequenceAfter(baseSequence, offsetDelta); // a coordinator's batches have none
    const added = { lastSequence, lastOffset, offsetDelta, timestamp };
    const known = [...(batches.length < MAX_BATCHES ? batches : batches.slice(1 - MAX_BATCHES)), added];
    this.set(producerId, { epoch, batches: known, timestamp, coordinatorEpoch, transactionFirstOffset });
    return { producerId, entry, ends: false, aborted: null };
  }

  /** A marker ends the transaction; with a new epoch (KIP-890) the sequences begin anew. */
  private addMarker(
    { commits, coordinatorEpoch }: EndMarker,
    added: Pick<ProducerEntry, 'epoch' | 'timestamp' | 'batches'> & Pick<ProducerBefore, 'producerId' | 'entry'> & { lastOffset: number },
  ): ProducerBefore {
    const { producerId, epoch, lastOffset, timestamp, entry, batches } = added;
    const firstOffset = entry?.transactionFirstOffset ?? -1;
    this.set(producerId, { epoch, batches, timestamp, coordinatorEpoch, transactionFirstOffset: -1 });
    if (firstOffset < 0) return { producerId, entry, ends: false, aborted: null };
    this.decided.add(firstOffset, lastOffset);
    const lastStableOffset = Math.min(this.firstUnstableOffset, lastOffset + 1);
    return { producerId, entry, ends: true, aborted: commits ? null : { producerId, firstOffset, lastOffset, lastStableOffset } };
  }

  /** The batches that were added last are lost: given from the last one back. */
  takeBack({ producerId, entry, ends }: ProducerBefore): void {
    if (ends) this.decided.takeBack();
    if (entry) this.set(producerId, entry);
    else this.delete(producerId);
  }

  set(producerId: number, entry: ProducerEntry): void {
    this.idle.delete(producerId);
    if (isOpen(entry)) {
      const { transactionFirstOffset } = entry;
      if (this.open.get(producerId)?.transactionFirstOffset !== transactionFirstOffset) {
        this.open.delete(producerId);
        this.isSorted = this.open.size === 0 || (this.isSorted && transactionFirstOffset >= this.lastFirstOffset);
        this.lastFirstOffset = transactionFirstOffset;
      }
      this.open.set(producerId, entry);
      return;
    }
    this.open.delete(producerId);
    this.forgetExpired();
    if (this.idle.size > 0 && this.idle.size + this.open.size >= this.limits.maxProducers) this.idle.delete(this.idle.keys().next().value!);
    this.idle.set(producerId, { entry, usedMs: this.clock.monotonicMs() });
  }

  clear(): void {
    this.idle.clear();
    this.open.clear();
    this.decided.clear();
  }

  /** Where the first transaction begins that no marker has ended yet; Infinity: none is open. */
  get firstUnstableOffset(): number {
    this.sortOpen();
    for (const { transactionFirstOffset } of this.open.values()) return transactionFirstOffset;
    return Number.POSITIVE_INFINITY;
  }

  /** Where what is decided ends: the first offset of a transaction that is open, or whose marker is not below `highWatermark`; else that. */
  lastStableOffset(highWatermark: number): number {
    return Math.min(
      highWatermark,
      safetyRules.stableBehindOpen ? this.firstUnstableOffset : highWatermark,
      safetyRules.stableBehindMarker ? this.decided.firstOffset(highWatermark) : highWatermark,
    );
  }

  /** Markers before `highWatermark` are committed. It must not fall, but with a `clear`. */
  committed(highWatermark: number): void {
    this.decided.firstOffset(highWatermark);
  }

  *entries(): Generator<[producerId: number, entry: ProducerEntry]> {
    this.forgetExpired();
    for (const [producerId, { entry }] of this.idle) yield [producerId, entry];
    yield* this.open;
  }

  private find(producerId: number): ProducerEntry | undefined {
    const found = this.idle.get(producerId);
    if (!found) return this.open.get(producerId);
    return this.hasExpired(found) ? undefined : found.entry;
  }

  private delete(producerId: number): void {
    this.idle.delete(producerId);
    this.open.delete(producerId);
  }

  private hasExpired({ usedMs }: Remembered): boolean {
    return this.clock.monotonicMs() - usedMs >= this.limits.expirationMs;
  }

  private forgetExpired(): void {
    for (const [producerId, producer] of this.idle) {
      if (!this.hasExpired(producer)) return;
      this.idle.delete(producerId);
    }
  }

  /** A snapshot has them in any order, and what is taken back may come before others. */
  private sortOpen(): void {
    if (this.isSorted) return;
    const sorted = [...this.open].sort(([, a], [, b]) => a.transactionFirstOffset - b.transactionFirstOffset);
    this.open.clear();
    for (const [producerId, entry] of sorted) this.open.set(producerId, entry);
    this.lastFirstOffset = sorted.at(-1)?.[1].transactionFirstOffset ?? -1;
    this.isSorted = true;
  }

  private requireEpoch({ producerId, producerEpoch }: Pick<BatchView, 'producerId' | 'producerEpoch'>, entry?: ProducerEntry): void {
    if (entry && producerEpoch < entry.epoch) throw this.staleEpoch(producerId, producerEpoch, entry);
  }

  private staleEpoch(producerId: number, epoch: number, { epoch: last }: ProducerEntry): KafkaError {
    return new KafkaError('INVALID_PRODUCER_EPOCH', `Epoch of ${this.nameOf(producerId)} is ${epoch}, the last seen is ${last}`);
  }

  private requireInSequence({ producerId, producerEpoch, baseSequence }: BatchView, entry: ProducerEntry | undefined): void {
    const refuse = (why: string) =>
      new KafkaError('OUT_OF_ORDER_SEQUENCE_NUMBER', `Out of order sequence number of ${this.nameOf(producerId)}: ${baseSequence}, ${why}`);
    const verifying = this.verifications.get(producerId);
    const isEmpty = !entry || entry.batches.length === 0;
    if (verifying?.supportsEpochBump && baseSequence !== 0 && isEmpty) throw refuse('0 is expected of a transaction that begins');
    if (verifying && baseSequence > verifying.lowestSequence) throw refuse(`${verifying.lowestSequence} came before`);
    // No state: it may have been forgotten, so any sequence may be its next.
    if (!entry || entry.epoch < 0) return;
    if (producerEpoch > entry.epoch) {
      if (baseSequence !== 0) throw refuse(`it should be 0 in the new epoch ${producerEpoch}`);
      return;
    }
    const last = entry.batches.at(-1)?.lastSequence ?? -1;
    if (baseSequence !== sequenceAfter(last, 1)) throw refuse(`the last one was ${last}`);
  }

  private nameOf(producerId: number): string {
    return `producer ${producerId} in partition ${this.topicPartition}`;
  }
}

/** Never, but where the simulation takes the fence out: then what is older enters as it is. */
const takesOld = (origin: ProducerCheck['origin']): boolean =>
  origin === 'client' ? !safetyRules.logChecksEpoch : !safetyRules.offsetsCheckEpoch;

const isOpen = ({ transactionFirstOffset }: ProducerEntry): boolean => transactionFirstOffset >= 0;

/** KIP-98: a batch of the same sequences, among the last of its epoch. */
function repeatedBy({ producerEpoch, baseSequence, lastOffsetDelta }: BatchView, entry: ProducerEntry | undefined): ProducerBatch | null {
  if (entry?.epoch !== producerEpoch) return null;
  const lastSequence = sequenceAfter(baseSequence, lastOffsetDelta);
  return entry.batches.find((known) => known.lastSequence === lastSequence && known.offsetDelta === lastOffsetDelta) ?? null;
}
