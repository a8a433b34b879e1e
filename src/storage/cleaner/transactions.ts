import type { BatchView } from '../../protocol/records/batch.ts';
import { VarintReader } from '../../protocol/records/varint.ts';

/** A transaction that was given up, by its producer, the base offset of its first batch, and the offset of its marker. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

const ABORT = 0;
const COMMIT = 1;

/** What a control batch's record is (KIP-98): its key has a version and a type, 16 bits each. -1: nothing is left in the batch. */
function controlType(batch: BatchView): number {
  if (batch.count === 0) return -1;
  const payload = batch.payload();
  const reader = new VarintReader(payload);
  reader.varint(); // its length
  reader.take(1); // its attributes
  reader.varlong();
  reader.varint();
  const keyBytes = reader.varint();
  const at = reader.take(Math.max(keyBytes, 0));
  return keyBytes < 4 ? -1 : (payload[at + 2]! << 8) | payload[at + 3]!;
}

/**
 * Learns from the batches of a log, in order, which transactions were aborted: what Kafka has in .txnindex files. A transaction that is open
 * where the batches end is in doubt.
 */
export class TransactionScan {
  private readonly ended: AbortedTransaction[] = [];
  /** First offset by producer. */
  private readonly open = new Map<number, number>();

  /** Whether there is a transaction of which no marker was seen. */
  get hasOpen(): boolean {
    return this.open.size > 0;
  }

  add(batch: BatchView): void {
    if (!batch.isControl) {
      if (batch.isTransactional && !this.open.has(batch.producerId)) this.open.set(batch.producerId, batch.baseOffset);
      return;
    }
    const type = controlType(batch);
    const { producerId, lastOffset } = batch;
    const firstOffset = this.open.get(producerId);
    if (firstOffset === undefined || (type !== ABORT && type !== COMMIT)) return;
    this.open.delete(producerId);
    if (type === ABORT) this.ended.push({ producerId, firstOffset, lastOffset });
  }

  /** By first offset. */
  aborted(): AbortedTransaction[] {
    return this.ended.sort((one, other) => one.firstOffset - other.firstOffset);
  }

  /**
   * Where compaction must end at the latest: at `end`, or else before the segment in which a transaction in doubt begins.
   * @param bases of the segments before `end`, ascending
   */
  endBefore(end: number, bases: readonly number[]): number {
    const first = Math.min(...this.open.values());
    if (first >= end) return end;
    return bases.findLast((base) => base <= first) ?? 0;
  }
}

/**
 * What the passes over a log know of its transactions, as Kafka's CleanedTransactionMetadata: which batches are of an aborted one, and when
 * nothing is left of what a marker ended.
 */
export class SeenTransactions {
  /** Ascending by first offset. */
  private readonly aborted: readonly AbortedTransaction[];
  private next = 0;
  /** By producer; the value says whether a batch of it was seen. */
  private readonly ongoingAborted = new Map<number, boolean>();
  private readonly ongoingCommitted = new Set<number>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.aborted = aborted;
  }

  /** Each batch once, in order. True: its records may go, since it is of an aborted transaction; of a marker: since its transaction is gone. */
  isObsolete(batch: BatchView): boolean {
    this.advanceTo(batch.lastOffset);
    return batch.isControl ? this.endsNothing(batch) : this.isAborted(batch);
  }

  private advanceTo(offset: number): void {
    for (; this.next < this.aborted.length && this.aborted[this.next]!.firstOffset <= offset; this.next++) {
      const { producerId } = this.aborted[this.next]!;
      if (!this.ongoingAborted.has(producerId)) this.ongoingAborted.set(producerId, false);
    }
  }

  private endsNothing(marker: BatchView): boolean {
    const { producerId } = marker;
    switch (controlType(marker)) {
      case ABORT: {
        const wasSeen = this.ongoingAborted.get(producerId) ?? false;
        this.ongoingAborted.delete(producerId);
        return !wasSeen;
      }
      case COMMIT:
        return !this.ongoingCommitted.delete(producerId);
      case -1:
        return true;
      default:
        return false;
    }
  }

  private isAborted(batch: BatchView): boolean {
    if (!batch.isTransactional) return false;
    if (this.ongoingAborted.has(batch.producerId)) {
      this.ongoingAborted.set(batch.producerId, true);
      return true;
    }
    this.ongoingCommitted.add(batch.producerId);
    return false;
  }
}
