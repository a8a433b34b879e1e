import { KafkaError } from '../core/errors.ts';
import { type BatchView, eachBatch } from '../protocol/records/batch.ts';
import { endMarkerOf } from '../protocol/records/end-marker.ts';
import { forEachRecord } from '../protocol/records/walk.ts';
import type { ReadDone } from '../storage/log-reader.ts';
import type { PartitionLog } from '../storage/partition-log.ts';
import type { ProducerEntry } from '../storage/producer-state.ts';
import type { TimestampOffset } from '../storage/time-lookup.ts';
import type { AbortedTransaction } from '../storage/transaction-index.ts';

/** Who reads: consumers see what is replicated, those of committed transactions what is decided besides, followers all that is written. */
export type Reader = 'consumer' | 'committed' | 'follower';

/** What is told of each record while loading, and of each marker that ends a transaction. */
export interface ReplayTarget {
  /** `producerId`: of the transaction that it is part of; -1: of none. */
  record(record: {
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly offset: number;
    readonly producerId: number;
  }): void;
  marker(producerId: number, commits: boolean): void;
}

/** Read at a time while loading. */
const REPLAY_BYTES = 1024 * 1024;

/** What can be read of a partition, and asked of its log. Everything may throw KAFKA_STORAGE_ERROR. */
export abstract class PartitionReading {
  readonly log: PartitionLog;

  constructor(log: PartitionLog) {
    this.log = log;
  }

  /** Everything before it is committed. */
  abstract get highWatermark(): number;

  get logStartOffset(): number {
    return this.log.logStartOffset;
  }
  get logEndOffset(): number {
    return this.log.logEndOffset;
  }
  /** Every transaction that has records before it is decided, and its marker committed. Never beyond the high watermark. */
  get lastStableOffset(): number {
    const { highWatermark } = this; // which a leadership that begins may move
    return Math.min(highWatermark, this.log.lastStableOffset);
  }
  /** What the records take up on the disk. */
  get sizeBytes(): number {
    return this.log.sizeBytes;
  }
  /** segment.bytes */
  get segmentBytes(): number {
    return this.log.segmentBytes;
  }
  /** Of compression.type; undefined: batches keep the codec of their producer. */
  get codecId(): number | undefined {
    return this.log.compression?.codecId;
  }

  /** Where what this reader may see ends. */
  visibleEnd(reader: Reader): number {
    if (reader === 'follower') return this.log.logEndOffset;
    return reader === 'committed' ? this.lastStableOffset : this.highWatermark;
  }

  /** The aborted transactions that may have records from `fromOffset` to before `toOffset`, by where they begin. */
  abortedTransactions(fromOffset: number, toOffset: number): AbortedTransaction[] {
    return this.log.abortedTransactions(fromOffset, toOffset);
  }

  /** Whether a transaction of this producer and epoch has records here, and no marker yet: then its batches need no verification. */
  hasOpenTransaction(producerId: number, producerEpoch: number): boolean {
    return this.log.hasOpenTransaction(producerId, producerEpoch);
  }

  /** The producers that have written here: idempotent ones, and those of transactions. */
  producers(): [producerId: number, entry: ProducerEntry][] {
    return this.log.producers();
  }

  /** Whole batches from `offset` on. Errors: OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR. */
  read(offset: number, maxBytes: number, minOneBatch: boolean, reader: Reader, done: ReadDone): void {
    this.log.read(offset, maxBytes, this.visibleEnd(reader), minOneBatch, done);
  }

  /** Bytes that a reader may see from `offset` on, or at least `enough` of them, without reading them. @throws KafkaError OFFSET_OUT_OF_RANGE */
  availableBytes(offset: number, reader: Reader, enough: number): number {
    if (offset < this.log.logStartOffset || offset > this.log.logEndOffset) throw new KafkaError('OFFSET_OUT_OF_RANGE');
    return this.log.sizeBetween(offset, this.visibleEnd(reader), enough);
  }

  /**
   * KIP-595: where the log of a fetcher parts from ours, given the epoch of its last record; undefined: it does not, or it named none.
   * @throws KafkaError OFFSET_OUT_OF_RANGE when we know nothing of that epoch
   */
  divergence(lastFetchedEpoch: number, fetchOffset: number): { epoch: number; endOffset: number } | undefined {
    if (lastFetchedEpoch < 0) return undefined;
    const { leaderEpoch, endOffset } = this.log.endOffsetForEpoch(lastFetchedEpoch);
    if (leaderEpoch < 0 || endOffset < 0) throw new KafkaError('OFFSET_OUT_OF_RANGE');
    return leaderEpoch < lastFetchedEpoch || endOffset < fetchOffset ? { epoch: leaderEpoch, endOffset } : undefined;
  }

  /** KIP-101: where a leader epoch ends in this log, and of which epoch that is the end; both -1: unknown here. */
  endOfEpoch(leaderEpoch: number): { leaderEpoch: number; endOffset: number } {
    return this.log.endOffsetForEpoch(leaderEpoch);
  }

  /** The leader epoch that the record at `offset` was, or would be, written in. */
  epochOf(offset: number): number {
    return this.log.epochOf(offset);
  }

  offsetForTimestamp(timestamp: number): TimestampOffset | null {
    return this.log.offsetForTimestamp(timestamp);
  }
  maxTimestamp(): TimestampOffset | null {
    return this.log.maxTimestamp();
  }

  /** The log's committed end and the starts of its segments, newest first: what ListOffsets v0 chooses from. */
  segmentOffsets(nowMs: number): { offset: number; maxTimestamp: number }[] {
    const { highWatermark, logStartOffset } = this;
    const starts = this.log
      .segmentStarts()
      .map(({ baseOffset, maxTimestamp }) => ({ offset: Math.max(baseOffset, logStartOffset), maxTimestamp }))
      .filter(({ offset }) => offset <= highWatermark);
    if (highWatermark > logStartOffset && starts.at(-1)?.offset !== highWatermark)
      starts.push({ offset: highWatermark, maxTimestamp: nowMs });
    return starts.reverse();
  }

  /**
   * Reads everything up to the log's end as it is now, in order: how a coordinator loads (metadata-store rule 8; it serves when the high watermark
   * has come there). Returns that end. `replay` gets views that are valid only during the call.
   */
  async replay(replay: ReplayTarget): Promise<number> {
    const end = this.log.logEndOffset;
    let offset = this.log.logStartOffset;
    while (offset < end) {
      const chunk = await new Promise<Parameters<ReadDone>[1]>((resolve, reject) => {
        this.log.read(offset, REPLAY_BYTES, end, true, (error, read) => (error ? reject(error) : resolve(read)));
      });
      if (!chunk) break;
      for (const batch of eachBatch(chunk.bytes)) {
        if (!batch.crcMatches()) throw new KafkaError('CORRUPT_MESSAGE', `The record batch at offset ${batch.baseOffset} is damaged`);
        tell(replay, batch);
      }
      offset = chunk.nextOffset;
      chunk.release();
    }
    return end;
  }
}

function tell(replay: ReplayTarget, batch: BatchView): void {
  const { isControl, isTransactional, producerId } = batch;
  if (isControl) {
    const marker = endMarkerOf(batch);
    if (marker) replay.marker(producerId, marker.commits);
    return;
  }
  const writer = isTransactional ? producerId : -1;
  forEachRecord(batch, ({ key, value, offset }) => replay.record({ key, value, offset, producerId: writer }));
}
