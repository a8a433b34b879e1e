/** What a log must hold, as plain arrays: the model that test/storage/log-model.test.ts holds partition-log against. */

export interface ModelRecord {
  readonly offset: number;
  readonly key: string;
  /** The beginning of it, which no other record has; null: a tombstone. */
  readonly value: string | null;
  readonly timestamp: number;
  /** Since when everybody may know that a tombstone is the last of its key: the first compaction that went over it. */
  readonly cleanedAtMs: number | null;
}

export interface ModelBatch {
  readonly offset: number;
  readonly lastOffset: number;
  /** In the order of their offsets; compaction may have taken any. */
  readonly records: readonly ModelRecord[];
  readonly leaderEpoch: number;
  readonly bytes: number;
  readonly crc: number;
  /** -1: of no idempotent producer. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
}

/** A batch as it is on the disk or came to a reader. */
export type SeenBatch = Omit<ModelBatch, 'records'> & { readonly records: () => Omit<ModelRecord, 'cleanedAtMs'>[] };

export const endOf = (batch: Pick<ModelBatch, 'lastOffset'>) => batch.lastOffset + 1;
/** How many records it had when it was appended. */
export const countOf = ({ offset, lastOffset }: ModelBatch) => lastOffset - offset + 1;

/** What a compaction may have done. */
export interface Compaction {
  readonly nowMs: number;
  /** Records from here on are no reason for another to go. */
  readonly limit: number;
  /** Everything before it was compacted whole; null: it did not end, or nobody knows. */
  readonly doneTo: number | null;
}

export class LogModel {
  /** From the first segment on, in order. */
  batches: ModelBatch[] = [];
  end = 0;
  start = 0;
  firstSegment = 0;
  /** Where the last checkpoint says that the log begins. */
  checkpointed = 0;
  /** Everything before it must survive a power failure. */
  durable = 0;
  /** Leader epochs before it may be forgotten, be it that the log begins before it again. */
  epochsFrom = 0;
  /** Producers of whom the log may know more than is in it. */
  private readonly unsure = new Set<number>();
  /** Records before it may never be compacted: they were deleted by then, and only a power failure brought some of them back. */
  compactedFrom = 0;
  /** What was said to be committed. */
  committed = Number.POSITIVE_INFINITY;
  /** Batches that a power failure may bring back. */
  private cutOff: ModelBatch[] = [];
  private wasEmptyAt: number | null = null;
  /** flush.messages. */
  flushMessages = Number.MAX_SAFE_INTEGER;
  private readonly compacted: boolean;
  /** delete.retention.ms. */
  readonly deleteRetentionMs: number;

  constructor(compacted: boolean, deleteRetentionMs: number) {
    this.compacted = compacted;
    this.deleteRetentionMs = deleteRetentionMs;
  }

  add(batch: ModelBatch): void {
    this.batches.push(batch);
    this.unsure.delete(batch.producerId);
    this.end = endOf(batch);
  }

  /** These were refused, and the log ends where it did. */
  takeBack(batches: readonly ModelBatch[], end: number): void {
    if (this.compacted) for (const { producerId } of batches) this.unsure.add(producerId);
    this.batches = this.batches.filter((batch) => !batches.includes(batch));
    this.end = end;
  }

  /** Appends were acknowledged: no more than flush.messages - 1 of what can be read may be lost. */
  acknowledged(): void {
    this.durable = Math.max(this.durable, this.end - (this.flushMessages - 1));
  }

  /** The log ends at `end` now, and holds nothing of what was behind it. */
  cutTo(end: number): void {
    // Compaction may have taken the batches of a producer before those that are cut off, which were its last then.
    if (this.compacted) for (const batch of this.batches) if (endOf(batch) > end) this.unsure.add(batch.producerId);
    this.batches = this.batches.filter((batch) => endOf(batch) <= end);
    this.end = end;
    this.start = Math.min(this.start, end);
    this.durable = Math.min(this.durable, end);
    this.epochsFrom = Math.min(this.epochsFrom, end);
    this.compactedFrom = Math.min(this.compactedFrom, end);
    this.checkpointed = Math.min(this.checkpointed, this.start);
  }

