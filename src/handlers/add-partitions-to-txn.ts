import type { TopicPartitions } from '../coordinator/transaction/transaction.ts';
import { ERROR_CODES, type ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { AddPartitionsToTxn } from '../protocol/messages/add-partitions-to-txn.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { fencedName } from './fenced-error.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof AddPartitionsToTxn>;
type Transaction = Request['transactions'][number];
type TopicResult = NonNullable<ResponseTo<typeof AddPartitionsToTxn>['resultsByTopicV3AndBelow']>[number];
type Judge = (topic: string, partition: number) => ErrorName;

const BATCHED_SINCE = 4; // KIP-890
const KNOWS_FENCED_SINCE = 2; // KIP-588
const TRANSACTIONS_V2 = 2;

/**
 * AddPartitionsToTxn (24): partitions that a transaction is about to write to.
 *
 * Versions: v2 PRODUCER_FENCED · v3 flexible · v4 several transactions, and only asking which partitions are in them: what the leaders of the
 * partitions send (KIP-890) · v5 TRANSACTION_ABORTABLE
 * Behaviour:
 * - A transaction begins with its first partition. Answered when that is in the log.
 * - A partition that does not exist is UNKNOWN_TOPIC_OR_PARTITION, and all others of its transaction OPERATION_NOT_ATTEMPTED.
 * - What is wrong with the transaction answers for each of its partitions.
 * Deviations from Apache Kafka: none known.
 */
export const addPartitionsToTxn = handler(AddPartitionsToTxn, [0, 5], ({ metadata, transactions }: Needs<'metadata' | 'transactions'>) => {
  const judge = async (transaction: Transaction, version: number): Promise<Judge> => {
    const { producerEpoch, producerId, topics, transactionalId, verifyOnly } = transaction;
    const missing = missingOf(topics, metadata.current);
    if (missing) return missing;
    try {
      const producer = { producerId, producerEpoch };
      if (verifyOnly) return await transactions.verify(transactionalId, producer);
      await transactions.add(transactionalId, producer, partitionsOf(topics), version >= BATCHED_SINCE ? TRANSACTIONS_V2 : 0);
      return () => 'NONE';
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return () => fencedName(error.errorName, version, KNOWS_FENCED_SINCE);
    }
  };
  return {
    async handle(request, { version }) {
      if (version < BATCHED_SINCE) {
        const topics = request.v3AndBelowTopics;
        return { resultsByTopicV3AndBelow: resultsOf(topics, await judge(onlyOne(request), version)) };
      }
      const judges = await Promise.all(request.transactions.map((each) => judge(each, version)));
      const results = request.transactions.map(({ topics, transactionalId }, i) => ({
        transactionalId,
        topicResults: resultsOf(topics, judges[i]!),
      }));
      return { errorCode: 0, resultsByTransaction: results };
    },
    refuse: (request, error, { version }) =>
      version < BATCHED_SINCE
        ? { resultsByTopicV3AndBelow: resultsOf(request.v3AndBelowTopics, () => error.errorName) }
        : { errorCode: error.code, resultsByTransaction: [] },
  };
});

function onlyOne(request: Request): Transaction {
  return {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  };
}

/** What is answered when a partition does not exist; null: they all do. */
function missingOf(topics: Transaction['topics'], image: MetadataImage): Judge | null {
  const exists = (topic: string, partition: number) => image.partition(topic, partition) !== undefined;
  const isWhole = topics.every(({ name, partitions }) => partitions.every((partition) => exists(name, partition)));
  if (isWhole) return null;
  return (topic, partition) => (exists(topic, partition) ? 'OPERATION_NOT_ATTEMPTED' : 'UNKNOWN_TOPIC_OR_PARTITION');
}

function partitionsOf(topics: Transaction['topics']): TopicPartitions {
  const partitions = new Map<string, Set<number>>();
  for (const { name, partitions: ids } of topics) partitions.set(name, new Set([...(partitions.get(name) ?? []), ...ids]));
  return partitions;
}

function resultsOf(topics: Transaction['topics'], judge: Judge): TopicResult[] {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: ERROR_CODES[judge(name, partitionIndex)].code,
    })),
  }));
}
