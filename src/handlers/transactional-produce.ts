import type { ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { safetyRules } from '../core/safety-rules.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import type { Partition } from '../replication/partition.ts';
import type { Verification } from '../storage/verifications.ts';
import { mustAsk, verifyPartition } from './partition-verification.ts';
import type { Needs } from './services.ts';

/** From here on clients know that a transaction can only be aborted (KIP-1050). */
const KNOWS_ABORTABLE_SINCE = 11;
/** Transactions v2: the leader has the partition added itself (KIP-890). */
const ADDS_SINCE = 12;

/** The batch of a transactional producer, or null. */
export function transactionalBatch(records: Uint8Array | null): BatchView | null {
  if (!records || records.byteLength < BATCH_HEADER_BYTES) return null;
  const batch = new BatchView(records);
  return batch.magic === 2 && batch.isTransactional ? batch : null;
}

/** A transactional batch on its way into a partition. */
export interface Verified {
  readonly transactionalId: string;
  readonly topic: string;
  readonly partition: Partition;
  readonly batch: BatchView;
  /** Of Produce. */
  readonly version: number;
}

/**
 * Calls `append` with what goes with the batch once it is verified, or `refused` with what the producer is told. Either may be called before this
 * returns.
 * @throws KafkaError as `Partition.beginVerification`
 */
export function verifyThen(
  { batch, partition, topic, transactionalId, version }: Verified,
  { config, partitionVerifier }: Needs<'config' | 'partitionVerifier'>,
  append: (verification: Verification) => void,
  refused: (error: KafkaError) => void,
): void {
  const { producerEpoch, producerId, baseSequence } = batch;
  const adds = version >= ADDS_SINCE;
  if (!mustAsk(adds, config()) || (!adds && !safetyRules.verifyFirstBatch)) {
    append('off');
    return;
  }
  const toVerify = { transactionalId, producerId, producerEpoch, baseSequence, adds, topic, partition };
  verifyPartition(toVerify, partitionVerifier, (error, verification) => {
    if (error === 'NONE') append(verification);
    else refused(refusal(error, version));
  });
}

/** What a producer is told of what the coordinator said. */
function refusal(error: ErrorName, version: number): KafkaError {
  switch (error) {
    case 'PRODUCER_FENCED':
      return new KafkaError('INVALID_PRODUCER_EPOCH');
    case 'TRANSACTION_ABORTABLE':
      return new KafkaError(version >= KNOWS_ABORTABLE_SINCE ? 'TRANSACTION_ABORTABLE' : 'INVALID_TXN_STATE', NOT_ADDED);
    case 'CONCURRENT_TRANSACTIONS':
      // Older clients do not expect it here; this one they retry.
      return version >= ADDS_SINCE ? new KafkaError(error) : new KafkaError('NOT_ENOUGH_REPLICAS', `${UNABLE} ${error}`);
    case 'NETWORK_EXCEPTION':
    case 'REQUEST_TIMED_OUT':
    case 'COORDINATOR_LOAD_IN_PROGRESS':
    case 'COORDINATOR_NOT_AVAILABLE':
    case 'NOT_COORDINATOR':
      return new KafkaError('NOT_ENOUGH_REPLICAS', `${UNABLE} ${error}`);
    default:
      return new KafkaError(error);
  }
}

const NOT_ADDED = 'Partition was not added to the transaction';
const UNABLE = 'Unable to verify the partition has been added to the transaction. Underlying error:';
