import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import { scanHeaders } from './batch-scanner.ts';
import { DamageError } from './log-errors.ts';
import type { Segment } from './segment.ts';
import type { TimeEntry } from './time-index.ts';

/** Positions remembered per segment, so that readers who go on where they stopped need no index: as many as there may be consumers. */
const MAX_HINTS = 32;
/** Entries of an index that does not agree with its .log that are tried before the segment is read from its beginning. */
const MAX_TRIES = 8;
/** Headers of so much are read sooner than an index entry is believed that names a batch behind the one at its position, as Kafka once wrote them. */
const NEAR_BYTES = 8 * 1024 * 1024;

/** Where a batch begins, and the least base offset that it can have: the batch before it ends there. */
export interface Place {
  readonly position: number;
  readonly leastOffset: number;
}

/** Where batches lie in one segment. What its indexes say is believed as far as the batches bear it out. */
export class SegmentPlaces {
  private readonly segment: Segment;
  private readonly hints = new Map<number, Place>();

  constructor(segment: Segment) {
    this.segment = segment;
  }

  /** The batch that contains `offset`, or the first behind it; at `size` when there is none. @throws DamageError */
  find(offset: number): Place {
    const hint = this.hints.get(offset);
    if (hint) return hint;
    const from = this.startBefore(this.segment.offsets.indexOf(offset), offset);
    let last = { position: -1, nextOffset: this.segment.baseOffset };
    let baseOffset = Number.POSITIVE_INFINITY;
    const position = this.scan(from, this.segment.size, (header, at) => {
      if (header.lastOffset >= offset) baseOffset = header.baseOffset;
      else last = { position: at, nextOffset: header.nextOffset };
      return header.lastOffset >= offset;
    });
    // Nothing has this offset: compaction took it, or the batch before has swallowed it with a length that is not its own, as its CRC then tells.
    if (baseOffset > offset && last.position >= 0 && position < this.segment.size) this.batchAt(last.position);
    const place = { position, leastOffset: Math.min(baseOffset, Math.max(offset, last.nextOffset)) };
    this.keep(offset, place);
    return place;
  }

  /** Where the last batch before `position` ends, which is `offset` or before that. */
  endBefore(position: number, offset: number): number {
    let end = this.segment.baseOffset;
    this.scan(this.startBefore(this.segment.offsets.indexOf(offset - 1), offset - 1), position, ({ nextOffset }) => {
      end = nextOffset;
      return false;
    });
    return end;
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
      const { lastOffset, position } = this.segment.offsets.entry(i);
      if (lastOffset > offset) continue; // another entry misled the search
      const found = this.headerAt(position);
      if (found?.magic !== 2 || found.baseOffset < this.segment.baseOffset || found.lastOffset > lastOffset) continue;
      if (found.lastOffset === lastOffset) return position;
      if (far === 0 && position > NEAR_BYTES) far = position;
    }
    return far;
  }

  /** The entry of the time index with the highest timestamp that is not above `timestamp` and is that of a batch. */
  timeBefore(timestamp: number): TimeEntry | null {
    const from = this.segment.times.indexOf(timestamp);
    for (let i = from; i >= 0 && i > from - MAX_TRIES; i--) {
      const entry = this.segment.times.at(i);
      if (entry.timestamp <= timestamp && this.isTimeOf(entry)) return entry;
    }
    return null;
  }

  /** Whether an entry of the time index is that of a batch; where the batches are damaged nobody can say that it is not. */
  isTimeOf({ timestamp, offset }: TimeEntry): boolean {
    if (offset < this.segment.baseOffset) return false;
    try {
      const header = this.headerAt(this.find(offset).position);
      return header !== null && header.baseOffset <= offset && header.maxTimestamp === timestamp;
    } catch (error) {
      if (error instanceof DamageError) return true;
      throw error;
    }
  }

  /** By the batches: what the time index says of a segment's age would have it deleted too early, or never. */
  highestTime(believed: TimeEntry): TimeEntry {
    let highest: TimeEntry | null = null;
    try {
      this.scan(0, this.segment.size, ({ maxTimestamp, lastOffset }) => {
        if (!highest || maxTimestamp > highest.timestamp) highest = { timestamp: maxTimestamp, offset: lastOffset };
        return false;
      });
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
    }
    return highest ?? believed;
  }

  /** As scanHeaders. */
  scan(from: number, to: number, visit: (header: BatchView, position: number) => boolean): number {
    return scanHeaders(this.segment.log.handle(), from, to, visit, this.segment.baseOffset);
  }
  private headerAt(position: number): BatchView | null {
    if (position < 0 || position + BATCH_HEADER_BYTES > this.segment.size) return null;
    const header = Buffer.allocUnsafe(BATCH_HEADER_BYTES);
    return this.segment.log.handle().readSync(header, position) === BATCH_HEADER_BYTES ? new BatchView(header) : null;
  }
  /** Where the last batch begins that the index knows, or one before it. */
  lastStart(): number {
    return this.startBefore(this.segment.offsets.file.count - 1, Number.POSITIVE_INFINITY);
  }

  /** After a truncation. */
  forget(): void {
    this.hints.clear();
  }

  /** The whole batch at `position`, read at once; for lookups, not for fetches. @throws DamageError */
  batchAt(position: number): BatchView {
    const handle = this.segment.log.handle();
    let bytes = Buffer.alloc(0);
    scanHeaders(handle, position, this.segment.size, (header) => {
      bytes = Buffer.allocUnsafe(header.sizeInBytes);
      return true;
    });
    const bytesRead = handle.readSync(bytes, position);
    const batch = new BatchView(bytes);
    if (bytesRead < bytes.byteLength || bytesRead === 0 || !batch.crcMatches())
      throw new DamageError(`${this.segment.log.path}: the record batch at position ${position} is not what was written`);
    return batch;
  }
}
