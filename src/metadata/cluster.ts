import { KafkaError } from '../core/errors.ts';
import { safetyRules } from '../core/safety-rules.ts';
import { SUPPORTED_FEATURES } from './features.ts';
import { CLUSTER_ID_KEY, FEATURES_KEY, knownBrokerKey, liveBrokerKey, offlineReplicasKey, PRODUCER_IDS_KEY } from './keys.ts';
import { InDoubtError, type KV, type Lease, type MetadataStore, type Op, type Rev } from './store.ts';
import { type RandomBytes, randomUuid } from './uuid.ts';
import {
  type BrokerValue,
  encodeOffline,
  encodeValue,
  type KnownBrokerValue,
  type OfflineReplicasValue,
  parseBroker,
  parseFeatures,
  parseInteger,
  parseKnownBroker,
  parseOffline,
  parseText,
} from './values.ts';
import { read, untilNoConflict, write } from './writes.ts';

/** The levels that a new cluster starts with. */
const FIRST_FEATURES = Object.fromEntries(SUPPORTED_FEATURES.map(({ name, maxVersion }) => [name, maxVersion]));
/** Kafka's block: a broker asks the store once in a thousand producers. */
const PRODUCER_IDS_PER_BLOCK = 1_000;

/**
 * What a cluster has from its first broker's first start on: its id, which never changes, and the feature levels, to which a later version adds
 * those that it brings. Later starts, and brokers that start at the same time, find both.
 * @param wantedId used when the cluster has none yet, as when meta.properties outlived the store; by default a new one
 */
export function ensureCluster(store: MetadataStore, randomBytes: RandomBytes, wantedId?: string): Promise<{ clusterId: string }> {
  const newId = wantedId ?? randomUuid(randomBytes);
  return untilNoConflict(async () => {
    // In this order: who sees the features of a broker that starts at the same time, sees its id too.
    const [{ kv: features }, { kv: id }] = [await store.get(FEATURES_KEY), await store.get(CLUSTER_ID_KEY)];
    if (!id && features) throw new Error(`the metadata store has features but no ${CLUSTER_ID_KEY}: it was changed by hand`);
    const levels = features ? Object.fromEntries(parseFeatures(FEATURES_KEY, features.value)) : {};
    const clusterId = id ? parseText(CLUSTER_ID_KEY, id.value) : newId;
    if (Object.keys(FIRST_FEATURES).every((name) => name in levels)) return { clusterId };
    const conds = [
      { key: CLUSTER_ID_KEY, rev: id?.rev ?? 0 },
      { key: FEATURES_KEY, rev: features?.rev ?? 0 },
    ];
    const ops = [{ put: FEATURES_KEY, value: encodeValue({ ...FIRST_FEATURES, ...levels }) }];
    if (!id) ops.unshift({ put: CLUSTER_ID_KEY, value: encodeValue(clusterId) });
    const { ok } = await settled(store.txn(conds, ops));
    return ok ? { clusterId } : undefined;
  });
}

/** A write in doubt counts as a conflict where the next round finds it there, or makes it impossible. */
async function settled(txn: Promise<{ ok: boolean; rev: Rev }>): Promise<{ ok: boolean; rev: Rev }> {
  try {
    return await txn;
  } catch (error) {
    if (error instanceof InDoubtError) return { ok: false, rev: 0 };
    throw error;
  }
}

/** A broker that registers. */
export interface RegisteringBroker extends Omit<BrokerValue, 'generation'> {
  readonly id: number;
  readonly lease: Lease;
  /**
   * The generation of its disk, given the epoch and the generation of the broker's last registration (0: there was none), and whether a disk of its
   * failed under that: it may have to grow first.
   */
  readonly generation: number | ((lastEpoch: Rev, lastGeneration: number, diskFailed: boolean) => number);
  /** Its replicas on disks that failed, given that generation; null, or left out: all disks work. */
  readonly offline?: (generation: number) => OfflineReplicasValue | null;
  /** The broker epoch that this process had before it lost its lease: that registration may be replaced. */
  readonly previous?: Rev;
  /** This process holds the lock of its data directory, and has just started: who registered with that directory before is dead. */
  readonly startsWithDirectory?: boolean;
}

