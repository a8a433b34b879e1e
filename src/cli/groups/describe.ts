import { type ClientFlags, isKafka, type Surroundings, writeJson } from '../broker-session.ts';
import { type ClusterConnections, forAll, withCluster } from '../cluster-connections.ts';
import { usageError } from '../errors.ts';
import { type DescribedGroup, describeGroup, findGroup, type GroupMember, listGroups } from './group-admin.ts';
import { checkGroupId, groupFailure } from './group-id.ts';
import {
  byTopicAndPartition,
  fetchCommitted,
  keyOf,
  LATEST,
  listOffsets,
  type PartitionOffset,
  type TopicPartition,
} from './group-offsets.ts';
import {
  type GroupLag,
  lagToJson,
  membersToJson,
  type PartitionLag,
  stateToJson,
  writeLags,
  writeMembers,
  writeStates,
} from './group-report.ts';

export interface DescribeGroupsFlags extends ClientFlags {
  readonly members?: boolean | undefined;
  readonly state?: boolean | undefined;
}

/** @param groupId undefined: every group of consumers, and those that only keep offsets */
export async function describe(groupId: string | undefined, flags: DescribeGroupsFlags, around: Surroundings): Promise<void> {
  if (flags.members && flags.state) throw usageError('--members and --state show different tables; keep one');
  if (groupId !== undefined) checkGroupId(groupId);
  const { out } = around;
  await withCluster(flags, around, async (cluster) => {
    const groups = groupId === undefined ? await describeAll(cluster) : [await describeOne(cluster, groupId)];
    if (flags.members) {
      if (flags.json) writeJson(out, groups.map(membersToJson));
      else writeMembers(out, groups);
    } else if (flags.state) {
      if (flags.json) writeJson(out, groups.map(stateToJson));
      else writeStates(out, groups);
    } else {
      const lags = await measure(cluster, groups);
      if (flags.json) writeJson(out, lags.map(lagToJson));
      else writeLags(out, lags);
    }
  });
}

async function describeOne(cluster: ClusterConnections, groupId: string): Promise<DescribedGroup> {
  return findGroup(cluster, groupId).catch((error: unknown) => {
    throw groupFailure(error, groupId, 'cannot be described', cluster);
  });
}

async function describeAll(cluster: ClusterConnections): Promise<DescribedGroup[]> {
  const listed = await listGroups(cluster);
  const ofConsumers = listed.filter(({ type, protocolType }) => isOfConsumers(type ?? 'classic', protocolType));
  const described = await forAll(ofConsumers, ({ groupId }) =>
    describeGroup(cluster, groupId).catch((error: unknown) => {
      if (isKafka(error, 'GROUP_ID_NOT_FOUND')) return null; // gone since it was listed
      throw groupFailure(error, groupId, 'cannot be described', cluster);
    }),
  );
  return described.filter((group) => group !== null);
}

/** Kafka's tool for consumers leaves the groups of Kafka Connect and of share and streams groups to others. */
const isOfConsumers = (type: string, protocolType: string): boolean =>
  type === 'consumer' || (type === 'classic' && (protocolType === 'consumer' || protocolType === ''));

/** How far each group is behind in each partition that it committed or was assigned. */
async function measure(cluster: ClusterConnections, groups: readonly DescribedGroup[]): Promise<GroupLag[]> {
  const committed = await forAll(groups, ({ groupId }) =>
    fetchCommitted(cluster, groupId).catch((error: unknown) => {
      throw groupFailure(error, groupId, 'does not tell its offsets', cluster);
    }),
  );
  const rows = groups.map((group, i) => rowsOf(group, committed[i]!));
  const asked = new Map<string, TopicPartition>(rows.flat().map((row) => [keyOf(row), row]));
  const ends = await listOffsets(cluster, [...asked.values()], LATEST);
  return groups.map((group, i) => ({
    group,
    partitions: rows[i]!.map((row): PartitionLag => {
      const end = ends.get(keyOf(row));
      const logEndOffset = typeof end === 'number' ? end : null;
      const { currentOffset } = row;
      return { ...row, logEndOffset, lag: currentOffset === null || logEndOffset === null ? null : logEndOffset - currentOffset };
    }),
  }));
}

type Row = Pick<PartitionLag, 'topic' | 'partition' | 'currentOffset' | 'member'>;

/** In the order of Kafka's tool: the partitions of members, of those with most of them first, and then those that nobody owns. */
function rowsOf({ members }: DescribedGroup, committed: readonly PartitionOffset[]): Row[] {
  const offsets = new Map(committed.map((each) => [keyOf(each), each.offset]));
  const owned = new Set<string>();
  const rows: Row[] = [];
  const assigned = members.map((member) => ({ member, partitions: partitionsOf(member) }));
  for (const { member, partitions } of assigned.sort((a, b) => b.partitions.length - a.partitions.length)) {
    for (const { topic, partition } of partitions) {
      const key = keyOf({ topic, partition });
      owned.add(key);
      rows.push({ topic, partition, currentOffset: offsets.get(key) ?? null, member });
    }
  }
  const free = committed.filter((each) => !owned.has(keyOf(each)));
  return [...rows, ...free.map(({ topic, partition, offset }) => ({ topic, partition, currentOffset: offset, member: null }))];
}

const partitionsOf = ({ assignment }: GroupMember): TopicPartition[] =>
  (assignment ?? []).flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))).sort(byTopicAndPartition);
