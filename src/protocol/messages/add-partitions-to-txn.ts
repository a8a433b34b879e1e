import { api, array, bool, int16, int32, int64, string } from '../schema.ts';

const topics = array({ name: string, partitions: array(int32) });
const topicResults = array({
  name: string,
  resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
});

/**
 * AddPartitionsToTxn (24; KIP-98). v1 throttling follows the answer (KIP-219) · v2 PRODUCER_FENCED · v3 flexible · v4 several transactions,
 * and brokers that only ask (KIP-890) · v5 TRANSACTION_ABORTABLE
 */
export const AddPartitionsToTxn = api({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactions: array({
      transactionalId: string,
      producerId: int64.saturating(),
      producerEpoch: int16,
      verifyOnly: bool.default(false),
      topics,
    }).since(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: int64.saturating().until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: topics.until(3),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.since(4),
    resultsByTransaction: array({ transactionalId: string, topicResults }).since(4),
    resultsByTopicV3AndBelow: topicResults.until(3),
  },
});
