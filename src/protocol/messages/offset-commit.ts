import { api, array, int16, int32, int64, string, uuid } from '../schema.ts';

/**
 * OffsetCommit (8). v1 member, generation, commit timestamp · v2 retention time in place of it · v3 throttle time
 * · v4 throttling follows the answer (KIP-219) · v5 without retention time (KIP-211) · v6 leader epoch (KIP-320)
 * · v7 static members (KIP-345) · v8 flexible · v9 consumer groups (KIP-848) · v10 topic ids (KIP-848)
 */
export const OffsetCommit = api({
  key: 8,
  name: 'OffsetCommit',
  versions: [0, 10],
  flexibleFrom: 8,
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.since(1).default(-1),
    memberId: string.since(1),
    groupInstanceId: string.since(7).nullable(7).default(null),
    retentionTimeMs: int64.saturating().since(2).until(4).default(-1),
    topics: array({
      name: string.until(9),
      topicId: uuid.since(10),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64.saturating(),
        committedLeaderEpoch: int32.since(6).default(-1),
        commitTimestamp: int64.saturating().since(1).until(1).default(-1),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.since(3),
    topics: array({
      name: string.until(9),
      topicId: uuid.since(10),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  },
});
