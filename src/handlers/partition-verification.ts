import type { BrokerConfig } from '../config.ts';
import type { PartitionVerifier } from '../coordinator/transaction/partition-verifier.ts';
import type { ErrorName } from '../core/error-codes.ts';
import type { Partition } from '../replication/partition.ts';
import type { Verification } from '../storage/verifications.ts';

/** A transactional batch on its way into a partition that this broker leads. */
export interface ToVerify {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** Transactions v2: the leader has the partition added itself (KIP-890). */
  readonly adds: boolean;
  readonly topic: string;
  readonly partition: Partition;
}

/** Whether the coordinator is asked at all. What adds a partition does so even if nothing is verified: nobody else would end the transaction there. */
export const mustAsk = (adds: boolean, config: BrokerConfig): boolean => adds || config.bool('transaction.partition.verification.enable');

/**
 * Calls `done` with NONE and what goes with the batch once the transaction's coordinator has said that the partition belongs to it, at once where the
 * transaction is open here; or with what the coordinator says against it. It may be called before this returns.
 * @throws KafkaError as `Partition.beginVerification`
 */
export function verifyPartition(
  { adds, baseSequence, partition, producerEpoch, producerId, topic, transactionalId }: ToVerify,
  verifier: PartitionVerifier,
  done: (error: ErrorName, verification: Verification) => void,
): void {
  const begin = () => partition.beginVerification({ producerId, producerEpoch, baseSequence, supportsEpochBump: adds });
  const question = { transactionalId, producer: { producerId, producerEpoch }, adds };
  verifier.verify(question, { topic, partition: partition.index, begin }, (error, guard) => done(error, guard ?? undefined));
}
