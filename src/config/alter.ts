import { KafkaError } from '../core/errors.ts';
import type { BrokerConfig } from './broker-config.ts';
import { problemOfBroker } from './broker-rules.ts';
import type { ConfigKey } from './definition.ts';
import { brokerKey, CONFIG_TABLE } from './table.ts';
import { problemOf } from './values.ts';

/** Whose configs: a topic's, one broker's, or the default of all brokers (resource name ""). */
export type ConfigScope = 'topic' | 'broker' | 'cluster default';

export interface ConfigOp {
  readonly name: string;
  readonly op: 'SET' | 'DELETE' | 'APPEND' | 'SUBTRACT';
  readonly value: string | null;
}

const MAX_VALUE_LENGTH = 32767; // Kafka's bound (Short.MAX_VALUE), so that APPEND cannot make a value grow for ever
const MAX_KEYS = 1000; // broker configs take unknown (plug-in) keys, of which there must be some end

/**
 * The configs after IncrementalAlterConfigs; `current` stays as it is. Throws KafkaError with Kafka's code and message, in Kafka's order of
 * checks: INVALID_REQUEST for the request's form and for broker values, INVALID_CONFIG for topic values and list operations on no list.
 */
export function incrementalAlter(
  current: ReadonlyMap<string, string>,
  ops: readonly ConfigOp[],
  scope: ConfigScope,
  broker: BrokerConfig,
): Map<string, string> {
  refuseDuplicates(ops);
  refuseNulls(ops.filter(({ op }) => op !== 'DELETE'));
  const next = new Map(current);
  for (const { name, op, value } of ops) {
    const text = value ?? '';
    if (op === 'DELETE') next.delete(name);
    else if (op === 'SET') next.set(name, text);
    else {
      const key = scope === 'topic' ? CONFIG_TABLE.topic.get(name) : brokerKey(name);
      if (key?.type !== 'list') throw notAList(name, op, scope);
      next.set(name, op === 'APPEND' ? append(next.get(name), key, text) : subtract(next.get(name), key, text));
    }
  }
  validateConfigs(next, scope, broker);
  refuseMinIsr(ops, scope);
  return next;
}

/** The configs after AlterConfigs, which replaces all of them. */
export function replaceConfigs(
  entries: readonly { readonly name: string; readonly value: string | null }[],
  scope: ConfigScope,
  broker: BrokerConfig,
): Map<string, string> {
  refuseDuplicates(entries);
  refuseNulls(entries);
  const next = new Map(entries.map(({ name, value }) => [name, value ?? '']));
  validateConfigs(next, scope, broker);
  refuseMinIsr(entries, scope);
  return next;
}

/** KIP-966: who is eligible follows from min ISR, so brokers must not differ in it. */
function refuseMinIsr(named: readonly { readonly name: string }[], scope: ConfigScope): void {
  if (scope !== 'broker' || !named.some(({ name }) => name === 'min.insync.replicas')) return;
  throw new KafkaError('INVALID_CONFIG', 'Broker-level min.insync.replicas cannot be altered while ELR is enabled.');
}

/** The configs that CreateTopics gives for a topic, checked. */
export function createConfigs(
  entries: readonly { readonly name: string; readonly value: string | null }[],
  broker: BrokerConfig,
): Map<string, string> {
  const nulls = entries.filter(({ value }) => value === null).map(({ name }) => name);
  if (nulls.length > 0) throw new KafkaError('INVALID_CONFIG', `Null value not supported for topic configs: ${nulls.join(',')}`);
  const configs = new Map(entries.map(({ name, value }) => [name, value ?? '']));
  validateConfigs(configs, 'topic', broker);
  return configs;
}

/** Throws unless a resource may have exactly these configs of its own. */
export function validateConfigs(configs: ReadonlyMap<string, string>, scope: ConfigScope, broker: BrokerConfig): void {
  if (scope === 'topic') validateTopicConfigs(configs, broker);
  else validateBrokerConfigs(configs, scope, broker);
  for (const value of configs.values()) {
    if (value.length <= MAX_VALUE_LENGTH) continue;
    throw new KafkaError(
      'INVALID_CONFIG',
      `The configuration value cannot be added because it exceeds the maximum value size of ${MAX_VALUE_LENGTH} bytes.`,
    );
  }
  if (configs.size > MAX_KEYS) throw new KafkaError('INVALID_CONFIG', `At most ${MAX_KEYS} configs can be set on one resource.`);
}

function validateTopicConfigs(configs: ReadonlyMap<string, string>, broker: BrokerConfig): void {
  for (const name of configs.keys()) {
    if (!CONFIG_TABLE.topic.has(name)) throw new KafkaError('INVALID_CONFIG', `Unknown topic config name: ${name}`);
  }
  for (const [name, key] of CONFIG_TABLE.topic) {
    const text = configs.get(name);
    const problem = text === undefined ? null : problemOf(name, key, text);
    if (problem !== null) throw new KafkaError('INVALID_CONFIG', problem);
  }
  if (/^true$/i.test(configs.get('remote.storage.enable')?.trim() ?? '')) {
    throw new KafkaError(
      'INVALID_CONFIG',
      'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.',
    );
  }
  const long = (name: string) => BigInt((configs.get(name) ?? broker.topicDefault(name)).trim());
  const [min, max] = [long('min.compaction.lag.ms'), long('max.compaction.lag.ms')];
  if (min > max) {
    throw new KafkaError('INVALID_CONFIG', `conflict topic config setting min.compaction.lag.ms (${min}) > max.compaction.lag.ms (${max})`);
  }
}

