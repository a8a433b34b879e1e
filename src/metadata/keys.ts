/** The keys of the metadata store, and what each stands for. */

/**
 * What a config belongs to; the name of a broker resource is its id, or empty for the default of all brokers, that of a quota says whom it is for
 * (security/quota-entity.ts).
 */
export type ConfigResourceType = 'topic' | 'broker' | 'group' | 'quota';

export interface ConfigResource {
  readonly type: ConfigResourceType;
  readonly name: string;
}

export const CLUSTER_ID_KEY = '/cluster/id';
export const FEATURES_KEY = '/features';
export const PRODUCER_IDS_KEY = '/pid/next';
/** Who is the controller; under its lease. */
export const CONTROLLER_KEY = '/ctrl/leader';
/** The last controller's epoch; never deleted. Its revision fences every write of a controller. */
export const CONTROLLER_EPOCH_KEY = '/ctrl/epoch';

export const topicKey = (name: string) => `/t/${name}`;
export const partitionKey = (topicId: string, partition: number) => `/p/${topicId}/${partition}`;
/** A topic that was deleted lately; the value is its name. */
export const deletedTopicKey = (topicId: string) => `/deleted/${topicId}`;
/** Under the broker's lease. The revision of this key is the broker epoch. */
export const liveBrokerKey = (id: number) => `/b/live/${id}`;
/** Never expires. Its revision is the epoch of the broker's last registration: both keys are written together. */
export const knownBrokerKey = (id: number) => `/b/known/${id}`;
/** A broker wants to stop: its leaders should move. Under the broker's lease; the value is its broker epoch. */
export const stoppingBrokerKey = (id: number) => `/b/stopping/${id}`;
/**
 * Which replicas of a broker are on disks that failed. Written together with its registration, or later under it, so that it is in force as long as
 * its revision is not less than the broker epoch. It has no lease: the broker's next registration learns from it that its disks may lack records.
 */
export const offlineReplicasKey = (id: number) => `/b/offline/${id}`;
/** How far a broker's log of a partition goes, where that decides an election. Under the broker's lease. */
export const logEndKey = (brokerId: number, topicId: string, partition: number) => `/b/end/${brokerId}/${topicId}/${partition}`;
export const configKey = (resource: ConfigResource) => `/cfg/${resource.type}/${resource.name}`;

export type ParsedKey =
  | { readonly kind: 'topic'; readonly name: string }
  | { readonly kind: 'partition'; readonly topicId: string; readonly partition: number }
  | { readonly kind: 'live' | 'known' | 'stopping' | 'offline'; readonly id: number }
  | { readonly kind: 'logEnd'; readonly brokerId: number; readonly topicId: string; readonly partition: number }
  | { readonly kind: 'config'; readonly resource: ConfigResource }
  | { readonly kind: 'clusterId' | 'features' | 'controller' | 'controllerEpoch' };

const PARTITION_KEY = /^\/p\/([A-Za-z0-9_-]{22})\/(0|[1-9]\d{0,9})$/;
const BROKER_KEY = /^\/b\/(live|known|stopping|offline)\/(0|[1-9]\d{0,9})$/;
const LOG_END_KEY = /^\/b\/end\/(0|[1-9]\d{0,9})\/([A-Za-z0-9_-]{22})\/(0|[1-9]\d{0,9})$/;
const CONFIG_KEY = /^\/cfg\/(topic|broker|group|quota)\/(.*)$/s;

/** What a key stands for; undefined for the keys that the image has no use for. */
export function parseKey(key: string): ParsedKey | undefined {
  if (key.startsWith('/p/')) {
    const match = PARTITION_KEY.exec(key);
    return match ? { kind: 'partition', topicId: match[1]!, partition: Number(match[2]) } : undefined;
  }
  if (key.startsWith('/t/')) return { kind: 'topic', name: key.slice('/t/'.length) };
  if (key === CLUSTER_ID_KEY) return { kind: 'clusterId' };
  if (key === FEATURES_KEY) return { kind: 'features' };
  if (key === CONTROLLER_KEY) return { kind: 'controller' };
  if (key === CONTROLLER_EPOCH_KEY) return { kind: 'controllerEpoch' };
  const broker = BROKER_KEY.exec(key);
  if (broker) return { kind: broker[1] as 'live' | 'known' | 'stopping' | 'offline', id: Number(broker[2]) };
  const logEnd = LOG_END_KEY.exec(key);
  if (logEnd) return { kind: 'logEnd', brokerId: Number(logEnd[1]), topicId: logEnd[2]!, partition: Number(logEnd[3]) };
  const config = CONFIG_KEY.exec(key);
  return config ? { kind: 'config', resource: { type: config[1] as ConfigResourceType, name: config[2]! } } : undefined;
}
