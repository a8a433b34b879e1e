import { BROKER_KEYS } from './broker-keys.ts';
import { type ConfigKey, type ConfigType, long } from './definition.ts';
import { GROUP_KEYS } from './group-keys.ts';
import { KEYS_OF_3_9, KNOWN_PREFIXES, UNLISTED_KEYS } from './known-names.ts';
import { OTHER_BROKER_KEYS } from './other-broker-keys.ts';
import { TOPIC_KEYS } from './topic-keys.ts';

type BrokerTable = typeof BROKER_KEYS & typeof OTHER_BROKER_KEYS;
type TopicTable = typeof TOPIC_KEYS;
export type BrokerKey = keyof BrokerTable;
export type TopicKey = keyof TopicTable;

/** The broker keys of some types, so that `config.int('log.dirs')` is a compile error. */
export type BrokerKeyOf<T extends ConfigType> = { [K in BrokerKey]: BrokerTable[K]['type'] extends T ? K : never }[BrokerKey];
/** `null` for keys without a default (node.id has none in Kafka, but always one here). */
export type NullOf<K extends BrokerKey> = K extends 'node.id' ? never : BrokerTable[K]['default'] extends null ? null : never;

type Camel<S extends string> = S extends `${infer Head}.${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
type Typed<T extends ConfigType> = T extends 'boolean'
  ? boolean
  : T extends 'list'
    ? readonly string[]
    : T extends 'int' | 'short' | 'long' | 'double'
      ? number
      : string;
/** A topic's effective configuration: every topic key in camel case (`retention.ms` is `retentionMs`), parsed; frozen. */
export type TopicConfig = {
  readonly [K in TopicKey as Camel<K>]: K extends 'message.timestamp.type' ? 'CreateTime' | 'LogAppendTime' : Typed<TopicTable[K]['type']>;
};

/** The table, by scope. Iteration order of topics is the order in which Kafka checks their values. */
export const CONFIG_TABLE: Readonly<Record<'broker' | 'topic' | 'group', ReadonlyMap<string, ConfigKey>>> = {
  broker: new Map<string, ConfigKey>([...Object.entries(BROKER_KEYS), ...Object.entries(OTHER_BROKER_KEYS)]),
  topic: new Map<string, ConfigKey>(Object.entries(TOPIC_KEYS)),
  group: new Map<string, ConfigKey>(Object.entries(GROUP_KEYS)),
};

/** The key of a topic in TopicConfig's spelling. */
export function camelCase(name: string): string {
  return name.replace(/\.(.)/g, (_, letter: string) => letter.toUpperCase());
}

const LISTENER_PREFIX = /^listener\.name\.[^.]+\./;

/** Broker keys that no file has, only dynamic configs: DescribeConfigs lists them once they are set. */
const DYNAMIC_ONLY: Readonly<Record<string, ConfigKey>> = {
  'leader.replication.throttled.rate': long(null, { dynamic: true, min: 0 }),
  'follower.replication.throttled.rate': long(null, { dynamic: true, min: 0 }),
  'replica.alter.log.dirs.io.max.bytes.per.second': long(null, { dynamic: true, min: 0 }),
};

/** The row of a broker key; a key of one listener (`listener.name.internal.ssl.protocol`) has the row of the plain key. */
export function brokerKey(name: string): ConfigKey | undefined {
  if (name.startsWith('listener.name.')) return CONFIG_TABLE.broker.get(plainKey(name));
  return CONFIG_TABLE.broker.get(name) ?? (Object.hasOwn(DYNAMIC_ONLY, name) ? DYNAMIC_ONLY[name] : undefined);
}

/** Whether DescribeConfigs calls a broker key read-only. Kafka says so of keys that nobody knows, and of those of one listener. */
export function isReadOnly(name: string): boolean {
  return name.startsWith('listener.name.') || brokerKey(name)?.dynamic !== true;
}

/** The key without the prefix that ties it to one listener. */
export function plainKey(name: string): string {
  return name.replace(LISTENER_PREFIX, '');
}

/** Whether Kafka 3.9 or 4.4 knows a broker key, be it acted on here or not. */
export function isKnownBrokerKey(name: string): boolean {
  if (brokerKey(name) !== undefined || KNOWN_PREFIXES.some((prefix) => name.startsWith(prefix))) return true;
  return KEYS_OF_3_9.includes(name) || UNLISTED_KEYS.includes(name) || LISTENER_PREFIX.test(name);
}

/** Whether this broker acts on a broker key. */
export function actsOn(name: string): boolean {
  const key = CONFIG_TABLE.broker.get(name);
  return key?.doc !== undefined && key.acts !== false;
}

/** Broker keys that say the same in several units, most specific first, each with its unit in ms (Kafka's ConfigSynonym). */
const TIME_KEYS: readonly (readonly (readonly [BrokerKey, unitMs: number])[])[] = [
  [
    ['log.retention.ms', 1],
    ['log.retention.minutes', 60_000],
    ['log.retention.hours', 3_600_000],
  ],
  [
    ['log.roll.ms', 1],
    ['log.roll.hours', 3_600_000],
  ],
  [
    ['log.roll.jitter.ms', 1],
    ['log.roll.jitter.hours', 3_600_000],
  ],
];
const FLUSH_KEYS = [
  ['log.flush.interval.ms', 1],
  ['log.flush.scheduler.interval.ms', 1],
] as const;

/** The keys that a broker key takes its value from, most specific first, with their units: itself, and what stands in for it. */
export function sourcesOf(name: string): readonly (readonly [name: string, unitMs: number])[] {
  if (name === 'log.flush.interval.ms') return FLUSH_KEYS;
  const family = TIME_KEYS.find((each) => each.some(([key]) => key === name));
  if (family) return family;
  return LISTENER_PREFIX.test(name)
    ? [
        [name, 1],
        [plainKey(name), 1],
      ]
    : [[name, 1]];
}
