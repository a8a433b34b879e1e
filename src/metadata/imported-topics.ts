import { KafkaError } from '../core/errors.ts';
import { encodeConfigs } from './config-writes.ts';
import type { MetadataImage } from './image.ts';
import { configKey, partitionKey, topicKey } from './keys.ts';
import { MAX_OPS, MAX_TXN_BYTES, type MetadataStore, type Op } from './store.ts';
import { checkTopicIsNew, checkTopicName, topicAlreadyExists } from './topic-rules.ts';
import { deleteTopic, dropPartitions } from './topics.ts';
import { encodeValue, type PartitionValue, parseTopic } from './values.ts';
import { batches, read, write } from './writes.ts';

/** A topic that exists with its logs already, and gets into the metadata now. */
export interface ImportedTopic {
  readonly name: string;
  readonly topicId: string;
  /** The highest leader epoch in the log of each partition; -1: none. */
  readonly latestEpochs: readonly number[];
  /** Validated. */
  readonly configs: ReadonlyMap<string, string>;
}

/** Room in a transaction for keys, and for topic values. */
const BYTES_BESIDE_CONFIGS = 1024;

/**
 * Whether a topic may be imported.
 * @throws KafkaError TOPIC_ALREADY_EXISTS by its name or its id, INVALID_TOPIC_EXCEPTION
 */
export function checkImport(image: MetadataImage, { name, topicId }: Pick<ImportedTopic, 'name' | 'topicId'>): void {
  checkTopicName(name);
  checkTopicIsNew(image, name);
  const other = image.topicById(topicId);
  if (other) throw new KafkaError('TOPIC_ALREADY_EXISTS', `Topic '${other.name}' has the id ${topicId} of '${name}'.`);
}

/**
 * Registers topics as led by nobody, with one replica, of broker `nodeId`: it elects itself at its next start, with the next leader epoch,
 * which is above all in the logs. As with new topics the partition keys go first; then the topic keys, in as few transactions as they fit in.
 * The first topic is in the last one: it commits all.
 * @throws KafkaError TOPIC_ALREADY_EXISTS, KAFKA_STORAGE_ERROR; REQUEST_TIMED_OUT when it may or may not be committed
 */
export async function commitImport(store: MetadataStore, nodeId: number, topics: readonly ImportedTopic[]): Promise<void> {
  try {
    const partitions = topics.flatMap(({ topicId, latestEpochs }) =>
      latestEpochs.map((epoch, partition) => ({ put: partitionKey(topicId, partition), value: encodeValue(leaderless(nodeId, epoch)) })),
    );
    for (const batch of batches(partitions)) await write(store, [], batch);
    for (const group of [...groups(topics)].reverse()) {
      const areNew = group.map(({ name }) => ({ key: topicKey(name), rev: 0 }));
      const { ok } = await write(store, areNew, group.flatMap(topicOps));
      if (!ok) throw topicAlreadyExists(group[0]!.name);
    }
  } catch (error) {
    const inDoubt = error instanceof KafkaError && error.errorName === 'REQUEST_TIMED_OUT';
    if (!inDoubt) for (const { topicId, latestEpochs } of topics) await dropPartitions(store, topicId, latestEpochs.length);
    throw error;
  }
}

/** Topics whose keys and configs fit into one transaction. */
function groups(topics: readonly ImportedTopic[]): Generator<ImportedTopic[]> {
  const bytes = Math.max(0, ...topics.map(({ configs }) => encodeConfigs(configs).byteLength)) + BYTES_BESIDE_CONFIGS;
  return batches(topics, Math.min(MAX_OPS / 2, Math.floor(MAX_TXN_BYTES / bytes)));
}

function topicOps({ name, topicId, latestEpochs, configs }: ImportedTopic): Op[] {
  const key = configKey({ type: 'topic', name });
  const value = encodeValue({ topicId, partitions: latestEpochs.length });
  return [{ put: topicKey(name), value }, configs.size > 0 ? { put: key, value: encodeConfigs(configs) } : { del: key }];
}

/** What ending an import asks of the store; see settleImport. */
export function importLedger(store: MetadataStore): {
  isCommitted(topic: { name: string; topicId: string }): Promise<boolean>;
  forget(topic: { name: string; topicId: string }): Promise<void>;
} {
  return {
    isCommitted: (topic) => isTopicCommitted(store, topic),
    forget: async ({ name, topicId }) => {
      await deleteTopic(store, { name, topicId });
    },
  };
}

/** Whether the store has this topic under this id. @throws KafkaError KAFKA_STORAGE_ERROR */
async function isTopicCommitted(store: MetadataStore, { name, topicId }: { name: string; topicId: string }): Promise<boolean> {
  const { kv } = await read(store, topicKey(name));
  return kv !== undefined && parseTopic(kv.key, kv.value).topicId === topicId;
}

function leaderless(nodeId: number, latestEpoch: number): PartitionValue {
  const epochs = { leaderBrokerEpoch: -1, leaderEpoch: Math.max(latestEpoch, 0), partitionEpoch: 0 };
  return { replicas: [nodeId], adding: [], removing: [], isr: [nodeId], elr: [], leader: -1, ...epochs, disks: [] };
}
