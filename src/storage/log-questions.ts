import type { BatchView } from '../protocol/records/batch.ts';
import type { OpenedLog } from './open-log.ts';
import type { ProducerEntry } from './producer-state.ts';
import { findByTimestamp, findMaxTimestamp, type TimestampOffset } from './time-lookup.ts';
import type { AbortedTransaction } from './transaction-index.ts';
import type { VerificationGuard, VerificationRequest } from './verifications.ts';

/** What can be asked of a log's content beside reading it. Opens the log where that is needed; disk failures are KAFKA_STORAGE_ERROR. */
export abstract class LogQuestions {
  /** First offset that readers may see. */
  abstract get logStartOffset(): number;
  /** Offset behind the last batch whose write is finished: what readers may see, and what counts as being in the log. */
  abstract get logEndOffset(): number;
  protected abstract open(): OpenedLog;
  protected abstract storage<T>(act: () => T): T;

  /** Bytes of the .log files. */
  get sizeBytes(): number {
    const { segments } = this.open();
    return this.storage(() => segments.sizeBytes);
  }
  /** First offset and highest timestamp of each segment, oldest first. */
  segmentStarts(): { baseOffset: number; maxTimestamp: number }[] {
    return this.open().segments.all.map(({ baseOffset, maxTimestamp }) => ({ baseOffset, maxTimestamp }));
  }
  get segmentCount(): number {
    return this.open().segments.all.length;
  }
  /** Bytes of the batches from `fromOffset` to before `toOffset`, or at least `enough`, without reading them: what a Fetch may count for its min bytes. */
  sizeBetween(fromOffset: number, toOffset: number, enough = Number.POSITIVE_INFINITY): number {
    const { segments } = this.open();
    const from = Math.max(fromOffset, this.logStartOffset);
    const to = Math.min(toOffset, this.logEndOffset);
    if (from >= to) return 0;
    return this.storage(() => segments.sizeBetween(from, to, this.logEndOffset, enough));
  }

  /** The first record whose timestamp is `timestamp` or later, by record, not by batch; null when there is none. */
  offsetForTimestamp(timestamp: number): TimestampOffset | null {
    const { segments } = this.open();
    return this.storage(() => findByTimestamp(segments.all, timestamp, this.logStartOffset, this.logEndOffset));
  }

  /** The first record with the highest timestamp, -1 where none has any; null when there is no record. */
  maxTimestamp(): TimestampOffset | null {
    const { segments } = this.open();
    return this.storage(() => findMaxTimestamp(segments.all, this.logStartOffset, this.logEndOffset));
  }

  /** Whether an idempotent producer sends this batch again. Does not ask for a verification. @throws KafkaError as `ProducerState.check` */
  repeats(batch: BatchView): boolean {
    return this.open().producers.check(batch, { verification: 'off' }) !== null;
  }

  /** Whether a transaction of this producer and epoch is open here: then its batches need no verification. */
  hasOpenTransaction(producerId: number, producerEpoch: number): boolean {
    return this.open().producers.hasOpenTransaction(producerId, producerEpoch);
  }
  /** See ProducerState.beginVerification. */
  beginVerification(request: VerificationRequest): VerificationGuard | null {
    return this.open().producers.beginVerification(request);
  }

  /** The producers that the log knows of. */
  producers(): [producerId: number, entry: ProducerEntry][] {
    return [...this.open().producers.entries()];
  }

  /** The aborted transactions that may have records from `fromOffset` to before `toOffset`, by where they begin. */
  abortedTransactions(fromOffset: number, toOffset: number): AbortedTransaction[] {
    const { segments } = this.open();
    const found: AbortedTransaction[] = [];
    this.storage(() => segments.from(fromOffset).some(({ anyAborted }) => anyAborted?.collect(fromOffset, toOffset, found) ?? false));
    return found.sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** The leader epoch that `offset` was written in, -1: unknown. */
  epochOf(offset: number): number {
    return this.open().epochs.epochOf(offset);
  }
  /** KIP-101: where `leaderEpoch` ends here, with the epoch that this is true of; both -1 when it is unknown. */
  endOffsetForEpoch(leaderEpoch: number): { leaderEpoch: number; endOffset: number } {
    return this.open().epochs.endOffsetFor(leaderEpoch, this.logEndOffset);
  }
}
