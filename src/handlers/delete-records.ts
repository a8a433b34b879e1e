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
 * - A topic without partitions is left out of the answer; what stands in the request twice is answered once, and the last offset counts.
 * Deviations from Apache Kafka: none known.
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
      const answers = Array.from(eachAskedOnce(topics), async ([name, partitions]) => ({
        name,
        partitions: await Promise.all(Array.from(partitions.values(), (request) => answerFor(name, request, timeoutMs, context))),
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

function eachAskedOnce(topics: RequestOf<typeof DeleteRecords>['topics']): Map<string, Map<number, PartitionRequest>> {
  const asked = new Map<string, Map<number, PartitionRequest>>();
  for (const { name, partitions } of topics) {
    if (partitions.length === 0) continue;
    const known = asked.get(name) ?? new Map<number, PartitionRequest>();
    for (const partition of partitions) known.set(partition.partitionIndex, partition);
    asked.set(name, known);
  }
  return asked;
}
