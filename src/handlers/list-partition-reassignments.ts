import type { PartitionImage } from '../metadata/image.ts';
import { ListPartitionReassignments } from '../protocol/messages/list-partition-reassignments.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { caughtUp } from './caught-up.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type TopicReply = ResponseTo<typeof ListPartitionReassignments>['topics'][number];

/**
 * ListPartitionReassignments (46): the partitions whose replicas are on the move (KIP-455).
 *
 * Versions: v0 only
 * Behaviour:
 * - null means all. Topics and partitions that do not exist, or where nothing moves, are left out.
 * - The replicas are those that there are now: those that join, and those that leave, are among them.
 * Deviations from Apache Kafka: what stands in the request twice is answered once, or a small request could ask for a reply without end.
 */
export const listPartitionReassignments = handler(
  ListPartitionReassignments,
  [0, 0],
  ({ metadata, store }: Needs<'metadata' | 'store'>) => ({
    async handle({ topics: asked }) {
      await caughtUp({ metadata, store });
      const { current: image } = metadata;
      const topics: TopicReply[] = [];
      const add = (name: string, partitions: readonly (PartitionImage | undefined)[]): void => {
        const moving = partitions.flatMap((partition) => (partition && isMoving(partition) ? [replyOf(partition)] : []));
        if (moving.length > 0) topics.push({ name, partitions: moving });
      };
      if (asked === null) {
        for (const { name, partitions } of image.topics()) add(name, partitions);
      } else {
        const wanted = new Map<string, Set<number>>();
        for (const { name, partitionIndexes } of asked) {
          const indexes = wanted.get(name) ?? new Set();
          for (const index of partitionIndexes) indexes.add(index);
          wanted.set(name, indexes);
        }
        for (const [name, indexes] of wanted)
          add(
            name,
            Array.from(indexes, (index) => image.partition(name, index)),
          );
      }
      return { errorCode: 0, errorMessage: null, topics };
    },
    refuse: (_request, error) => ({ errorCode: error.code, errorMessage: error.message, topics: [] }),
  }),
);

const isMoving = ({ adding, removing }: PartitionImage): boolean => adding.length > 0 || removing.length > 0;

function replyOf({ partition, replicas, adding, removing }: PartitionImage): TopicReply['partitions'][number] {
  return { partitionIndex: partition, replicas, addingReplicas: adding, removingReplicas: removing };
}
