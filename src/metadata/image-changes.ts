import {
  type BrokerImage,
  type ConfigImage,
  type ImageParts,
  type KnownBrokerImage,
  type LogEndImage,
  MetadataImage,
  type OfflineReplicasImage,
  type PartitionImage,
  type StoppingImage,
  type TopicImage,
} from './image.ts';
import { type ConfigResource, type ParsedKey, parseKey, partitionKey, topicKey } from './keys.ts';
import type { Batch, KV, Rev } from './store.ts';
import {
  BrokenValueError,
  parseBroker,
  parseConfigs,
  parseController,
  parseFeatures,
  parseInteger,
  parseKnownBroker,
  parseLogEnd,
  parseOffline,
  parsePartition,
  parseText,
  parseTopic,
  type TopicValue,
} from './values.ts';

/** `before`: the same partition in the image before; absent for one that is new. */
export interface PartitionChange {
  readonly topic: TopicImage;
  readonly partition: PartitionImage;
  readonly before?: PartitionImage;
}

/** What differs between an image and the one before it. */
export interface ImageChanges {
  readonly createdTopics: readonly TopicImage[];
  /** As they were. A topic created anew under the same name stands in both lists. */
  readonly deletedTopics: readonly TopicImage[];
  /** Partitions of topics in the image that are new (also those of new topics) or changed in any field. */
  readonly partitions: readonly PartitionChange[];
  readonly configs: readonly ConfigResource[];
  /** Ids of brokers that appeared, changed, went, asked for controlled shutdown, or told of disks that failed. */
  readonly brokers: readonly number[];
  readonly features: boolean;
  /** Partitions of which a member told how far its log goes, or took it back. */
  readonly logEnds: readonly { readonly topicId: string; readonly partition: number }[];
  /** Who is the controller, or its epoch. */
  readonly controller: boolean;
}

/** One key's new state; without a value the key is gone. */
interface KeyChange {
  readonly key: string;
  readonly rev: Rev;
  readonly value?: Uint8Array | undefined;
}

export interface Applied {
  readonly image: MetadataImage;
  readonly changes: ImageChanges;
}

/** The image after one transaction. @throws BrokenValueError, which names the key */
export function applyBatch(image: MetadataImage, batch: Batch): Applied {
  return new ImageEdit(image).apply(
    batch.rev,
    batch.changes.map(({ key, value }) => ({ key, value, rev: batch.rev })),
  );
}

/** The image of all the keys there are, and what changed since `image`, however long ago that was. @throws BrokenValueError, which names the key */
export function applyRange(image: MetadataImage, kvs: readonly KV[], revision: Rev): Applied {
  const gone = new Map(image.keys());
  const changes: KeyChange[] = [];
  for (const kv of kvs) {
    if (gone.get(kv.key) !== kv.rev) changes.push(kv);
    gone.delete(kv.key);
  }
  for (const key of gone.keys()) changes.push({ key, rev: revision });
  return new ImageEdit(image).apply(revision, changes);
}

class ImageEdit {
  private readonly before: MetadataImage;
  private readonly created: TopicImage[] = [];
  private readonly deleted: TopicImage[] = [];
  private readonly partitionChanges: PartitionChange[] = [];
  private readonly configResources: ConfigResource[] = [];
  private readonly brokerIds = new Set<number>();
  private readonly logEndChanges: { topicId: string; partition: number }[] = [];
  private readonly topics;
  private readonly topicNames;
  private readonly partitions;
  private readonly configs;
  private readonly logEnds;
  private brokers: Map<number, BrokerImage> | undefined;
  private knownBrokers: Map<number, KnownBrokerImage> | undefined;
  private stopping: Map<number, StoppingImage> | undefined;
  private offline: Map<number, OfflineReplicasImage> | undefined;
  private controller: ImageParts['controller'];
  private controllerEpoch: ImageParts['controllerEpoch'];
  private clusterId: ImageParts['clusterId'];
  private features: ImageParts['features'];
  /** Partition lists of this edit, copied once each. */
  private readonly ownLists = new Map<string, (PartitionImage | undefined)[]>();
  private readonly topicValues = new Map<string, (TopicValue & { rev: Rev }) | undefined>();

  constructor(before: MetadataImage) {
    const { parts } = before;
    this.before = before;
    this.topics = parts.topics.edit();
    this.topicNames = parts.topicNames.edit();
    this.partitions = parts.partitions.edit();
    this.configs = parts.configs.edit();
    this.logEnds = parts.logEnds.edit();
    this.clusterId = parts.clusterId;
    this.features = parts.features;
    this.controller = parts.controller;
    this.controllerEpoch = parts.controllerEpoch;
  }

  apply(revision: Rev, changes: readonly KeyChange[]): Applied {
    for (const change of changes) {
      const parsed = parseKey(change.key);
      if (parsed) this.applyKey(parsed, change);
    }
    this.finishPartitions();
    for (const [name, value] of this.topicValues) this.finishTopic(name, value);
    const image = new MetadataImage({
      revision,
      clusterId: this.clusterId,
      features: this.features,
      topics: this.topics.done(),
      topicNames: this.topicNames.done(),
      partitions: this.partitions.done(),
      brokers: this.brokers ?? this.before.brokers,
      knownBrokers: this.knownBrokers ?? this.before.knownBrokers,
      stopping: this.stopping ?? this.before.stopping,
      offline: this.offline ?? this.before.parts.offline,
      controller: this.controller,
      controllerEpoch: this.controllerEpoch,
      logEnds: this.logEnds.done(),
      configs: this.configs.done(),
    });
    return {
      image,
      changes: {
        createdTopics: this.created,
        deletedTopics: this.deleted,
        partitions: this.partitionChanges,
        configs: this.configResources,
        brokers: [...this.brokerIds],
        logEnds: this.logEndChanges,
        features: this.features !== this.before.parts.features,
        controller: this.controller !== this.before.controller || this.controllerEpoch !== this.before.controllerEpoch,
      },
    };
  }

