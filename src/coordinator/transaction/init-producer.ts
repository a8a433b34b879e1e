import { KafkaError } from '../../core/errors.ts';
import { safetyRules } from '../../core/safety-rules.ts';
import { isExhausted, NO_PARTITIONS, NONE, type Transaction, transition } from './transaction.ts';

/** InitProducerId with a transactional id. */
export interface InitProducer {
  readonly timeoutMs: number;
  /** What its sender has (KIP-360); NONE both: it begins. */
  readonly producerId: number;
  readonly producerEpoch: number;
}

export type Initialised =
  /** A fresh producer id is needed first. */
  | { readonly kind: 'needs-producer-id' }
  /** `next` is to be written; then the sender has its producer id and epoch. */
  | { readonly kind: 'ready'; readonly next: Transaction }
  /** A transaction of an earlier producer was under way: `next`, which ends it, is to be written, and the sender to come again. */
  | { readonly kind: 'aborts'; readonly next: Transaction };

/**
 * A producer takes a transactional id over, or begins anew (KIP-98, KIP-360).
 * @param freshId a producer id that nobody has, if one is at hand
 * @throws KafkaError CONCURRENT_TRANSACTIONS, PRODUCER_FENCED
 */
export function initProducer(known: Transaction, request: InitProducer, freshId: number | null, nowMs: number): Initialised {
  const isBeginning = request.producerId === NONE;
  if (!isBeginning && !mayBe(known, request)) throw new KafkaError('PRODUCER_FENCED');
  switch (known.status) {
    case 'PrepareCommit':
    case 'PrepareAbort':
      throw new KafkaError('CONCURRENT_TRANSACTIONS');
    case 'Ongoing':
      return { kind: 'aborts', next: fence(known, nowMs) };
    case 'Empty':
    case 'CompleteCommit':
    case 'CompleteAbort':
      break;
    default:
      throw new Error(`a producer of ${known.transactionalId}, which is ${known.status}`);
  }
  const isItsOwn = request.producerEpoch === known.producerEpoch || request.producerEpoch === known.lastProducerEpoch;
  if (isExhausted(known) && (isBeginning || isItsOwn)) {
    if (freshId === null) return { kind: 'needs-producer-id' };
    return { kind: 'ready', next: rotate(known, request, freshId, nowMs) };
  }
  return { kind: 'ready', next: nextEpoch(known, request, nowMs) };
}

/** Whether what the sender has is this transactional id's, or was until its epochs were used up. */
function mayBe({ previousProducerId, producerEpoch, producerId }: Transaction, request: InitProducer): boolean {
  if (producerEpoch === NONE || request.producerId === producerId) return true;
  return request.producerId === previousProducerId && isExhausted(request);
}

function nextEpoch(known: Transaction, { producerEpoch: expected, producerId, timeoutMs }: InitProducer, nowMs: number): Transaction {
  const { lastProducerEpoch, producerEpoch } = known;
  const begins = { status: 'Empty', partitions: NO_PARTITIONS, startMs: NONE, updateMs: nowMs, timeoutMs } as const;
  const grown = safetyRules.initFences ? producerEpoch + 1 : Math.max(0, producerEpoch);
  if (producerId === NONE) return transition(known, { ...begins, producerEpoch: grown, lastProducerEpoch: NONE });
  if (producerEpoch === NONE || expected === producerEpoch)
    return transition(known, { ...begins, producerEpoch: grown, lastProducerEpoch: producerEpoch });
  // It asks again, since it did not get the answer.
  if (expected === lastProducerEpoch) return transition(known, begins);
  throw new KafkaError('PRODUCER_FENCED');
}

function rotate(known: Transaction, { producerEpoch, timeoutMs }: InitProducer, freshId: number, nowMs: number): Transaction {
  return transition(known, {
    status: 'Empty',
    producerId: freshId,
    previousProducerId: known.producerId,
    producerEpoch: 0,
    lastProducerEpoch: producerEpoch, // it may ask again
    partitions: NO_PARTITIONS,
    startMs: NONE,
    updateMs: nowMs,
    timeoutMs,
  });
}

/**
 * Ends a transaction under way whose producer is not to go on with it: its epoch grows by one, whatever its version, so that what it still sends is
 * refused. If nobody else takes the id over it may ask for that epoch by its own, and begin anew: so goes a client whose transaction took too long.
 */
export function fence(known: Transaction, nowMs: number): Transaction {
  return transition(known, {
    status: 'PrepareAbort',
    producerEpoch: known.producerEpoch + 1,
    lastProducerEpoch: known.producerEpoch,
    updateMs: nowMs,
  });
}