/** Unknown names are taken, as Kafka takes them: they may be a plug-in's. */
function validateBrokerConfigs(configs: ReadonlyMap<string, string>, scope: Exclude<ConfigScope, 'topic'>, broker: BrokerConfig): void {
  const names = [...configs.keys()];
  const refuse = (why: string, which: string[]) => {
    if (which.length > 0) throw new KafkaError('INVALID_REQUEST', `${why}: [${which.join(', ')}]`);
  };
  refuse(
    'Cannot update these configs dynamically',
    // Keys of one listener are taken, as Kafka takes them: it looks for the bare names only.
    names.filter((name) => !name.startsWith('listener.name.') && brokerKey(name)?.dynamic !== true && brokerKey(name) !== undefined),
  );
  refuse('These security configs can be dynamically updated only per-listener using the listener prefix', names.filter(isPerListener));
  if (scope === 'cluster default') {
    refuse('Cannot update these configs at default cluster level, broker id must be specified', names.filter(isPerBroker));
  }
  for (const [name, text] of configs) {
    const key = brokerKey(name);
    const problem = key ? problemOf(name, key, text) : null;
    if (problem !== null) throw new KafkaError('INVALID_REQUEST', problem);
    if ((name === 'listeners' || name === 'listener.security.protocol.map') && text !== broker.text(name)) {
      throw new KafkaError(
        'INVALID_REQUEST',
        `${name} cannot be changed while the broker runs: change it in its configuration and restart it`,
      );
    }
  }
  const problem = problemOfBroker(configs, scope, broker);
  if (problem !== null) throw new KafkaError('INVALID_REQUEST', problem);
}

/** Kafka's DYNAMIC_SECURITY_CONFIGS. */
function isPerListener(name: string): boolean {
  return /^ssl\.(key\.password|keystore\.|truststore\.)/.test(name);
}

/** Kafka's CLUSTER_LEVEL_LISTENER_CONFIGS: what a listener may be given for all brokers. */
const CLUSTER_LEVEL: ReadonlySet<string> = new Set(['max.connections', 'max.connection.creation.rate', 'num.network.threads']);

/** Kafka's PER_BROKER_CONFIGS: what differs from broker to broker by nature. */
function isPerBroker(name: string): boolean {
  if (name.startsWith('listener.name.')) return !CLUSTER_LEVEL.has(name.replace(/^listener\.name\.[^.]*\./, ''));
  const named = ['cordoned.log.dirs', 'listener.security.protocol.map', 'listeners', 'principal.builder.class'].includes(name);
  return named || (/^(ssl|sasl)\./.test(name) && CONFIG_TABLE.broker.get(name)?.dynamic === true);
}

function refuseDuplicates(entries: readonly { readonly name: string }[]): void {
  if (new Set(entries.map(({ name }) => name)).size === entries.length) return;
  throw new KafkaError('INVALID_REQUEST', 'Error due to duplicate config keys');
}

/** @throws KafkaError INVALID_REQUEST. Kafka asks this before it looks at the resource. */
export function refuseNulls(entries: readonly { readonly name: string; readonly value: string | null }[]): void {
  const names = entries.filter(({ value }) => value === null).map(({ name }) => name);
  if (names.length > 0) throw new KafkaError('INVALID_REQUEST', `Null value not supported for : ${names.join(',')}`);
}

function notAList(name: string, op: 'APPEND' | 'SUBTRACT', scope: ConfigScope): KafkaError {
  if (scope === 'topic') return new KafkaError('INVALID_CONFIG', `Can't ${op} to key ${name} because its type is not LIST.`);
  return new KafkaError('INVALID_CONFIG', `Config value ${op.toLowerCase()} is not allowed for config key: ${name}`);
}

// Kafka starts from its own default, not from the broker's value, and compares elements as they are written, white space and all.
function elementsOf(text: string): string[] {
  return text.split(',').filter((each) => each !== '');
}

/** Java's split: empty elements at the end are none, but an empty text has one. */
function javaSplit(text: string): string[] {
  const elements = text.split(',');
  while (text !== '' && elements.at(-1) === '') elements.pop();
  return elements;
}

function append(text: string | undefined, key: ConfigKey, added: string): string {
  const elements = elementsOf(text ?? key.default ?? '');
  for (const each of javaSplit(added)) if (!elements.includes(each)) elements.push(each);
  return elements.join(',');
}

function subtract(text: string | undefined, key: ConfigKey, removed: string): string {
  const elements = elementsOf(text ?? key.default ?? '');
  for (const each of elementsOf(removed)) {
    const at = elements.indexOf(each);
    if (at >= 0) elements.splice(at, 1);
  }
  return elements.join(',');
}
