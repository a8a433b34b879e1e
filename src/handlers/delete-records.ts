import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { INTERNAL_TOPICS } from '../metadata/internal-topics.ts';
import { DeleteRecords } from '../protocol/messages/delete-records.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler, type RequestContext } from './handler.ts';
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
 * - It is answered with the least log start of all replicas that are alive, once that has come there too.
 * - A topic that is only compacted: POLICY_VIOLATION. An internal one: INVALID_TOPIC_EXCEPTION.
 * - A topic without partitions is left out of the answer.
 * Deviations from Apache Kafka: partitions are answered in the order of the request, and one that stands in it twice is answered twice.
 */
export const deleteRecords = handler(DeleteRecords, [0, 2], ({ replicas, purgatory }: Needs<'replicas' | 'purgatory'>) => {
  const answerFor = async (
    topic: string,
    { partitionIndex, offset }: PartitionRequest,
    timeoutMs: number,
    { signal }: RequestContext,
  ): Promise<PartitionReply> => {
    try {
      replicas.requireExists(topic, partitionIndex);
      if (INTERNAL_TOPICS.has(topic)) throw new KafkaError('INVALID_TOPIC_EXCEPTION');
      const partition = replicas.leader(topic, partitionIndex);
      const to = partition.deleteRecordsBefore(offset);
      const isGone = () => partition.leading().lowWatermark() >= to;
      if (!isGone() && !(await purgatory.wait([partition.key], timeoutMs, isGone, signal))) throw new KafkaError('REQUEST_TIMED_OUT');
      return { partitionIndex, lowWatermark: partition.leading().lowWatermark(), errorCode: 0 };
    } catch (error) {
      return { partitionIndex, lowWatermark: NO_WATERMARK, errorCode: errorCodeOf(error) };
    }
  };
  return {
    async handle({ topics, timeoutMs }, context) {
      const answers = topics
        .filter(({ partitions }) => partitions.length > 0)
        .map(async ({ name, partitions }) => ({
          name,
          partitions: await Promise.all(partitions.map((request) => answerFor(name, request, timeoutMs, context))),
        }));
      return { topics: await Promise.all(answers) };
    },
    refuse: ({ topics }, error) => ({
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: NO_WATERMARK, errorCode: error.code })),
      })),
    }),
  };
});
