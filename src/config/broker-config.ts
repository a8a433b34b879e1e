import { ConfigError } from './config-error.ts';
import type { ConfigKey } from './definition.ts';
import { type ListenerAddress, type ParsedListeners, parseListeners } from './listeners.ts';
import { OUR_DEFAULTS } from './our-defaults.ts';
import {
  actsOn,
  type BrokerKey,
  type BrokerKeyOf,
  brokerKey,
  CONFIG_TABLE,
  camelCase,
  isKnownBrokerKey,
  type NullOf,
  sourcesOf,
  type TopicConfig,
} from './table.ts';
import { type ConfigValue, parsed, problemOf } from './values.ts';

type Values = ReadonlyMap<string, string>;
const NONE: Values = new Map();

/**
 * The configuration of one broker: static values (file, flags, environment, our defaults) below dynamic ones. Immutable: `withDynamic`
 * makes the next one, so that what was read together stays together.
 */
export class BrokerConfig {
  /** The three layers by DescribeConfigs source: of this broker (2), of the whole cluster (3), static (4). */
  readonly layers: { readonly perBroker: Values; readonly clusterDefault: Values; readonly static: Values };
  readonly #texts: Values;
  readonly #parsedValues = new Map<string, ConfigValue | null>();
  #topicBase: TopicConfig | undefined;

  constructor(staticValues: Values, perBroker: Values = NONE, clusterDefault: Values = NONE) {
    this.layers = { perBroker, clusterDefault, static: staticValues };
    const texts = new Map(staticValues);
    for (const layer of [clusterDefault, perBroker]) {
      for (const [name, text] of layer) {
        const key = brokerKey(name);
        // As Kafka: a stored value that is read-only or not valid (any more) is passed over.
        if (key && (!key.dynamic || problemOf(name, key, text) !== null)) continue;
        // As Kafka's overrideProps: a dynamic log.retention.ms also hides a static log.retention.hours.
        if (!name.startsWith('listener.name.')) for (const [source] of sourcesOf(name)) texts.delete(source);
        texts.set(name, text);
      }
    }
    this.#texts = texts;
  }

  int<K extends BrokerKeyOf<'int' | 'short'>>(key: K): number | NullOf<K> {
    return this.#value(key) as number;
  }
  /** A long; beyond +-(2^53 - 1) it saturates, so Kafka's "unlimited" is Number.MAX_SAFE_INTEGER. */
  long<K extends BrokerKeyOf<'long'>>(key: K): number | NullOf<K> {
    return this.#value(key) as number;
  }
  double<K extends BrokerKeyOf<'double'>>(key: K): number | NullOf<K> {
    return this.#value(key) as number;
  }
  bool<K extends BrokerKeyOf<'boolean'>>(key: K): boolean | NullOf<K> {
    return this.#value(key) as boolean;
  }
  string<K extends BrokerKeyOf<'string' | 'class'>>(key: K): string | NullOf<K> {
    return this.#value(key) as string;
  }
  list<K extends BrokerKeyOf<'list'>>(key: K): readonly string[] | NullOf<K> {
    return this.#value(key) as readonly string[];
  }

  /** The text in force, as it was written; null where there is neither a value nor a default. */
  text(key: string): string | null {
    return this.#texts.get(key) ?? CONFIG_TABLE.broker.get(key)?.default ?? null;
  }

  /** The directories of log.dirs, or of log.dir, each once. */
  get dataDirectories(): readonly [string, ...string[]] {
    return [...new Set(this.list('log.dirs') ?? this.list('log.dir'))] as [string, ...string[]];
  }
  /** The first of them, where the metadata are. */
  get dataDirectory(): string {
    return this.dataDirectories[0];
  }

  /** `listeners`, without those of controllers; those are in `skipped`, for a notice. */
  get listeners(): ParsedListeners {
    return this.#listeners('listeners');
  }

  /** advertised.listeners; empty where clients are told the address at which they arrived (design decision 13). */
  get advertisedListeners(): readonly ListenerAddress[] {
    return this.text('advertised.listeners') === null ? [] : this.#listeners('advertised.listeners').listeners;
  }

  /** Static keys that Kafka knows and this broker does not act on: worth one notice at start. */
  get withoutEffect(): string[] {
    const ours = new Set(OUR_DEFAULTS.map(({ key }) => key));
    return [...this.layers.static.keys()].filter((key) => !actsOn(key) && !ours.has(key));
  }

  /** The same broker with other dynamic values (those that the metadata store holds); read-only keys in them have no effect. */
  withDynamic(perBroker: Values, clusterDefault: Values): BrokerConfig {
    return new BrokerConfig(this.layers.static, perBroker, clusterDefault);
  }

  /** A topic's effective configuration: its own values over this broker's. Values that are not valid (any more) are passed over. */
  topic(overrides: Values = NONE): TopicConfig {
    this.#topicBase ??= this.#topicDefaults();
    if (overrides.size === 0) return this.#topicBase;
    const config: Record<string, ConfigValue> = { ...this.#topicBase };
    for (const [name, text] of overrides) {
      const key = CONFIG_TABLE.topic.get(name);
      if (key && problemOf(name, key, text) === null) config[camelCase(name)] = parsed(key, text);
    }
    return Object.freeze(config) as TopicConfig;
  }

  /** The text of a topic key that a topic without its own value has, in the unit of the topic key. */
  topicDefault(name: string): string {
    const key = CONFIG_TABLE.topic.get(name)!;
    if (key.broker === undefined) return key.default!;
    for (const [source, unitMs] of sourcesOf(key.broker)) {
      const text = this.text(source);
      if (text === null) continue;
      const millis = unitMs === 1 ? text : String(BigInt(text.trim()) * BigInt(unitMs));
      return name === 'retention.ms' && millis.trim().startsWith('-') ? '-1' : millis;
    }
    return key.default!;
  }

  #topicDefaults(): TopicConfig {
    const config: Record<string, ConfigValue> = {};
    for (const [name, key] of CONFIG_TABLE.topic) config[camelCase(name)] = parsed(key, this.topicDefault(name));
    return Object.freeze(config) as TopicConfig;
  }

