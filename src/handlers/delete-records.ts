import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { INTERNAL_TOPICS } from '../metadata/internal-topics.ts';
import { DeleteRecords } from '../protocol/messages/delete-records.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type PartitionRequest = RequestOf<typeof DeleteRecords>['topics'][number]['partitions'][number];
type PartitionReply = ResponseTo<typeof DeleteRecords>['topics'][number]['partitions'][number];

const NO_WATERMARK = -1;

/**
 * DeleteRecords (21): moves the beginning of partitions.
 *
 * Versions: v2 flexible
 * Behaviour:
 * - The records before the offset are gone at once; disk space is freed when retention is next applied, by whole segments.
 * - Offset -1 is the high watermark. An offset beyond it, or below -1, is OFFSET_OUT_OF_RANGE; one before the log start changes nothing.
 * - A topic that is only compacted: POLICY_VIOLATION. An internal one: INVALID_TOPIC_EXCEPTION.
 * - A topic without partitions is left out of the answer.
 * Deviations from Apache Kafka: partitions are answered in the order of the request, and one that stands in it twice is answered twice.
 */
export const deleteRecords = handler(DeleteRecords, [0, 2], ({ replicas }: Needs<'replicas'>) => {
  const answerFor = (topic: string, { partitionIndex, offset }: PartitionRequest): PartitionReply => {
    try {
      replicas.requireExists(topic, partitionIndex);
      if (INTERNAL_TOPICS.has(topic)) throw new KafkaError('INVALID_TOPIC_EXCEPTION');
      return { partitionIndex, lowWatermark: replicas.leader(topic, partitionIndex).deleteRecordsBefore(offset), errorCode: 0 };
    } catch (error) {
      return { partitionIndex, lowWatermark: NO_WATERMARK, errorCode: errorCodeOf(error) };
    }
  };
  return {
    handle: ({ topics }) => ({
      topics: topics
        .filter(({ partitions }) => partitions.length > 0)
        .map(({ name, partitions }) => ({ name, partitions: partitions.map((request) => answerFor(name, request)) })),
    }),
    refuse: ({ topics }, error) => ({
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: NO_WATERMARK, errorCode: error.code })),
      })),
    }),
  };
});
