import { array, int8, int16, int32, int64, message, string } from '../../schema.ts';

/** Records of __transaction_state, in the form of those of __consumer_offsets: an int16 before each body. Key 0: a transactional id. */
export const TransactionLogKey = message({
  name: 'TransactionLogKey',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { transactionalId: string },
});

/** v1 flexible: earlier and next producer id, transactions v2 (KIP-890). Times in ms since 1970. */
export const TransactionLogValue = message({
  name: 'TransactionLogValue',
  versions: [0, 1],
  flexibleFrom: 1,
  fields: {
    producerId: int64,
    previousProducerId: int64.since(1).default(-1).tag(0),
    nextProducerId: int64.since(1).default(-1).tag(1),
    producerEpoch: int16,
    nextProducerEpoch: int16.since(1).default(-1).tag(3),
    transactionTimeoutMs: int32,
    transactionStatus: int8,
    transactionPartitions: array({ topic: string, partitionIds: array(int32) }).nullable(),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
    clientTransactionVersion: int16.since(1).default(0).tag(2),
  },
});

/** Value of the one record of a commit or abort marker, after its int16 version. */
export const EndTxnMarker = message({
  name: 'EndTxnMarker',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { coordinatorEpoch: int32 },
});
