import { KafkaError } from '../core/errors.ts';
import type { MetadataImage, PartitionImage } from './image.ts';
import type { MetadataFeed } from './image-feed.ts';
import { changePartitions, type PartitionName } from './partition-writes.ts';
import type { MetadataStore } from './store.ts';
import { checkReplicaList } from './topic-rules.ts';
import type { PartitionValue } from './values.ts';

export interface Reassignment extends PartitionName {
  /** The replicas that there are to be, the preferred leader first; null takes back a reassignment that is under way. */
  readonly replicas: readonly number[] | null;
}

/**
 * Begins, replaces, or takes back reassignments (KIP-455): the controller ends them when those that join are in sync. Resolves with what became
 * of each; UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR, NO_REASSIGNMENT_IN_PROGRESS.
 */
export function alterReassignments(
  cluster: { store: MetadataStore; metadata: MetadataFeed },
  reassignments: readonly Reassignment[],
  options: { readonly allowReplicationFactorChange: boolean },
): Promise<(KafkaError | null)[]> {
  return changePartitions(cluster, reassignments, (image, { topic, partition: number, replicas }) => {
    const before = image.partition(topic, number);
    if (!before) return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `Unable to find partition ${topic}:${number}.`);
    const target = replicas ?? originalReplicas(before);
    if (replicas) checkTarget(image, before, replicas, options);
    const { topicId: _, partition: __, rev: ___, ...current } = before;
    const value = reassignedTo(current, target);
    return value ? { topic, before, value, conds: [], unclean: false } : null;
  });
}

function checkTarget(
  image: MetadataImage,
  { replicas, removing }: PartitionImage,
  target: readonly number[],
  options: { readonly allowReplicationFactorChange: boolean },
): void {
  checkReplicaList(image, target);
  const now = replicas.length - removing.length;
  // KIP-860
  if (!options.allowReplicationFactorChange && target.length !== now) {
    throw new KafkaError('INVALID_REPLICATION_FACTOR', `The replication factor is changed from ${now} to ${target.length}`);
  }
}

/** @throws KafkaError NO_REASSIGNMENT_IN_PROGRESS */
function originalReplicas({ replicas, adding, removing }: PartitionValue): readonly number[] {
  if (adding.length === 0 && removing.length === 0) throw new KafkaError('NO_REASSIGNMENT_IN_PROGRESS');
  return replicas.filter((id) => !adding.includes(id));
}

/**
 * The partition on its way to other replicas; undefined: it is on that way, or there. Who joined in a reassignment before and is not wanted any
 * more goes at once, unless it is in sync already: then it is among those that are removed when enough others are.
 */
function reassignedTo(current: PartitionValue, target: readonly number[]): PartitionValue | undefined {
  const counts = new Set([...current.replicas.filter((id) => !current.adding.includes(id)), ...current.isr, ...current.elr]);
  const removing = current.replicas.filter((id) => !target.includes(id) && counts.has(id));
  const originals = current.replicas.filter((id) => !current.adding.includes(id));
  const adding = target.filter((id) => !originals.includes(id));
  const value = { ...current, replicas: [...target, ...removing], adding, removing, partitionEpoch: current.partitionEpoch + 1 };
  const isSame = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((id, i) => id === b[i]);
  const unchanged = isSame(value.replicas, current.replicas) && isSame(adding, current.adding) && isSame(removing, current.removing);
  return unchanged ? undefined : value;
}
