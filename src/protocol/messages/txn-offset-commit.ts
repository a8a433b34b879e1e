import { api, array, int16, int32, int64, string, uuid } from '../schema.ts';

/**
 * TxnOffsetCommit (28; KIP-98). v1 throttling follows the answer (KIP-219) · v2 leader epoch (KIP-320) · v3 flexible; member and generation
 * (KIP-447) · v4 TRANSACTION_ABORTABLE · v5 the coordinator adds the group's partition itself (KIP-890) · v6 topic ids (KIP-848)
 */
export const TxnOffsetCommit = api({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64.saturating(),
    producerEpoch: int16,
    generationIdOrMemberEpoch: int32.since(3).default(-1),
    memberId: string.since(3).default(''),
    groupInstanceId: string.since(3).nullable(3).default(null),
    topics: array({
      name: string.until(5),
      topicId: uuid.since(6),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64.saturating(),
        committedLeaderEpoch: int32.since(2).default(-1),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string.until(5),
      topicId: uuid.since(6),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});
