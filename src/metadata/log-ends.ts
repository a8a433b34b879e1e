import type { Clock, Timer } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { MetadataImage, PartitionImage } from './image.ts';
import type { ImageChanges } from './image-changes.ts';
import type { MetadataFeed } from './image-feed.ts';
import { isForeign, isLost, isOffline, isSuspect } from './isr.ts';
import { liveBrokerKey, logEndKey, partitionKey } from './keys.ts';
import { Reconciler } from './reconciler.ts';
import type { Registered } from './registration.ts';
import type { MetadataStore, Op } from './store.ts';
import { encodeValue } from './values.ts';
import { batches } from './writes.ts';

type Put = Extract<Op, { put: string }>;

/** The end of a replica's log. `lastEpoch`: the leader epoch of its last batch, -1 when it is empty. */
export interface LogEnd {
  readonly lastEpoch: number;
  readonly logEndOffset: number;
}

export interface LogEndsOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: number;
  readonly registered: () => Registered | undefined;
  /**
   * Resolves when no write is in flight and none can follow before the partition has a leader again: this broker has taken in that it has none.
   * Fails when the log cannot be read; then the partition waits for an operator.
   */
  readonly endOf: (topic: string, partition: PartitionImage) => Promise<LogEnd>;
}

/** After a log could not be read, or its partition was not yet left by its leader. */
const RETRY_MS = 500;

/**
 * Tells the controller how far this broker's logs go where that decides: after a machine crash all members of a partition may have lost records,
 * and the one with the most is to lead (metadata-store rule 6 iii).
 */
export class LogEnds {
  private readonly options: LogEndsOptions;
  private readonly loop: Reconciler;
  private readonly unsubscribe: () => void;
  private everything = true;
  /** So that a log that cannot be read is told of once. */
  private failed = false;
  private retry: Timer | undefined;
  private closed = false;
  private readonly dirty = new Map<string, { topic: string; partition: number }>();
  /** Partition key -> what was told, as `broker epoch/leader epoch`, and the key of the store that says it. */
  private readonly told = new Map<string, { at: string; key: string; topic: string; partition: number }>();

  constructor(options: LogEndsOptions) {
    const { clock, metadata, logger } = options;
    this.options = options;
    this.loop = new Reconciler({
      clock,
      pass: () => this.pass(),
      onError: (error) => {
        this.everything = true;
        for (const told of this.told.values()) told.at = ''; // or perhaps it was not
        logger.warn({ err: error }, 'the ends of logs could not be told to the controller; trying again');
      },
    });
    this.unsubscribe = metadata.onChange((image, changes) => this.follow(image, changes));
    this.loop.kick();
  }

  /** When this broker's registration changed. */
  kick(): void {
    this.everything = true;
    this.loop.kick();
  }

  async close(): Promise<void> {
    this.unsubscribe();
    this.closed = true;
    this.retry?.cancel();
    await this.loop.close();
  }

  private follow(image: MetadataImage, changes: ImageChanges): void {
    if (changes.brokers.length > 0) this.everything = true; // who is a member depends on the disks of all
    for (const { topic, partition } of changes.partitions) {
      const key = partitionKey(partition.topicId, partition.partition);
      if (this.told.has(key) || this.mustTell(image, partition)) this.dirty.set(key, { topic: topic.name, partition: partition.partition });
    }
    for (const { topicId, partition } of changes.logEnds) this.compare(image, topicId, partition);
    for (const { partitions } of changes.deletedTopics) {
      for (const { topicId, partition } of partitions) if (this.told.has(partitionKey(topicId, partition))) this.everything = true;
    }
    if (this.everything || this.dirty.size > 0) this.loop.kick();
  }

  /** A write in doubt that comes late says again what is no longer true. */
  private compare(image: MetadataImage, topicId: string, partition: number): void {
    const told = this.told.get(partitionKey(topicId, partition));
    const end = image.logEnds(topicId, partition)?.get(this.options.nodeId);
    if (!told || !end || told.at === `${end.brokerEpoch}/${end.leaderEpoch}`) return;
    told.at = '';
    this.dirty.set(partitionKey(topicId, partition), told);
  }

