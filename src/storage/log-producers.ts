import type { Logger } from '../core/logger.ts';
import type { BatchView } from '../protocol/records/batch.ts';
import { scanHeaders } from './batch-scanner.ts';
import type { ActiveProducers } from './cleaner/job.ts';
import type { ProducerSnapshots } from './producer-snapshot.ts';
import type { ProducerBatch, ProducerBefore, ProducerCheck, ProducerEntry, ProducerState, TransactionMarker } from './producer-state.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import type { VerificationGuard, VerificationRequest } from './verifications.ts';

/** The high watermark that a checkpoint says is seconds old. One that is farther back than this says nothing: it was lost, or the log was brought here. */
const MAX_UNCOMMITTED_BYTES = 64 * 1024 * 1024;

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
  check(batch: BatchView, how?: ProducerCheck): ProducerBatch | null {
    return this.state.check(batch, how);
  }
  checkMarker(marker: TransactionMarker): void {
    this.state.checkMarker(marker);
  }
  hasOpenTransaction(producerId: number, producerEpoch: number): boolean {
    return this.state.hasOpenTransaction(producerId, producerEpoch);
  }
  beginVerification(request: VerificationRequest): VerificationGuard | null {
    return this.state.beginVerification(request);
  }
  endVerifications(): void {
    this.state.verifications.endAll();
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
  lastStableOffset(highWatermark: number): number {
    return this.state.lastStableOffset(highWatermark);
  }
  committed(highWatermark: number): void {
    this.state.committed(highWatermark);
  }
  entries(): Generator<[producerId: number, entry: ProducerEntry]> {
    return this.state.entries();
  }

  /** Writes of the end of the log are lost. @param endOffset where it ends now */
  takeBack(lost: readonly { readonly producerBefore: ProducerBefore | null }[], endOffset: number): void {
    for (let i = lost.length - 1; i >= 0; i--) {
      const { producerBefore } = lost[i]!;
      if (producerBefore) this.state.takeBack(producerBefore);
    }
    this.snapshots.removeAfter(endOffset);
  }

  /**
   * The log is, or goes back to, what its files hold: the latest snapshot, and the headers of the batches behind it. `committedTo`: its high
   * watermark. `unindexed`: segments, in order, whose transaction indexes are empty and must be made anew.
   */
  reload(segments: SegmentList, startOffset: number, endOffset: number, committedTo: number, unindexed: readonly Segment[] = []): void {
    this.snapshots.removeAfter(endOffset);
    this.state.verifications.endAll();
    const anew = new Set(unindexed);
    const indexFrom = unindexed[0]?.baseOffset ?? Number.POSITIVE_INFINITY;
    const upTo = Math.min(indexFrom, this.beginOfUndecided(segments, Math.max(committedTo, startOffset)));
    const from = Math.max(this.snapshots.load(this.state, upTo) ?? startOffset, startOffset);
    this.scan(segments, from, endOffset, (header, segment) => {
      const before = this.state.add(header, header.lastOffset, header.maxTimestamp);
      this.state.committed(committedTo);
      if (before?.aborted && anew.has(segment)) segment.aborted.append(before.aborted);
    });
  }

  /**
   * A snapshot says nothing of transactions that have their marker. If there are such behind the high watermark and before the latest snapshot, it
   * must be an earlier one: from then on it is seen where they begin.
   */
  private beginOfUndecided(segments: SegmentList, committedTo: number): number {
    const to = this.snapshots.latest ?? committedTo;
    let hasMarker = false;
    if (committedTo < to && segments.sizeBetween(committedTo, to, Number.NaN, MAX_UNCOMMITTED_BYTES + 1) <= MAX_UNCOMMITTED_BYTES)
      this.scan(segments, committedTo, to, (header) => {
        hasMarker ||= header.isControl;
      });
    return hasMarker ? committedTo : Number.POSITIVE_INFINITY;
  }

  /** Calls `each` for the headers of the batches that begin from `from` to before `to`; they are as `scanHeaders` gives them. */
  private scan({ all }: SegmentList, from: number, to: number, each: (header: BatchView, segment: Segment) => void): void {
    for (const [i, segment] of all.entries()) {
      if (from >= to || segment.baseOffset >= to || (all[i + 1]?.baseOffset ?? to) <= from) continue;
      const position = segment.baseOffset < from ? segment.positionOf(from) : 0;
      scanHeaders(segment.log.handle(), position, segment.size, (header) => {
        if (header.baseOffset >= to) return true;
        if (header.baseOffset >= from) each(header, segment);
        return false;
      });
    }
  }

  movedTo(folder: string): void {
    this.snapshots.movedTo(folder);
  }

  /** All is gone, snapshots included. */
  reset(): void {
    this.state.verifications.endAll();
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
