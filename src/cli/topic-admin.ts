import { errorNameOf } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import {
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  DescribeConfigs,
  DescribeTopicPartitions,
  Metadata,
} from '../protocol/messages/index.ts';
import type { ResponseOf } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import type { BootstrapConnection } from './bootstrap.ts';
import { metadataRequest } from './metadata-request.ts';

export interface PartitionInfo {
  readonly partition: number;
  /** Broker id; -1: none. */
  readonly leader: number;
  /** -1: the broker is too old to say. */
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  /** Not in sync, and yet without a loss the next leader (KIP-966); only where `describeTopics` asked. */
  readonly eligibleLeaderReplicas?: readonly number[];
  /** Those on brokers that are not alive. */
  readonly offlineReplicas: readonly number[];
}

export interface TopicInfo {
  readonly name: string;
  /** 22 characters of base64url; null: the broker is too old to have them. */
  readonly topicId: string | null;
  readonly internal: boolean;
  readonly partitions: readonly PartitionInfo[];
}

export interface NewTopic {
  readonly name: string;
  /** undefined: the broker's num.partitions */
  readonly partitions: number | undefined;
  /** undefined: the broker's default.replication.factor */
  readonly replicationFactor: number | undefined;
  readonly configs: ReadonlyMap<string, string>;
  /** The replicas of each partition, by hand: then the two numbers are undefined. */
  readonly assignments?: readonly (readonly number[])[] | undefined;
}

/** How long the broker may take; below the 30 s after which the connection gives up, so that its own answer is the one that is seen. */
const TIMEOUT_MS = 25_000;
const BROKER_DEFAULT = -1; // KIP-464, from CreateTopics v4 on
const TOPIC_RESOURCE = 2;
const SOURCE_TOPIC = 1;

/**
 * Topics by name: all, or those asked for.
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION and others, for the first topic that was asked for and has an error
 */
export async function fetchTopics(broker: BootstrapConnection, names: readonly string[] | null): Promise<TopicInfo[]> {
  const found = await requestTopics(broker, names);
  const missing = names?.find((name) => !found.some((topic) => topic.name === name));
  if (missing !== undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
  const failed = names && found.find(({ errorCode }) => errorCode !== 0);
  if (failed) throw new KafkaError(errorNameOf(failed.errorCode));
  return found.map(toTopicInfo).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As `fetchTopics`, with the eligible leader replicas, where the broker is new enough to tell them. */
export async function describeTopics(broker: BootstrapConnection, names: readonly string[] | null): Promise<TopicInfo[]> {
  const topics = await fetchTopics(broker, names);
  if (!broker.serves(DescribeTopicPartitions) || topics.length === 0) return topics;
  const eligible = new Map<string, readonly number[]>();
  const asked = names ? topics.map(({ name }) => ({ name })) : [];
  let cursor: ResponseOf<typeof DescribeTopicPartitions>['nextCursor'] = null;
  do {
    const page: ResponseOf<typeof DescribeTopicPartitions> = await broker.request(DescribeTopicPartitions, { topics: asked, cursor });
    for (const { name, partitions } of page.topics)
      for (const { partitionIndex, eligibleLeaderReplicas } of partitions)
        eligible.set(`${name}:${partitionIndex}`, eligibleLeaderReplicas ?? []);
    cursor = page.nextCursor;
  } while (cursor);
  return topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((each) => ({
      ...each,
      eligibleLeaderReplicas: eligible.get(`${topic.name}:${each.partition}`) ?? [],
    })),
  }));
}

/** Those of these topics that are there, and may be seen, by name. */
export async function findTopics(broker: BootstrapConnection, names: readonly string[]): Promise<Map<string, TopicInfo>> {
  const found = names.length === 0 ? [] : await requestTopics(broker, names);
  return new Map(found.filter(({ errorCode }) => errorCode === 0).map((topic) => [topic.name ?? '', toTopicInfo(topic)]));
}

type WireTopic = ResponseOf<typeof Metadata>['topics'][number];