  /** Whether this broker is one of several members, all on the disks that were admitted, that nobody leads, and one that may have lost records; what is on a failed disk nobody can tell. */
  private mustTell(image: MetadataImage, partition: PartitionImage): boolean {
    const { nodeId } = this.options;
    const me = image.brokers.get(nodeId);
    if (partition.leader !== -1 || !me || !isSuspect(partition, nodeId, me)) return false;
    if (isOffline(image, partition, nodeId) || isLost(image, partition, nodeId)) return false;
    const members = [...partition.isr, ...partition.elr];
    return members.includes(nodeId) && members.some((id) => id !== nodeId && !this.isForeign(image, partition, id));
  }

  private isForeign(image: MetadataImage, partition: PartitionImage, id: number): boolean {
    const broker = image.brokers.get(id);
    return broker !== undefined && (isForeign(partition, id, broker) || isLost(image, partition, id));
  }

  private async pass(): Promise<void> {
    const { metadata, nodeId, registered } = this.options;
    const me = registered();
    const image = metadata.current;
    if (!me || image.brokers.get(nodeId)?.epoch !== me.epoch) return; // the image's next change of this broker comes back here
    const wanted = [...this.candidates(image)];
    this.everything = false;
    this.dirty.clear();
    const ops = new Map<string, Op>();
    for (const { topic, partition } of wanted) {
      const op = await this.telling(topic, partition, me);
      if (op) ops.set(op.put, op);
    }
    for (const op of this.withdrawn(metadata.current)) ops.set(op.del, op);
    const conds = [{ key: liveBrokerKey(nodeId), rev: me.epoch }];
    for (const batch of batches([...ops.values()])) {
      const { ok } = await this.options.store.txn(conds, batch);
      if (!ok) return; // registered anew: everything is told again
    }
  }

  private *candidates(image: MetadataImage): Generator<{ topic: string; partition: PartitionImage }> {
    if (this.everything) {
      for (const { name, partitions } of image.topics()) {
        for (const partition of partitions) if (this.mustTell(image, partition)) yield { topic: name, partition };
      }
      return;
    }
    for (const { topic, partition: number } of this.dirty.values()) {
      const partition = image.partition(topic, number);
      if (partition && this.mustTell(image, partition)) yield { topic, partition };
    }
  }

  private async telling(topic: string, partition: PartitionImage, me: Registered): Promise<Put | undefined> {
    const { nodeId, clock, logger, endOf } = this.options;
    const { topicId, partition: number, leaderEpoch } = partition;
    const key = logEndKey(nodeId, topicId, number);
    const at = `${me.epoch}/${leaderEpoch}`;
    const name = partitionKey(topicId, number);
    if (this.told.get(name)?.at === at) return undefined;
    try {
      const end = await endOf(topic, partition);
      this.failed = false;
      this.told.set(name, { at, key, topic, partition: number });
      return { put: key, value: encodeValue({ brokerEpoch: me.epoch, leaderEpoch, ...end }), lease: me.lease.id };
    } catch (error) {
      const fields = { err: error, topic, partition: number };
      if (!this.failed)
        logger.error(fields, 'the end of a log is not known: until it is, its partition waits, or for topics elect-leaders --unclean');
      this.failed = true;
      if (!this.closed)
        this.retry ??= clock.after(RETRY_MS, () => {
          this.retry = undefined;
          this.kick();
        });
      return undefined;
    }
  }

  /** What was told and decides nothing any more. */
  private *withdrawn(image: MetadataImage): Generator<{ del: string }> {
    for (const [name, { key, topic, partition: number }] of this.told) {
      const partition = image.partition(topic, number);
      if (partition && name === partitionKey(partition.topicId, number) && this.mustTell(image, partition)) continue;
      this.told.delete(name);
      yield { del: key };
    }
  }
}