  #value(key: BrokerKey): ConfigValue | null {
    let value = this.#parsedValues.get(key);
    if (value === undefined) {
      const text = this.text(key);
      value = text === null ? null : parsed(CONFIG_TABLE.broker.get(key)!, text);
      this.#parsedValues.set(key, value);
    }
    return value;
  }

  #listeners(key: 'listeners' | 'advertised.listeners'): ParsedListeners {
    const text = (name: string) => this.text(name) ?? '';
    const controllers = text('controller.listener.names');
    return parseListeners(text(key), text('listener.security.protocol.map'), controllers, key === 'advertised.listeners');
  }
}

/** A problem and the key whose value is to be changed. */
interface Problem {
  readonly key: string;
  readonly text: string;
}

/**
 * Checks static values all at once and makes the configuration. Our own defaults go below them.
 * @param placeOf where the value of a key stands (a file, a variable, an option), for messages
 * @throws ConfigError with one line for each problem: unknown keys, bad values, what this broker cannot do
 */
export function brokerConfig(staticValues: Values = NONE, placeOf: (key: string) => string | undefined = () => undefined): BrokerConfig {
  const values = new Map(OUR_DEFAULTS.map(({ key, value }) => [key, value]));
  const brokerId = staticValues.get('broker.id');
  if (brokerId !== undefined && brokerId.trim() !== '-1') values.set('node.id', brokerId);
  for (const [name, text] of staticValues) values.set(name, text);
  const refuse = (problems: readonly Problem[]) => {
    if (problems.length === 0) return;
    throw new ConfigError(
      problems.map(({ key, text }) => {
        const place = placeOf(key);
        return place ? `${place}: ${text}` : text;
      }),
    );
  };
  refuse(valueProblems(values));
  const problems: Problem[] = [];
  if (brokerId !== undefined && Number(brokerId) !== -1 && Number(brokerId) !== Number(values.get('node.id'))) {
    problems.push({ key: 'broker.id', text: 'broker.id and node.id differ: remove broker.id, the old name of node.id' });
  }
  values.set('broker.id', values.get('node.id')!.trim()); // as Kafka, which answers both
  const config = new BrokerConfig(values);
  refuse([...problems, ...refusals(config), ...listenerProblems(config)]);
  return config;
}

function valueProblems(values: Values): Problem[] {
  const problems: Problem[] = [];
  for (const [name, value] of values) {
    const key: ConfigKey | undefined = brokerKey(name);
    const text = key ? problemOf(name, key, value) : isKnownBrokerKey(name) ? null : `Unknown key ${name}: correct its name or remove it`;
    if (text !== null) problems.push({ key: name, text });
  }
  return problems;
}

/** Valid values that cannot be honoured, or that make no sense together. What is not implemented is refused, not passed over. */
function refusals(config: BrokerConfig): Problem[] {
  const problems: Problem[] = [];
  const refuse = (when: boolean, key: BrokerKey, why: string) => when && problems.push({ key, text: `${key}${why}` });
  refuse(
    config.string('authorizer.class.name') !== '',
    'authorizer.class.name',
    ': ACLs are not implemented yet; remove it to run without authorization',
  );
  refuse(
    config.bool('remote.log.storage.system.enable'),
    'remote.log.storage.system.enable',
    ': tiered storage is not implemented; set it to false',
  );
  const roles = config.list('process.roles');
  refuse(roles !== null && !roles.includes('broker'), 'process.roles', ': there is no controller process here; add broker, or remove it');
  refuse(
    config.int('group.min.session.timeout.ms') > config.int('group.max.session.timeout.ms'),
    'group.min.session.timeout.ms',
    ' is above group.max.session.timeout.ms; lower it',
  );
  for (const name of ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'] as const) {
    refuse(Number(config.text(name) ?? 1) === 0, name, ' must be unlimited (-1) or, greater than or equal to 1');
  }
  return problems;
}

function listenerProblems(config: BrokerConfig): Problem[] {
  try {
    const names = new Set(config.listeners.listeners.map(({ name }) => name));
    const unknown = config.advertisedListeners.filter(({ name }) => !names.has(name));
    if (names.size === 0) {
      return [{ key: 'listeners', text: 'listeners: add one that is not in controller.listener.names, as in PLAINTEXT://localhost:9092' }];
    }
    return unknown.map(({ name }) => ({
      key: 'advertised.listeners',
      text: `advertised.listeners: ${name} is not among the names in listeners; add it there or remove it here`,
    }));
  } catch (error) {
    // Each problem that parseListeners finds begins with its key.
    if (error instanceof ConfigError) return error.problems.map((text) => ({ key: text.slice(0, text.indexOf(':')), text }));
    throw error;
  }
}
