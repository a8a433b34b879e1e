import { resolve } from 'node:path';
import {
  type BrokerConfig,
  brokerConfig,
  CONFIG_TABLE,
  ConfigError,
  fromEnvironment,
  isKnownBrokerKey,
  parseProperties,
  validateConfigs,
} from '../config.ts';
import { KafkaError } from '../core/errors.ts';
import type { Address } from '../core/transport.ts';
import type { ClusterOptions } from '../server.ts';
import { PEERS } from '../supervisor/broker-messages.ts';
import { brokerDirectory, CLUSTER_FILE, type ClusterFile, portOf, rackOf } from '../supervisor/cluster-file.ts';
import { usageError } from './errors.ts';
import { parseTopicSpecs, type TopicSpec } from './topic-spec.ts';

/** The flags of `start`, as they were written. */
export interface StartFlags {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly data?: string | undefined;
  /** Path of a server.properties. */
  readonly config?: string | undefined;
  /** `key=value` each. */
  readonly override?: readonly string[] | undefined;
  /** `name:partitions[:config=value,..]` each. */
  readonly topic?: readonly string[] | undefined;
  readonly ephemeral?: boolean | undefined;
  /** With `cluster`: its number there. */
  readonly brokerId?: number | undefined;
  /** Directory of the cluster to be part of. */
  readonly cluster?: string | undefined;
}

/** What a plan is made from besides the flags. */
export interface StartSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of the file that --config names; null when there is none. */
  readonly file: string | null;
  /** Where the data of --ephemeral goes. */
  readonly temporaryDirectory: string;
  /** What all brokers of --cluster have in common; null without it. */
  readonly cluster?: ClusterFile | null;
}

/** Everything that `start` decides before it touches anything. */
export interface StartPlan {
  readonly config: BrokerConfig;
  readonly topics: readonly TopicSpec[];
  /** One sentence each: what has no effect, and why. */
  readonly notices: readonly string[];
  /** One sentence each: what the user should think about. */
  readonly warnings: readonly string[];
  /** The cluster that this broker is part of; null when it is one by itself. */
  readonly cluster: ClusterOptions | null;
}

export const DEFAULT_PORT = 9092;
export const DEFAULT_HOST = 'localhost'; // loopback, both families
export const DEFAULT_DATA = './minikafka-data';

/** Values with the place each came from, for messages. */
type Origins = Map<string, { value: string; from: string }>;

/**
 * Merges flags > --override > environment > file > defaults into a checked configuration. Reads and writes nothing.
 * @throws CliError (usage) or ConfigError: what is wrong, and what to do
 */
export function planStart(flags: StartFlags, sources: StartSources): StartPlan {
  if (flags.ephemeral && flags.data !== undefined)
    throw usageError('--ephemeral keeps no data, and --data says where to keep it; leave one out');
  const member = memberOf(flags, sources);
  const environment = fromEnvironment(sources.env);
  const values: Origins = new Map();
  const put = (entries: Iterable<readonly [string, string]>, from: string) => {
    for (const [key, value] of entries) values.set(key, { value, from });
  };
  if (member) put(member.common, CLUSTER_FILE);
  put(readProperties(sources.file ?? '', flags.config ?? ''), flags.config ?? '');
  for (const [key, value] of environment.values) values.set(key, { value, from: environment.names.get(key)! });
  put((flags.override ?? []).map(parseOverride), '--override');
  put(listenersOf(flags, values, member), '--port and --host');
  if (member) put(ownValues(member, values), '--broker-id and --cluster');
  else put(dataOf(flags, values, sources.temporaryDirectory), '--data');

  const config = checked(values);
  const topics = parseTopicSpecs(flags.topic ?? []);
  for (const topic of topics) checkTopicConfigs(topic, config);
  const cluster = member && { directory: resolve(member.directory), peers: peersOf(sources.env[PEERS]) };
  return { config, topics, notices: noticesOf(config), warnings: warningsOf(config, environment.unknown), cluster };
}

/** A broker's place in a cluster on this machine. */
interface Member {
  readonly brokerId: number;
  readonly directory: string;
  readonly file: ClusterFile;
  /** Configs that it has because of its place, below everything that the user says. */
  readonly common: readonly (readonly [string, string])[];
}

function memberOf({ brokerId, cluster, data, ephemeral }: StartFlags, sources: StartSources): Member | null {
  if (cluster === undefined && brokerId === undefined) return null;
  if (cluster === undefined) throw usageError('--broker-id is for a broker of a cluster; say which with --cluster, or leave it out');
  if (brokerId === undefined) throw usageError('--cluster needs --broker-id, a number that no other broker of the cluster has');
  if (data !== undefined || ephemeral) {
    throw usageError(
      `a broker of a cluster keeps its data in the directory of --cluster; leave out ${ephemeral ? '--ephemeral' : '--data'}`,
    );
  }
  const file = sources.cluster ?? null;
  if (file === null)
    throw usageError(`--cluster ${cluster}: there is no cluster yet; "minikafka cluster start --data ${cluster}" starts one`);
  const rack = rackOf(file, brokerId);
  const common = Object.entries({ ...file.defaults, ...(rack !== null && { 'broker.rack': rack }), ...file.overrides });
  return { brokerId, directory: cluster, file, common };
}

