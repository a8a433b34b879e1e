import { allocateProducerIds } from '../metadata/cluster.ts';
import type { MetadataStore } from '../metadata/store.ts';

/** Hands out producer ids, from blocks that the store gives to one broker alone: an id is never given twice, also not after a restart. */
export class ProducerIds {
  private readonly store: MetadataStore;
  private nextId = 0;
  private left = 0;
  private fetching: Promise<void> | null = null;

  constructor(store: MetadataStore) {
    this.store = store;
  }

  /** @throws KafkaError when the store cannot be reached */
  async next(): Promise<number> {
    while (this.left === 0) await (this.fetching ??= this.fetchBlock());
    this.left--;
    return this.nextId++;
  }

  private async fetchBlock(): Promise<void> {
    try {
      const { first, count } = await allocateProducerIds(this.store);
      this.nextId = first;
      this.left = count;
    } finally {
      this.fetching = null;
    }
  }
}
