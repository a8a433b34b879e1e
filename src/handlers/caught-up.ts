import type { MetadataFeed } from '../metadata/image-feed.ts';
import { CONTROLLER_EPOCH_KEY } from '../metadata/keys.ts';
import type { MetadataStore } from '../metadata/store.ts';
import { read } from '../metadata/writes.ts';

/**
 * Resolves when this broker's image shows all that any broker has answered for before: an admin may ask one broker after the other, and
 * expects each to know. It costs a read of the store. @throws KafkaError KAFKA_STORAGE_ERROR when the store does not answer
 */
export async function caughtUp({ store, metadata }: { store: MetadataStore; metadata: MetadataFeed }): Promise<void> {
  await metadata.waitFor((await read(store, CONTROLLER_EPOCH_KEY)).rev); // any key: the revision is the store's
}
