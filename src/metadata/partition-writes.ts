import { KafkaError } from '../core/errors.ts';
import { type PartitionWrite, writeBatches } from './controller-writes.ts';
import type { MetadataImage } from './image.ts';
import type { MetadataFeed } from './image-feed.ts';
import { type Cond, MAX_OPS, type MetadataStore } from './store.ts';
import { write } from './writes.ts';

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** Of one partition among others that change all the time. */
const MAX_ATTEMPTS = 20;

/**
 * Changes partitions on behalf of an admin, each for itself: `plan` says what to write of one by the image, null where nothing is to be done, or
 * why it cannot be; it is asked again when the partition has changed meanwhile. Resolves, in the order of `items`, when this broker's image shows
 * what was written.
 * @param always conditions of every write, by the image
 */
export async function changePartitions<T extends PartitionName>(
  { store, metadata }: { store: MetadataStore; metadata: MetadataFeed },
  items: readonly T[],
  plan: (image: MetadataImage, item: T) => PartitionWrite | KafkaError | null,
  always: (image: MetadataImage) => readonly Cond[] = () => [],
): Promise<(KafkaError | null)[]> {
  const results = new Map<T, KafkaError | null>();
  let pending: readonly T[] = items;
  for (let attempt = 0; attempt < MAX_ATTEMPTS && pending.length > 0; attempt++) {
    const image = metadata.current;
    const itemOf = new Map<PartitionWrite, T>();
    const named = new Set<string>();
    const again: T[] = [];
    for (const item of pending) {
      const name = `${item.topic}/${item.partition}`;
      if (named.has(name)) {
        again.push(item); // named twice: one after the other
        continue;
      }
      named.add(name);
      const outcome = planned(image, item, plan);
      if (outcome === null || outcome instanceof KafkaError) results.set(item, outcome);
      else itemOf.set(outcome, item);
    }
    let seen = 0;
    for (const batch of writeBatches(always(image), itemOf.keys(), attempt === 0 ? MAX_OPS : 1)) {
      const result = await write(store, batch.conds, batch.ops).catch(asKafkaError);
      for (const written of batch.writes) {
        const item = itemOf.get(written)!;
        if (result instanceof KafkaError) results.set(item, result);
        else if (result.ok) results.set(item, null);
        else again.push(item);
      }
      if (!(result instanceof KafkaError)) seen = Math.max(seen, result.rev);
    }
    await metadata.waitFor(seen);
    pending = again;
  }
  const gaveUp = new KafkaError('REQUEST_TIMED_OUT', 'Others keep changing the same partition; try again.');
  return items.map((item) => (results.has(item) ? results.get(item)! : gaveUp));
}

function planned<T extends PartitionName>(
  image: MetadataImage,
  item: T,
  plan: (image: MetadataImage, item: T) => PartitionWrite | KafkaError | null,
): PartitionWrite | KafkaError | null {
  try {
    return plan(image, item);
  } catch (error) {
    return asKafkaError(error);
  }
}

function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  throw error;
}
