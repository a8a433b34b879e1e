import type { BrokerConfig } from '../config.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Purgatory } from '../core/purgatory.ts';
import type { MetadataImage, PartitionImage, TopicImage } from '../metadata/image.ts';
import type { ImageChanges } from '../metadata/image-changes.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import type { LogEnd } from '../metadata/log-ends.ts';
import type { FailedDisks } from '../metadata/offline-replicas.ts';
import type { MetadataStore } from '../metadata/store.ts';
import type { LogFailure } from '../storage/disk-failure.ts';
import type { LogDirs } from '../storage/log-dirs.ts';
import { folderName, futureName } from '../storage/partition-folder.ts';
import { PreparationSlots } from '../storage/preparation-slots.ts';
import type { Compactions } from './compactions.ts';
import type { Fetchers } from './followed-partition.ts';
import { type ReplicaConfig, replicaConfigOf } from './log-config.ts';
import { Partition } from './partition.ts';
import { type LiveRegistration, type PartitionServices, requireLease } from './partition-services.ts';

export interface ReplicaManagerOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logs: LogDirs;
  readonly metadata: MetadataFeed;
  readonly store: MetadataStore;
  readonly purgatory: Purgatory;
  readonly config: () => BrokerConfig;
  readonly logger: Logger;
  /** This broker's registration while its lease holds; call `registrationChanged` whenever it is another, or gone. */
  readonly registration: () => LiveRegistration | null;
  readonly compactions: Pick<Compactions, 'request'>;
  /** Fetches for the partitions that this broker follows. */
  readonly fetchers: Fetchers;
}

/** What a replica takes up in one log directory. */
export interface LogSize {
  readonly directory: string;
  readonly sizeBytes: number;
  /** Records that a replica which moves lacks still; 0 for one that is in place. */
  readonly offsetLag: number;
  /** It is to take the place of the replica in another directory. */
  readonly isFuture: boolean;
}

/**
 * All replicas of this broker. It follows the metadata image: what the image does not show is not served. A partition with more than one replica is
 * there from the moment the image shows it; one with this replica alone is opened at its first use.
 */
export class ReplicaManager implements FailedDisks {
  /** Called when disks, or single logs, have failed. */
  onDiskFailure = () => {};
  private readonly options: ReplicaManagerOptions;
  private readonly services: PartitionServices;
  /** Topic id -> partitions by number, those that were used since the start. */
  private readonly partitions = new Map<string, Partition[]>();
  private readonly stopListening: () => void;
  private readonly stopWatchingLogs: () => void;
  private anyFailed = false;
  private isrCheck: Timer;

  constructor(options: ReplicaManagerOptions) {
    const { nodeId, clock, purgatory, store, logger, metadata, registration, fetchers, compactions, config } = options;
    this.options = options;
    this.services = {
      ...{ nodeId, clock, purgatory, store, logger, registration, fetchers, compactions },
      slots: new PreparationSlots(),
      image: () => metadata.current,
      maxLagMs: () => config().long('replica.lag.time.max.ms'),
    };
    this.stopWatchingLogs = options.logs.onFailure((failure) => this.logsFailed(failure));
    this.stopListening = metadata.onChange((image, changes) => this.follow(image, changes));
    for (const topic of metadata.current.topics()) for (const partition of topic.partitions) this.keep(topic, partition);
    this.isrCheck = clock.after(this.isrCheckMs(), () => this.checkIsrs());
  }

  /** What clients produced and is not appended yet fails: it must not reach a log that is being closed. */
  close(): void {
    this.stopListening();
    this.stopWatchingLogs();
    this.isrCheck.cancel();
    const error = new KafkaError('NOT_LEADER_OR_FOLLOWER', 'The broker is closing');
    for (const partition of this.open()) partition.close(error);
  }

