import { api, array, int8, int16, int32, int64, records, string, struct, uuid } from '../schema.ts';
import { INT64_SATURATED } from '../wire.ts';

/**
 * Fetch (1). v1 throttle time · v2 message format v1 (KIP-31, KIP-32) · v3 max bytes (KIP-74) · v4 batches v2, isolation level (KIP-98)
 * · v5 log start offset (KIP-107) · v6 KAFKA_STORAGE_ERROR (KIP-112) · v7 sessions (KIP-227) · v8 throttling follows the answer (KIP-219)
 * · v9 leader epoch (KIP-320) · v10 zstd (KIP-110) · v11 rack, preferred replica (KIP-392) · v12 flexible, diverging epoch (KIP-595)
 * · v13 topic ids (KIP-516) · v14 tiered storage (KIP-405) · v15 replica state (KIP-903) · v16 leader hints (KIP-951)
 * · v17 directory id (KIP-853) · v18 the follower's high watermark (KIP-1166)
 */
export const Fetch = api({
  key: 1,
  name: 'Fetch',
  versions: [0, 18],
  flexibleFrom: 12,
  request: {
    clusterId: string.since(12).nullable(12).default(null).tag(0),
    replicaId: int32.until(14).default(-1),
    replicaState: struct({
      replicaId: int32.default(-1),
      replicaEpoch: int64.default(-1),
    })
      .since(15)
      .tag(1),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.since(3).default(2147483647),
    isolationLevel: int8.since(4).default(0),
    sessionId: int32.since(7).default(0),
    sessionEpoch: int32.since(7).default(-1),
    topics: array({
      topic: string.until(12),
      topicId: uuid.since(13),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.since(9).default(-1),
        fetchOffset: int64.saturating(),
        lastFetchedEpoch: int32.since(12).default(-1),
        logStartOffset: int64.saturating().since(5).default(-1),
        partitionMaxBytes: int32,
        replicaDirectoryId: uuid.since(17).tag(0),
        highWatermark: int64.saturating().since(18).default(INT64_SATURATED).tag(1),
      }),
    }),
    forgottenTopicsData: array({
      topic: string.until(12),
      topicId: uuid.since(13),
      partitions: array(int32),
    }).since(7),
    rackId: string.since(11).default(''),
  },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16.since(7),
    sessionId: int32.since(7).default(0),
    responses: array({
      topic: string.until(12),
      topicId: uuid.since(13),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64.saturating(),
        lastStableOffset: int64.saturating().since(4).default(-1),
        logStartOffset: int64.saturating().since(5).default(-1),
        divergingEpoch: struct({
          epoch: int32.default(-1),
          endOffset: int64.saturating().default(-1),
        })
          .since(12)
          .tag(0),
        currentLeader: struct({
          leaderId: int32.default(-1),
          leaderEpoch: int32.default(-1),
        })
          .since(12)
          .tag(1),
        snapshotId: struct({
          endOffset: int64.saturating().default(-1),
          epoch: int32.default(-1),
        })
          .since(12)
          .tag(2),
        abortedTransactions: array({
          producerId: int64,
          firstOffset: int64.saturating(),
        })
          .since(4)
          .nullable(4),
        preferredReadReplica: int32.since(11).default(-1),
        records: records.nullable(),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
    })
      .since(16)
      .tag(0),
  },
});
