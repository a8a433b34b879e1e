import { api, array, bool, int16, int32, string } from '../schema.ts';

/** CreatePartitions (37). v1 throttling follows the answer (KIP-219) · v2 flexible · v3 THROTTLING_QUOTA_EXCEEDED (KIP-599) */
export const CreatePartitions = api({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string,
      count: int32,
      assignments: array({
        brokerIds: array(int32),
      }).nullable(),
    }),
    timeoutMs: int32,
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      name: string,
      errorCode: int16,
      errorMessage: string.nullable().default(null),
    }),
  },
});
