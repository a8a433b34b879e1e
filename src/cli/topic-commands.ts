import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Transport } from '../core/transport.ts';
import { addressOf, BootstrapConnection, parseBootstrapServers } from './bootstrap.ts';
import { CliError, usageError } from './errors.ts';
import type { Output } from './output.ts';
import { createTopic, deleteTopic, fetchTopicConfigs, fetchTopics } from './topic-admin.ts';
import { describedToJson, listedToJson, writeDescriptions, writeList } from './topic-report.ts';

/** What every command that talks to a broker has. */
export interface ClientFlags {
  readonly bootstrapServer: string;
  readonly json?: boolean | undefined;
}

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

export interface Surroundings {
  readonly out: Output;
  readonly transport: Transport;
  readonly clock: Clock;
}

export async function create(name: string, flags: CreateFlags, around: Surroundings): Promise<void> {
  const configs = new Map((flags.config ?? []).map(parseConfig));
  await withBroker(flags, around, async (broker) => {
    try {
      const { partitions, replicationFactor } = flags;
      const topicId = await createTopic(broker, { name, partitions, replicationFactor, configs });
      say(flags, around, { name, topicId, created: true }, `Created topic "${name}".`);
    } catch (error) {
      if (!isKafka(error, 'TOPIC_ALREADY_EXISTS')) throw refused(error, `topic "${name}" was not created`);
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
    const topics = await fetchTopics(broker, name === undefined ? null : [name]).catch((error: unknown) => {
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

async function withBroker(
  flags: ClientFlags,
  { transport, clock }: Surroundings,
  act: (broker: BootstrapConnection) => Promise<void>,
): Promise<void> {
  const broker = await BootstrapConnection.open(parseBootstrapServers(flags.bootstrapServer), transport, clock);
  try {
    await act(broker);
  } finally {
    await broker.close();
  }
}

function parseConfig(text: string): [string, string] {
  const equals = text.indexOf('=');
  const key = text.slice(0, equals).trim();
  if (equals < 0 || key === '') throw usageError(`--config ${text}: write key=value`);
  return [key, text.slice(equals + 1).trim()];
}

const isKafka = (error: unknown, name: KafkaError['errorName']): boolean => error instanceof KafkaError && error.errorName === name;

const noSuchTopic = (name: string, broker: BootstrapConnection): CliError =>
  new CliError(`there is no topic "${name}" at ${addressOf(broker.address)}; "minikafka topics list" shows those that exist`);

function refused(error: unknown, what: string): unknown {
  return error instanceof KafkaError ? new CliError(`${what}: ${error.message}`) : error;
}

function say({ json }: ClientFlags, { out }: Surroundings, asJson: object, sentence: string): void {
  if (json) writeJson(out, asJson);
  else out.line(sentence);
}

function writeJson(out: Output, value: object): void {
  out.line(out.isTerminal ? JSON.stringify(value, null, 2) : JSON.stringify(value));
}
