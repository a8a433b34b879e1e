import { fenced } from './controller-writes.ts';
import { deletedTopicKey } from './keys.ts';
import { MAX_OPS, type MetadataStore, type Op, type Rev } from './store.ts';
import { encodeValue, parseText } from './values.ts';
import { batches } from './writes.ts';

/** Of topics deleted before so many others, a broker that was down all the while knows nothing: it sets their folders aside. */
export const MAX_DELETED_TOPICS = 1_000;

/** Goes with the deletion of a topic, in one transaction: a broker that is down, or dies before its folders are gone, learns of it at its start. */
export function noteDeleted(topicId: string, name: string): Op {
  return { put: deletedTopicKey(topicId), value: encodeValue(name) };
}

/** Names by id of the topics that were deleted last. @throws UnavailableError */
export async function deletedTopics(store: MetadataStore): Promise<Map<string, string>> {
  const prefix = deletedTopicKey('');
  const { kvs } = await store.range(prefix);
  return new Map(kvs.map(({ key, value }) => [key.slice(prefix.length), parseText(key, value)]));
}

/** Keeps the latest. */
export async function forgetDeletedTopics(store: MetadataStore, fence: Rev, kept = MAX_DELETED_TOPICS): Promise<void> {
  const { kvs } = await store.range(deletedTopicKey(''));
  const old = kvs.sort((a, b) => b.rev - a.rev).slice(kept);
  for (const batch of batches(old, MAX_OPS)) {
    const { ok } = await store.txn(
      fenced(fence),
      batch.map(({ key }) => ({ del: key })),
    );
    if (!ok) return;
  }
}
