import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Files } from '../core/files.ts';
import type { BatchView } from '../protocol/records/batch.ts';
import type { CachedFile, HandleCache } from './handle-cache.ts';
import { inTurn } from './in-turn.ts';
import type { IndexFile } from './index-file.ts';
import type { LogConfig } from './log-config.ts';
import type { Done } from './log-types.ts';
import { OffsetIndex } from './offset-index.ts';
import { DELETED, segmentFile } from './segment-names.ts';
import { type Place, SegmentPlaces } from './segment-places.ts';
import { type TimeEntry, TimeIndex } from './time-index.ts';
import { TransactionIndex } from './transaction-index.ts';

export { baseOffsetOf, CLEANED, DELETED, SWAP, segmentFile } from './segment-names.ts';

/** A relative offset in an index has 31 bits. */
export const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;

const JITTER_STEPS = 2 ** 31;

/** What the indexes need to know of a batch. */
export interface WrittenBatch {
  readonly position: number;
  readonly batchBytes: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/**
 * One segment of a log: `<base offset>.log` with its .index and .timeindex. Only finished writes count: `size` is what readers may see.
 * Files are opened, and for a new segment created, when first used.
 */
export class Segment {
  readonly baseOffset: number;
  readonly log: CachedFile;
  private readonly cache: HandleCache;
  private fileOf: (part: string) => CachedFile;
  private readonly isNew: boolean;
  /** There is no .txnindex before a transaction is aborted: nobody need look for one. */
  private hasNoAborted: boolean;
  // Made when they are used: a log may have ten thousand segments that nobody reads.
  private offsetIndex: OffsetIndex | undefined;
  private timeIndex: TimeIndex | undefined;
  private abortedIndex: TransactionIndex | undefined;
  /** undefined: not asked yet. */
  private bytes: number | undefined;
  /** When this run created or opened it: what counts for a segment without timestamps. */
  readonly createdMs: number;
  private doomed = false;
  /** Counts how often the .log was cut: what was copied of it before is not what it holds. */
  cuts = 0;
  /** The share of segment.jitter.ms that is this segment's, of 2^31; undefined: not needed yet. */
  private jitter: number | undefined;
  /** Highest timestamp of the first batch; undefined: not looked up yet. */
  private firstTimestamp: number | undefined;
  private highestTimestamp: number | undefined;
  private offsetOfHighestTimestamp = -1;
  private bytesSinceIndexEntry = 0;
  private placesInside: SegmentPlaces | undefined;

  /** @param size of the .log; null for a segment that has no files yet, -1: all that is in its file. `suffix`: of its files' names while it is no part of a log */
  constructor(cache: HandleCache, folder: string, baseOffset: number, size: number | null, nowMs: number, suffix = '') {
    this.cache = cache;
    this.fileOf = (part) => cache.file(join(folder, segmentFile(baseOffset, part) + suffix));
    this.baseOffset = baseOffset;
    this.createdMs = nowMs;
    this.log = this.fileOf('log');
    this.isNew = size === null;
    this.hasNoAborted = size === null;
    if (size !== -1) this.bytes = size ?? 0;
    if (size === null) this.highestTimestamp = -1;
  }

  get offsets(): OffsetIndex {
    this.offsetIndex ??= new OffsetIndex(this.fileOf('index'), this.baseOffset, this.isNew);
    return this.offsetIndex;
  }
  get times(): TimeIndex {
    this.timeIndex ??= new TimeIndex(this.fileOf('timeindex'), this.baseOffset, this.isNew);
    return this.timeIndex;
  }
  get aborted(): TransactionIndex {
    this.abortedIndex ??= new TransactionIndex(this.fileOf('txnindex'), this.baseOffset, this.hasNoAborted);
    return this.abortedIndex;
  }
  /** Whoever opened the log has seen no transaction index of it. */
  lacksAborted(): void {
    this.hasNoAborted = true;
  }
  /** The transaction index if there may be something in it. */
  get anyAborted(): TransactionIndex | undefined {
    return this.abortedIndex || !this.hasNoAborted ? this.aborted : undefined;
  }

  /** Bytes of whole, finished batches in the .log. */
  get size(): number {
    this.bytes ??= this.log.storedBytes();
    return this.bytes;
  }
  set size(bytes: number) {
    this.bytes = bytes;
  }

  /** Highest timestamp of a record here, -1 without one. */
  get maxTimestamp(): number {
    if (this.highestTimestamp === undefined) {
      const last = this.times.last();
      const highest = last && (this.places.isTimeOf(last) ? last : this.places.highestTime(last));
      this.highestTimestamp = highest?.timestamp ?? -1;
      this.offsetOfHighestTimestamp = highest?.offset ?? -1;
    }
    return this.highestTimestamp;
  }
  /** Last offset of the first batch with `maxTimestamp`. */
  get offsetOfMaxTimestamp(): number {
    return this.maxTimestamp === -1 ? -1 : this.offsetOfHighestTimestamp;
  }