async function requestTopics(broker: BootstrapConnection, names: readonly string[] | null): Promise<WireTopic[]> {
  const response = await broker.request(Metadata, metadataRequest(broker, names));
  if (response.errorCode !== 0) throw new KafkaError(errorNameOf(response.errorCode));
  const wanted = names && new Set(names);
  return response.topics.filter(({ name }) => name !== null && (wanted === null || wanted.has(name)));
}

function toTopicInfo({ name, topicId, isInternal, partitions }: WireTopic): TopicInfo {
  return {
    name: name ?? '',
    topicId: topicId === ZERO_UUID ? null : topicId,
    internal: isInternal,
    partitions: partitions
      .map((each) => ({
        partition: each.partitionIndex,
        leader: each.leaderId,
        leaderEpoch: each.leaderEpoch,
        replicas: each.replicaNodes,
        inSyncReplicas: each.isrNodes,
        offlineReplicas: each.offlineReplicas,
      }))
      .sort((a, b) => a.partition - b.partition),
  };
}

/** The configs that were set on each topic itself, by topic; nothing for a topic whose configs may not be read. */
export async function fetchTopicConfigs(
  broker: BootstrapConnection,
  names: readonly string[],
): Promise<Map<string, Record<string, string>>> {
  if (names.length === 0) return new Map();
  const { results } = await broker.request(DescribeConfigs, {
    resources: names.map((resourceName) => ({ resourceType: TOPIC_RESOURCE, resourceName, configurationKeys: null })),
  });
  return new Map(
    results.map(({ resourceName, configs }) => [
      resourceName,
      Object.fromEntries(configs.filter((each) => each.configSource === SOURCE_TOPIC).map(({ name, value }) => [name, value ?? ''])),
    ]),
  );
}

/** @returns the id of the new topic, null where the broker is too old to say. @throws KafkaError TOPIC_ALREADY_EXISTS, INVALID_CONFIG, ... */
export async function createTopic(broker: BootstrapConnection, topic: NewTopic): Promise<string | null> {
  const { assignments } = topic;
  const unset = assignments || broker.version(CreateTopics) >= 4 ? BROKER_DEFAULT : 1;
  const { topics } = await broker.request(CreateTopics, {
    topics: [
      {
        name: topic.name,
        numPartitions: topic.partitions ?? unset,
        replicationFactor: topic.replicationFactor ?? unset,
        assignments: (assignments ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
        configs: [...topic.configs].map(([name, value]) => ({ name, value })),
      },
    ],
    timeoutMs: TIMEOUT_MS,
  });
  const created = topics[0];
  if (!created) throw new KafkaError('UNKNOWN_SERVER_ERROR', 'the broker says nothing about the topic');
  if (created.errorCode !== 0) throw new KafkaError(errorNameOf(created.errorCode), created.errorMessage ?? undefined);
  return created.topicId === ZERO_UUID ? null : created.topicId;
}

/** @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, TOPIC_DELETION_DISABLED, ... */
export async function deleteTopic(broker: BootstrapConnection, name: string): Promise<void> {
  const { responses } = await broker.request(DeleteTopics, {
    topics: [{ name, topicId: ZERO_UUID }],
    topicNames: [name],
    timeoutMs: TIMEOUT_MS,
  });
  const deleted = responses[0];
  if (!deleted) throw new KafkaError('UNKNOWN_SERVER_ERROR', 'the broker says nothing about the topic');
  if (deleted.errorCode !== 0) throw new KafkaError(errorNameOf(deleted.errorCode), deleted.errorMessage ?? undefined);
}

/**
 * Adds partitions to a topic, until it has `count`.
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS (it has as many already, or more), ...
 */
export async function createPartitions(broker: BootstrapConnection, name: string, count: number, validateOnly: boolean): Promise<void> {
  const { results } = await broker.request(CreatePartitions, {
    topics: [{ name, count, assignments: null }],
    timeoutMs: TIMEOUT_MS,
    validateOnly,
  });
  const [result] = results;
  if (!result) throw new KafkaError('UNKNOWN_SERVER_ERROR', 'the broker says nothing about the topic');
  if (result.errorCode !== 0) throw new KafkaError(errorNameOf(result.errorCode), result.errorMessage ?? undefined);
}
