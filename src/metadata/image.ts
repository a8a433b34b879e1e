import {
  CLUSTER_ID_KEY,
  CONTROLLER_EPOCH_KEY,
  CONTROLLER_KEY,
  type ConfigResource,
  type ConfigResourceType,
  configKey,
  FEATURES_KEY,
  knownBrokerKey,
  liveBrokerKey,
  logEndKey,
  offlineReplicasKey,
  partitionKey,
  stoppingBrokerKey,
  topicKey,
} from './keys.ts';
import { SharedMap } from './shared-map.ts';
import type { Rev } from './store.ts';
import type { BrokerValue, ControllerValue, KnownBrokerValue, LogEndValue, OfflineReplicasValue, PartitionValue } from './values.ts';

export interface PartitionImage extends PartitionValue {
  readonly topicId: string;
  readonly partition: number;
  /** The revision of the partition's key: the condition of every write to it. */
  readonly rev: Rev;
}

export interface TopicImage {
  readonly name: string;
  readonly topicId: string;
  readonly rev: Rev;
  /** Partition n at index n. */
  readonly partitions: readonly PartitionImage[];
}

/** A broker that is registered and whose lease holds. */
export interface BrokerImage extends BrokerValue {
  readonly id: number;
  /** The broker epoch: the revision of its registration. */
  readonly epoch: Rev;
}

/** A broker that was registered once, alive or not. */
export interface KnownBrokerImage extends KnownBrokerValue {
  readonly id: number;
  /** The epoch of its last registration. */
  readonly epoch: Rev;
}

export interface ControllerImage extends ControllerValue {
  readonly rev: Rev;
}

/** A broker that asked for its leaders to be moved, since it wants to stop. */
export interface StoppingImage {
  /** The registration that asked. */
  readonly brokerEpoch: Rev;
  readonly rev: Rev;
}

/** The replicas of a broker that are on disks that failed. */
export interface OfflineReplicasImage extends OfflineReplicasValue {
  readonly rev: Rev;
}

/** What a member of a partition without a leader told of its log. */
export interface LogEndImage extends LogEndValue {
  readonly rev: Rev;
}

export interface ConfigImage {
  readonly values: ReadonlyMap<string, string>;
  readonly rev: Rev;
}

/** A value together with the revision of its key. */
export interface Versioned<T> {
  readonly value: T;
  readonly rev: Rev;
}

/** The parts of an image; the next image shares those that did not change. */
export interface ImageParts {
  readonly revision: Rev;
  readonly clusterId: Versioned<string>;
  readonly features: Versioned<ReadonlyMap<string, number>>;
  readonly topics: SharedMap<TopicImage>;
  /** Topic id -> name. */
  readonly topicNames: SharedMap<string>;
  /** Topic id -> partitions by number, also of topics that are not yet, or no longer, named by a topic key. */
  readonly partitions: SharedMap<readonly (PartitionImage | undefined)[]>;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly knownBrokers: ReadonlyMap<number, KnownBrokerImage>;
  readonly stopping: ReadonlyMap<number, StoppingImage>;
  /** By broker; what an earlier registration told is in it too. */
  readonly offline: ReadonlyMap<number, OfflineReplicasImage>;
  readonly controller: ControllerImage | undefined;
  readonly controllerEpoch: Versioned<number>;
  /** Partition key -> broker -> how far its log goes. */
  readonly logEnds: SharedMap<ReadonlyMap<number, LogEndImage>>;
  /** Config key -> overrides. */
  readonly configs: SharedMap<ConfigImage>;
}

const NO_CONFIGS: ReadonlyMap<string, string> = new Map();

/** An immutable picture of the cluster as of one revision of the metadata store. */
export class MetadataImage {
  static readonly empty = new MetadataImage({
    revision: 0,
    clusterId: { value: '', rev: 0 },
    features: { value: new Map(), rev: 0 },
    topics: SharedMap.empty(),
    topicNames: SharedMap.empty(),
    partitions: SharedMap.empty(),
    brokers: new Map(),
    knownBrokers: new Map(),
    stopping: new Map(),
    offline: new Map(),
    controller: undefined,
    controllerEpoch: { value: 0, rev: 0 },
    logEnds: SharedMap.empty(),
    configs: SharedMap.empty(),
  });

  /** For the next image only. */
  readonly parts: ImageParts;

  constructor(parts: ImageParts) {
    this.parts = parts;
  }

  get revision(): Rev {
    return this.parts.revision;
  }

  /** 22 characters; empty until the first broker of the cluster has started. */
  get clusterId(): string {
    return this.parts.clusterId.value;
  }

  /** Finalized feature levels by name. */
  get features(): ReadonlyMap<string, number> {
    return this.parts.features.value;
  }

  /** The revision at which the features were last changed: their epoch in ApiVersions. */
  get featuresEpoch(): Rev {
    return this.parts.features.rev;
  }

  get topicCount(): number {
    return this.parts.topics.size;
  }

  /** In no particular order. */
  topics(): IterableIterator<TopicImage> {
    return this.parts.topics.values();
  }

  topic(name: string): TopicImage | undefined {
    return this.parts.topics.get(name);
  }

  topicById(topicId: string): TopicImage | undefined {
    const name = this.parts.topicNames.get(topicId);
    return name === undefined ? undefined : this.parts.topics.get(name);
  }