  /** Takes note of a batch whose write is finished. Batches come in order. */
  written(batch: WrittenBatch, indexIntervalBytes: number): void {
    this.size = batch.position + batch.batchBytes;
    this.noteTimestamp(batch);
    if (this.bytesSinceIndexEntry > indexIntervalBytes) {
      this.offsets.append(batch.lastOffset, batch.position);
      this.times.maybeAppend(this.maxTimestamp, this.offsetOfMaxTimestamp);
      this.bytesSinceIndexEntry = 0;
    }
    this.bytesSinceIndexEntry += batch.batchBytes;
  }

  /** Whether a batch may be the last, at `sizeBytes` in all and `lastOffset`; the time index keeps room for the entry that sealing adds. */
  hasRoomFor(sizeBytes: number, lastOffset: number, { segmentBytes, segmentIndexBytes }: LogConfig): boolean {
    const indexFull = this.offsets.file.sizeBytes + 8 > segmentIndexBytes || this.times.file.sizeBytes + 24 > segmentIndexBytes;
    return sizeBytes <= segmentBytes && lastOffset - this.baseOffset <= MAX_RELATIVE_OFFSET && !indexFull;
  }

  /** Its first batch is about to be written. */
  begin(timestamp: number): void {
    this.firstTimestamp = timestamp;
  }

  /** Highest timestamp of its first batch; -1: there is none, or it has none. */
  get beginTimestamp(): number {
    this.firstTimestamp ??= this.size > 0 ? this.firstBatchTimestamp() : -1;
    return this.firstTimestamp;
  }

  /**
   * Whether a batch is too late for it: segment.ms counts from the first batch, by timestamps of records; so does max.compaction.lag.ms,
   * since the active segment is not compacted (KIP-354).
   */
  isTooOldFor(maxTimestamp: number, nowMs: number, { segmentMs, segmentJitterMs, compacted, maxCompactionLagMs }: LogConfig): boolean {
    const { beginTimestamp } = this;
    const agedMs = beginTimestamp >= 0 ? maxTimestamp - beginTimestamp : nowMs - this.createdMs;
    const limitMs = compacted ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs;
    if (segmentJitterMs <= 0) return agedMs > limitMs;
    this.jitter ??= randomInt(JITTER_STEPS);
    return agedMs > limitMs - Math.floor((this.jitter / JITTER_STEPS) * Math.min(segmentJitterMs, segmentMs));
  }

  /** It leaves the log: its files go on as `.deleted`, for those who still read them. `mark` tells it from others that had its name. */
  doom(mark = ''): void {
    for (const file of this.files()) if (!file.path.endsWith(DELETED)) file.rename(`${file.path}${mark}${DELETED}`);
    this.doomed = true;
  }
  /** Its files go on under their names with another suffix; the .log is the last, so that it never stands there without its indexes. */
  changeSuffix(from: string, to: string): void {
    for (const file of this.files()) {
      if (!file.path.endsWith(from)) throw new Error(`${file.path} does not end with ${from}`);
      file.rename(file.path.slice(0, file.path.length - from.length) + to);
    }
  }
  /** Its files are in another folder now. */
  movedTo(folder: string): void {
    const pathOf = (part: string) => join(folder, segmentFile(this.baseOffset, part));
    this.fileOf = (part) => this.cache.file(pathOf(part));
    this.offsetIndex?.file.movedTo(pathOf('index'));
    this.timeIndex?.file.movedTo(pathOf('timeindex'));
    this.abortedIndex?.file.movedTo(pathOf('txnindex'));
    this.log.movedTo(pathOf('log'));
  }
  private files(): (CachedFile | IndexFile)[] {
    return [this.offsets.file, this.times.file, this.aborted.file, this.log];
  }
  /** Nothing of it needs to be written any more. */
  get isDoomed(): boolean {
    return this.doomed;
  }

