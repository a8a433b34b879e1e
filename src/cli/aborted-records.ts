import type { BatchView } from '../protocol/records/batch.ts';
import { endMarkerOf } from '../protocol/records/end-marker.ts';

interface Aborted {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Tells the batches of one response apart: those of transactions that were aborted, which its broker has listed, and the others. */
export class AbortedRecords {
  /** Not begun yet, by where they begin. */
  private readonly ahead: Aborted[];
  /** Producers of which all is aborted until their next marker. */
  private readonly producers = new Set<number>();

  /** @param listed null: nothing is passed over */
  constructor(listed: readonly Aborted[] | null) {
    this.ahead = [...(listed ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Each batch once, in order. */
  has(batch: BatchView): boolean {
    while (this.ahead.length > 0 && this.ahead[0]!.firstOffset <= batch.lastOffset) this.producers.add(this.ahead.shift()!.producerId);
    const { producerId } = batch;
    if (batch.isControl && endMarkerOf(batch)?.commits === false) this.producers.delete(producerId);
    return batch.isTransactional && this.producers.has(producerId);
  }
}
