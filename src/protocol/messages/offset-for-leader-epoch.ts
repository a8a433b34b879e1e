import { api, array, int16, int32, int64, string } from '../schema.ts';

/**
 * OffsetForLeaderEpoch (23; KIP-101). v1 tells which epoch the end is of (KIP-279) · v2 current leader epoch, throttle time (KIP-320)
 * · v3 replica id (KIP-392) · v4 flexible
 */
export const OffsetForLeaderEpoch = api({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    replicaId: int32.since(3).default(-2),
    topics: array({
      topic: string,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.since(2).default(-1),
        leaderEpoch: int32,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.since(2),
    topics: array({
      topic: string,
      partitions: array({
        errorCode: int16,
        partition: int32,
        leaderEpoch: int32.since(1).default(-1),
        endOffset: int64.saturating().default(-1),
      }),
    }),
  },
});