  partition(topicName: string, partition: number): PartitionImage | undefined {
    return this.parts.topics.get(topicName)?.partitions[partition];
  }

  /** Registered and alive. */
  get brokers(): ReadonlyMap<number, BrokerImage> {
    return this.parts.brokers;
  }

  /** All that ever registered. */
  get knownBrokers(): ReadonlyMap<number, KnownBrokerImage> {
    return this.parts.knownBrokers;
  }

  /** Brokers that asked for their leaders to be moved. */
  get stopping(): ReadonlyMap<number, StoppingImage> {
    return this.parts.stopping;
  }

  /** What a broker told under its present registration of disks that failed. */
  offlineReplicas(id: number): OfflineReplicasImage | undefined {
    const offline = this.parts.offline.get(id);
    return offline && offline.rev >= (this.brokers.get(id)?.epoch ?? Number.POSITIVE_INFINITY) ? offline : undefined;
  }

  /** Whether a live broker's replica is on a disk that failed. */
  isReplicaOffline(id: number, { topicId, partition }: Pick<PartitionImage, 'topicId' | 'partition'>): boolean {
    const offline = this.offlineReplicas(id);
    return offline !== undefined && (offline.all || offline.topics.get(topicId)?.has(partition) === true);
  }

  /** Whether a live broker's replica may have been on a disk in whose place there is an empty one, and was not admitted since. */
  isReplicaLost(id: number, { topicId, partition, disks }: Pick<PartitionImage, 'topicId' | 'partition' | 'disks'>): boolean {
    const lost = this.offlineReplicas(id)?.lost;
    if (!lost || !(lost.all || lost.topics.get(topicId)?.has(partition))) return false;
    const admitted = disks.find((disk) => disk.id === id);
    return admitted !== undefined && admitted.generation < lost.generation;
  }

  /** Whether all that a broker has, or might get, is on disks that failed. */
  isWithoutDisk(id: number): boolean {
    return this.offlineReplicas(id)?.all === true;
  }

  /** undefined: nobody is, right now. */
  get controller(): ControllerImage | undefined {
    return this.parts.controller;
  }

  /** Of the last controller; its revision fences what a controller writes. */
  get controllerEpoch(): Versioned<number> {
    return this.parts.controllerEpoch;
  }

  /** What the members of a partition without a leader told of their logs, by broker; undefined: nobody told anything. */
  logEnds(topicId: string, partition: number): ReadonlyMap<number, LogEndImage> | undefined {
    return this.parts.logEnds.get(partitionKey(topicId, partition));
  }

  /** What was set for this resource alone; empty when nothing was. */
  configs(resource: ConfigResource): ReadonlyMap<string, string> {
    return this.parts.configs.get(configKey(resource))?.values ?? NO_CONFIGS;
  }

  /** What was set for all resources of a type, by name. It looks at the configs of every type. */
  *configsOf(type: ConfigResourceType): Generator<[name: string, values: ReadonlyMap<string, string>]> {
    const prefix = configKey({ type, name: '' });
    for (const [key, { values }] of this.parts.configs.entries()) if (key.startsWith(prefix)) yield [key.slice(prefix.length), values];
  }

  /** Topic ids that have partition keys but no topic key, with the partition numbers: left behind by a crash, or being created or deleted right now. */
  *orphans(): Generator<{ topicId: string; partitions: number[] }> {
    for (const [topicId, partitions] of this.parts.partitions.entries()) {
      if (this.parts.topicNames.get(topicId) === undefined) {
        yield { topicId, partitions: partitions.flatMap((partition) => partition?.partition ?? []) };
      }
    }
  }

  /** Also of a partition that no topic names; 0: there is none. */
  partitionRevision(topicId: string, partition: number): Rev {
    return this.parts.partitions.get(topicId)?.[partition]?.rev ?? 0;
  }

  /** The keys that this image was made of, with their revisions. */
  *keys(): Generator<[key: string, rev: Rev]> {
    const { clusterId, features, topics, partitions, brokers, knownBrokers, stopping, offline, controller, controllerEpoch } = this.parts;
    if (clusterId.rev > 0) yield [CLUSTER_ID_KEY, clusterId.rev];
    if (features.rev > 0) yield [FEATURES_KEY, features.rev];
    for (const topic of topics.values()) yield [topicKey(topic.name), topic.rev];
    for (const [topicId, all] of partitions.entries()) {
      for (const one of all) if (one) yield [partitionKey(topicId, one.partition), one.rev];
    }
    for (const broker of brokers.values()) yield [liveBrokerKey(broker.id), broker.epoch];
    for (const broker of knownBrokers.values()) yield [knownBrokerKey(broker.id), broker.epoch];
    for (const [id, { rev }] of stopping) yield [stoppingBrokerKey(id), rev];
    for (const [id, { rev }] of offline) yield [offlineReplicasKey(id), rev];
    if (controller) yield [CONTROLLER_KEY, controller.rev];
    if (controllerEpoch.rev > 0) yield [CONTROLLER_EPOCH_KEY, controllerEpoch.rev];
    for (const [key, ends] of this.parts.logEnds.entries()) {
      const [, , topicId, partition] = key.split('/');
      for (const [id, { rev }] of ends) yield [logEndKey(id, topicId!, Number(partition)), rev];
    }
    for (const [key, config] of this.parts.configs.entries()) yield [key, config.rev];
  }
}
