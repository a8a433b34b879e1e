import { safetyRules } from '../../core/safety-rules.ts';
import type { TransactionLogValue } from '../../protocol/messages/internal/transaction-log-record.ts';
import type { TransactionValue } from '../../protocol/messages/internal/transaction-records.ts';
import type { Encodable } from '../../protocol/schema.ts';
import { idOf, mayFollow, statusOf, type TransactionStatus } from './transaction-status.ts';

/** No producer id, or no epoch. */
export const NONE = -1;
/** The last epoch that a producer gets to see: the one behind it, the highest there is, is kept for fencing it. */
export const LAST_EPOCH = 32766;
export const FENCING_EPOCH = 32767;

export type TopicPartitions = ReadonlyMap<string, ReadonlySet<number>>;

/** What the coordinator knows of one transactional id. Never changed: each transition makes a new one. */
export interface Transaction {
  readonly transactionalId: string;
  readonly producerId: number;
  /** Of an id whose epochs were used up: whose last EndTxn may be repeated. */
  readonly previousProducerId: number;
  /** Taken once the transaction under way is over. */
  readonly nextProducerId: number;
  /** NONE: nobody was told one yet. */
  readonly producerEpoch: number;
  /** The epoch before, if who had it may ask once more and is told the same; NONE else. Not in the log. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly status: TransactionStatus;
  readonly partitions: TopicPartitions;
  /** Ms since 1970; NONE: no transaction under way. */
  readonly startMs: number;
  readonly updateMs: number;
  /** Transactions v2 (KIP-890): how its producer ended the last one, 2 with an epoch of its own for each transaction. */
  readonly version: number;
}

export const NO_PARTITIONS: TopicPartitions = new Map();

/** A transactional id that nobody has used yet. */
export function newTransaction(transactionalId: string, producerId: number, timeoutMs: number, nowMs: number): Transaction {
  return {
    transactionalId,
    producerId,
    previousProducerId: NONE,
    nextProducerId: NONE,
    producerEpoch: NONE,
    lastProducerEpoch: NONE,
    timeoutMs,
    status: 'Empty',
    partitions: NO_PARTITIONS,
    startMs: NONE,
    updateMs: nowMs,
    version: 0,
  };
}

/** The next state of a transaction. @throws Error for one that cannot follow: a defect of ours */
export function transition(before: Transaction, changes: Partial<Transaction> & Pick<Transaction, 'status' | 'updateMs'>): Transaction {
  if (safetyRules.preparedIsLeftAlone && !mayFollow(before.status, changes.status))
    throw new Error(`transaction ${before.transactionalId} cannot become ${changes.status}: it is ${before.status}`);
  return { ...before, ...changes };
}

/** All epochs of its producer id that a client may see are used up. */
export const isExhausted = ({ producerEpoch }: Pick<Transaction, 'producerEpoch'>): boolean => producerEpoch >= LAST_EPOCH;

/** As it stands in __transaction_state. */
export function recordValue(transaction: Transaction): Encodable<typeof TransactionLogValue.fields> {
  const { partitions, status } = transaction;
  return {
    producerId: transaction.producerId,
    previousProducerId: transaction.previousProducerId,
    nextProducerId: transaction.nextProducerId,
    producerEpoch: transaction.producerEpoch,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStatus: idOf(status),
    transactionPartitions: status === 'Empty' ? null : [...partitions].map(([topic, ids]) => ({ topic, partitionIds: [...ids] })),
    transactionLastUpdateTimestampMs: transaction.updateMs,
    transactionStartTimestampMs: transaction.startMs,
    clientTransactionVersion: transaction.version,
  };
}

/** Undefined: of a status that no broker writes. */
export function fromValue(transactionalId: string, value: TransactionValue): Transaction | undefined {
  const status = statusOf(value.transactionStatus);
  if (!status || status === 'PrepareEpochFence') return undefined;
  return {
    transactionalId,
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: NONE,
    timeoutMs: value.transactionTimeoutMs,
    status,
    partitions: new Map((value.transactionPartitions ?? []).map(({ topic, partitionIds }) => [topic, new Set(partitionIds)])),
    startMs: value.transactionStartTimestampMs,
    updateMs: value.transactionLastUpdateTimestampMs,
    version: value.clientTransactionVersion,
  };
}

/** Whether all of `some` are among `all`. */
export function includesAll(all: TopicPartitions, some: TopicPartitions): boolean {
  for (const [topic, partitions] of some) {
    const known = all.get(topic);
    for (const partition of partitions) if (!known?.has(partition)) return false;
  }
  return true;
}

export function union(a: TopicPartitions, b: TopicPartitions): TopicPartitions {
  const all = new Map(a);
  for (const [topic, partitions] of b) all.set(topic, new Set([...(all.get(topic) ?? []), ...partitions]));
  return all;
}
