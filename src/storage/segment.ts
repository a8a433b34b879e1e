import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Files } from '../core/files.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import { scanHeaders } from './batch-scanner.ts';
import type { CachedFile, HandleCache } from './handle-cache.ts';
import { inTurn } from './in-turn.ts';
import type { IndexFile } from './index-file.ts';
import type { LogConfig } from './log-config.ts';
import { DamageError } from './log-errors.ts';
import type { Done } from './log-types.ts';
import { OffsetIndex } from './offset-index.ts';
import { type TimeEntry, TimeIndex } from './time-index.ts';

/** Positions remembered per segment, so that readers who go on where they stopped need no index: as many as there may be consumers. */
const MAX_HINTS = 32;

/** A relative offset in an index has 31 bits. */
export const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;

/** Entries of an index that does not agree with its .log that are tried before the segment is read from its beginning. */
const MAX_TRIES = 8;
/** Headers of so much are read sooner than an index entry is believed that names a batch behind the one at its position, as Kafka once wrote them. */
const NEAR_BYTES = 8 * 1024 * 1024;

const JITTER_STEPS = 2 ** 31;

/** What the indexes need to know of a batch. */
export interface WrittenBatch {
  readonly position: number;
  readonly batchBytes: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/** Where a batch begins, and the least base offset that it can have: the batch before it ends there. */
export interface Place {
  readonly position: number;
  readonly leastOffset: number;
}

/**
 * One segment of a log: `<base offset>.log` with its .index and .timeindex. Only finished writes count: `size` is what readers may see.
 * Files are opened, and for a new segment created, when first used.
 */
export class Segment {
  readonly baseOffset: number;
  readonly log: CachedFile;
  private readonly fileOf: (part: string) => CachedFile;
  private readonly isNew: boolean;
  // Made when they are used: a log may have ten thousand segments that nobody reads.
  private offsetIndex: OffsetIndex | undefined;
  private timeIndex: TimeIndex | undefined;
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
  private readonly hints = new Map<number, Place>();

  /** @param size of the .log; null for a segment that has no files yet, -1: all that is in its file. `suffix`: of its files' names while it is no part of a log */
  constructor(cache: HandleCache, folder: string, baseOffset: number, size: number | null, nowMs: number, suffix = '') {
    this.fileOf = (part) => cache.file(join(folder, segmentFile(baseOffset, part) + suffix));
    this.baseOffset = baseOffset;
    this.createdMs = nowMs;
    this.log = this.fileOf('log');
    this.isNew = size === null;
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
      const highest = last && (this.isTimeOf(last) ? last : this.readMaxTimestamp(last));
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
    for (const file of this.files()) file.rename(file.path.slice(0, file.path.length - from.length) + to);
  }
  /** Its files are in another folder now. */
  movedTo(folder: string): void {
    this.offsets.file.movedTo(join(folder, segmentFile(this.baseOffset, 'index')));
    this.times.file.movedTo(join(folder, segmentFile(this.baseOffset, 'timeindex')));
    this.log.movedTo(join(folder, segmentFile(this.baseOffset, 'log')));
  }
  private files(): (CachedFile | IndexFile)[] {
    return [this.offsets.file, this.times.file, this.log];
  }
  /** Nothing of it needs to be written any more. */
  get isDoomed(): boolean {
    return this.doomed;
  }

  /** Position of the batch that contains `offset`, or of the first behind it; `size` when there is none. */
  positionOf(offset: number): number {
    return this.find(offset).position;
  }

  /** The batch that contains `offset`, or the first behind it; at `size` when there is none. @throws DamageError */
  find(offset: number): Place {
    const hint = this.hints.get(offset);
    if (hint) return hint;
    const from = this.startBefore(this.offsets.indexOf(offset), offset);
    let last = { position: -1, nextOffset: this.baseOffset };
    let baseOffset = Number.POSITIVE_INFINITY;
    const position = this.scan(from, this.size, (header, at) => {
      if (header.lastOffset >= offset) baseOffset = header.baseOffset;
      else last = { position: at, nextOffset: header.nextOffset };
      return header.lastOffset >= offset;
    });
    // Nothing has this offset: compaction took it, or the batch before has swallowed it with a length that is not its own, as its CRC then tells.
    if (baseOffset > offset && last.position >= 0 && position < this.size) this.batchAt(last.position);
    const place = { position, leastOffset: Math.min(baseOffset, Math.max(offset, last.nextOffset)) };
    this.keep(offset, place);
    return place;
  }

  /** Keeps that a batch begins at `position`, and the one before it ends at `offset`. */
  remember(offset: number, position: number): void {
    this.keep(offset, { position, leastOffset: offset });
  }
  private keep(offset: number, place: Place): void {
    this.hints.delete(offset);
    if (this.hints.size >= MAX_HINTS) this.hints.delete(this.hints.keys().next().value!);
    this.hints.set(offset, place);
  }

  /** The position that an index entry names, when the batch there is the one that it names; else that of one before it. */
  private startBefore(entry: number, offset: number): number {
    let far = 0;
    for (let i = entry; i >= 0 && i > entry - MAX_TRIES; i--) {
      const { lastOffset, position } = this.offsets.entry(i);
      if (lastOffset > offset) continue; // another entry misled the search
      const found = this.headerAt(position);
      if (found?.magic !== 2 || found.baseOffset < this.baseOffset || found.lastOffset > lastOffset) continue;
      if (found.lastOffset === lastOffset) return position;
      if (far === 0 && position > NEAR_BYTES) far = position;
    }
    return far;
  }

