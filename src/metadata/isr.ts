import { safetyRules } from '../core/safety-rules.ts';
import type { MetadataImage, PartitionImage } from './image.ts';
import { liveBrokerKey, partitionKey } from './keys.ts';
import type { Cond, MetadataStore, Rev } from './store.ts';
import { type DiskId, encodeValue, type PartitionValue, type ReplicaDisk } from './values.ts';

/**
 * KIP-966: the members that the ISR must have before anything is committed. min.insync.replicas can ask for more than there are replicas, and
 * while a partition moves, neither those that only join nor those that only leave are counted upon.
 */
export function effectiveMinIsr(
  { replicas, adding, removing }: Pick<PartitionValue, 'replicas' | 'adding' | 'removing'>,
  minIsr: number,
): number {
  return Math.max(1, Math.min(minIsr, replicas.length - adding.length, replicas.length - removing.length));
}

/**
 * Whether the high watermark may move (metadata-store rule 7). It also stands still while anybody is eligible outside the ISR, as when
 * min.insync.replicas was lowered a moment ago: those in the ELR hold all that was committed, and must go on doing so until they are out of it.
 */
export function mayCommit(partition: PartitionValue, minIsr: number): boolean {
  if (!safetyRules.watermarkStandsUnderMinIsr) return true;
  if (partition.isr.length < effectiveMinIsr(partition, minIsr)) return false;
  return partition.elr.length === 0 || !safetyRules.emptyElrAtMinIsr;
}

/** Whether this is the disk with which a member was admitted (rule 5). What a member fetches from another one counts only once it is admitted again. */
export function isAdmittedDisk({ disks }: PartitionValue, id: number, { directoryId, generation }: DiskId): boolean {
  const admitted = disks.find((disk) => disk.id === id);
  return !admitted || (admitted.directoryId === directoryId && admitted.generation === generation);
}

/** Another directory than the one admitted: nothing of the partition need be on it, and the broker counts as no member. */
export function isForeign({ disks }: PartitionValue, id: number, { directoryId }: DiskId): boolean {
  const admitted = disks.find((disk) => disk.id === id);
  return safetyRules.checkDirectoryId && admitted !== undefined && admitted.directoryId !== directoryId;
}

/** As isForeign, of one of the disks of a broker: in its place there is an empty one. */
export function isLost(image: MetadataImage, partition: Pick<PartitionImage, 'topicId' | 'partition' | 'disks'>, id: number): boolean {
  return safetyRules.checkDirectoryId && image.isReplicaLost(id, partition);
}

/** The directory that was admitted, which may have lost records since: a member, but not to be elected before it is admitted again. */
export function isSuspect({ disks }: PartitionValue, id: number, { directoryId, generation }: DiskId): boolean {
  const admitted = disks.find((disk) => disk.id === id);
  return safetyRules.checkGeneration && admitted?.directoryId === directoryId && admitted.generation !== generation;
}

/** Whether the leader may admit a broker that fetched under this registration; one that is about to stop, or whose disk failed, would leave again at once. */
export function canJoinIsr(
  image: MetadataImage,
  partition: Pick<PartitionImage, 'topicId' | 'partition'>,
  id: number,
  brokerEpoch: Rev,
): boolean {
  const broker = image.brokers.get(id);
  if (!broker || isStopping(image, id) || isOffline(image, partition, id)) return false;
  return broker.epoch === brokerEpoch || !safetyRules.admitByBrokerEpoch;
}

/** Whether a live broker's replica is on a disk that failed: it cannot lead, and does not count. A member it is still, since its records may be good. */
export function isOffline(image: MetadataImage, partition: Pick<PartitionImage, 'topicId' | 'partition'>, id: number): boolean {
  return safetyRules.checkOffline && image.isReplicaOffline(id, partition);
}

/** Whether a live broker asked for controlled shutdown, under the registration that it has now. */
export function isStopping(image: MetadataImage, id: number): boolean {
  const stopping = image.stopping.get(id);
  return stopping !== undefined && stopping.brokerEpoch === image.brokers.get(id)?.epoch;
}