  /**
   * The disk failed in the middle of a cut: until what was cut off, or what is there instead, was synced, a power failure may bring back the former.
   * @param before the batches, and where they ended
   */
  cutInPart(before: readonly ModelBatch[], end: number): void {
    const cut = before.filter((batch) => !this.batches.includes(batch));
    this.cutOff = [...this.cutOff.filter(({ offset }) => offset >= this.durable), ...cut];
    this.wasEmptyAt = before.length === 0 ? end : null;
  }

  /** Takes over what a power failure has brought back. @param seen what the log holds, from `first` on */
  recall(seen: readonly SeenBatch[], first: number): void {
    const unsafe = this.batches.filter(({ offset }) => offset >= this.durable);
    if (seen.length === 0 && first === this.wasEmptyAt && unsafe.length === this.batches.length) {
      this.emptyAt(first);
      return;
    }
    const isIt = (batch: SeenBatch) => (was: ModelBatch) => was.offset === batch.offset && was.crc === batch.crc;
    const back = seen
      .filter(({ offset }) => offset >= this.durable)
      .map((batch) => this.cutOff.find(isIt(batch)) ?? this.batches.find(isIt(batch)));
    if (!back.some((batch) => batch && !this.batches.includes(batch))) return;
    const there = back.filter((batch) => batch !== undefined);
    for (const { producerId } of [...there, ...unsafe]) this.unsure.add(producerId);
    this.batches = [...this.batches.filter(({ offset }) => offset < this.durable), ...there];
    this.end = Math.max(this.end, ...there.map(endOf));
  }

  /** The log is empty and goes on at `offset`. */
  emptyAt(offset: number): void {
    this.batches = [];
    this.end = offset;
    this.start = offset;
    this.firstSegment = offset;
    this.durable = Math.min(this.durable, offset);
    this.checkpointed = Math.min(this.checkpointed, offset);
    this.epochsFrom = offset;
    this.compactedFrom = offset;
  }

  /** The oldest segments are gone. */
  trimTo(firstSegment: number): void {
    this.firstSegment = firstSegment;
    this.start = Math.max(this.start, firstSegment);
    this.batches = this.batches.filter((batch) => endOf(batch) > firstSegment);
  }

