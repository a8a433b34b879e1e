import { safetyRules } from '../core/safety-rules.ts';
import type { PartitionImage } from './image.ts';
import { CONTROLLER_EPOCH_KEY, partitionKey } from './keys.ts';
import { type Cond, MAX_CONDS, MAX_OPS, MAX_TXN_BYTES, type Op, type Rev } from './store.ts';
import { encodeValue, type PartitionValue } from './values.ts';

/** A partition's new value, and what it depends on beside the partition itself. */
export interface PartitionWrite {
  readonly topic: string;
  /** As it was read. */
  readonly before: PartitionImage;
  readonly value: PartitionValue;
  readonly conds: readonly Cond[];
  /** Worth a warning. */
  readonly unclean: boolean;
}

export interface WriteBatch {
  readonly writes: readonly PartitionWrite[];
  readonly conds: readonly Cond[];
  readonly ops: readonly Op[];
}

/** The condition of every write of the controller whose epoch key has this revision (metadata-store rule 2): a deposed one changes nothing. */
export function fenced(fence: Rev): Cond[] {
  return safetyRules.controllerFence ? [{ key: CONTROLLER_EPOCH_KEY, rev: fence }] : [];
}

/** Writes in transactions of at most `size` partitions that fit the store's limits; each holds or fails by itself. `always`: conditions of all of them. */
export function* writeBatches(always: readonly Cond[], writes: Iterable<PartitionWrite>, size: number): Generator<WriteBatch> {
  let batch = new BatchBuilder(always);
  for (const write of writes) {
    if (!batch.add(write, size)) {
      yield batch;
      batch = new BatchBuilder(always);
      batch.add(write, size);
    }
  }
  if (batch.writes.length > 0) yield batch;
}

class BatchBuilder implements WriteBatch {
  readonly writes: PartitionWrite[] = [];
  readonly conds: Cond[];
  readonly ops: Op[] = [];
  private readonly brokers = new Set<string>();
  private bytes = 0;

  constructor(always: readonly Cond[]) {
    this.conds = [...always];
  }

  /** False: it does not fit any more. */
  add(write: PartitionWrite, size: number): boolean {
    const { before, conds } = write;
    const key = partitionKey(before.topicId, before.partition);
    const value = encodeValue(write.value);
    const bytes = key.length + value.byteLength;
    const added = conds.filter((cond) => !this.brokers.has(cond.key));
    const isFull =
      this.writes.length >= Math.min(size, MAX_OPS) ||
      this.conds.length + added.length + 1 > MAX_CONDS ||
      this.bytes + bytes > MAX_TXN_BYTES;
    if (isFull && this.writes.length > 0) return false;
    if (safetyRules.controllerWriteAtRev) this.conds.push({ key, rev: before.rev });
    for (const cond of added) {
      this.conds.push(cond);
      this.brokers.add(cond.key);
    }
    this.ops.push({ put: key, value });
    this.writes.push(write);
    this.bytes += bytes;
    return true;
  }
}