  /** The entry of the time index with the highest timestamp that is not above `timestamp` and is that of a batch. */
  timeBefore(timestamp: number): TimeEntry | null {
    const from = this.times.indexOf(timestamp);
    for (let i = from; i >= 0 && i > from - MAX_TRIES; i--) {
      const entry = this.times.at(i);
      if (entry.timestamp <= timestamp && this.isTimeOf(entry)) return entry;
    }
    return null;
  }

  private isTimeOf({ timestamp, offset }: TimeEntry): boolean {
    if (offset < this.baseOffset) return false;
    const header = this.headerAt(this.positionOf(offset));
    return header !== null && header.baseOffset <= offset && header.maxTimestamp === timestamp;
  }

  /** By the batches: what the time index says of a segment's age would have it deleted too early, or never. */
  private readMaxTimestamp(believed: TimeEntry): TimeEntry {
    let highest: TimeEntry | null = null;
    try {
      this.scan(0, this.size, ({ maxTimestamp, lastOffset }) => {
        if (!highest || maxTimestamp > highest.timestamp) highest = { timestamp: maxTimestamp, offset: lastOffset };
        return false;
      });
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
    }
    return highest ?? believed;
  }

  private scan(from: number, to: number, visit: (header: BatchView, position: number) => boolean): number {
    return scanHeaders(this.log.handle(), from, to, visit, this.baseOffset);
  }
  private headerAt(position: number): BatchView | null {
    if (position < 0 || position + BATCH_HEADER_BYTES > this.size) return null;
    const header = Buffer.allocUnsafe(BATCH_HEADER_BYTES);
    return this.log.handle().readSync(header, position) === BATCH_HEADER_BYTES ? new BatchView(header) : null;
  }
  /** Where the last batch begins that the index knows, or one before it. */
  get lastStart(): number {
    return this.startBefore(this.offsets.file.count - 1, Number.POSITIVE_INFINITY);
  }

  private firstBatchTimestamp(): number {
    let maxTimestamp = -1;
    this.scan(0, this.size, (header) => {
      maxTimestamp = header.maxTimestamp;
      return true;
    });
    return maxTimestamp;
  }

  /** The whole batch at `position`, read at once; for lookups, not for fetches. @throws DamageError */
  batchAt(position: number): BatchView {
    const handle = this.log.handle();
    let bytes = Buffer.alloc(0);
    scanHeaders(handle, position, this.size, (header) => {
      bytes = Buffer.allocUnsafe(header.sizeInBytes);
      return true;
    });
    const bytesRead = handle.readSync(bytes, position);
    const batch = new BatchView(bytes);
    if (bytesRead < bytes.byteLength || bytesRead === 0 || !batch.crcMatches())
      throw new DamageError(`${this.log.path}: the record batch at position ${position} is not what was written`);
    return batch;
  }

  /**
   * Offset behind the last batch, found behind the last index entry; takes note of the timestamps there, which the time index lacks after an
   * unclean end. @throws Error when what lies there is no batch */
  readNextOffset(): number {
    let next = this.baseOffset;
    void this.maxTimestamp; // looked up before the scan, which allows no other in it
    this.scan(this.lastStart, this.size, (header) => {
      next = header.nextOffset;
      this.noteTimestamp(header);
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
    this.size = position;
    this.hints.clear();
    this.bytesSinceIndexEntry = 0;
    // The highest timestamp may have been in what was cut off, and the time index may not know the highest of what is left.
    this.highestTimestamp = undefined;
    void this.maxTimestamp;
    this.scan(this.lastStart, position, (header) => {
      this.noteTimestamp(header);
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
    this.size = 0;
    this.highestTimestamp = -1;
    this.bytesSinceIndexEntry = 0;
    this.hints.clear();
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
  }

  /** Makes log and indexes durable. */
  flush(done: Done): void {
    const files = [this.log, this.offsets.file, this.times.file].map((file) => (next: Done) => {
      if (this.doomed) next(null);
      else file.sync(next);
    });
    inTurn(files, done);
  }
  flushSync(): void {
    this.log.handle().syncSync();
    this.offsets.file.syncSync();
    this.times.file.syncSync();
  }

  /** Releases the open files; the next use opens them again. */
  close(): void {
    this.log.close();
    this.offsetIndex?.file.close();
    this.timeIndex?.file.close();
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
  }
}

/** What Kafka adds to the names of a segment's files before it removes them. */
export const DELETED = '.deleted';
/** Of a segment that compaction writes; and of one that is whole, and about to take the place of those that it was made from. */
export const CLEANED = '.cleaned';
export const SWAP = '.swap';

/** Kafka's file name of a segment's part. */
export function segmentFile(baseOffset: number, suffix: string): string {
  return `${String(baseOffset).padStart(20, '0')}.${suffix}`;
}

/** Base offset of a .log file's name, null for any other name. */
export function baseOffsetOf(name: string): number | null {
  return /^\d{20}\.log$/.test(name) ? Number(name.slice(0, 20)) : null;
}