  private get places(): SegmentPlaces {
    this.placesInside ??= new SegmentPlaces(this);
    return this.placesInside;
  }
  /** Position of the batch that contains `offset`, or of the first behind it; `size` when there is none. */
  positionOf(offset: number): number {
    return this.places.find(offset).position;
  }
  /** The batch that contains `offset`, or the first behind it; at `size` when there is none. @throws DamageError */
  find(offset: number): Place {
    return this.places.find(offset);
  }
  /** Where the last batch before `position` ends, which is `offset` or before that. */
  endBefore(position: number, offset: number): number {
    return this.places.endBefore(position, offset);
  }
  /** Keeps that a batch begins at `position`, and the one before it ends at `offset`. */
  remember(offset: number, position: number): void {
    this.places.remember(offset, position);
  }
  /** The entry of the time index with the highest timestamp that is not above `timestamp`. */
  timeBefore(timestamp: number): TimeEntry | null {
    return this.places.timeBefore(timestamp);
  }
  /** Where the last batch begins that the index knows, or one before it. */
  get lastStart(): number {
    return this.places.lastStart();
  }
  /** The whole batch at `position`, read at once; for lookups, not for fetches. @throws DamageError */
  batchAt(position: number): BatchView {
    return this.places.batchAt(position);
  }

  private firstBatchTimestamp(): number {
    let maxTimestamp = -1;
    this.places.scan(0, this.size, (header) => {
      maxTimestamp = header.maxTimestamp;
      return true;
    });
    return maxTimestamp;
  }

  /**
   * Offset behind the last batch, found behind the last index entry; takes note of the timestamps there, which the time index lacks after an
   * unclean end. @throws Error when what lies there is no batch */
  readNextOffset(): number {
    let next = this.baseOffset;
    void this.maxTimestamp; // looked up before the scan, which allows no other in it
    this.places.scan(this.lastStart, this.size, (header) => {
      next = header.nextOffset;
      if (header.count > 0) this.noteTimestamp(header); // compaction leaves batches without records, for their producers
      return false;
    });
    return next;
  }

  /** Cuts the .log and the indexes behind the batches before `position`, which end at `endOffset`. */
  truncate(position: number, endOffset: number): void {
    this.cuts++;
    this.log.handle().truncate(position);
    this.offsets.truncateTo(position);
    this.times.truncateTo(endOffset);
    this.anyAborted?.truncateTo(endOffset);
    this.size = position;
    this.placesInside?.forget();
    this.bytesSinceIndexEntry = 0;
    // The highest timestamp may have been in what was cut off, and the time index may not know the highest of what is left.
    this.highestTimestamp = undefined;
    void this.maxTimestamp;
    this.places.scan(this.lastStart, position, (header) => {
      if (header.count > 0) this.noteTimestamp(header); // compaction leaves batches without records, for their producers
      return false;
    });
  }

  private noteTimestamp({ maxTimestamp, lastOffset }: Pick<WrittenBatch, 'maxTimestamp' | 'lastOffset'>): void {
    if (maxTimestamp <= this.maxTimestamp) return;
    this.highestTimestamp = maxTimestamp;
    this.offsetOfHighestTimestamp = lastOffset;
  }

  /** Forgets the indexes, to build them anew by `written`. */
  clear(): void {
    this.offsets.file.reset();
    this.times.clear();
    this.aborted.clear();
    this.size = 0;
    this.highestTimestamp = -1;
    this.bytesSinceIndexEntry = 0;
    this.placesInside?.forget();
  }

  /** Writes the indexes' last entries: nothing will be appended for a while, or never again. */
  seal(): void {
    this.times.maybeAppend(this.maxTimestamp, this.offsetOfMaxTimestamp);
    this.spill();
  }
  /** Writes out the index entries that are in memory. */
  spill(): void {
    this.offsets.file.spill();
    this.times.file.spill();
    this.anyAborted?.spill();
  }

  /** Makes log and indexes durable. */
  flush(done: Done): void {
    const { anyAborted } = this;
    const files = [this.log, this.offsets.file, this.times.file, ...(anyAborted ? [anyAborted] : [])].map((file) => (next: Done) => {
      if (this.doomed) next(null);
      else file.sync(next);
    });
    inTurn(files, done);
  }
  flushSync(): void {
    this.log.handle().syncSync();
    this.offsets.file.syncSync();
    this.times.file.syncSync();
    this.anyAborted?.syncSync();
  }

  /** Releases the open files; the next use opens them again. */
  close(): void {
    this.log.close();
    this.offsetIndex?.file.close();
    this.timeIndex?.file.close();
    this.abortedIndex?.file.close();
  }
  /** As `remove`, for a segment whose files are large and in nobody's way. */
  removeLater(files: Files, done: Done): void {
    this.doomed = true;
    this.close();
    const paths = this.files().map(({ path }) => path);
    inTurn(
      paths.map((path) => (next: Done) => files.removeLater(path, next)),
      done,
    );
  }
  /** Its files go. A flush that is under way, or waits, must not make them anew: an empty .log would count as a segment. */
  remove(): void {
    this.doomed = true;
    this.log.remove();
    this.offsets.file.remove();
    this.times.file.remove();
    this.aborted.file.remove();
  }
}
