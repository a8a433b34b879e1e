import { api, array, bool, int8, int16, int32, string, uuid } from '../schema.ts';

/**
 * CreateTopics (19). v1 validate only, error message · v2 throttle time · v3 throttling follows the answer (KIP-219)
 * · v4 -1 = default partitions and replicas (KIP-464) · v5 flexible, answers with the configs (KIP-525)
 * · v6 THROTTLING_QUOTA_EXCEEDED (KIP-599) · v7 topic ids (KIP-516)
 */
export const CreateTopics = api({
  key: 19,
  name: 'CreateTopics',
  versions: [0, 7],
  flexibleFrom: 5,
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({
        partitionIndex: int32,
        brokerIds: array(int32),
      }),
      configs: array({
        name: string,
        value: string.nullable(),
      }),
    }),
    timeoutMs: int32.default(60000),
    validateOnly: bool.since(1).default(false),
  },
  response: {
    throttleTimeMs: int32.since(2),
    topics: array({
      name: string,
      topicId: uuid.since(7),
      errorCode: int16,
      errorMessage: string.since(1).nullable(),
      topicConfigErrorCode: int16.since(5).tag(0),
      numPartitions: int32.since(5).default(-1),
      replicationFactor: int16.since(5).default(-1),
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        configSource: int8.default(-1),
        isSensitive: bool,
      })
        .since(5)
        .nullable(5),
    }),
  },
});
