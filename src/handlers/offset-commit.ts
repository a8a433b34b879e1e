import type { CommitResult, OffsetToCommit } from '../coordinator/group/offsets.ts';
import { ERROR_CODES, type ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { OffsetCommit } from '../protocol/messages/offset-commit.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof OffsetCommit>;
type TopicRequest = Request['topics'][number];
type TopicResponse = {
  name: string;
  topicId: string;
  partitions: ResponseTo<typeof OffsetCommit>['topics'][number]['partitions'][number][];
};

const GROUP_ID_NOT_FOUND_SINCE = 9; // KIP-848
const TOPIC_IDS_SINCE = 10; // KIP-848

/**
 * OffsetCommit (8): stores how far a group has read.
 *
 * Versions: v1 generation, member id, timestamp (v1 only) · v2-v4 retention time · v6 leader epoch (KIP-320) · v7 static membership
 * (KIP-345) · v8 flexible · v9 member epochs, GROUP_ID_NOT_FOUND (KIP-848) · v10 topic ids
 * Behaviour:
 * - Generation -1 without a member id: from outside the group, taken while it has no members, even if it does not exist yet.
 * - Partitions that do not exist answer UNKNOWN_TOPIC_OR_PARTITION (v10: UNKNOWN_TOPIC_ID), metadata that is too long
 *   OFFSET_METADATA_TOO_LARGE; the others are stored. What is wrong with the sender answers for all of them.
 * - Answered when the commit is in the log.
 * Deviations from Apache Kafka: v0, there for ZooKeeper, stores in the log like every other version.
 */
export const offsetCommit = handler(OffsetCommit, [0, 10], ({ groups, metadata }: Needs<'groups' | 'metadata'>) => ({
  async handle(request, { version }) {
    const { found, failed } = resolve(request, metadata.current, version);
    if (found.length === 0) return { topics: failed };
    const results = await groups.commit({
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generationId: request.generationIdOrMemberEpoch,
      retentionTimeMs: request.retentionTimeMs,
      knowsGroupIdNotFound: version >= GROUP_ID_NOT_FOUND_SINCE,
      topics: found,
    });
    return { topics: merge(failed, results) };
  },
  refuse: (request, error) => ({ topics: request.topics.map((topic) => failAll(topic, error.errorName)) }),
}));

type Found = { name: string; topicId: string; partitions: OffsetToCommit[] };

/** Kafka answers what it can tell by itself first, then what the group says. */
function resolve(request: Request, image: MetadataImage, version: number): { found: Found[]; failed: TopicResponse[] } {
  const found: Found[] = [];
  const failed: TopicResponse[] = [];
  for (const topic of request.topics) {
    const known = version >= TOPIC_IDS_SINCE ? image.topicById(topic.topicId) : image.topic(topic.name);
    if (!known) {
      failed.push(failAll(topic, version >= TOPIC_IDS_SINCE ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'));
      continue;
    }
    const exists = ({ partitionIndex }: { partitionIndex: number }) => known.partitions[partitionIndex] !== undefined;
    const missing = topic.partitions.filter((partition) => !exists(partition));
    if (missing.length > 0) failed.push(failAll({ ...topic, partitions: missing }, 'UNKNOWN_TOPIC_OR_PARTITION'));
    const partitions = topic.partitions.filter(exists).map((partition) => ({
      partition: partition.partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata: partition.committedMetadata,
      commitTimestampMs: partition.commitTimestamp,
    }));
    if (partitions.length > 0) found.push({ name: known.name, topicId: known.topicId, partitions });
  }
  return { found, failed };
}

function merge(failed: TopicResponse[], results: readonly CommitResult[]): TopicResponse[] {
  // Requests name topics either all by name or all by id; the other of the two is empty.
  const begunBy = new Map(failed.toReversed().flatMap((topic) => [[topic.name, topic] as const, [topic.topicId, topic] as const]));
  for (const { name, partitions, topicId } of results) {
    const answers = partitions.map(({ error, partition }) => ({ partitionIndex: partition, errorCode: ERROR_CODES[error].code }));
    const begun = begunBy.get(name) ?? begunBy.get(topicId);
    if (begun) begun.partitions.push(...answers);
    else failed.push({ name, topicId, partitions: answers });
  }
  return failed;
}

function failAll({ name, partitions, topicId }: TopicRequest, error: ErrorName): TopicResponse {
  const errorCode = new KafkaError(error).code;
  return { name, topicId, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) };
}
