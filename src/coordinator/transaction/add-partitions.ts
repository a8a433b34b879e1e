import type { ErrorName } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { safetyRules } from '../../core/safety-rules.ts';
import { includesAll, type TopicPartitions, type Transaction, transition, union } from './transaction.ts';
import { isPrepared } from './transaction-status.ts';

/** Who says that a transaction is its own. */
export interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/**
 * The transaction with these partitions, which begins with them if there is none; null: it has them already.
 * @param version of transactions, as the producer plays them: 2 when the partitions' leaders add them (KIP-890)
 * @throws KafkaError INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS
 */
export function addPartitions(
  known: Transaction,
  producer: Producer,
  partitions: TopicPartitions,
  version: number,
  nowMs: number,
): Transaction | null {
  requireProducer(known, producer);
  if (known.status === 'Ongoing' && includesAll(known.partitions, partitions)) return null;
  const startMs = known.status === 'Ongoing' ? known.startMs : nowMs;
  return transition(known, {
    status: 'Ongoing',
    partitions: union(known.partitions, partitions),
    startMs,
    updateMs: nowMs,
    version,
  });
}

/** Whether a partition is in the transaction: NONE, or what its leader tells the producer. */
export type Verdict = (topic: string, partition: number) => ErrorName;

/**
 * What a leader asks before it takes the transaction's first record (KIP-890).
 * @throws KafkaError as `addPartitions`
 */
export function verifier(known: Transaction, producer: Producer): Verdict {
  requireProducer(known, producer);
  return (topic, partition) => (known.partitions.get(topic)?.has(partition) ? 'NONE' : 'TRANSACTION_ABORTABLE');
}

function requireProducer(known: Transaction, { producerEpoch, producerId }: Producer): void {
  if (producerId !== known.producerId) throw new KafkaError('INVALID_PRODUCER_ID_MAPPING');
  if (producerEpoch !== known.producerEpoch && safetyRules.coordinatorChecksEpoch) throw new KafkaError('PRODUCER_FENCED');
  if (isPrepared(known.status) && safetyRules.preparedIsLeftAlone) throw new KafkaError('CONCURRENT_TRANSACTIONS');
}
