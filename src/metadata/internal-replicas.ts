import type { PartitionDecision } from './elections.ts';
import type { BrokerImage, MetadataImage, PartitionImage } from './image.ts';
import { INTERNAL_TOPICS } from './internal-topics.ts';
import { isStopping } from './isr.ts';

/** Kafka's replication factor of internal topics. */
const INTERNAL_REPLICATION_FACTOR = 3;

/**
 * When brokers join, internal topics gain replicas, until they have three: they are made when the first group comes, which may be before the
 * cluster is whole. Other topics keep what they were given.
 */
export function growInternalTopic(image: MetadataImage, topic: string, partition: PartitionImage): PartitionDecision | undefined {
  if (!INTERNAL_TOPICS.has(topic)) return undefined;
  const { topicId: _, partition: number, rev, ...value } = partition;
  const { replicas, adding, removing, leader } = value;
  if (replicas.length >= INTERNAL_REPLICATION_FACTOR || adding.length > 0 || removing.length > 0 || leader === -1) return undefined;
  const added = newReplicas(image, replicas, number).slice(0, INTERNAL_REPLICATION_FACTOR - replicas.length);
  if (added.length === 0) return undefined;
  return {
    value: { ...value, replicas: [...replicas, ...added], adding: added, partitionEpoch: value.partitionEpoch + 1 },
    conds: [],
    unclean: false,
  };
}

/** Live brokers without a replica, those on other racks first; where the line begins differs from partition to partition. */
function newReplicas(image: MetadataImage, replicas: readonly number[], number: number): number[] {
  const candidates = [...image.brokers.values()]
    .filter(({ id }) => !replicas.includes(id) && !isStopping(image, id) && !image.isWithoutDisk(id))
    .sort((a, b) => a.id - b.id);
  const first = candidates.length > 0 ? number % candidates.length : 0;
  const turned = [...candidates.slice(first), ...candidates.slice(0, first)];
  const racks = new Set(replicas.map((id) => rackOf(image, id)));
  const isElsewhere = ({ rack }: BrokerImage) => rack === null || !racks.has(rack);
  return [...turned.filter(isElsewhere), ...turned.filter((broker) => !isElsewhere(broker))].map(({ id }) => id);
}

function rackOf(image: MetadataImage, id: number): string | null {
  return image.knownBrokers.get(id)?.rack ?? null;
}
