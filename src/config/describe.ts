import type { BrokerConfig } from './broker-config.ts';
import type { ConfigKey, ConfigType } from './definition.ts';
import { brokerKey, CONFIG_TABLE, isReadOnly, sourcesOf } from './table.ts';
import { printed, problemOf } from './values.ts';

/** DescribeConfigs' config_source: where a value comes from, most specific first. */
export const CONFIG_SOURCE = { topic: 1, dynamicBroker: 2, dynamicDefaultBroker: 3, staticBroker: 4, default: 5 } as const;
export type ConfigSource = (typeof CONFIG_SOURCE)[keyof typeof CONFIG_SOURCE];

/** DescribeConfigs' config_type (v3+). */
export const CONFIG_TYPE_CODE: Readonly<Record<ConfigType | 'unknown', number>> = {
  unknown: 0,
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
};

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

/** One config as DescribeConfigs answers it; the value of a sensitive one is null. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly source: ConfigSource;
  readonly isDefault: boolean;
  readonly isSensitive: boolean;
  /** Most specific first. */
  readonly synonyms: readonly ConfigSynonym[];
  readonly type: number;
  readonly documentation: string | null;
}

/** One config as CreateTopics answers it (v5+). */
export type CreatedConfig = Pick<ConfigEntry, 'name' | 'value' | 'readOnly' | 'source' | 'isSensitive'>;

/** All configs of a topic. `names` (null: all) picks some; unknown names are left out. */
export function describeTopic(
  overrides: ReadonlyMap<string, string>,
  broker: BrokerConfig,
  names: readonly string[] | null = null,
): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  for (const [name, key] of picked(CONFIG_TABLE.topic, names)) {
    const own = overrides.get(name);
    const value = printedOrRaw(name, key, own ?? broker.topicDefault(name));
    const synonyms = key.broker === undefined ? [] : brokerSynonyms(key.broker, broker);
    if (own !== undefined) synonyms.unshift({ name, value, source: CONFIG_SOURCE.topic });
    entries.push(entryOf(name, key, value, synonyms, false));
  }
  return entries;
}

/** All configs of this broker: every key of Kafka 4.4, and what else was set. */
export function describeBroker(broker: BrokerConfig, names: readonly string[] | null = null): ConfigEntry[] {
  const all = new Map<string, ConfigKey | undefined>(CONFIG_TABLE.broker);
  const { perBroker, clusterDefault, static: staticValues } = broker.layers;
  for (const layer of [staticValues, clusterDefault, perBroker]) for (const name of layer.keys()) all.set(name, brokerKey(name));
  return [...picked(all, names)].map(([name, key]) => {
    const text = broker.text(name) ?? null;
    const value = text === null || key === undefined ? null : printedOrRaw(name, key, text);
    return entryOf(name, key, value, brokerSynonyms(name, broker), isReadOnly(name));
  });
}

/** The cluster's defaults for brokers (resource name ""): only what was set there, as Kafka does. */
export function describeClusterDefault(broker: BrokerConfig, names: readonly string[] | null = null): ConfigEntry[] {
  return [...picked(broker.layers.clusterDefault, names)].map(([name, text]) => {
    const key = brokerKey(name);
    const shown = key === undefined || isSensitive(key) ? null : text;
    const synonyms = [{ name, value: shown, source: CONFIG_SOURCE.dynamicDefaultBroker }];
    return entryOf(name, key, shown === null || !key ? null : printedOrRaw(name, key, shown), synonyms, isReadOnly(name));
  });
}

/** The configs of a topic as CreateTopics answers them. Unlike DescribeConfigs, Kafka gives the text as it was written. */
export function describeCreated(overrides: ReadonlyMap<string, string>, broker: BrokerConfig): CreatedConfig[] {
  return [...CONFIG_TABLE.topic].map(([name, key]) => {
    const own = overrides.get(name);
    const [value, source] = own !== undefined ? ([own, CONFIG_SOURCE.topic] as const) : createdDefault(name, key, broker);
    return { name, value, source, readOnly: false, isSensitive: false };
  });
}

function createdDefault(name: string, key: ConfigKey, broker: BrokerConfig): readonly [string | null, ConfigSource] {
  if (key.broker === undefined) return [key.default, CONFIG_SOURCE.default];
  for (const [layer, source] of layersOf(broker)) {
    if (sourcesOf(key.broker).some(([each]) => layer.has(each))) return [broker.topicDefault(name), source];
  }
  return [key.default, CONFIG_SOURCE.default];
}

function layersOf({ layers }: BrokerConfig): (readonly [ReadonlyMap<string, string>, ConfigSource])[] {
  return [
    [layers.perBroker, CONFIG_SOURCE.dynamicBroker],
    [layers.clusterDefault, CONFIG_SOURCE.dynamicDefaultBroker],
    [layers.static, CONFIG_SOURCE.staticBroker],
  ];
}

/**
 * What stands behind a broker key, most specific first. As Kafka (ConfigHelper.configSynonyms) the list begins at the key's own name:
 * log.retention.hours shows up behind log.retention.ms only where log.retention.ms itself is set.
 */
function brokerSynonyms(name: string, broker: BrokerConfig): ConfigSynonym[] {
  const names = sourcesOf(name).map(([source]) => source);
  const sensitive = isSensitive(brokerKey(name));
  const found: ConfigSynonym[] = [];
  for (const [layer, source] of layersOf(broker)) {
    for (const each of names) {
      const value = layer.get(each);
      if (value !== undefined) found.push({ name: each, value: sensitive ? null : value, source });
    }
  }
  for (const each of names) {
    const value = CONFIG_TABLE.broker.get(each)?.default ?? null;
    if (value !== null) found.push({ name: each, value: sensitive ? null : value, source: CONFIG_SOURCE.default });
  }
  const first = found.findIndex((each) => each.name === name);
  return first < 0 ? [] : found.slice(first);
}

function entryOf(
  name: string,
  key: ConfigKey | undefined,
  value: string | null,
  synonyms: ConfigSynonym[],
  readOnly: boolean,
): ConfigEntry {
  const source = synonyms[0]?.source ?? CONFIG_SOURCE.default;
  const sensitive = isSensitive(key);
  return {
    name,
    value: sensitive ? null : value,
    readOnly,
    source,
    isDefault: source === CONFIG_SOURCE.default,
    isSensitive: sensitive,
    synonyms,
    type: CONFIG_TYPE_CODE[key?.type ?? 'unknown'],
    documentation: key?.doc ?? null,
  };
}

/** Passwords, and keys that nobody knows: they may hold a plug-in's secret (Kafka hides them, too). */
function isSensitive(key: ConfigKey | undefined): boolean {
  return key === undefined || key.type === 'password';
}

function printedOrRaw(name: string, key: ConfigKey, text: string): string {
  return problemOf(name, key, text) === null ? printed(key, text) : text;
}

function picked<T>(all: ReadonlyMap<string, T>, names: readonly string[] | null): Iterable<readonly [string, T]> {
  if (names === null) return all;
  const wanted = new Set(names);
  return [...all].filter(([name]) => wanted.has(name));
}