/**
 * Registers a broker for as long as its lease holds; the revision is its broker epoch. Conditional on the registration before (metadata-store
 * rule 6), so that of two processes with one id only one is registered. A write in doubt is settled before this returns.
 * @throws KafkaError DUPLICATE_BROKER_REGISTRATION while another process has this id; UnavailableError
 */
export async function registerBroker(store: MetadataStore, broker: RegisteringBroker): Promise<{ brokerEpoch: Rev }> {
  const { id, lease, listeners, rack, directoryId, liveness } = broker;
  const [key, knownKey, offlineKey] = [liveBrokerKey(id), knownBrokerKey(id), offlineReplicasKey(id)];
  return untilNoConflict(async () => {
    const { kv } = await store.get(key);
    if (kv?.lease === lease.id) return { brokerEpoch: kv.rev };
    if (kv && !mayReplace(broker, kv)) {
      throw new KafkaError('DUPLICATE_BROKER_REGISTRATION', `Another broker is registered with node.id ${id}.`);
    }
    const last = (await store.get(knownKey)).kv;
    const lastGeneration = last ? parseKnownBroker(knownKey, last.value).generation : 0;
    const offline = (await store.get(offlineKey)).kv;
    const diskFailed = offline !== undefined && hasFailed(parseOffline(offlineKey, offline.value)) && safetyRules.suspectFailedDisk;
    const generation =
      typeof broker.generation === 'number' ? broker.generation : broker.generation(last?.rev ?? 0, lastGeneration, diskFailed);
    const value: BrokerValue = { listeners, rack, directoryId, generation, liveness };
    const known: KnownBrokerValue = { rack, directoryId, generation, listeners };
    const conds = [
      { key, rev: kv?.rev ?? 0 },
      { key: knownKey, rev: last?.rev ?? 0 },
      { key: offlineKey, rev: offline?.rev ?? 0 },
    ];
    const ops: Op[] = [
      { put: key, value: encodeValue(value), lease: lease.id },
      { put: knownKey, value: encodeValue(known) },
    ];
    const told = broker.offline?.(generation);
    if (told) ops.push({ put: offlineKey, value: encodeOffline(told) });
    else if (offline) ops.push({ del: offlineKey });
    const { ok, rev } = await settled(store.txn(conds, ops));
    return ok ? { brokerEpoch: rev } : undefined;
  });
}

/** It told of a failed disk, be it that no replica was on it yet; not only of what is lost since an earlier registration. */
function hasFailed({ all, topics, lost }: OfflineReplicasValue): boolean {
  return all || topics.size > 0 || !lost;
}

function mayReplace({ previous, startsWithDirectory, directoryId }: RegisteringBroker, kv: KV): boolean {
  return kv.rev === previous || (startsWithDirectory === true && parseBroker(kv.key, kv.value).directoryId === directoryId);
}

/**
 * Forgets a broker that is down for good. @throws KafkaError BROKER_ID_NOT_REGISTERED; INVALID_REQUEST while it is alive
 */
export function unregisterBroker(store: MetadataStore, id: number): Promise<{ revision: Rev }> {
  const key = knownBrokerKey(id);
  return untilNoConflict(async () => {
    const { kv } = await read(store, key);
    if (!kv) throw new KafkaError('BROKER_ID_NOT_REGISTERED', `Broker ID ${id} is not currently registered`);
    if ((await read(store, liveBrokerKey(id))).kv) {
      throw new KafkaError('INVALID_REQUEST', `Broker ${id} is alive, and would register again: stop it first.`);
    }
    const conds = [
      { key, rev: kv.rev },
      { key: liveBrokerKey(id), rev: 0 },
    ];
    const { ok, rev } = await write(store, conds, [{ del: key }, { del: offlineReplicasKey(id) }]);
    return ok ? { revision: rev } : undefined;
  });
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