  private applyKey(parsed: ParsedKey, { key, rev, value }: KeyChange): void {
    switch (parsed.kind) {
      case 'topic':
        this.topicValues.set(parsed.name, value && { ...parseTopic(key, value), rev });
        break;
      case 'partition': {
        const { topicId, partition } = parsed;
        this.partitionList(topicId)[partition] = value && { ...parsePartition(key, value), topicId, partition, rev };
        break;
      }
      case 'live':
        this.brokers ??= new Map(this.before.brokers);
        if (value) this.brokers.set(parsed.id, { ...parseBroker(key, value), id: parsed.id, epoch: rev });
        else this.brokers.delete(parsed.id);
        this.brokerIds.add(parsed.id);
        break;
      case 'known':
        this.knownBrokers ??= new Map(this.before.knownBrokers);
        if (value) this.knownBrokers.set(parsed.id, { ...parseKnownBroker(key, value), id: parsed.id, epoch: rev });
        else this.knownBrokers.delete(parsed.id);
        this.brokerIds.add(parsed.id);
        break;
      case 'stopping':
        this.stopping ??= new Map(this.before.stopping);
        if (value) this.stopping.set(parsed.id, { brokerEpoch: parseInteger(key, value), rev });
        else this.stopping.delete(parsed.id);
        this.brokerIds.add(parsed.id);
        break;
      case 'offline':
        this.offline ??= new Map(this.before.parts.offline);
        if (value) this.offline.set(parsed.id, { ...parseOffline(key, value), rev });
        else this.offline.delete(parsed.id);
        this.brokerIds.add(parsed.id);
        break;
      case 'controller':
        this.controller = value && { ...parseController(key, value), rev };
        break;
      case 'controllerEpoch':
        this.controllerEpoch = value ? { value: parseInteger(key, value), rev } : { value: 0, rev: 0 };
        break;
      case 'logEnd':
        this.applyLogEnd(parsed, value && { ...parseLogEnd(key, value), rev });
        break;
      case 'config':
        this.applyConfig(parsed.resource, key, value && { values: parseConfigs(key, value), rev });
        break;
      case 'clusterId':
        this.clusterId = value ? { value: parseText(key, value), rev } : { value: '', rev: 0 };
        break;
      case 'features':
        this.features = value ? { value: parseFeatures(key, value), rev } : { value: new Map(), rev: 0 };
        break;
    }
  }

  private applyConfig(resource: ConfigResource, key: string, config: ConfigImage | undefined): void {
    if (config) this.configs.set(key, config);
    else this.configs.delete(key);
    this.configResources.push(resource);
  }

  private applyLogEnd(key: { brokerId: number; topicId: string; partition: number }, end: LogEndImage | undefined): void {
    const { brokerId, topicId, partition } = key;
    const ends = new Map(this.logEnds.get(partitionKey(topicId, partition)));
    if (end) ends.set(brokerId, end);
    else ends.delete(brokerId);
    if (ends.size > 0) this.logEnds.set(partitionKey(topicId, partition), ends);
    else this.logEnds.delete(partitionKey(topicId, partition));
    this.logEndChanges.push({ topicId, partition });
  }

  private partitionList(topicId: string): (PartitionImage | undefined)[] {
    let list = this.ownLists.get(topicId);
    if (!list) {
      list = [...(this.partitions.get(topicId) ?? [])];
      this.ownLists.set(topicId, list);
    }
    return list;
  }

  /** Puts the changed lists in place, and has their topics built anew. */
  private finishPartitions(): void {
    for (const [topicId, list] of this.ownLists) {
      while (list.length > 0 && list.at(-1) === undefined) list.pop();
      if (list.length > 0) this.partitions.set(topicId, list);
      else this.partitions.delete(topicId);
      const topic = this.before.topicById(topicId);
      if (topic && !this.topicValues.has(topic.name)) {
        this.topicValues.set(topic.name, { topicId, partitions: topic.partitions.length, rev: topic.rev });
      }
    }
  }

  private finishTopic(name: string, value: (TopicValue & { rev: Rev }) | undefined): void {
    let before = this.before.topic(name);
    if (before && before.topicId !== value?.topicId) {
      this.topics.delete(name);
      this.topicNames.delete(before.topicId);
      this.deleted.push(before);
      before = undefined;
    }
    if (!value) return;
    const { topicId, rev } = value;
    const topic: TopicImage = { name, topicId, rev, partitions: this.completePartitions(name, value) };
    this.topics.set(name, topic);
    this.topicNames.set(topicId, name);
    if (!before) this.created.push(topic);
    for (const partition of topic.partitions) {
      const earlier = before?.partitions[partition.partition];
      if (partition !== earlier) this.partitionChanges.push({ topic, partition, ...(earlier && { before: earlier }) });
    }
  }

  private completePartitions(name: string, value: TopicValue): readonly PartitionImage[] {
    const list = this.partitions.get(value.topicId) ?? [];
    const wanted = list.length === value.partitions ? list : list.slice(0, value.partitions);
    if (wanted.length < value.partitions || !isComplete(wanted)) {
      throw new BrokenValueError(topicKey(name), `names ${value.partitions} partitions, but not all of them have a key`);
    }
    return wanted;
  }
}

function isComplete(list: readonly (PartitionImage | undefined)[]): list is readonly PartitionImage[] {
  for (const partition of list) if (!partition) return false;
  return true;
}
