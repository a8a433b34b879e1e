import { ERROR_CODES } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { MetadataImage, PartitionImage } from '../metadata/image.ts';
import { INTERNAL_TOPICS } from '../metadata/internal-topics.ts';
import { isValidTopicName } from '../metadata/topic-rules.ts';
import { DescribeTopicPartitions } from '../protocol/messages/describe-topic-partitions.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import { handler } from './handler.ts';
import { NO_OPERATIONS, TOPIC_OPERATIONS } from './operations.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof DescribeTopicPartitions>;
type Reply = ResponseTo<typeof DescribeTopicPartitions>;
type TopicReply = Reply['topics'][number];
type Cursor = NonNullable<Request['cursor']>;

/**
 * DescribeTopicPartitions (75): topics with their partitions, page by page (KIP-966).
 *
 * Versions: v0 only
 * Behaviour:
 * - Topics come sorted by name, each once; an empty list means all. One that does not exist takes no room in the page.
 * - A page has at most `responsePartitionLimit` partitions, at most max.request.partition.size.limit, and at least one. Where it ends before
 *   the topics do, the next cursor says with which partition the next page begins.
 * - A cursor must name one of the topics that are asked for.
 * Deviations from Apache Kafka: the last known leader is not told apart, so lastKnownElr is empty.
 */
export const describeTopicPartitions = handler(
  DescribeTopicPartitions,
  [0, 0],
  ({ metadata, config, endpoints }: Needs<'metadata' | 'config' | 'endpoints'>) => ({
    handle: (request, { arrival }) => {
      checkCursor(request);
      const { topics: asked, cursor, responsePartitionLimit } = request;
      const all = asked.length === 0;
      const from = cursor?.topicName ?? '';
      const { current } = metadata;
      const names = all ? Array.from(current.topics(), ({ name }) => name) : [...new Set(asked.map(({ name }) => name))];
      const sorted = names.filter((name) => name >= from).sort();
      const limit = Math.max(Math.min(config().int('max.request.partition.size.limit'), responsePartitionLimit), 1);
      const isReachable = (id: number) => endpoints.isReachable(id, arrival);
      return pageOf(sorted, current, isReachable, { cursor, limit });
    },
    refuse: ({ topics }, error) => ({
      topics: topics.map(({ name }) => ({ ...without(name), errorCode: error.code, topicAuthorizedOperations: NO_OPERATIONS })),
    }),
  }),
);

/** @throws KafkaError INVALID_REQUEST */
function checkCursor({ topics, cursor }: Request): void {
  if (!cursor) return;
  const { topicName, partitionIndex } = cursor;
  if (topics.length > 0 && !topics.some(({ name }) => name === topicName))
    throw new KafkaError('INVALID_REQUEST', `The topics must contain that of the cursor: ${topicName}`);
  if (partitionIndex < 0) throw new KafkaError('INVALID_REQUEST', `The partition of the cursor must not be negative: ${partitionIndex}`);
}

function pageOf(
  names: readonly string[],
  image: MetadataImage,
  isReachable: (id: number) => boolean,
  { cursor, limit }: { cursor: Cursor | null; limit: number },
): Reply {
  const topics: TopicReply[] = [];
  let room = limit;
  for (const name of names) {
    if (room === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const topic = image.topic(name);
    if (!topic) {
      topics.push(without(name));
      continue;
    }
    const first = cursor && name === cursor.topicName ? cursor.partitionIndex : 0;
    const partitions = topic.partitions.slice(first, first + room);
    topics.push({ ...described(topic), partitions: partitions.map((each) => partitionReply(each, image, isReachable)) });
    room -= partitions.length;
    const next = first + partitions.length;
    if (next < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: next } };
  }
  return { topics, nextCursor: null };
}

function described({ name, topicId }: { name: string; topicId: string }) {
  return { errorCode: 0, name, topicId, isInternal: INTERNAL_TOPICS.has(name), topicAuthorizedOperations: TOPIC_OPERATIONS };
}

/** The reply for a topic that does not exist. */
function without(name: string): TopicReply {
  const error = isValidTopicName(name) ? ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION : ERROR_CODES.INVALID_TOPIC_EXCEPTION;
  return { ...described({ name, topicId: ZERO_UUID }), errorCode: error.code, partitions: [] };
}

function partitionReply(
  state: PartitionImage,
  image: MetadataImage,
  isReachable: (id: number) => boolean,
): TopicReply['partitions'][number] {
  const { partition, leader, leaderEpoch, replicas, isr, elr } = state;
  return {
    errorCode: 0,
    partitionIndex: partition,
    leaderId: leader >= 0 && !isReachable(leader) ? -1 : leader,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: isr,
    eligibleLeaderReplicas: elr,
    lastKnownElr: [],
    offlineReplicas: replicas.filter((id) => !isReachable(id) || image.isReplicaOffline(id, state)),
  };
}
