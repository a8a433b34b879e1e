import { type CommittedOffset, GroupOffsets } from './offsets.ts';

/** A commit that holds once its transaction is committed. */
export interface DecidedOffset {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly committed: CommittedOffset;
}

/**
 * Offsets that were committed in transactions which have not ended: by producer, and by group. As many as partitions that producers named; each
 * is gone when its transaction ends, and those end when their time is over.
 */
export class PendingOffsets {
  private readonly producers = new Map<number, Map<string, GroupOffsets>>();
  /** Producers that have pending offsets in a group. */
  private readonly groups = new Map<string, Set<number>>();

  add(producerId: number, groupId: string, topic: string, partition: number, committed: CommittedOffset): void {
    const groups = this.producers.get(producerId) ?? new Map<string, GroupOffsets>();
    this.producers.set(producerId, groups);
    const offsets = groups.get(groupId) ?? new GroupOffsets();
    groups.set(groupId, offsets);
    offsets.set(topic, partition, committed);
    this.groups.set(groupId, (this.groups.get(groupId) ?? new Set()).add(producerId));
  }

  has(groupId: string, topic: string, partition: number): boolean {
    for (const producerId of this.groups.get(groupId) ?? []) {
      if (this.producers.get(producerId)?.get(groupId)?.get(topic, partition)) return true;
    }
    return false;
  }
  hasAny(groupId: string): boolean {
    return this.groups.has(groupId);
  }
  /** Every partition of a group that has a pending offset; some maybe twice. */
  *of(groupId: string): Generator<{ topic: string; partition: number }> {
    for (const producerId of this.groups.get(groupId) ?? [])
      for (const [topic, partitions] of this.producers.get(producerId)?.get(groupId)?.all() ?? [])
        for (const partition of partitions.keys()) yield { topic, partition };
  }

  /** The commit of a partition was taken back: so are those that would come in its place. */
  forget(groupId: string, topic: string, partition: number): void {
    for (const producerId of [...(this.groups.get(groupId) ?? [])]) {
      const offsets = this.producers.get(producerId)?.get(groupId);
      offsets?.delete(topic, partition);
      if (offsets?.isEmpty()) this.drop(producerId, groupId);
    }
  }

  /** A producer's transaction has ended: what it had pending. */
  take(producerId: number): DecidedOffset[] {
    const decided: DecidedOffset[] = [];
    for (const [groupId, offsets] of [...(this.producers.get(producerId) ?? [])]) {
      for (const [topic, partitions] of offsets.all())
        for (const [partition, committed] of partitions) decided.push({ groupId, topic, partition, committed });
      this.drop(producerId, groupId);
    }
    return decided;
  }

  clear(): void {
    this.producers.clear();
    this.groups.clear();
  }

  private drop(producerId: number, groupId: string): void {
    const groups = this.producers.get(producerId);
    groups?.delete(groupId);
    if (groups?.size === 0) this.producers.delete(producerId);
    const producers = this.groups.get(groupId);
    producers?.delete(producerId);
    if (producers?.size === 0) this.groups.delete(groupId);
  }
}
