import { api, array, int8, int16, int32, int64, string } from '../schema.ts';

/**
 * ListOffsets (2). v0 lists of offsets · v1 one offset and its timestamp (KIP-79) · v2 isolation level, throttle time (KIP-98)
 * · v3 throttling follows the answer (KIP-219) · v4 leader epoch (KIP-320) · v5 OFFSET_NOT_AVAILABLE (KIP-207) · v6 flexible
 * · v7 max timestamp (KIP-734) · v8 earliest local (KIP-405) · v9 latest tiered (KIP-1005) · v10 timeout for remote storage (KIP-1075)
 * · v11 earliest pending upload (KIP-1023)
 */
export const ListOffsets = api({
  key: 2,
  name: 'ListOffsets',
  versions: [0, 11],
  flexibleFrom: 6,
  request: {
    replicaId: int32,
    isolationLevel: int8.since(2),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.since(4).default(-1),
        timestamp: int64.saturating(),
        maxNumOffsets: int32.until(0).default(1),
      }),
    }),
    timeoutMs: int32.since(10),
  },
  response: {
    throttleTimeMs: int32.since(2),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        oldStyleOffsets: array(int64).until(0),
        timestamp: int64.saturating().since(1).default(-1),
        offset: int64.saturating().since(1).default(-1),
        leaderEpoch: int32.since(4).default(-1),
      }),
    }),
  },
});
