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
import { CliError } from './errors.ts';
import { createTopic, deleteTopic, describeTopics, fetchTopicConfigs, fetchTopics } from './topic-admin.ts';
import { describedToJson, listedToJson, writeDescriptions, writeList } from './topic-report.ts';

export type { ClientFlags, Surroundings };

export interface CreateFlags extends ClientFlags {
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
  /** `key=value` each. */
  readonly config?: readonly string[] | undefined;
  readonly ifNotExists?: boolean | undefined;
}

export interface DeleteFlags extends ClientFlags {
  readonly ifExists?: boolean | undefined;
}

export async function create(name: string, flags: CreateFlags, around: Surroundings): Promise<void> {
  const configs = new Map((flags.config ?? []).map((text) => parsePair(text, '--config')));
  await withBroker(flags, around, async (broker) => {
    try {
      const { partitions, replicationFactor } = flags;
      const topicId = await createTopic(broker, { name, partitions, replicationFactor, configs });
      say(flags, around, { name, topicId, created: true }, `Created topic "${name}".`);
    } catch (error) {
      if (!isKafka(error, 'TOPIC_ALREADY_EXISTS'))
        throw refused(error, `topic "${name}" was not created`, pairsInOneAdvice('--config', configs));
      if (!flags.ifNotExists) throw new CliError(`topic "${name}" exists already; add --if-not-exists to leave it as it is`);
      say(flags, around, { name, created: false }, `Topic "${name}" exists already.`);
    }
  });
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
