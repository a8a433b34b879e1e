import {
  type ClientFlags,
  isKafka,
  noSuchTopic,
  pairsInOneAdvice,
  parsePair,
  refused,
  type Surroundings,
  say,
  withBroker,
  writeJson,
} from './broker-session.ts';
import { CliError, usageError } from './errors.ts';
import { createTopic, deleteTopic, describeTopics, fetchTopicConfigs, fetchTopics } from './topic-admin.ts';
import { describedToJson, listedToJson, writeDescriptions, writeList } from './topic-report.ts';

export type { ClientFlags, Surroundings };

export interface CreateFlags extends ClientFlags {
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
  /** Of each partition its replicas: `1:2,2:3`. */
  readonly replicaAssignment?: string | undefined;
  /** `key=value` each. */
  readonly config?: readonly string[] | undefined;
  readonly ifNotExists?: boolean | undefined;
}

export interface DeleteFlags extends ClientFlags {
  readonly ifExists?: boolean | undefined;
}

export async function create(name: string, flags: CreateFlags, around: Surroundings): Promise<void> {
  const configs = new Map((flags.config ?? []).map((text) => parsePair(text, '--config')));
  const { partitions, replicationFactor, replicaAssignment } = flags;
  if (replicaAssignment !== undefined && (partitions !== undefined || replicationFactor !== undefined))
    throw usageError(
      '--replica-assignment says how many partitions and replicas there are; leave out --partitions and --replication-factor',
    );
  const assignments = replicaAssignment === undefined ? undefined : parseAssignment(replicaAssignment);
  await withBroker(flags, around, async (broker) => {
    try {
      const topicId = await createTopic(broker, { name, partitions, replicationFactor, configs, assignments });
      say(flags, around, { name, topicId, created: true }, `Created topic "${name}".`);
    } catch (error) {
      if (!isKafka(error, 'TOPIC_ALREADY_EXISTS'))
        throw refused(error, `topic "${name}" was not created`, pairsInOneAdvice('--config', configs));
      if (!flags.ifNotExists) throw new CliError(`topic "${name}" exists already; add --if-not-exists to leave it as it is`);
      say(flags, around, { name, created: false }, `Topic "${name}" exists already.`);
    }
  });
}

/** Kafka's own form: replicas parted by colons, the preferred leader first; partitions by commas. @throws CliError (usage) */
function parseAssignment(text: string): number[][] {
  const lists = text.split(',').map((list) => list.split(':').map((id) => (/^\s*\d{1,10}\s*$/.test(id) ? Number(id) : -1)));
  if (lists.every((ids) => ids.every((id) => id >= 0) && new Set(ids).size === ids.length && ids.length === lists[0]!.length)) return lists;
  throw usageError(`--replica-assignment ${text}: write broker ids for each partition, as many for each, as in 1:2:3,2:3:1`);
}

export async function list(flags: ClientFlags, around: Surroundings): Promise<void> {
  await withBroker(flags, around, async (broker) => {
    const topics = await fetchTopics(broker, null);
    if (flags.json) writeJson(around.out, listedToJson(topics));
    else writeList(around.out, topics);
  });
}

export async function describe(name: string | undefined, flags: ClientFlags, around: Surroundings): Promise<void> {
  await withBroker(flags, around, async (broker) => {
    const topics = await describeTopics(broker, name === undefined ? null : [name]).catch((error: unknown) => {
      throw isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION') ? noSuchTopic(name ?? '', broker) : refused(error, `topic "${name}"`);
    });
    const names = topics.map((topic) => topic.name);
    const needsConfigs = flags.json || around.out.isTerminal;
    const configs = needsConfigs ? await fetchTopicConfigs(broker, names) : new Map();
    if (flags.json) writeJson(around.out, describedToJson(topics, configs));
    else writeDescriptions(around.out, topics, configs);
  });
}

export async function remove(name: string, flags: DeleteFlags, around: Surroundings): Promise<void> {
  await withBroker(flags, around, async (broker) => {
    try {
      await deleteTopic(broker, name);
      say(flags, around, { name, deleted: true }, `Deleted topic "${name}".`);
    } catch (error) {
      if (isKafka(error, 'TOPIC_DELETION_DISABLED')) throw new CliError('the broker deletes no topics; set delete.topic.enable=true there');
      if (!isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw refused(error, `topic "${name}" was not deleted`);
      if (!flags.ifExists) throw noSuchTopic(name, broker);
      say(flags, around, { name, deleted: false }, `There is no topic "${name}".`);
    }
  });
}
