import { KafkaError } from '../../core/errors.ts';
import { safetyRules } from '../../core/safety-rules.ts';
import type { Producer } from './add-partitions.ts';
import { FENCING_EPOCH, isExhausted, LAST_EPOCH, NO_PARTITIONS, NONE, type Transaction, transition } from './transaction.ts';
import { isComplete, isPrepared, type TransactionStatus } from './transaction-status.ts';

/** EndTxn. */
export interface EndTransaction extends Producer {
  readonly commits: boolean;
  /** 2: each transaction has an epoch of its own, so that the producer gets another with the answer (KIP-890). */
  readonly version: number;
}

export type Ended =
  /** A fresh producer id is needed first. */
  | { readonly kind: 'needs-producer-id' }
  /** `next` is to be written; then markers, and the sender has its answer. */
  | { readonly kind: 'prepared'; readonly next: Transaction }
  /** It is over already, and its sender did not get the answer. */
  | { readonly kind: 'repeated' };

/**
 * A producer ends its transaction.
 * @param freshId a producer id that nobody has, if one is at hand
 * @throws KafkaError INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE
 */
export function endTransaction(known: Transaction, request: EndTransaction, freshId: number | null, nowMs: number): Ended {
  return request.version >= 2 ? endWithEpoch(known, request, freshId, nowMs) : endInEpoch(known, request, nowMs);
}

/** Transactions v1: the epoch stays. */
function endInEpoch(known: Transaction, { commits, producerEpoch, producerId, version }: EndTransaction, nowMs: number): Ended {
  if (producerId !== known.producerId) throw new KafkaError('INVALID_PRODUCER_ID_MAPPING');
  if (producerEpoch !== known.producerEpoch && safetyRules.coordinatorChecksEpoch) throw new KafkaError('PRODUCER_FENCED');
  refuseIfEndedOtherwise(known, commits);
  if (known.status === 'Empty') throw new KafkaError('INVALID_TXN_STATE');
  if (known.status !== 'Ongoing') return { kind: 'repeated' };
  return { kind: 'prepared', next: endedBy(known, { commits, version, nextProducerId: NONE, addedNothing: false }, nowMs) };
}

/**
 * Transactions v2 (KIP-890): the epoch grows with each end. What comes with the epoch before has ended this very transaction: once it is decided, it is
 * a repetition, and once the next is under way, it comes too late.
 */
function endWithEpoch(known: Transaction, request: EndTransaction, freshId: number | null, nowMs: number): Ended {
  const { commits, producerEpoch, producerId, version } = request;
  const hasRotated = producerId === known.previousProducerId && producerEpoch === LAST_EPOCH && known.producerEpoch === 0;
  const isRepeated = hasRotated || producerEpoch === known.producerEpoch - 1;
  if (producerId !== known.producerId && !hasRotated) throw new KafkaError('INVALID_PRODUCER_ID_MAPPING');
  if (!mayEnd(known.status, isRepeated, producerEpoch === known.producerEpoch)) throw new KafkaError('PRODUCER_FENCED');
  if (isRepeated || isPrepared(known.status)) refuseIfEndedOtherwise(known, commits);
  if (isRepeated && isComplete(known.status)) return { kind: 'repeated' };
  // Nothing was written that could be committed; an abort fences what may still be on its way.
  if (known.status !== 'Ongoing' && commits) throw new KafkaError('INVALID_TXN_STATE');
  const needsId = isExhausted(known);
  if (needsId && freshId === null) return { kind: 'needs-producer-id' };
  const nextProducerId = needsId ? freshId! : NONE;
  const addedNothing = known.status !== 'Ongoing';
  return { kind: 'prepared', next: endedBy(known, { commits, version, nextProducerId, addedNothing }, nowMs) };
}

/** A repeated end is of the transaction before: it must not end one that has begun since, half written maybe. What is decided has the next epoch. */
function mayEnd(status: TransactionStatus, isRepeated: boolean, hasEpoch: boolean): boolean {
  if (!safetyRules.coordinatorChecksEpoch) return true;
  if (isPrepared(status)) return isRepeated;
  return hasEpoch || (isRepeated && (isComplete(status) || !safetyRules.repeatedEndIsOver));
}

/** @throws KafkaError INVALID_TXN_STATE: it has ended otherwise; CONCURRENT_TRANSACTIONS: so, but not all know it yet */
function refuseIfEndedOtherwise({ status }: Transaction, commits: boolean): void {
  const same = commits ? ['PrepareCommit', 'CompleteCommit'] : ['PrepareAbort', 'CompleteAbort'];
  if (status === 'Empty' || status === 'Ongoing') return;
  if (!same.includes(status)) throw new KafkaError('INVALID_TXN_STATE');
  if (status === same[0]) throw new KafkaError('CONCURRENT_TRANSACTIONS');
}

export interface HowEnded {
  readonly commits: boolean;
  readonly version: number;
  /** Taken once it is over, since this was the last epoch; NONE: the producer id stays. */
  readonly nextProducerId: number;
  /** It had not begun. */
  readonly addedNothing: boolean;
}

/** The transaction when it is decided how it ends. Its markers carry the epoch that it has then. */
export function endedBy(known: Transaction, { addedNothing, commits, nextProducerId, version }: HowEnded, nowMs: number): Transaction {
  const { producerEpoch } = known;
  const hasNewEpoch = version >= 2 && producerEpoch < FENCING_EPOCH;
  return transition(known, {
    status: commits ? 'PrepareCommit' : 'PrepareAbort',
    nextProducerId,
    ...(hasNewEpoch && { producerEpoch: producerEpoch + 1, lastProducerEpoch: producerEpoch }),
    startMs: addedNothing ? nowMs : known.startMs,
    updateMs: nowMs,
    version,
  });
}

/** All partitions have their markers. */
export function completed(known: Transaction, nowMs: number): Transaction {
  const rotates = known.nextProducerId !== NONE;
  return transition(known, {
    status: known.status === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    ...(rotates && {
      producerId: known.nextProducerId,
      producerEpoch: 0,
      previousProducerId: known.producerId,
      nextProducerId: NONE,
    }),
    partitions: NO_PARTITIONS,
    updateMs: nowMs,
  });
}

/** What the producer of a transaction that is prepared goes on with. */
export function producerAfter(prepared: Transaction): Producer {
  const { nextProducerId, producerEpoch, producerId } = prepared;
  return nextProducerId === NONE ? { producerId, producerEpoch } : { producerId: nextProducerId, producerEpoch: 0 };
}
