import { api, array, int16, int32, int64, string } from '../schema.ts';

/** DeleteRecords (21; KIP-107). v1 like v0 · v2 flexible */
export const DeleteRecords = api({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        offset: int64.saturating(),
      }),
    }),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        lowWatermark: int64.saturating(),
        errorCode: int16,
      }),
    }),
  },
});
