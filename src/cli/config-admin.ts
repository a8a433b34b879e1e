import { errorNameOf } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { DescribeConfigs, IncrementalAlterConfigs, Metadata } from '../protocol/messages/index.ts';
import type { ResponseOf } from '../protocol/schema.ts';
import type { BootstrapConnection } from './bootstrap.ts';

/** What has configs: a topic, one broker by its id, or (broker '') the default of all brokers in a cluster. */
export interface ConfigResource {
  readonly type: 'topic' | 'broker';
  readonly name: string;
}

/** Where a value comes from, most specific first; `unknown`: the broker is too old to say. */
export type ConfigSource = 'topic' | 'dynamic-broker' | 'dynamic-default-broker' | 'static-broker' | 'default' | 'unknown';

export interface ConfigInfo {
  readonly name: string;
  /** null: there is none, or it is sensitive. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly sensitive: boolean;
  readonly readOnly: boolean;
}

export interface ConfigChanges {
  readonly set: ReadonlyMap<string, string>;
  readonly delete: readonly string[];
}

const RESOURCE_CODE = { topic: 2, broker: 4 } as const;
const SOURCES: Readonly<Record<number, ConfigSource>> = {
  1: 'topic',
  2: 'dynamic-broker',
  3: 'dynamic-default-broker',
  4: 'static-broker',
  5: 'default',
};
const OPERATION = { set: 0, delete: 1 } as const;
/** Resources of one request: a topic has some 35 configs, of which each may take a hundred bytes. */
const MAX_RESOURCES = 200;

/**
 * The configs of each resource, by name.
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST and others, for the first that cannot be read
 */
export async function fetchConfigs(broker: BootstrapConnection, resources: readonly ConfigResource[]): Promise<ConfigInfo[][]> {
  const found: ConfigInfo[][] = [];
  for (let at = 0; at < resources.length; at += MAX_RESOURCES) {
    const some = resources.slice(at, at + MAX_RESOURCES);
    const { results } = await broker.request(DescribeConfigs, {
      resources: some.map(({ type, name }) => ({ resourceType: RESOURCE_CODE[type], resourceName: name, configurationKeys: null })),
    });
    for (const { type, name } of some) {
      const result = results.find((each) => each.resourceType === RESOURCE_CODE[type] && each.resourceName === name);
      if (!result) throw new KafkaError('UNKNOWN_SERVER_ERROR', `the broker says nothing about ${type} "${name}"`);
      if (result.errorCode !== 0) throw new KafkaError(errorNameOf(result.errorCode), result.errorMessage || undefined);
      found.push(result.configs.map(toConfigInfo).sort((a, b) => (a.name < b.name ? -1 : 1)));
    }
  }
  return found;
}

type WireConfig = ResponseOf<typeof DescribeConfigs>['results'][number]['configs'][number];

function toConfigInfo({ name, value, configSource, isDefault, isSensitive, readOnly }: WireConfig): ConfigInfo {
  const source = configSource < 0 && isDefault ? 'default' : (SOURCES[configSource] ?? 'unknown');
  return { name, value: isSensitive ? null : value, source, sensitive: isSensitive, readOnly };
}

/**
 * Sets and deletes single configs; what is not named stays as it is (KIP-339). Brokers before Kafka 2.3 cannot do that, and AlterConfigs, which
 * they can, is no way around: it takes back everything that it does not name.
 * @throws KafkaError INVALID_CONFIG, INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, ...
 */
export async function alterConfigs(
  broker: BootstrapConnection,
  { type, name }: ConfigResource,
  changes: ConfigChanges,
  validateOnly: boolean,
): Promise<void> {
  const configs = [
    ...[...changes.set].map(([key, value]) => ({ name: key, configOperation: OPERATION.set, value })),
    ...changes.delete.map((key) => ({ name: key, configOperation: OPERATION.delete, value: null })),
  ];
  const { responses } = await broker.request(IncrementalAlterConfigs, {
    resources: [{ resourceType: RESOURCE_CODE[type], resourceName: name, configs }],
    validateOnly,
  });
  const [answer] = responses;
  if (!answer) throw new KafkaError('UNKNOWN_SERVER_ERROR', 'the broker says nothing about the change');
  if (answer.errorCode !== 0) throw new KafkaError(errorNameOf(answer.errorCode), answer.errorMessage || undefined);
}

export interface BrokerAddress {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/** The brokers that are up, by id. */
export async function fetchBrokers(broker: BootstrapConnection): Promise<BrokerAddress[]> {
  // Before v1 an empty list stands for all topics, and those that exist are not created by being asked for.
  const { brokers } = await broker.request(Metadata, { topics: [], allowAutoTopicCreation: false });
  return brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })).sort((a, b) => a.id - b.id);
}
