import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { MetadataImage } from './image.ts';
import type { ImageChanges } from './image-changes.ts';
import type { MetadataFeed } from './image-feed.ts';
import { liveBrokerKey, offlineReplicasKey } from './keys.ts';
import { Reconciler } from './reconciler.ts';
import type { Registered } from './registration.ts';
import type { MetadataStore } from './store.ts';
import { encodeOffline, type LostReplicas, type OfflineReplicasValue } from './values.ts';

/** What this broker knows of its own disks. */
export interface FailedDisks {
  /** some: the broker goes on without them; all: it has no replica that it could serve. Cheap. */
  readonly extent: 'none' | 'some' | 'all';
  /** Whether its replica of a partition is, or may be, on a disk that failed. */
  isOffline(topic: string, partition: number): boolean;
  /** Replicas that were, or may have been, on a disk in whose place this process found an empty one. */
  readonly lost?: readonly { readonly topicId: string; readonly partition: number }[];
}

export interface OfflineReplicasOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: number;
  readonly registered: () => Registered | undefined;
  readonly disks: FailedDisks;
}

/**
 * Tells the cluster which replicas of this broker are on disks that failed, so that others lead and nobody waits for them. A failed disk stays one
 * until the broker starts again; what it had may be good, so its replicas stay members where nobody else is one.
 */
export class OfflineReplicas {
  private readonly options: OfflineReplicasOptions;
  private readonly loop: Reconciler;
  private readonly unsubscribe: () => void;
  /** So that a store that does not answer is told of once. */
  private failed = false;

  constructor(options: OfflineReplicasOptions) {
    const { clock, metadata, logger } = options;
    this.options = options;
    this.loop = new Reconciler({
      clock,
      pass: () => this.pass(),
      onError: (error) => {
        if (!this.failed) logger.warn({ err: error }, 'the cluster could not be told of a failed disk; trying again');
        this.failed = true;
      },
    });
    this.unsubscribe = metadata.onChange((_image, changes) => this.follow(changes));
    this.loop.kick();
  }

  /** When a disk failed, or this broker's registration changed. */
  kick(): void {
    this.loop.kick();
  }

  async close(): Promise<void> {
    this.unsubscribe();
    await this.loop.close();
  }

  private follow({ partitions, deletedTopics, brokers }: ImageChanges): void {
    if (this.options.disks.extent === 'none') return;
    if (partitions.length > 0 || deletedTopics.length > 0 || brokers.includes(this.options.nodeId)) this.loop.kick();
  }

  private async pass(): Promise<void> {
    const { store, metadata, nodeId, registered, disks } = this.options;
    const me = registered();
    const image = metadata.current;
    if (disks.extent === 'none' || !me || image.brokers.get(nodeId)?.epoch !== me.epoch) return; // the image's next change of this broker comes back here
    const told = image.offlineReplicas(nodeId);
    const value = encodeOffline({ ...onFailedDisks(image, nodeId, disks), ...(told?.lost && { lost: told.lost }) });
    if (told && Buffer.compare(value, encodeOffline(told)) === 0) return;
    const key = offlineReplicasKey(nodeId);
    const { rev } = await store.txn(
      [
        { key: liveBrokerKey(nodeId), rev: me.epoch },
        { key, rev: image.parts.offline.get(nodeId)?.rev ?? 0 },
      ],
      [{ put: key, value }],
    );
    this.failed = false;
    await metadata.waitFor(rev);
    this.loop.kick(); // compares: it may have been refused, or a disk failed meanwhile
  }
}

/** What a broker registers with that has this generation; null: all its disks work, and none is missing. */
export function offlineReplicas(image: MetadataImage, nodeId: number, disks: FailedDisks, generation: number): OfflineReplicasValue | null {
  const lost = lostReplicas(image, nodeId, disks, generation);
  if (disks.extent === 'none' && !lost) return null;
  return { ...onFailedDisks(image, nodeId, disks), ...(lost && { lost }) };
}

/** Those that this process misses, and those that an earlier one did, as far as they are members still that nobody has admitted since. */
function lostReplicas(image: MetadataImage, nodeId: number, disks: FailedDisks, generation: number): LostReplicas | null {
  const before = image.parts.offline.get(nodeId)?.lost;
  const fresh = new Set((disks.lost ?? []).map(({ topicId, partition }) => `${topicId}/${partition}`));
  if (!before && fresh.size === 0) return null;
  const topics = new Map<string, Set<number>>();
  for (const { topicId, partitions } of image.topics()) {
    const found = partitions.filter(({ partition, disks: members }) => {
      const admitted = members.find(({ id }) => id === nodeId);
      if (!admitted || admitted.generation >= generation) return false;
      const wasLost = before && admitted.generation < before.generation && (before.all || before.topics.get(topicId)?.has(partition));
      return wasLost || fresh.has(`${topicId}/${partition}`);
    });
    if (found.length > 0) topics.set(topicId, new Set(found.map(({ partition }) => partition)));
  }
  return topics.size > 0 ? { generation, all: false, topics } : null;
}

function onFailedDisks(image: MetadataImage, nodeId: number, disks: FailedDisks): OfflineReplicasValue {
  const topics = new Map<string, Set<number>>();
  if (disks.extent === 'none') return { all: false, topics };
  if (disks.extent === 'all') return { all: true, topics };
  for (const { name, topicId, partitions } of image.topics()) {
    const offline = partitions.filter(({ replicas, partition }) => replicas.includes(nodeId) && disks.isOffline(name, partition));
    if (offline.length > 0) topics.set(topicId, new Set(offline.map(({ partition }) => partition)));
  }
  return { all: false, topics };
}
