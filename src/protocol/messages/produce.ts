import { api, array, int16, int32, int64, records, string, struct, uuid } from '../schema.ts';

/**
 * Produce (0). v1 throttle time · v2 message format v1, append time (KIP-32) · v3 batches v2, transactional id (KIP-98)
 * · v4 KAFKA_STORAGE_ERROR (KIP-112) · v5 log start offset (KIP-107) · v6 throttling follows the answer (KIP-219) · v7 zstd (KIP-110)
 * · v8 record errors (KIP-467) · v9 flexible · v10 leader hints (KIP-951) · v11 TRANSACTION_ABORTABLE (KIP-890)
 * · v12 adds partitions to the transaction (KIP-890) · v13 topic ids (KIP-516)
 */
export const Produce = api({
  key: 0,
  name: 'Produce',
  versions: [0, 13],
  flexibleFrom: 9,
  request: {
    transactionalId: string.since(3).nullable(3).default(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: string.until(12),
      topicId: uuid.since(13),
      partitionData: array({
        index: int32,
        records: records.nullable(),
      }),
    }),
  },
  response: {
    responses: array({
      name: string.until(12),
      topicId: uuid.since(13),
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64.saturating(),
        logAppendTimeMs: int64.saturating().since(2).default(-1),
        logStartOffset: int64.saturating().since(5).default(-1),
        recordErrors: array({
          batchIndex: int32,
          batchIndexErrorMessage: string.nullable().default(null),
        }).since(8),
        errorMessage: string.since(8).nullable(8).default(null),
        currentLeader: struct({
          leaderId: int32.default(-1),
          leaderEpoch: int32.default(-1),
        })
          .since(10)
          .tag(0),
      }),
    }),
    throttleTimeMs: int32.since(1).default(0),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
    })
      .since(10)
      .tag(0),
  },
});
