import type { PartitionVerifier } from '../coordinator/transaction/partition-verifier.ts';
import type { ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { Partition } from '../replication/partition.ts';
import type { Verification, VerificationGuard } from '../storage/verifications.ts';

/** Questions about one batch: only the marker of the transaction before makes one void, and it comes once. */
const MAX_QUESTIONS = 3;

/** A transactional batch on its way into a partition. */
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

/**
 * Calls `done` once it is known what lets a batch into its partition: with NONE and what goes with the batch to `Partition.produce`, at once where
 * the transaction is open here; or with what the coordinator says against it.
 *
 * With transactions v2 a producer goes on as soon as it is decided how its transaction ends, so that the question about the next may be on its way
 * when the marker comes, which makes it void. It is asked again then. (Before v2 nothing is written before the markers are: what a marker overtakes
 * there is late, of a transaction that is over, and stays out.)
 * @throws KafkaError as `Partition.beginVerification`
 */
export function verifyPartition(
  batch: ToVerify,
  verifier: PartitionVerifier,
  done: (error: ErrorName, verification?: Verification) => void,
): void {
  const { adds, baseSequence, partition, producerEpoch, producerId, topic, transactionalId } = batch;
  const begin = () => partition.beginVerification({ producerId, producerEpoch, baseSequence, supportsEpochBump: adds });
  let questions = 0;
  const ask = (guard: VerificationGuard | null): void => {
    if (!guard) done('NONE');
    else if (++questions > MAX_QUESTIONS) done('CONCURRENT_TRANSACTIONS');
    else verifier.verify({ transactionalId, producer: { producerId, producerEpoch }, adds }, topic, partition.index, answeredFor(guard));
  };
  const answeredFor = (guard: VerificationGuard) => (error: ErrorName) => {
    if (error !== 'NONE' || !adds) {
      done(error, guard);
      return;
    }
    let now: VerificationGuard | null;
    try {
      now = begin();
    } catch (failure) {
      if (!(failure instanceof KafkaError)) throw failure;
      done(failure.errorName);
      return;
    }
    if (now === guard) done('NONE', guard);
    else ask(now);
  };
  ask(begin());
}
