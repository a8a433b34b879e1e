import { api, array, int16, int32, int64, string } from '../schema.ts';

/** DescribeProducers (61; KIP-664): what a partition's leader knows of its producers. */
export const DescribeProducers = api({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleFrom: 0,
  request: { topics: array({ name: string, partitionIndexes: array(int32) }) },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        activeProducers: array({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: int32.default(-1),
          lastTimestamp: int64.saturating().default(-1),
          coordinatorEpoch: int32,
          currentTxnStartOffset: int64.saturating().default(-1),
        }),
      }),
    }),
  },
});
