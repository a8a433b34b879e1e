import type { BrokerConfig } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Purgatory } from '../core/purgatory.ts';
import type { MetadataImage, TopicImage } from '../metadata/image.ts';
import type { ImageChanges } from '../metadata/image-changes.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import type { LogStore } from '../storage/log-store.ts';
import { folderName } from '../storage/partition-folder.ts';
import { PreparationSlots } from '../storage/preparation-slots.ts';
import { logConfigOf } from './log-config.ts';
import { Partition, type PartitionServices } from './partition.ts';

export interface ReplicaManagerOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logs: LogStore;
  readonly metadata: MetadataFeed;
  readonly purgatory: Purgatory;
  readonly config: () => BrokerConfig;
  readonly logger: Logger;
}

/** All partitions of this broker. It follows the metadata image: what the image does not show is not served. */
export class ReplicaManager {
  private readonly options: ReplicaManagerOptions;
  private readonly services: PartitionServices;
  /** Topic id -> partitions by number, those that were used since the start. */
  private readonly partitions = new Map<string, Partition[]>();
  private readonly stopListening: () => void;

  constructor(options: ReplicaManagerOptions) {
    this.options = options;
    this.services = { clock: options.clock, purgatory: options.purgatory, slots: new PreparationSlots() };
    this.stopListening = options.metadata.onChange((image, changes) => this.follow(image, changes));
  }

  /** What clients produced and is not appended yet fails: it must not reach a log that is being closed. */
  close(): void {
    this.stopListening();
    const error = new KafkaError('NOT_LEADER_OR_FOLLOWER', 'The broker is closing');
    for (const partitions of this.partitions.values()) for (const partition of partitions) partition?.close(error);
  }

  /** @throws KafkaError UNKNOWN_TOPIC_ID */
  nameOf(topicId: string): string {
    const topic = this.options.metadata.current.topicById(topicId);
    if (!topic) throw new KafkaError('UNKNOWN_TOPIC_ID');
    return topic.name;
  }

  /** @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION */
  requireExists(topic: string, index: number): void {
    if (!this.options.metadata.current.partition(topic, index)) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
  }

  /** The partition, which this broker must lead. @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER */
  leader(topicName: string, index: number): Partition {
    const topic = this.requireLed(topicName, index);
    return this.partitions.get(topic.topicId)?.[index] ?? this.open(topic, index);
  }

  /**
   * Tells the bytes of each partition's log, for the questions of one request. A log that was not used since the start is opened when it has
   * a folder; without one it is empty. @throws (the function) KafkaError UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR
   */
  measureLogs(): (topicName: string, index: number) => number {
    const unused = new Set(this.options.logs.strays(() => false)); // folders from before the start that no log was opened for
    return (topicName, index) => {
      const { topicId } = this.requireLed(topicName, index);
      const used = this.partitions.get(topicId)?.[index];
      if (!used && !unused.has(folderName({ topic: topicName, partition: index }))) return 0;
      return this.leader(topicName, index).sizeBytes;
    };
  }

  /**
   * The partitions that may hold records: those that were used since the start, and those with a folder from before. Opens nothing.
   * Beware of what happens to them between this call and their use.
   */
  stored(): { topic: string; index: number }[] {
    const { logs, metadata, nodeId } = this.options;
    const unused = new Set(logs.strays(() => false));
    const found: { topic: string; index: number }[] = [];
    for (const { name: topic, topicId, partitions } of metadata.current.topics()) {
      const used = this.partitions.get(topicId);
      for (const { partition: index, leader } of partitions) {
        if (leader === nodeId && (used?.[index] || unused.has(folderName({ topic, partition: index })))) found.push({ topic, index });
      }
    }
    return found;
  }

  /** The brokers' defaults for topics changed: every log gets its configuration anew. */
  reconfigure(): void {
    for (const topic of this.options.metadata.current.topics()) this.configure(topic);
  }

  private requireLed(topicName: string, index: number): TopicImage {
    const topic = this.options.metadata.current.topic(topicName);
    const state = topic?.partitions[index];
    if (!topic || !state) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
    if (state.leader !== this.options.nodeId) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
    return topic;
  }

  private open(topic: TopicImage, index: number): Partition {
    const { name, topicId } = topic;
    const config = this.configOf(name);
    const log = this.options.logs.log({ topic: name, partition: index }, topicId, config);
    const identity = { topic: name, topicId, index };
    const partition = new Partition(identity, topic.partitions[index]!.leaderEpoch, log, config, this.services);
    const all = this.partitions.get(topicId);
    if (all) all[index] = partition;
    else {
      const list: Partition[] = [];
      list[index] = partition;
      this.partitions.set(topicId, list);
    }
    return partition;
  }

  private follow(image: MetadataImage, changes: ImageChanges): void {
    for (const topic of changes.deletedTopics) this.remove(topic);
    for (const { topic, partition } of changes.partitions) {
      const known = this.partitions.get(topic.topicId)?.[partition.partition];
      if (known && known.leaderEpoch !== partition.leaderEpoch) known.becomeLeader(partition.leaderEpoch);
    }
    for (const { type, name } of changes.configs) {
      const topic = type === 'topic' ? image.topic(name) : undefined;
      if (topic) this.configure(topic);
    }
  }

  private remove({ name, topicId, partitions }: TopicImage): void {
    const used = this.partitions.get(topicId) ?? [];
    this.partitions.delete(topicId);
    for (const partition of used) {
      if (!partition) continue;
      this.options.purgatory.wake(partition.key);
      partition.close(new KafkaError('UNKNOWN_TOPIC_OR_PARTITION'));
    }
    for (const { partition } of partitions) {
      try {
        this.options.logs.delete({ topic: name, partition });
      } catch (error) {
        // What is left on the disk is named as stray at the next start; the other partitions must go all the same.
        this.options.logger.warn({ topic: name, partition, err: error }, 'a deleted partition could not be removed');
      }
    }
  }

  private configure({ name, topicId }: TopicImage): void {
    const used = this.partitions.get(topicId);
    if (!used) return;
    const config = this.configOf(name);
    for (const partition of used) partition?.configure(config);
  }

  private configOf(topic: string) {
    const overrides = this.options.metadata.current.configs({ type: 'topic', name: topic });
    return logConfigOf(this.options.config().topic(overrides));
  }
}