function peersOf(text = '{}'): ReadonlyMap<number, Address> {
  const addresses = Object.entries(JSON.parse(text) as Record<string, string>);
  return new Map(
    addresses.map(([id, address]) => [
      Number(id),
      { host: address.slice(0, address.lastIndexOf(':')), port: Number(address.slice(address.lastIndexOf(':') + 1)) },
    ]),
  );
}

/** What its place decides and nothing else may: two brokers must not share it. */
function ownValues({ brokerId, directory }: Member, values: Origins): [string, string][] {
  for (const key of ['node.id', 'broker.id', 'log.dirs', 'log.dir']) {
    const other = values.get(key);
    if (other) throw usageError(`${key} (${other.from}) is for --broker-id and --cluster to say; remove it`);
  }
  return [
    ['node.id', String(brokerId)],
    ['log.dirs', brokerDirectory(directory, brokerId)],
  ];
}

function readProperties(text: string, file: string): Map<string, string> {
  try {
    return parseProperties(text);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(error.problems.map((problem) => `${file}: ${problem}`)) : error;
  }
}

function parseOverride(text: string): [string, string] {
  const equals = text.indexOf('=');
  const key = text.slice(0, equals).trim();
  if (equals < 0 || key === '') throw usageError(`--override ${text}: write key=value`);
  return [key, text.slice(equals + 1).trim()];
}

function listenersOf({ port, host }: StartFlags, values: Origins, member: Member | null): [string, string][] {
  const listeners = values.get('listeners');
  if (!listeners) {
    const name = host ?? member?.file.host ?? DEFAULT_HOST;
    const number = port ?? (member ? portOf(member.file, member.brokerId) : DEFAULT_PORT);
    return [['listeners', `PLAINTEXT://${name.includes(':') ? `[${name}]` : name}:${number}`]];
  }
  const flag = port !== undefined ? '--port' : host !== undefined ? '--host' : null;
  if (flag) throw usageError(`${flag} and listeners (${listeners.from}) both say where to listen; leave one out`);
  return [];
}

function dataOf({ data, ephemeral }: StartFlags, values: Origins, temporaryDirectory: string): [string, string][] {
  if (data?.trim() === '') throw usageError('--data is empty; write a directory');
  if (ephemeral) return [['log.dirs', temporaryDirectory]];
  if (data !== undefined) return [['log.dirs', data]];
  return values.has('log.dirs') || values.has('log.dir') ? [] : [['log.dirs', DEFAULT_DATA]];
}

/** Throws with all problems at once: unknown keys with the place where they stand, then what the config table finds. */
function checked(values: Origins): BrokerConfig {
  const problems: string[] = [];
  const known = new Map<string, string>();
  for (const [key, { value, from }] of values) {
    if (isKnownBrokerKey(key)) known.set(key, value);
    else problems.push(`${from}: unknown key ${key}; ${adviceFor(key)}`);
  }
  try {
    const config = brokerConfig(known, (key) => placeOf(key, values));
    if (problems.length === 0) return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  throw new ConfigError(problems);
}

/** Where a bad value stands. node.id may come from broker.id, its old name. */
const placeOf = (key: string, values: Origins): string | undefined =>
  (values.get(key) ?? values.get(key === 'node.id' ? 'broker.id' : ''))?.from;

/** The commonest mistake: a topic's key where the broker's own name of it belongs. */
function adviceFor(key: string): string {
  const broker = CONFIG_TABLE.topic.get(key)?.broker;
  return broker ? `it is a key of topics, whose name for a broker is ${broker}` : 'correct its name or remove it';
}

function checkTopicConfigs({ name, configs }: TopicSpec, config: BrokerConfig): void {
  try {
    validateConfigs(new Map(Object.entries(configs)), 'topic', config);
  } catch (error) {
    if (error instanceof KafkaError) throw usageError(`--topic ${name}: ${error.message}`);
    throw error;
  }
}

function noticesOf(config: BrokerConfig): string[] {
  const notices: string[] = [];
  const { skipped } = config.listeners;
  if (skipped.length > 0) notices.push(`skipping ${skipped.join(', ')}: there is no controller process here`);
  const unused = config.withoutEffect;
  if (unused.length > 0) notices.push(`without effect here: ${unused.join(', ')}`);
  return notices;
}

function warningsOf(config: BrokerConfig, unknownNames: readonly string[]): string[] {
  const warnings: string[] = [];
  if (unknownNames.length > 0) warnings.push(`no broker key, so without effect, in the environment: ${unknownNames.join(', ')}`);
  const wide = config.listeners.listeners.filter(({ host }) => !isLoopback(host));
  if (wide.length > 0) {
    const where = wide.map(({ host, port }) => addressText(host, port)).join(', ');
    warnings.push(`there is no authentication: whoever can reach ${where} can read, write and delete everything`);
  }
  return warnings;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** host:port as people write it; an empty host is every address. */
export function addressText(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host || '*'}:${port}`;
}