export interface MemberFacts {
  /** min.insync.replicas of the topic. */
  readonly minIsr: number;
  /** The disk under which a broker is registered now; undefined: it is not. */
  readonly diskOf: (id: number) => DiskId | undefined;
  /** Who is admitted again although it is in the ISR already: a suspect. Who joins is admitted anyway. */
  readonly readmitted?: readonly number[];
  /** Who may not become or stay eligible: on a foreign disk, or no replica any more. */
  readonly ineligible?: (id: number) => boolean;
}

/** The partition with another ISR, and with the ELR and the disks that follow from it (rules 4 and 5). All else, the partition epoch too, is as it was. */
export function withIsr(current: PartitionValue, isr: readonly number[], facts: MemberFacts): PartitionValue {
  const elr = elrAfter(current, isr, facts);
  const disks: ReplicaDisk[] = [];
  for (const id of [...isr, ...elr]) {
    const before = current.disks.find((disk) => disk.id === id);
    const joins = (!current.isr.includes(id) && isr.includes(id)) || facts.readmitted?.includes(id);
    const now = joins || !before ? facts.diskOf(id) : undefined;
    if (now) disks.push({ id, directoryId: now.directoryId, generation: now.generation });
    else if (before) disks.push(before);
  }
  return { ...current, isr, elr, disks };
}

/** KIP-966: who leaves an ISR that falls below min ISR stays eligible, until the ISR has min ISR members again. */
function elrAfter(current: PartitionValue, isr: readonly number[], { minIsr, ineligible }: MemberFacts): readonly number[] {
  if (isr.length >= effectiveMinIsr(current, minIsr)) {
    return safetyRules.emptyElrAtMinIsr ? [] : current.elr.filter((id) => !isr.includes(id));
  }
  if (!safetyRules.keepElr) return [];
  const before = new Set([...current.isr, ...current.elr]);
  return [...before].filter((id) => !isr.includes(id) && !ineligible?.(id));
}

/**
 * What the leader of a partition proposes when its ISR shrinks or grows. With the ISR that stands it admits suspects again, or settles a
 * proposal in doubt: a write all the same, since the partition epoch grows.
 */
export function isrChange(current: PartitionValue, isr: readonly number[], facts: Omit<MemberFacts, 'ineligible'>): PartitionValue {
  return { ...withIsr(current, isr, facts), partitionEpoch: current.partitionEpoch + 1 };
}

export interface IsrWrite {
  /** As it was read. */
  readonly partition: Pick<PartitionImage, 'topicId' | 'partition' | 'rev'>;
  /** By isrChange. */
  readonly value: PartitionValue;
  /** The leader, under the registration in which it leads. */
  readonly leader: { readonly id: number; readonly epoch: Rev };
  /** Who joins or is admitted again, each under the registration that its Fetch named. */
  readonly admitted: readonly { readonly id: number; readonly epoch: Rev }[];
}

/**
 * Writes a leader's ISR change under the conditions of rule 4. `ok`: it is committed at `rev`; not `ok`: it is certainly not.
 * @throws UnavailableError (certainly not applied); InDoubtError: the proposal stays counted until the partition is seen at a higher revision
 */
export function writeIsr(store: MetadataStore, { partition, value, leader, admitted }: IsrWrite): Promise<{ ok: boolean; rev: Rev }> {
  const key = partitionKey(partition.topicId, partition.partition);
  const conds: Cond[] = [{ key: liveBrokerKey(leader.id), rev: leader.epoch }];
  if (safetyRules.isrWriteAtRev) conds.push({ key, rev: partition.rev });
  // KIP-903: a broker that registered anew since may have another disk.
  if (safetyRules.admitByBrokerEpoch) conds.push(...admitted.map(({ id, epoch }) => ({ key: liveBrokerKey(id), rev: epoch })));
  return store.txn(conds, [{ put: key, value: encodeValue(value) }]);
}
