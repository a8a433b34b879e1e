import { type ErrorName, errorNameOf } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { ListOffsets, OffsetCommit, OffsetFetch } from '../../protocol/messages/index.ts';
import { type BootstrapConnection, tooOld } from '../bootstrap.ts';
import { type ClusterConnections, forAll } from '../cluster-connections.ts';
import { findTopics } from '../topic-admin.ts';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** What ListOffsets takes in place of a timestamp. */
export const EARLIEST = -2;
export const LATEST = -1;

const CONSUMER = -1; // replica id
const LAST_BY_NAME = 9; // OffsetFetch and OffsetCommit name topics by id from v10 on
const NO_GENERATION = -1;
const LIST_TIMEOUT_MS = 25_000;
/** Partitions of one request. */
const MAX_PARTITIONS = 10_000;

/** No topic has a colon in its name. */
export const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}:${partition}`;

export const byTopicAndPartition = (a: TopicPartition, b: TopicPartition): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;

/** All that a group has committed, by topic and partition. A group that does not exist has committed nothing. */
export function fetchCommitted(cluster: ClusterConnections, groupId: string): Promise<PartitionOffset[]> {
  return cluster.atCoordinator(groupId, async (connection) => {
    const version = connection.version(OffsetFetch, LAST_BY_NAME);
    if (version < 2) throw tooOld(connection, '0.10.2', 'says which offsets a group has committed');
    const response = await connection.requestAt(OffsetFetch, version, { groupId, topics: null, groups: [{ groupId, topics: null }] });
    const { errorCode, topics } = response.groups[0] ?? response;
    if (errorCode !== 0 && errorNameOf(errorCode) !== 'GROUP_ID_NOT_FOUND') throw new KafkaError(errorNameOf(errorCode));
    return topics
      .flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, committedOffset, errorCode: partitionError }) => {
          if (partitionError !== 0) throw new KafkaError(errorNameOf(partitionError), `partition ${name}-${partitionIndex}`);
          return { topic: name, partition: partitionIndex, offset: committedOffset };
        }),
      )
      .filter(({ offset }) => offset >= 0)
      .sort(byTopicAndPartition);
  });
}

/**
 * Commits from outside of a group, which may have no members then.
 * @throws KafkaError UNKNOWN_MEMBER_ID when it has some, and others, for the first partition that was refused
 */
export async function commitOffsets(cluster: ClusterConnections, groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
  for (let at = 0; at < offsets.length; at += MAX_PARTITIONS) {
    const topics = byTopic(offsets.slice(at, at + MAX_PARTITIONS), ({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedMetadata: '',
    }));
    await cluster.atCoordinator(groupId, async (connection) => {
      const version = connection.version(OffsetCommit, LAST_BY_NAME);
      const body = { groupId, generationIdOrMemberEpoch: NO_GENERATION, memberId: '', topics };
      const response = await connection.requestAt(OffsetCommit, version, body);
      for (const { name, partitions } of response.topics) {
        const failed = partitions.find(({ errorCode }) => errorCode !== 0);
        if (failed)
          throw new KafkaError(errorNameOf(failed.errorCode), `${errorNameOf(failed.errorCode)} (${name}-${failed.partitionIndex})`);
      }
    });
  }
}

/** What was found, by `keyOf`: an offset, -1 where no record is as late as the timestamp, or the error of a partition that cannot be asked. */
export type FoundOffsets = ReadonlyMap<string, number | ErrorName>;

/**
 * Asks the leader of each partition.
 * @param timestamp of the first record that is wanted, or EARLIEST or LATEST
 */
export async function listOffsets(
  cluster: ClusterConnections,
  partitions: readonly TopicPartition[],
  timestamp: number,
): Promise<FoundOffsets> {
  const found = new Map<string, number | ErrorName>();
  const topics = await findTopics(cluster.bootstrap, [...new Set(partitions.map(({ topic }) => topic))]);
  const byLeader = new Map<number, TopicPartition[]>();
  for (const each of partitions) {
    const leader = topics.get(each.topic)?.partitions.find(({ partition }) => partition === each.partition)?.leader;
    if (leader === undefined || leader < 0) {
      found.set(keyOf(each), leader === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'LEADER_NOT_AVAILABLE');
      continue;
    }
    const led = byLeader.get(leader);
    if (led) led.push(each);
    else byLeader.set(leader, [each]);
  }
  await forAll([...byLeader], ([leader, led]) => cluster.atLeader(leader, (connection) => listAtLeader(connection, led, timestamp, found)));
  return found;
}

async function listAtLeader(
  connection: BootstrapConnection,
  partitions: readonly TopicPartition[],
  timestamp: number,
  found: Map<string, number | ErrorName>,
): Promise<void> {
  if (connection.version(ListOffsets) < 1) throw tooOld(connection, '0.10.1', 'finds offsets by time');
  for (let at = 0; at < partitions.length; at += MAX_PARTITIONS) {
    const topics = byTopic(partitions.slice(at, at + MAX_PARTITIONS), ({ partition }) => ({ partitionIndex: partition, timestamp }));
    const response = await connection.request(ListOffsets, { replicaId: CONSUMER, isolationLevel: 0, topics, timeoutMs: LIST_TIMEOUT_MS });
    for (const { name, partitions: answered } of response.topics) {
      for (const { partitionIndex, errorCode, offset } of answered) {
        found.set(keyOf({ topic: name, partition: partitionIndex }), errorCode === 0 ? offset : errorNameOf(errorCode));
      }
    }
  }
}

function byTopic<T extends TopicPartition, P>(items: readonly T[], toPartition: (item: T) => P): { name: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>();
  for (const item of items) {
    const partitions = topics.get(item.topic);
    if (partitions) partitions.push(toPartition(item));
    else topics.set(item.topic, [toPartition(item)]);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}
