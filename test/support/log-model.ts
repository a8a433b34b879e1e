/** What a log must hold, as plain arrays: the model that test/storage/log-model.test.ts holds partition-log against. */

export interface ModelBatch {
  readonly offset: number;
  readonly keys: readonly string[];
  /** Of the first record; the others count up. */
  readonly timestamp: number;
  readonly leaderEpoch: number;
  readonly bytes: number;
  /** -1: of no idempotent producer. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
}

export interface ModelRecord {
  readonly offset: number;
  readonly key: string;
  readonly timestamp: number;
}

export const endOf = (batch: ModelBatch) => batch.offset + batch.keys.length;

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
  /** What was said to be committed. */
  committed = Number.POSITIVE_INFINITY;
  /** flush.messages. */
  flushMessages = Number.MAX_SAFE_INTEGER;

  add(batch: ModelBatch): void {
    this.batches.push(batch);
    this.end = endOf(batch);
  }

  /** Appends were acknowledged: no more than flush.messages - 1 of what can be read may be lost. */
  acknowledged(): void {
    this.durable = Math.max(this.durable, this.end - (this.flushMessages - 1));
  }

  /** The log ends at `end` now, and holds nothing of what was behind it. */
  cutTo(end: number): void {
    this.batches = this.batches.filter((batch) => endOf(batch) <= end);
    this.end = end;
    this.start = Math.min(this.start, end);
    this.durable = Math.min(this.durable, end);
    this.epochsFrom = Math.min(this.epochsFrom, end);
    this.checkpointed = Math.min(this.checkpointed, this.start);
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

  records(from = this.start): ModelRecord[] {
    const records = this.batches.flatMap(({ offset, keys, timestamp }) =>
      keys.map((key, i) => ({ offset: offset + i, key, timestamp: timestamp + i })),
    );
    return records.filter(({ offset }) => offset >= from);
  }

  /** KIP-101: where the epoch of a record in the log ends: somewhere from the end of its last batch to the start of the next epoch's first. */
  endOfEpoch(leaderEpoch: number): { least: number; most: number } {
    const last = this.batches.findLast((batch) => batch.leaderEpoch === leaderEpoch)!;
    const next = this.batches.find((batch) => batch.leaderEpoch > leaderEpoch);
    return { least: next ? endOf(last) : this.end, most: next?.offset ?? this.end };
  }

  /** The last batch of a producer, if it is still there for sure to be known: what is before the start of the log may be forgotten. */
  lastOf(producerId: number): ModelBatch | undefined {
    const last = this.batches.findLast((batch) => batch.producerId === producerId);
    return last && last.offset >= this.start ? last : undefined;
  }
}
