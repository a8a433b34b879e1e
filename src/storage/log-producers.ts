import type { Logger } from '../core/logger.ts';
import type { BatchView } from '../protocol/records/batch.ts';
import { scanHeaders } from './batch-scanner.ts';
import type { ActiveProducers } from './cleaner/job.ts';
import type { ProducerSnapshots } from './producer-snapshot.ts';
import type { ProducerBatch, ProducerBefore, ProducerState } from './producer-state.ts';
import type { SegmentList } from './segment-list.ts';

/** The idempotent producers of an open log, and their snapshots beside it. Always as the log is with all that is queued. */
export class LogProducers {
  private readonly state: ProducerState;
  private readonly snapshots: ProducerSnapshots;
  private readonly logger: Logger;

  constructor(state: ProducerState, snapshots: ProducerSnapshots, logger: Logger) {
    this.state = state;
    this.snapshots = snapshots;
    this.logger = logger;
  }

  /** See ProducerState. */
  check(batch: BatchView): ProducerBatch | null {
    return this.state.check(batch);
  }
  add(batch: BatchView, lastOffset: number, timestamp: number): ProducerBefore | null {
    return this.state.add(batch, lastOffset, timestamp);
  }

  /** What compaction keeps for them. */
  active(): ActiveProducers {
    const entries = [...this.state.entries()];
    return {
      ids: Float64Array.from(entries, ([producerId]) => producerId),
      lastOffsets: Float64Array.from(entries, ([, { batches }]) => batches.at(-1)?.lastOffset ?? -1),
      epochs: Int16Array.from(entries, ([, { epoch }]) => epoch),
    };
  }

  /** Where the first transaction begins that no marker has ended yet; Infinity: none is open. */
  get firstUnstableOffset(): number {
    return this.state.firstUnstableOffset;
  }

  /** Writes of the end of the log are lost. @param endOffset where it ends now */
  takeBack(lost: readonly { readonly producerBefore: ProducerBefore | null }[], endOffset: number): void {
    for (let i = lost.length - 1; i >= 0; i--) {
      const { producerBefore } = lost[i]!;
      if (producerBefore) this.state.takeBack(producerBefore);
    }
    this.snapshots.removeAfter(endOffset);
  }

  /** The log is, or goes back to, what its files hold: the latest snapshot, and the headers of the batches behind it. */
  reload({ all }: SegmentList, startOffset: number, endOffset: number): void {
    this.snapshots.removeAfter(endOffset);
    const from = Math.max(this.snapshots.load(this.state) ?? startOffset, startOffset);
    for (const [i, segment] of all.entries()) {
      if (from >= endOffset || (all[i + 1]?.baseOffset ?? endOffset) <= from) continue;
      const position = segment.baseOffset < from ? segment.positionOf(from) : 0;
      scanHeaders(segment.log.handle(), position, segment.size, (header) => {
        if (header.baseOffset >= from) this.state.add(header, header.lastOffset, header.maxTimestamp);
        return false;
      });
    }
  }

  movedTo(folder: string): void {
    this.snapshots.movedTo(folder);
  }

  /** All is gone, snapshots included. */
  reset(): void {
    this.state.clear();
    this.snapshots.removeAfter(-1);
  }

  /** Segments before `offset` have left the log. */
  trimmed(offset: number): void {
    this.snapshots.removeBefore(offset);
  }

  /** Segments were put together: snapshots of those that are gone are not needed. */
  pruned({ all }: SegmentList): void {
    try {
      this.snapshots.prune(all.map(({ baseOffset }) => baseOffset));
    } catch {
      // The next snapshot tries again.
    }
  }

  /**
   * Writes a snapshot at the end of the log, an empty one too: without one, the next opening would read the whole log. Whether there is room
   * for it decides over nothing else.
   */
  snapshot(endOffset: number, { all }: SegmentList): void {
    if (this.snapshots.has(endOffset)) return;
    try {
      this.snapshots.write(endOffset, this.state);
      this.snapshots.prune(all.map(({ baseOffset }) => baseOffset));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.logger.warn({ endOffset, error: why }, 'producers could not be written to a snapshot; the next start reads the log instead');
    }
  }
}
