import { api, array, bool, int8, int16, int32, int64, string } from '../schema.ts';

/** WriteTxnMarkers (27; KIP-98): from a transaction's coordinator to the leaders of its partitions. v1 flexible · v2 transaction version (KIP-1228) */
export const WriteTxnMarkers = api({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [0, 2],
  flexibleFrom: 1,
  request: {
    markers: array({
      producerId: int64.saturating(),
      producerEpoch: int16,
      transactionResult: bool,
      topics: array({ name: string, partitionIndexes: array(int32) }),
      coordinatorEpoch: int32,
      transactionVersion: int8.since(2).default(0),
    }),
  },
  response: {
    markers: array({
      producerId: int64.saturating(),
      topics: array({ name: string, partitions: array({ partitionIndex: int32, errorCode: int16 }) }),
    }),
  },
});
