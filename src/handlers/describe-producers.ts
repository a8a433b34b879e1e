import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { checkTopicName } from '../metadata/topic-rules.ts';
import { DescribeProducers } from '../protocol/messages/describe-producers.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

type Topic = RequestOf<typeof DescribeProducers>['topics'][number];
type PartitionReply = ResponseTo<typeof DescribeProducers>['topics'][number]['partitions'][number];
type Producers = PartitionReply['activeProducers'];

/** A response of some 40 MB. Kafka has no bound; a partition remembers 100,000 producers, and may be named again and again. */
export const MAX_PRODUCERS = 1_000_000;

/**
 * DescribeProducers (61; KIP-664): the producers that partitions know of, and where their open transactions begin: how a hanging one is found.
 *
 * Versions: v0
 * Behaviour:
 * - Every replica answers, leader or not. What is queued to be written counts.
 * - Topics and partitions are answered as they are named, also those that are named twice.
 * - A last sequence of -1: the producer's epoch began with a marker, or its batches have no sequences (offsets of groups).
 * Deviations from Apache Kafka: one response has at most 1,000,000 producers; partitions beyond that get INVALID_REQUEST.
 */
export const describeProducers = handler(
  DescribeProducers,
  [0, 0],
  ({ replicas, metadata, clock }: Needs<'replicas' | 'metadata' | 'clock'>) => {
    const refusalOf = (topic: string): KafkaError | null => {
      try {
        checkTopicName(topic);
      } catch (error) {
        return error as KafkaError;
      }
      if (metadata.current.topic(topic)) return null;
      return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 'This server does not host this topic-partition.');
    };
    const producersOf = (topic: string, index: number): Producers =>
      replicas
        .hosted(topic, index)
        .producers()
        .map(([producerId, { epoch, batches, timestamp, coordinatorEpoch, transactionFirstOffset }]) => ({
          producerId,
          producerEpoch: epoch,
          lastSequence: batches.at(-1)?.lastSequence ?? -1,
          lastTimestamp: timestamp,
          coordinatorEpoch,
          currentTxnStartOffset: transactionFirstOffset,
        }));

    return {
      async handle({ topics }) {
        let left = MAX_PRODUCERS;
        const replies = topics.map(({ name }) => ({ name, partitions: [] as PartitionReply[] }));
        // A log may have to be opened for it.
        await inSlices(clock, each(topics), ([reply, topic, partitionIndex]) => {
          const { partitions } = replies[reply]!;
          const refusal = refusalOf(topic);
          if (refusal) {
            partitions.push(failed(partitionIndex, refusal, refusal.message));
            return;
          }
          try {
            const activeProducers = producersOf(topic, partitionIndex);
            left -= activeProducers.length;
            if (left < 0) throw new KafkaError('INVALID_REQUEST');
            partitions.push({ partitionIndex, errorCode: 0, activeProducers });
          } catch (error) {
            partitions.push(failed(partitionIndex, error));
          }
        });
        return { topics: replies };
      },
      refuse: ({ topics }, error) => ({
        topics: topics.map(({ name, partitionIndexes }) => ({ name, partitions: partitionIndexes.map((index) => failed(index, error)) })),
      }),
    };
  },
);

function* each(topics: readonly Topic[]): Generator<readonly [reply: number, topic: string, partition: number]> {
  for (const [i, { name, partitionIndexes }] of topics.entries()) for (const partition of partitionIndexes) yield [i, name, partition];
}

const failed = (partitionIndex: number, error: unknown, errorMessage: string | null = null): PartitionReply => ({
  partitionIndex,
  errorCode: errorCodeOf(error),
  errorMessage,
  activeProducers: [],
});
