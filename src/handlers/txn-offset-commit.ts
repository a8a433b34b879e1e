import type { ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { safetyRules } from '../core/safety-rules.ts';
import { OFFSETS_TOPIC } from '../metadata/internal-topics.ts';
import { TxnOffsetCommit } from '../protocol/messages/txn-offset-commit.ts';
import type { RequestOf } from '../protocol/schema.ts';
import type { Verification } from '../storage/verifications.ts';
import { type Handling, handler } from './handler.ts';
import { failAll, merge, resolve } from './offsets-to-commit.ts';
import { mustAsk, verifyPartition } from './partition-verification.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof TxnOffsetCommit>;
type TxnOffsetCommitNeeds = Needs<'groups' | 'metadata' | 'replicas' | 'partitionVerifier' | 'config'>;

const KNOWS_ABORTABLE_SINCE = 4; // KIP-1050
const ADDS_SINCE = 5; // KIP-890
const TOPIC_IDS_SINCE = 6; // KIP-848, and GROUP_ID_NOT_FOUND

/**
 * TxnOffsetCommit (28): commits offsets of a group within a transaction: they hold when it does.
 *
 * Versions: v2 leader epoch (KIP-320) · v3 flexible; member and generation, so that a consumer that lost its partitions is refused (KIP-447) ·
 * v4 TRANSACTION_ABORTABLE · v5 adds the group's partition to the transaction (KIP-890) · v6 topic ids
 * Behaviour:
 * - Answered by the group's coordinator when the offsets are in its log; until the transaction ends, OffsetFetch that requires stable offsets is
 *   told UNSTABLE_OFFSET_COMMIT.
 * - The transaction must have the group's partition of __consumer_offsets: by AddOffsetsToTxn, from v5 on it gets it here.
 * - Partitions that do not exist answer UNKNOWN_TOPIC_OR_PARTITION (v6: UNKNOWN_TOPIC_ID). What is wrong with sender or transaction answers for all.
 * Deviations from Apache Kafka: none known.
 */
export const txnOffsetCommit = handler(
  TxnOffsetCommit,
  [0, 6],
  (needs: TxnOffsetCommitNeeds): Handling<typeof TxnOffsetCommit> => ({
    async handle(request, { version }) {
      const { groups, metadata } = needs;
      const { found, failed } = resolve(request.topics, metadata.current, version >= TOPIC_IDS_SINCE);
      if (found.length === 0) return { topics: failed };
      if (request.groupId === '') throw new KafkaError('INVALID_GROUP_ID');
      await groups.ready(request.groupId);
      const { producerEpoch, producerId } = request;
      const verification = await verify(request, version, needs);
      const results = await groups.commitInTransaction({
        groupId: request.groupId,
        memberId: request.memberId,
        groupInstanceId: request.groupInstanceId,
        generationId: request.generationIdOrMemberEpoch,
        knowsGroupIdNotFound: version >= TOPIC_IDS_SINCE,
        topics: found,
        transaction: { producerId, producerEpoch, verification },
      });
      return { topics: merge(failed, results) };
    },
    refuse: (request, error) => ({ topics: request.topics.map((topic) => failAll(topic, error.errorName)) }),
  }),
);

/** Rejects with what the client is told. */
function verify(
  request: Request,
  version: number,
  { config, groups, partitionVerifier, replicas }: TxnOffsetCommitNeeds,
): Promise<Verification> {
  const partition = replicas.hosted(OFFSETS_TOPIC, groups.partitionOf(request.groupId));
  if (!partition.isLeader) throw new KafkaError('NOT_COORDINATOR');
  const adds = version >= ADDS_SINCE;
  if (!mustAsk(adds, config()) || (!adds && !safetyRules.offsetsCheckEpoch)) return Promise.resolve('off');
  const { producerEpoch, producerId, transactionalId } = request;
  const toVerify = { transactionalId, producerId, producerEpoch, baseSequence: 0, adds, topic: OFFSETS_TOPIC, partition };
  return new Promise((resolve, reject) => {
    verifyPartition(toVerify, partitionVerifier, (error, verification) => {
      if (error === 'NONE') resolve(verification);
      else reject(new KafkaError(refusal(error, version)));
    });
  });
}

function refusal(error: ErrorName, version: number): ErrorName {
  switch (error) {
    case 'PRODUCER_FENCED':
      return 'INVALID_PRODUCER_EPOCH';
    case 'TRANSACTION_ABORTABLE':
      return version >= KNOWS_ABORTABLE_SINCE ? 'TRANSACTION_ABORTABLE' : 'INVALID_TXN_STATE';
    // Old clients retry this one, and without looking for the coordinator again.
    case 'NETWORK_EXCEPTION':
    case 'REQUEST_TIMED_OUT':
      return 'COORDINATOR_LOAD_IN_PROGRESS';
    default:
      return error;
  }
}
