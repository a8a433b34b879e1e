import type { OffsetsToDelete } from '../coordinator/group/group-admin.ts';
import { ERROR_CODES, type ErrorName } from '../core/error-codes.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { OffsetDelete } from '../protocol/messages/offset-delete.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof OffsetDelete>;
type TopicResponse = { name: string; partitions: ResponseTo<typeof OffsetDelete>['topics'][number]['partitions'][number][] };

/**
 * OffsetDelete (47; KIP-496): forgets what a group has committed for partitions that it does not use any more.
 *
 * Versions: v0, never flexible.
 * Behaviour:
 * - Partitions that do not exist answer UNKNOWN_TOPIC_OR_PARTITION, those of a topic that the group's members are subscribed to
 *   GROUP_SUBSCRIBED_TO_TOPIC; one without a commit is deleted already. A topic without partitions is not answered.
 * - For the whole: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP when it has members that are no consumers.
 * Deviations from Apache Kafka: none known.
 */
export const offsetDelete = handler(OffsetDelete, [0, 0], ({ groups, metadata }: Needs<'groups' | 'metadata'>) => ({
  async handle(request) {
    const { failed, found } = resolve(request, metadata.current);
    const deleted = (await groups.deleteOffsets(request.groupId, found)).map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, error }) => answer(partition, error)),
    }));
    return { errorCode: 0, topics: failed.size === 0 ? deleted : merge(failed, deleted) };
  },
  refuse: (_request, error) => ({ errorCode: error.code, topics: [] }),
}));

/** What exists of the topics named, and the answers for what does not. */
function resolve(request: Request, image: MetadataImage): { found: OffsetsToDelete[]; failed: Map<string, TopicResponse> } {
  const found: OffsetsToDelete[] = [];
  const failed = new Map<string, TopicResponse>();
  for (const { name, partitions } of request.topics) {
    const indexes = partitions.map(({ partitionIndex }) => partitionIndex);
    const exists = (index: number) => image.partition(name, index) !== undefined;
    const missing = indexes.filter((index) => !exists(index)).map((index) => answer(index, 'UNKNOWN_TOPIC_OR_PARTITION'));
    const present = indexes.filter(exists);
    if (missing.length > 0) merge(failed, [{ name, partitions: missing }]);
    if (present.length > 0) found.push({ name, partitions: present });
  }
  return { found, failed };
}

/** One answer for each topic, however often the request names it. Kafka does so only where something of the request does not exist. */
function merge(into: Map<string, TopicResponse>, topics: readonly TopicResponse[]): TopicResponse[] {
  for (const topic of topics) {
    const begun = into.get(topic.name);
    if (begun) begun.partitions.push(...topic.partitions);
    else into.set(topic.name, topic);
  }
  return [...into.values()];
}

const answer = (partitionIndex: number, error: ErrorName) => ({ partitionIndex, errorCode: ERROR_CODES[error].code });