  batchAt(offset: number): ModelBatch | undefined {
    return this.batches.find((batch) => endOf(batch) > offset);
  }
  isBatchEnd(offset: number): boolean {
    return offset === this.firstSegment || this.batches.some((batch) => endOf(batch) === offset);
  }
  /** Between two batches, be it in a gap. */
  isBetween(offset: number): boolean {
    return offset >= this.firstSegment && this.batches.every((batch) => endOf(batch) <= offset || batch.offset >= offset);
  }
  /** Where the last batch ends that ends there or before. */
  recordsEndBefore(offset: number): number {
    const last = this.batches.findLast((batch) => endOf(batch) <= offset);
    return last ? endOf(last) : Math.min(this.firstSegment, offset);
  }
  get highWatermark(): number {
    return Math.max(this.start, Math.min(this.committed, this.end));
  }
  /** Bytes of the batches from that of `from` to before that of `to`. */
  bytesBetween(from: number, to: number): number {
    return this.batches.filter((batch) => endOf(batch) > from && batch.offset < to).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Those that a reader gets who begins at the start of the log. */
  readable(): ModelBatch[] {
    return this.batches.filter((batch) => endOf(batch) > this.start);
  }
  records(from = this.start): ModelRecord[] {
    return this.batches.flatMap(({ records }) => records).filter(({ offset }) => offset >= from);
  }

  /** KIP-101: where the epoch of a record in the log ends: somewhere from the end of its last batch to the start of the next epoch's first. */
  endOfEpoch(leaderEpoch: number): { least: number; most: number } {
    const last = this.batches.findLast((batch) => batch.leaderEpoch === leaderEpoch)!;
    const next = this.batches.find((batch) => batch.leaderEpoch > leaderEpoch);
    // Compaction may have taken all batches of a later epoch, before those that replaced them were cut off.
    return { least: next || this.compacted ? endOf(last) : this.end, most: next?.offset ?? this.end };
  }

  /** The last batch of a producer, if it is still there for sure to be known: what is before the start of the log may be forgotten. */
  lastOf(producerId: number): ModelBatch | undefined {
    const last = this.batches.findLast((batch) => batch.producerId === producerId);
    return last && last.offset >= this.start && !this.unsure.has(producerId) ? last : undefined;
  }

  /**
   * Takes over what the log holds after a compaction, or after a crash that met one. Throws where that is not what was appended, without records
   * that a later one of their key replaces and tombstones that were there long enough; where a last record is gone, or the last batch of a
   * producer; and where a compaction that went to its end has left what it should have taken.
   */
  adopt(seen: readonly SeenBatch[], compaction: Compaction): void {
    const { nowMs, doneTo } = compaction;
    const known = new Map(this.batches.map((batch) => [batch.offset, batch]));
    const adopted = seen.map((batch) => {
      const was = known.get(batch.offset);
      if (!was) throw new Error(`nobody appended a batch at ${batch.offset}`);
      const now = batch.crc === was.crc && batch.bytes === was.bytes ? was : filtered(was, batch, nowMs);
      return doneTo !== null && endOf(batch) <= doneTo ? noted(now, nowMs) : now;
    });
    this.checkGone(adopted, compaction);
    if (doneTo !== null) {
      this.compactedFrom = Math.max(this.compactedFrom, this.start);
      checkUnique(adopted, this.compactedFrom, doneTo);
    }
    this.batches = adopted;
  }

  private checkGone(adopted: readonly ModelBatch[], { nowMs, limit }: Compaction): void {
    const kept = new Set(adopted.flatMap(({ records }) => records).map(({ offset }) => offset));
    const last = new Map<string, number>();
    for (const { offset, key } of this.records(0)) if (offset < limit) last.set(key, offset);
    for (const record of this.records(this.start)) {
      const { offset, key, value, cleanedAtMs } = record;
      if (kept.has(offset) || (last.get(key) ?? -1) > offset) continue;
      if (offset < limit && value === null && cleanedAtMs !== null && cleanedAtMs + this.deleteRetentionMs <= nowMs) continue;
      throw new Error(`the last record of ${key}, at ${offset}, is gone (limit ${limit}, ${JSON.stringify(record)})`);
    }
    const there = new Set(adopted.map(({ offset }) => offset));
    for (const producerId of new Set(this.batches.map((batch) => batch.producerId))) {
      const of = this.lastOf(producerId);
      if (producerId >= 0 && of && !there.has(of.offset))
        throw new Error(`the last batch of producer ${producerId}, at ${of.offset}, is gone`);
    }
  }
}

/** The batch with those of its records that are left. */
function filtered(was: ModelBatch, batch: SeenBatch, nowMs: number): ModelBatch {
  const byOffset = new Map(was.records.map((record) => [record.offset, record]));
  const records = batch.records().map((record) => {
    const { cleanedAtMs, ...appended } = byOffset.get(record.offset) ?? { cleanedAtMs: null };
    if (JSON.stringify(appended) !== JSON.stringify(record))
      throw new Error(`not what was appended: ${JSON.stringify(record)} for ${JSON.stringify(appended)}`);
    return { ...record, cleanedAtMs: cleanedAtMs ?? (record.value === null ? nowMs : null) };
  });
  const same = { lastOffset: 0, leaderEpoch: 0, producerId: 0, producerEpoch: 0, sequence: 0 };
  for (const field of Object.keys(same) as (keyof typeof same)[])
    if (was[field] !== batch[field]) throw new Error(`${field} of the batch at ${was.offset} was ${was[field]} and is ${batch[field]}`);
  return { ...was, records, bytes: batch.bytes, crc: batch.crc };
}

function noted(batch: ModelBatch, nowMs: number): ModelBatch {
  if (!batch.records.some(({ value, cleanedAtMs }) => value === null && cleanedAtMs === null)) return batch;
  return { ...batch, records: batch.records.map((each) => ({ ...each, cleanedAtMs: each.cleanedAtMs ?? nowMs })) };
}

function checkUnique(batches: readonly ModelBatch[], from: number, end: number): void {
  const keys = new Set<string>();
  for (const { key, offset } of batches.flatMap(({ records }) => records)) {
    if (offset < from) continue;
    if (offset >= end) return;
    if (keys.has(key)) throw new Error(`compacted, and ${key} is there twice, once at ${offset}`);
    keys.add(key);
  }
}
