import type { FetchedOffsets, OffsetQuery } from '../coordinator/group/group-coordinator.ts';
import type { CommittedOffset } from '../coordinator/group/offsets.ts';
import { ERROR_CODES, type ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { OffsetFetch } from '../protocol/messages/offset-fetch.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import { type Handling, handler } from './handler.ts';
import type { Needs } from './services.ts';

type Response = ResponseTo<typeof OffsetFetch>;
type GroupResponse = NonNullable<Response['groups']>[number];
type PartitionResponse = GroupResponse['topics'][number]['partitions'][number];
type TopicResponse = { name: string; topicId?: string; partitions: PartitionResponse[] };
type Fetched = { groupId: string; topics: TopicResponse[]; errorCode?: number };
type GroupRequest = RequestOf<typeof OffsetFetch>['groups'][number];

const TOP_LEVEL_ERROR_SINCE = 2;
const BATCHED_SINCE = 8; // KIP-709
const TOPIC_IDS_SINCE = 10; // KIP-848

/**
 * OffsetFetch (9): how far a group has read.
 *
 * Versions: v1 from the log, not from ZooKeeper · v2 all topics (null), error for the whole · v5 leader epoch (KIP-320) · v6 flexible ·
 * v7 require stable (KIP-447) · v8 several groups (KIP-709) · v9 member id and epoch (KIP-848) · v10 topic ids
 * Behaviour:
 * - Without a commit: offset -1, leader epoch -1, metadata "" and no error; likewise for groups and partitions that do not exist.
 * - Before v2 an error of the group is told for each partition.
 * - v10: a topic id that does not exist answers UNKNOWN_TOPIC_ID, after the others; with null, topics that are gone are left out.
 * - Require stable: where a transaction that has not ended has committed, UNSTABLE_OFFSET_COMMIT. A classic group ignores v9's member id and epoch.
 * Deviations from Apache Kafka: v0, there for ZooKeeper, reads from the log like every other version.
 */
export const offsetFetch = handler(
  OffsetFetch,
  [0, 10],
  ({ groups, metadata }: Needs<'groups' | 'metadata'>): Handling<typeof OffsetFetch> => {
    const committed = async (groupId: string, query: OffsetQuery, requireStable: boolean): Promise<readonly FetchedOffsets[]> => {
      const found = await groups.fetchOffsets(groupId, query, requireStable);
      return withoutStale(found, metadata.current, query === null);
    };
    const fetch = async (
      { groupId, topics }: Pick<GroupRequest, 'groupId' | 'topics'>,
      version: number,
      isStable: boolean,
    ): Promise<Fetched> => {
      try {
        if (version < TOPIC_IDS_SINCE) return { groupId, topics: toTopics(await committed(groupId, byName(topics), isStable)) };
        return { groupId, topics: await fetchById(groupId, topics, isStable) };
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        return { groupId, topics: [], errorCode: error.code };
      }
    };
    const fetchById = async (groupId: string, topics: GroupRequest['topics'], isStable: boolean): Promise<TopicResponse[]> => {
      const image = metadata.current;
      const known = topics?.filter(({ topicId }) => image.topicById(topicId));
      const unknown = topics?.filter(({ topicId }) => !image.topicById(topicId)) ?? [];
      const query = known?.map(({ partitionIndexes, topicId }) => ({ name: image.topicById(topicId)!.name, partitionIndexes })) ?? null;
      const found = withIds(toTopics(await committed(groupId, byName(query), isStable)), image);
      return [
        ...found,
        ...unknown.map(({ partitionIndexes, topicId }) => ({
          name: '',
          topicId,
          partitions: failAll(partitionIndexes, 'UNKNOWN_TOPIC_ID'),
        })),
      ];
    };
    return {
      async handle(request, { version }) {
        const { requireStable } = request;
        if (version >= BATCHED_SINCE)
          return { groups: await Promise.all(request.groups.map((group) => fetch(group, version, requireStable))) };
        const topics = request.topics?.map((topic) => ({ ...topic, topicId: '' })) ?? null;
        const { errorCode = 0, topics: found } = await fetch({ groupId: request.groupId, topics }, version, requireStable);
        if (errorCode === 0 || version >= TOP_LEVEL_ERROR_SINCE) return { topics: found, errorCode };
        return { topics: failTopics(topics ?? [], errorCode) };
      },
      refuse(request, error, { version }) {
        if (version >= BATCHED_SINCE)
          return { groups: request.groups.map(({ groupId }) => ({ groupId, topics: [], errorCode: error.code })) };
        if (version >= TOP_LEVEL_ERROR_SINCE) return { topics: [], errorCode: error.code };
        return { topics: failTopics(request.topics ?? [], error.code) };
      },
    };
  },
);

function byName(topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null): OffsetQuery {
  return topics?.map(({ name, partitionIndexes }) => ({ name, partitions: partitionIndexes })) ?? null;
}

/** A commit tells nothing of a topic that was created anew under the name: as in Kafka, it goes with the topic that it was made for. */
function withoutStale(found: readonly FetchedOffsets[], image: MetadataImage, committedAlone: boolean): FetchedOffsets[] {
  return found.flatMap(({ name, partitions }) => {
    const topicId = image.topic(name)?.topicId;
    const isStale = (committed: CommittedOffset) => committed.topicId !== ZERO_UUID && committed.topicId !== topicId;
    const left = partitions.map((each) => ({ ...each, committed: each.committed && isStale(each.committed) ? undefined : each.committed }));
    const shown = committedAlone ? left.filter(({ committed }) => committed) : left;
    return shown.length > 0 || !committedAlone ? [{ name, partitions: shown }] : [];
  });
}

function toTopics(found: readonly FetchedOffsets[]): TopicResponse[] {
  return found.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ committed, isUnstable, partition }) =>
      isUnstable
        ? fail([partition], ERROR_CODES.UNSTABLE_OFFSET_COMMIT.code)[0]!
        : {
            partitionIndex: partition,
            committedOffset: committed?.offset ?? -1,
            committedLeaderEpoch: committed?.leaderEpoch ?? -1,
            metadata: committed?.metadata ?? '', // null would break sarama
            errorCode: 0,
          },
    ),
  }));
}

function withIds(topics: readonly TopicResponse[], image: MetadataImage): TopicResponse[] {
  return topics.flatMap((topic) => {
    const topicId = image.topic(topic.name)?.topicId;
    return topicId === undefined ? [] : [{ ...topic, topicId }];
  });
}

function failTopics(
  topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[],
  errorCode: number,
): TopicResponse[] {
  return topics.map(({ name, partitionIndexes }) => ({ name, partitions: fail(partitionIndexes, errorCode) }));
}

function failAll(partitions: readonly number[], error: ErrorName): PartitionResponse[] {
  return fail(partitions, ERROR_CODES[error].code);
}

function fail(partitions: readonly number[], errorCode: number): PartitionResponse[] {
  return partitions.map((partitionIndex) => ({
    partitionIndex,
    committedOffset: -1,
    committedLeaderEpoch: -1,
    metadata: '',
    errorCode,
  }));
}
