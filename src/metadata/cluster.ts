import { KafkaError } from '../core/errors.ts';
import { SUPPORTED_FEATURES } from './features.ts';
import type { MetadataImage } from './image.ts';
import { CLUSTER_ID_KEY, FEATURES_KEY, knownBrokerKey, liveBrokerKey, PRODUCER_IDS_KEY, partitionKey } from './keys.ts';
import type { Lease, MetadataStore, Rev } from './store.ts';
import { type RandomBytes, randomUuid } from './uuid.ts';
import { type BrokerValue, encodeValue, type KnownBrokerValue, type PartitionValue, parseInteger, parseText } from './values.ts';
import { batches, read, untilNoConflict, write } from './writes.ts';

/** The levels that a new cluster starts with. */
const FIRST_FEATURES = Object.fromEntries(SUPPORTED_FEATURES.map(({ name, maxVersion }) => [name, maxVersion]));
/** Kafka's block: a broker asks the store once in a thousand producers. */
const PRODUCER_IDS_PER_BLOCK = 1_000;

/**
 * What a cluster has from its first broker's first start on: its id, which never changes, and the feature levels. Later starts find both.
 * @param wantedId used when the cluster has none yet, as when meta.properties outlived the store; by default a new one
 */
export async function ensureCluster(store: MetadataStore, randomBytes: RandomBytes, wantedId?: string): Promise<{ clusterId: string }> {
  const clusterId = wantedId ?? randomUuid(randomBytes);
  const isNew = [CLUSTER_ID_KEY, FEATURES_KEY].map((key) => ({ key, rev: 0 }));
  const { ok } = await store.txn(isNew, [
    { put: CLUSTER_ID_KEY, value: encodeValue(clusterId) },
    { put: FEATURES_KEY, value: encodeValue(FIRST_FEATURES) },
  ]);
  if (ok) return { clusterId };
  const { kv } = await store.get(CLUSTER_ID_KEY);
  if (!kv) throw new Error(`the metadata store has features but no ${CLUSTER_ID_KEY}: it was changed by hand`);
  return { clusterId: parseText(CLUSTER_ID_KEY, kv.value) };
}

/**
 * Registers a broker for as long as its lease holds; the revision is its broker epoch. `previous`: the broker epoch that this process had
 * before it lost its lease, whose registration it may replace.
 * @throws KafkaError DUPLICATE_BROKER_REGISTRATION when another process has this id
 */
export async function registerBroker(
  store: MetadataStore,
  broker: BrokerValue & { id: number; lease: Lease; previous?: Rev },
): Promise<{ brokerEpoch: Rev }> {
  const { id, lease, previous, listeners, rack, directoryId, generation, liveness } = broker;
  const value: BrokerValue = { listeners, rack, directoryId, generation, liveness };
  const known: KnownBrokerValue = { rack, directoryId, generation, listeners };
  const key = liveBrokerKey(id);
  return untilNoConflict(async () => {
    const { kv } = await store.get(key);
    if (kv && kv.rev !== previous)
      throw new KafkaError('DUPLICATE_BROKER_REGISTRATION', `Another broker is registered with node.id ${id}.`);
    const { ok, rev } = await store.txn(
      [{ key, rev: kv?.rev ?? 0 }],
      [
        { put: key, value: encodeValue(value), lease: lease.id },
        { put: knownBrokerKey(id), value: encodeValue(known) },
      ],
    );
    return ok ? { brokerEpoch: rev } : undefined;
  });
}

/**
 * A broker leads only under the registration in leaderBrokerEpoch (metadata-store rule 6): one that is alone elects itself anew, with the next
 * leader epoch, wherever it led before and where nobody leads. Call it after each registration. `image` must show that registration.
 */
export async function claimLeadership(store: MetadataStore, image: MetadataImage, id: number): Promise<{ revision: Rev }> {
  const broker = image.brokers.get(id);
  if (!broker) throw new Error(`broker ${id} is not registered`);
  const writes: { key: string; rev: Rev; value: PartitionValue }[] = [];
  for (const topic of image.topics()) {
    for (const { topicId, partition, rev, ...value } of topic.partitions) {
      const toClaim = value.leader === id ? value.leaderBrokerEpoch !== broker.epoch : value.leader === -1 && value.isr.includes(id);
      if (!toClaim) continue;
      const elected = { leader: id, leaderBrokerEpoch: broker.epoch, leaderEpoch: value.leaderEpoch + 1 };
      writes.push({
        key: partitionKey(topicId, partition),
        rev,
        value: { ...value, ...elected, partitionEpoch: value.partitionEpoch + 1 },
      });
    }
  }
  let revision = image.revision;
  for (const batch of batches(writes)) {
    const conds = [{ key: liveBrokerKey(id), rev: broker.epoch }, ...batch.map(({ key, rev }) => ({ key, rev }))];
    const ops = batch.map(({ key, value }) => ({ put: key, value: encodeValue(value) }));
    const { ok, rev } = await store.txn(conds, ops);
    if (!ok) throw new KafkaError('LEADER_NOT_AVAILABLE', 'The registration or a partition changed meanwhile; try again.');
    revision = rev;
  }
  return { revision };
}

/** A block of producer ids that nobody else gets: `first` to `first + count - 1`. @throws KafkaError */
export function allocateProducerIds(store: MetadataStore): Promise<{ first: number; count: number }> {
  return untilNoConflict(async () => {
    const { kv } = await read(store, PRODUCER_IDS_KEY);
    const first = kv ? parseInteger(PRODUCER_IDS_KEY, kv.value) : 0;
    const value = encodeValue(first + PRODUCER_IDS_PER_BLOCK);
    const { ok } = await write(store, [{ key: PRODUCER_IDS_KEY, rev: kv?.rev ?? 0 }], [{ put: PRODUCER_IDS_KEY, value }]);
    return ok ? { first, count: PRODUCER_IDS_PER_BLOCK } : undefined;
  });
}
