import { KafkaError } from '../core/errors.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { AlterPartitionReassignments } from '../protocol/messages/alter-partition-reassignments.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';
import { requireTime } from './time-left.ts';

type TopicReply = ResponseTo<typeof AlterPartitionReassignments>['responses'][number];
type PartitionReply = TopicReply['partitions'][number];

/**
 * AlterPartitionReassignments (45): moves replicas to other brokers (KIP-455).
 *
 * Versions: v1 the replication factor may be held (KIP-860)
 * Behaviour:
 * - The answer says that the move has begun: until the new replicas are in sync the old ones stay, and ListPartitionReassignments tells of it.
 * - null takes a move back; a new target replaces the one of a move that is under way.
 * - Each partition succeeds or fails for itself.
 * Deviations from Apache Kafka: none known.
 */
export const alterPartitionReassignments = handler(
  AlterPartitionReassignments,
  [0, 1],
  ({ metadata, partitionAdmin, clock }: Needs<'metadata' | 'partitionAdmin' | 'clock'>) => ({
    async handle({ topics, allowReplicationFactorChange, timeoutMs }) {
      if (topics.length > 0) requireTime(timeoutMs);
      const image = metadata.current;
      const responses: TopicReply[] = [];
      await inSlices(clock, topics, async ({ name: topic, partitions }) => {
        const existing = partitions.filter(({ partitionIndex }) => image.partition(topic, partitionIndex));
        const moves = existing.map(({ partitionIndex, replicas }) => ({ topic, partition: partitionIndex, replicas }));
        const outcomes = (await partitionAdmin.reassign(moves, { allowReplicationFactorChange })).values();
        responses.push({
          name: topic,
          partitions: partitions.map(({ partitionIndex }) => {
            const error = image.partition(topic, partitionIndex) ? outcomes.next().value : unknown(image, topic, partitionIndex);
            return replyOf(partitionIndex, error ?? null);
          }),
        });
      });
      // As Kafka, which does not look at a request for nothing.
      return { allowReplicationFactorChange, errorCode: 0, errorMessage: topics.length === 0 ? '' : null, responses };
    },
    refuse: ({ topics }, error) => ({
      errorCode: error.code,
      errorMessage: error.message,
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => replyOf(partitionIndex, error)),
      })),
    }),
  }),
);

function replyOf(partitionIndex: number, error: KafkaError | null): PartitionReply {
  if (!error) return { partitionIndex, errorCode: 0, errorMessage: null };
  const saysNothing = error.message === new KafkaError(error.errorName).message; // Kafka's null
  return { partitionIndex, errorCode: error.code, errorMessage: saysNothing ? null : error.message };
}

function unknown(image: MetadataImage, topic: string, partition: number): KafkaError {
  const what = image.topic(topic) ? `partition ${topic}:${partition}` : `a topic named ${topic}`;
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `Unable to find ${what}.`);
}
