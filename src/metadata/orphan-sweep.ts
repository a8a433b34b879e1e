import { fenced } from './controller-writes.ts';
import { forgetDeletedTopics } from './deleted-topics.ts';
import type { MetadataImage } from './image.ts';
import { partitionKey } from './keys.ts';
import type { MetadataStore, Rev } from './store.ts';
import { batches } from './writes.ts';

/**
 * Removes partition keys that no topic key names: left behind by a creation or a deletion that did not end. A topic that is just being created
 * looks the same, so orphans are left alone until they have been there for a whole interval; a creation as slow as that fails as a whole, since
 * its last write depends on the first partition's key, which goes first.
 */
export class OrphanSweep {
  /** Whether it is time to look. */
  due = false;
  private readonly store: MetadataStore;
  private seen: ReadonlySet<string> | undefined;

  constructor(store: MetadataStore) {
    this.store = store;
  }

  /** @param alone no orphan is being created: they all may go at once */
  begin(alone: boolean): void {
    this.due = true;
    this.seen = alone ? undefined : new Set();
  }

  async run(image: MetadataImage, fence: Rev): Promise<void> {
    this.due = false;
    const young = new Set<string>();
    for (const { topicId, partitions } of [...image.orphans()]) {
      if (this.seen && !this.seen.has(topicId)) {
        young.add(topicId);
        continue;
      }
      // The write that commits a topic writes its first partition again: either that or this comes too late.
      const first = { key: partitionKey(topicId, 0), rev: image.partitionRevision(topicId, 0) };
      const ops = partitions.sort((a, b) => a - b).map((partition) => ({ del: partitionKey(topicId, partition) }));
      for (const [i, batch] of [...batches(ops)].entries()) {
        const { ok } = await this.store.txn([...fenced(fence), ...(i === 0 ? [first] : [])], batch);
        if (!ok) break;
      }
    }
    this.seen = young;
    await forgetDeletedTopics(this.store, fence);
  }
}
