import type { Clock } from '../core/clock.ts';
import type { MetadataImage, PartitionImage } from './image.ts';
import type { MetadataFeed } from './image-feed.ts';
import { isForeign, isOffline, isStopping, isSuspect } from './isr.ts';
import { liveBrokerKey, stoppingBrokerKey } from './keys.ts';
import type { Registered } from './registration.ts';
import type { MetadataStore } from './store.ts';
import { encodeValue } from './values.ts';

export interface ControlledShutdownOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly clock: Clock;
  readonly nodeId: number;
  readonly registered: () => Registered | undefined;
  readonly timeoutMs: number;
}

/**
 * Before a broker stops: asks the controller to have others lead what it leads, and to take it out of the ISRs, so that nobody waits for it.
 * Resolves true when that is done, at once where no other broker could take over; false when it took too long, or the store does not answer.
 */
export async function handOver(options: ControlledShutdownOptions): Promise<boolean> {
  const { store, metadata, nodeId, registered } = options;
  const me = registered();
  if (!me) return true;
  const left = new Leaving(nodeId, metadata.current);
  if (left.isDone(metadata.current)) return true;
  const stopping = { put: stoppingBrokerKey(nodeId), value: encodeValue(me.epoch), lease: me.lease.id };
  try {
    const { ok } = await store.txn([{ key: liveBrokerKey(nodeId), rev: me.epoch }], [stopping]);
    return ok && (await done(options, left));
  } catch {
    return false;
  }
}

function done({ metadata, clock, timeoutMs }: ControlledShutdownOptions, left: Leaving): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (result: boolean) => {
      timer.cancel();
      unsubscribe();
      resolve(result);
    };
    const timer = clock.after(timeoutMs, () => end(false));
    const unsubscribe = metadata.onChange((image) => {
      if (left.isDone(image)) end(true);
    });
    if (left.isDone(metadata.current)) end(true);
  });
}

/** The partitions that a broker still leads, or is in the ISR of, though others could do without it. */
class Leaving {
  private readonly id: number;
  private partitions: { topic: string; partition: number }[] = [];

  constructor(id: number, image: MetadataImage) {
    this.id = id;
    for (const { name: topic, partitions } of image.topics()) {
      for (const { isr, partition } of partitions) if (isr.includes(id)) this.partitions.push({ topic, partition });
    }
  }

  isDone(image: MetadataImage): boolean {
    this.partitions = this.partitions.filter(({ topic, partition: number }) => {
      const partition = image.partition(topic, number);
      return partition !== undefined && this.holds(image, partition);
    });
    return this.partitions.length === 0;
  }

  private holds(image: MetadataImage, partition: PartitionImage): boolean {
    if (!partition.isr.includes(this.id)) return false;
    return partition.isr.some((id) => {
      const broker = image.brokers.get(id);
      if (!broker || id === this.id || isStopping(image, id) || isOffline(image, partition, id)) return false;
      return !isForeign(partition, id, broker) && !isSuspect(partition, id, broker);
    });
  }
}