  /** This broker registered, or its registration was lost: it leads and follows under it alone. */
  registrationChanged(): void {
    for (const partition of this.open()) partition.registrationsChanged();
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

  /** The partition, which this broker must lead. @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR */
  leader(topicName: string, index: number): Partition {
    const partition = this.hosted(topicName, index);
    partition.leading();
    return partition;
  }

  /** The partition, which this broker must lead or follow. @throws KafkaError as `leader` */
  replica(topicName: string, index: number): Partition {
    const partition = this.hosted(topicName, index);
    if (!partition.isFollower) partition.leading();
    return partition;
  }

  /** The partition, of which this broker must have a replica, in whatever role. @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER */
  hosted(topicName: string, index: number): Partition {
    const { topic, state } = this.requireHosted(topicName, index);
    return this.partitions.get(topic.topicId)?.[index] ?? this.make(topic, state);
  }

  /** See LogEnds: the end of a replica's log while nobody leads. Rejects when somebody does, or the log cannot be read. */
  endOf(topicName: string, state: PartitionImage): Promise<LogEnd> {
    return new Promise((resolve, reject) => {
      this.hosted(topicName, state.partition).endWithoutLeader(state, (error, end) => (error ? reject(error) : resolve(end)));
    });
  }

  get extent(): FailedDisks['extent'] {
    const { stores, unusable } = this.options.logs;
    if (stores.every(({ failure }) => failure)) return 'all';
    return this.anyFailed || unusable.length > 0 ? 'some' : 'none';
  }

  isOffline(topicName: string, index: number): boolean {
    return this.options.logs.isOffline({ topic: topicName, partition: index });
  }

  /** See the function. @throws KafkaError NOT_LEADER_OR_FOLLOWER */
  requireLease(): void {
    requireLease(this.services);
  }

  /**
   * Tells the bytes of each replica's log and where it is, for the questions of one request. A log that was not used since the start is opened when
   * it has a folder; without one it is empty. @throws (the function) KafkaError UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR
   */
  measureLogs(): (topicName: string, index: number) => LogSize[] {
    const { logs } = this.options;
    const unused = new Set(logs.strays(() => false)); // folders from before the start that no log was opened for
    return (topicName, index) => {
      const { topic } = this.requireHosted(topicName, index);
      const topicPartition = { topic: topicName, partition: index };
      if (logs.isOffline(topicPartition)) throw new KafkaError('KAFKA_STORAGE_ERROR');
      const used = this.partitions.get(topic.topicId)?.[index];
      const isEmpty = !used && !unused.has(folderName(topicPartition));
      const sizeBytes = isEmpty ? 0 : this.hosted(topicName, index).sizeBytes;
      const directory = logs.directoryOf(topicPartition);
      const current = directory === null ? [] : [{ directory, sizeBytes, offsetLag: 0, isFuture: false }];
      const move = isEmpty ? null : logs.moveOf(topicPartition);
      if (!move) return current;
      const offsetLag = Math.max(this.hosted(topicName, index).logEndOffset - move.endOffset, 0);
      return [...current, { directory: move.directory, sizeBytes: move.sizeBytes, offsetLag, isFuture: true }];
    };
  }

  /**
   * Begins to move this broker's replica to another of its log directories; one that is not here is made there when it comes.
   * @throws KafkaError LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR, REPLICA_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION
   */
  moveReplica(topic: string, index: number, directory: string): void {
    const { logs, metadata } = this.options;
    const topicPartition = { topic, partition: index };
    // KAFKA-4893
    if (futureName(folderName(topicPartition), '0'.repeat(32)).length > 255)
      throw new KafkaError('INVALID_TOPIC_EXCEPTION', 'The topic name is too long.');
    logs.requireUsable(directory);
    if (logs.isOffline(topicPartition)) throw new KafkaError('KAFKA_STORAGE_ERROR');
    const state = metadata.current.partition(topic, index);
    if (!state?.replicas.includes(this.options.nodeId)) {
      logs.prefer(topicPartition, directory);
      throw new KafkaError(state ? 'REPLICA_NOT_AVAILABLE' : 'UNKNOWN_TOPIC_OR_PARTITION');
    }
    logs.move(this.hosted(topic, index).log, state.topicId, directory);
  }

  /** Goes on with the moves that the end of the last run cut short. */
  resumeMoves(): void {
    for (const { topicPartition, directory } of this.options.logs.unfinishedMoves()) {
      try {
        this.moveReplica(topicPartition.topic, topicPartition.partition, directory);
      } catch (error) {
        this.options.logger.warn({ ...topicPartition, directory, err: error }, 'a replica stays in its log directory');
      }
    }
  }

  /**
   * The replicas that may hold records: those that were used since the start, and those with a folder from before. Opens nothing.
   * Beware of what happens to them between this call and their use.
   */
  stored(which: 'all' | 'compacted' | 'not compacted'): { topic: string; index: number }[] {
    const { logs, metadata, nodeId } = this.options;
    let unused: Set<string> | undefined;
    const isUnused = (folder: string) => (unused ??= new Set(logs.strays(() => false))).has(folder); // there may be 10,000, for nothing
    const found: { topic: string; index: number }[] = [];
    const policy = this.options.config().topicDefault('cleanup.policy');
    for (const { name: topic, topicId, partitions } of metadata.current.topics()) {
      const isCompacted = (metadata.current.configs({ type: 'topic', name: topic }).get('cleanup.policy') ?? policy).includes('compact');
      if (which !== 'all' && isCompacted !== (which === 'compacted')) continue;
      const used = this.partitions.get(topicId);
      for (const { partition: index, replicas } of partitions) {
        if (!replicas.includes(nodeId)) continue;
        if (used?.[index] || isUnused(folderName({ topic, partition: index }))) found.push({ topic, index });
      }
    }
    return found;
  }

  /** The brokers' defaults for topics changed: every log gets its configuration anew. */
  reconfigure(): void {
    for (const topic of this.options.metadata.current.topics()) this.configure(topic);
  }

  private *open(): Generator<Partition> {
    for (const partitions of this.partitions.values()) for (const partition of partitions) if (partition) yield partition;
  }

  private requireHosted(topicName: string, index: number): { topic: TopicImage; state: PartitionImage } {
    const topic = this.options.metadata.current.topic(topicName);
    const state = topic?.partitions[index];
    if (!topic || !state) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
    if (!state.replicas.includes(this.options.nodeId)) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
    return { topic, state };
  }

  private make(topic: TopicImage, state: PartitionImage): Partition {
    const { name, topicId } = topic;
    const { partition: index } = state;
    const config = this.configOf(name);
    const log = this.options.logs.log({ topic: name, partition: index }, topicId, config.log);
    const partition = new Partition(name, state, log, config, this.services);
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
    for (const { topic, partition, before } of changes.partitions) this.keep(topic, partition, before);
    // A broker that registered anew may have another disk, and one that is about to stop is not admitted any more.
    if (changes.brokers.length > 0) for (const partition of this.open()) partition.registrationsChanged();
    for (const { type, name } of changes.configs) {
      const topic = type === 'topic' ? image.topic(name) : undefined;
      if (topic) this.configure(topic);
    }
  }

  /** What goes wrong with one partition must not keep the others from their roles. */
  private keep(topic: TopicImage, state: PartitionImage, before?: PartitionImage): void {
    try {
      this.keepOne(topic, state, before);
    } catch (error) {
      this.options.logger.error({ topic: topic.name, partition: state.partition, err: error }, 'a partition could not take its role');
    }
  }

  private keepOne(topic: TopicImage, state: PartitionImage, before: PartitionImage | undefined): void {
    const { nodeId } = this.options;
    const known = this.partitions.get(topic.topicId)?.[state.partition];
    if (!state.replicas.includes(nodeId)) {
      if (known || before?.replicas.includes(nodeId)) this.drop(topic, state.partition);
    } else if (known) known.update(state);
    else if (state.replicas.length > 1) this.make(topic, state);
  }

  private remove({ name, topicId, partitions }: TopicImage): void {
    for (const { partition } of partitions) this.drop({ name, topicId }, partition);
    this.partitions.delete(topicId);
  }

  /** The topic is gone, or this broker is not among the partition's replicas any more. */
  private drop({ name: topic, topicId }: Pick<TopicImage, 'name' | 'topicId'>, index: number): void {
    const partitions = this.partitions.get(topicId);
    partitions?.[index]?.close(
      new KafkaError(this.options.metadata.current.topicById(topicId) ? 'NOT_LEADER_OR_FOLLOWER' : 'UNKNOWN_TOPIC_OR_PARTITION'),
    );
    delete partitions?.[index];
    try {
      this.options.logs.delete({ topic, partition: index });
    } catch (error) {
      // What is left on the disk is named as stray at the next start; the other partitions must go all the same.
      this.options.logger.warn({ topic, partition: index, err: error }, 'a deleted partition could not be removed');
    }
  }

  private logsFailed({ partitions }: LogFailure): void {
    this.anyFailed = true;
    const { current } = this.options.metadata;
    for (const { topic, partition } of partitions) this.partitions.get(current.topic(topic)?.topicId ?? '')?.[partition]?.logFailed();
    this.onDiskFailure();
  }

  private configure({ name, topicId }: TopicImage): void {
    const used = this.partitions.get(topicId);
    if (!used) return;
    const config = this.configOf(name);
    for (const partition of used) partition?.configure(config);
  }

  private configOf(topic: string): ReplicaConfig {
    const overrides = this.options.metadata.current.configs({ type: 'topic', name: topic });
    return replicaConfigOf(this.options.config().topic(overrides));
  }

  /** Kafka's rhythm: whoever falls behind leaves the ISR within one and a half times replica.lag.time.max.ms. */
  private isrCheckMs(): number {
    return Math.max(this.services.maxLagMs() / 2, 1);
  }

  private checkIsrs(): void {
    this.isrCheck = this.options.clock.after(this.isrCheckMs(), () => this.checkIsrs());
    const nowMs = this.options.clock.monotonicMs();
    for (const partition of this.open()) {
      try {
        partition.checkIsr(nowMs);
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error; // its log is offline, which was logged
      }
    }
  }
}
