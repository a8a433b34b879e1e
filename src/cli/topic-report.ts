import { bold, type Output, writeTable } from './output.ts';
import type { TopicInfo } from './topic-admin.ts';

type Configs = ReadonlyMap<string, Readonly<Record<string, string>>>;

const NONE = 'none';
const replicationFactorOf = ({ partitions }: TopicInfo): number => partitions[0]?.replicas.length ?? 0;

/** In a pipe: name, partitions, replication factor, id. */
export function writeList(output: Output, topics: readonly TopicInfo[]): void {
  if (topics.length === 0 && output.isTerminal) {
    output.line('There are no topics.');
    return;
  }
  const header = ['Topic', 'Partitions', 'Replication factor', 'Topic id'];
  const rows = topics.map((topic) => [topic.name, topic.partitions.length, replicationFactorOf(topic), topic.topicId ?? '-']);
  writeTable(output, header, rows);
}

/** On a terminal a paragraph for each topic; in a pipe a line for each partition: topic, partition, leader, and replicas: all, in sync, eligible, offline. */
export function writeDescriptions(output: Output, topics: readonly TopicInfo[], configs: Configs): void {
  if (!output.isTerminal) {
    const rows = topics.flatMap((topic) => partitionRows(topic).map((row) => [topic.name, ...row]));
    writeTable(output, [], rows);
    return;
  }
  if (topics.length === 0) output.line('There are no topics.');
  for (const [i, topic] of topics.entries()) {
    if (i > 0) output.line('');
    output.line(`${bold(topic.name, output)}${topic.topicId ? `  id ${topic.topicId}` : ''}${topic.internal ? '  internal' : ''}`);
    const own = Object.entries(configs.get(topic.name) ?? {});
    for (const [name, value] of own) output.line(`${name}=${value}`);
    const rows = partitionRows(topic);
    // The last two columns tell of trouble alone.
    const shown = ['Partition', 'Leader', 'Replicas', 'In sync', 'Eligible', 'Offline'].flatMap((name, column) =>
      column < 4 || rows.some((row) => row[column] !== NONE) ? [{ name, column }] : [],
    );
    writeTable(
      output,
      shown.map(({ name }) => name),
      rows.map((row) => shown.map(({ column }) => row[column]!)),
    );
  }
}

function partitionRows({ partitions }: TopicInfo): (string | number)[][] {
  const ids = (brokers: readonly number[]) => brokers.join(',') || NONE;
  return partitions.map(({ partition, leader, replicas, inSyncReplicas, eligibleLeaderReplicas = [], offlineReplicas }) => [
    partition,
    leader < 0 ? NONE : leader,
    ids(replicas),
    ids(inSyncReplicas),
    ids(eligibleLeaderReplicas),
    ids(offlineReplicas),
  ]);
}

export function listedToJson(topics: readonly TopicInfo[]): object[] {
  return topics.map((topic) => ({
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.partitions.length,
    replicationFactor: replicationFactorOf(topic),
    internal: topic.internal,
  }));
}

export function describedToJson(topics: readonly TopicInfo[], configs: Configs): object[] {
  return topics.map((topic) => ({
    name: topic.name,
    topicId: topic.topicId,
    internal: topic.internal,
    configs: configs.get(topic.name) ?? {},
    partitions: topic.partitions,
  }));
}
