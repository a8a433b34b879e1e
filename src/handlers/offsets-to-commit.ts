import type { CommitResult, OffsetToCommit } from '../coordinator/group/offsets.ts';
import { ERROR_CODES, type ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { MetadataImage } from '../metadata/image.ts';

/** A topic of OffsetCommit or TxnOffsetCommit. */
export interface TopicToCommit {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly committedOffset: number;
    readonly committedLeaderEpoch: number;
    readonly committedMetadata: string | null;
    readonly commitTimestamp?: number;
  }[];
}

interface TopicResponse {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: { readonly partitionIndex: number; readonly errorCode: number }[];
}

type Found = { name: string; topicId: string; partitions: OffsetToCommit[] };

/** The partitions that exist, and the answers for those that do not. Kafka answers what it can tell by itself first, then what the group says. */
export function resolve(
  topics: readonly TopicToCommit[],
  image: MetadataImage,
  byId: boolean,
): { found: Found[]; failed: TopicResponse[] } {
  const found: Found[] = [];
  const failed: TopicResponse[] = [];
  for (const topic of topics) {
    const known = byId ? image.topicById(topic.topicId) : image.topic(topic.name);
    if (!known) {
      failed.push(failAll(topic, byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'));
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
      commitTimestampMs: partition.commitTimestamp ?? -1,
    }));
    if (partitions.length > 0) found.push({ name: known.name, topicId: known.topicId, partitions });
  }
  return { found, failed };
}

/** The whole answer. */
export function merge(failed: TopicResponse[], results: readonly CommitResult[]): TopicResponse[] {
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

export function failAll({ name, partitions, topicId }: TopicToCommit, error: ErrorName): TopicResponse {
  const errorCode = new KafkaError(error).code;
  return { name, topicId, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) };
}
