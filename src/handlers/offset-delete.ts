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
    const { found, topics } = resolve(request, metadata.current);
    for (const { name, partitions } of await groups.deleteOffsets(request.groupId, found)) {
      topics.get(name)!.partitions.push(...partitions.map(({ partition, error }) => answer(partition, error)));
    }
    return { errorCode: 0, topics: [...topics.values()] };
  },
  refuse: (_request, error) => ({ errorCode: error.code, topics: [] }),
}));

/** What exists of the topics named, and the answers so far. */
function resolve(request: Request, image: MetadataImage): { found: OffsetsToDelete[]; topics: Map<string, TopicResponse> } {
  const found: OffsetsToDelete[] = [];
  const topics = new Map<string, TopicResponse>();
  for (const { name, partitions } of request.topics) {
    if (partitions.length === 0) continue;
    const indexes = partitions.map(({ partitionIndex }) => partitionIndex);
    const exists = (index: number) => image.partition(name, index) !== undefined;
    const missing = indexes.filter((index) => !exists(index));
    const present = indexes.filter(exists);
    const begun = topics.get(name) ?? { name, partitions: [] };
    begun.partitions.push(...missing.map((index) => answer(index, 'UNKNOWN_TOPIC_OR_PARTITION')));
    topics.set(name, begun);
    if (present.length > 0) found.push({ name, partitions: present });
  }
  return { found, topics };
}

const answer = (partitionIndex: number, error: ErrorName) => ({ partitionIndex, errorCode: ERROR_CODES[error].code });
