import { addressOf, type BootstrapConnection } from './bootstrap.ts';
import {
  type ClientFlags,
  isKafka,
  noSuchTopic,
  pairsInOneAdvice,
  parsePair,
  refused,
  type Surroundings,
  say,
  writeJson,
} from './broker-session.ts';
import { type ClusterConnections, withCluster } from './cluster-connections.ts';
import { alterConfigs, type ConfigChanges, type ConfigResource, fetchBrokers, fetchConfigs } from './config-admin.ts';
import { configsToJson, DEFAULT_BROKER, type DescribedConfigs, resourceText, writeConfigs } from './config-report.ts';
import { CliError, usageError } from './errors.ts';
import { fetchTopics } from './topic-admin.ts';

export interface DescribeConfigsFlags extends ClientFlags {
  readonly all?: boolean | undefined;
}

export interface AlterConfigsFlags extends ClientFlags {
  /** `key=value` each. */
  readonly set?: readonly string[] | undefined;
  readonly delete?: readonly string[] | undefined;
  readonly validateOnly?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

const MAX_ID = 2 ** 31 - 1; // int32 on the wire

/** @param name undefined: every topic, or every broker and their default */
export async function describe(type: string, name: string | undefined, flags: DescribeConfigsFlags, around: Surroundings): Promise<void> {
  const wanted = name === undefined ? { type: parseType(type), name: null } : parseResource(type, name);
  const described = await withCluster(flags, around, async (cluster) => {
    const broker = cluster.bootstrap;
    const resources = wanted.name === null ? await everyOne(wanted.type, broker) : [wanted];
    const topics = resources.filter((each) => each.type === 'topic');
    const found = await fetchConfigs(broker, topics).catch((error: unknown) => {
      throw describeFailure(error, resources[0]!, broker);
    });
    const described: DescribedConfigs[] = topics.map((resource, i) => ({ resource, configs: found[i]! }));
    for (const resource of resources.slice(topics.length)) described.push(await describeBroker(resource, cluster));
    return described;
  });
  const shown = flags.all
    ? described
    : described.map(({ resource, configs }) => ({ resource, configs: configs.filter(({ source }) => source !== 'default') }));
  if (flags.json) writeJson(around.out, configsToJson(shown));
  else writeConfigs(around.out, shown);
}

async function everyOne(type: ConfigResource['type'], broker: BootstrapConnection): Promise<ConfigResource[]> {
  if (type === 'topic') return (await fetchTopics(broker, null)).map(({ name }) => ({ type, name }));
  const brokers = await fetchBrokers(broker);
  return [{ type, name: '' }, ...brokers.map(({ id }) => ({ type, name: String(id) }))];
}

function describeBroker(resource: ConfigResource, cluster: ClusterConnections): Promise<DescribedConfigs> {
  return atItsBroker(resource, cluster, async (there) => {
    const [configs] = await fetchConfigs(there, [resource]).catch((error: unknown) => {
      throw describeFailure(error, resource, there);
    });
    return { resource, configs: configs! };
  });
}

const describeFailure = (error: unknown, resource: ConfigResource, broker: BootstrapConnection): unknown =>
  isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')
    ? noSuchTopic(resource.name, broker)
    : refused(error, `the configs of ${inWords(resource)} cannot be read`);

export async function alter(type: string, name: string, extra: readonly string[], flags: AlterConfigsFlags, around: Surroundings) {
  const resource = parseResource(type, name);
  const [unexpected] = extra;
  if (unexpected !== undefined) {
    throw usageError(`"${unexpected}" stands alone; write ${unexpected.includes('=') ? '--set' : '--delete'} ${unexpected}`);
  }
  const changes = parseChanges(flags.set, flags.delete, ['--set', '--delete']);
  if (isEmpty(changes)) throw usageError('nothing to change; add --set key=value or --delete key');
  const validateOnly = (flags.validateOnly || flags.dryRun) === true;
  await withCluster(flags, around, (cluster) =>
    atItsBroker(resource, cluster, (there) => alterOne(there, resource, changes, validateOnly, '--set')),
  );
  const json = { type: resource.type, name: resource.name || DEFAULT_BROKER, ...changesToJson(changes), validateOnly };
  say(flags, around, json, `${validateOnly ? 'Would alter' : 'Altered'} ${inWords(resource)}: ${changesText(changes)}.`);
}

export const isEmpty = (changes: ConfigChanges): boolean => changes.set.size === 0 && changes.delete.length === 0;

/** @param flagNames the options that they were given to, for messages. @throws CliError (usage) for what is no pair, and a key named twice */
export function parseChanges(
  set: readonly string[] = [],
  deleted: readonly string[] = [],
  [setFlag, deleteFlag]: readonly [string, string],
): ConfigChanges {
  const pairs = set.map((text) => parsePair(text, setFlag));
  const keys = deleted.map((text) => {
    const key = text.trim();
    if (/^[\w.-]+$/.test(key)) return key;
    throw usageError(`${deleteFlag} ${text}: write the name of one config, and repeat ${deleteFlag} for more`);
  });
  const all = [...pairs.map(([key]) => key), ...keys];
  const twice = all.find((key, i) => all.indexOf(key) !== i);
  if (twice !== undefined) throw usageError(`${twice} is given twice; keep one`);
  return { set: new Map(pairs), delete: keys };
}

/**
 * Alters one resource at the broker that may do it.
 * @throws CliError with the broker's refusal; or for a deleted key that does not exist, which brokers pass over without a word
 */
export async function alterOne(
  broker: BootstrapConnection,
  resource: ConfigResource,
  changes: ConfigChanges,
  validateOnly: boolean,
  setFlag: string,
): Promise<void> {
  try {
    if (changes.delete.length > 0) await checkDeleted(broker, resource, changes.delete);
    await alterConfigs(broker, resource, changes, validateOnly);
  } catch (error) {
    if (resource.type === 'topic' && isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw noSuchTopic(resource.name, broker);
    throw refused(error, `${inWords(resource)} was not altered`, pairsInOneAdvice(setFlag, changes.set));
  }
}

/** The default of all brokers lists only what is set, so there a name cannot be told from a typing error. */
async function checkDeleted(broker: BootstrapConnection, resource: ConfigResource, keys: readonly string[]): Promise<void> {
  if (resource.name === '') return;
  const [configs] = await fetchConfigs(broker, [resource]);
  const names = new Set(configs!.map(({ name }) => name));
  const unknown = keys.filter((key) => !names.has(key));
  if (unknown.length === 0) return;
  const all = `"minikafka configs describe ${resourceText(resource)} --all" shows those there are`;
  throw new CliError(`${inWords(resource)} was not altered: it has no config ${unknown.join(', ')}; ${all}`);
}

/** A broker takes its own configs only from one who asks it itself; everything else any broker takes. */
async function atItsBroker<T>(
  { type, name }: ConfigResource,
  cluster: ClusterConnections,
  act: (broker: BootstrapConnection) => Promise<T>,
): Promise<T> {
  if (type === 'topic' || name === '') return act(cluster.bootstrap);
  const brokers = await cluster.brokers();
  const itself = brokers.find(({ id }) => String(id) === name);
  if (itself) return cluster.at(itself, act);
  const ids = brokers.map(({ id }) => id).join(', ');
  throw new CliError(`there is no broker ${name} at ${addressOf(cluster.bootstrap.address)}; those that are up: ${ids || 'none'}`);
}

/** kafka-configs.sh says topics and brokers. */
function parseType(text: string): ConfigResource['type'] {
  const type = /^(topic|broker)s?$/.exec(text)?.[1];
  if (type === 'topic' || type === 'broker') return type;
  throw usageError(`"${text}" has no configs here; write topic or broker`);
}

function parseResource(typeText: string, name: string): ConfigResource {
  const type = parseType(typeText);
  if (type === 'topic') {
    if (name === '') throw usageError('the name of the topic is empty');
    return { type, name };
  }
  if (name === DEFAULT_BROKER) return { type, name: '' };
  if (/^\d{1,10}$/.test(name) && Number(name) <= MAX_ID) return { type, name: String(Number(name)) };
  throw usageError(`broker ${name}: write the number of a broker, or ${DEFAULT_BROKER} for what holds for all`);
}

/** As a sentence names it. */
const inWords = ({ type, name }: ConfigResource): string => (type === 'topic' ? `topic "${name}"` : resourceText({ type, name }));

/** What was changed, as a person reads it. */
export function changesText({ set, delete: deleted }: ConfigChanges): string {
  const parts = [...set].map(([key, value]) => `${key}=${isSecret(key) ? '(hidden)' : value}`);
  return [parts.length > 0 ? `set ${parts.join(', ')}` : '', deleted.length > 0 ? `deleted ${deleted.join(', ')}` : '']
    .filter((part) => part !== '')
    .join('; ');
}

export function changesToJson({ set, delete: deleted }: ConfigChanges): { set: Record<string, string>; deleted: readonly string[] } {
  return { set: Object.fromEntries([...set].filter(([key]) => !isSecret(key))), deleted };
}

/** Kafka's sensitive keys, by their names: what was typed should not be repeated where logs are kept. */
const isSecret = (key: string): boolean => /password|secret|jaas|keystore\.key/.test(key);
