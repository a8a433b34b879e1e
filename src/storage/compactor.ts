import type { Clock } from '../core/clock.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import { filterBatch, forEachPlainRecord, isPlain, type LastOffsets, type PlainRecord } from './compaction.ts';
import type { HandleCache } from './handle-cache.ts';
import type { Done } from './log-types.ts';
import { CLEANED, Segment } from './segment.ts';

/** Read, and worked on without a pause, at a time: some 10 ms. */
const BLOCK_BYTES = 1024 * 1024;
/** Up to this size a read or write costs less than another turn of a busy loop. */
const SYNC_BYTES = 128 * 1024;
/** Small blocks are worked on for so long before others get their turn. */
const TURN_MS = 5;
/** Steps that may call one another before the stack is left. */
const MAX_STEPS = 100;
/** An index has 31 bits for an offset. */
const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;

/** What becomes of segments that compaction has gone through. */
export interface Compacted {
  /** What it was made from. */
  readonly from: readonly Segment[];
  /** Whole and durable, under `.cleaned` names. */
  readonly segment: Segment;
}

export interface CompactOptions extends ReadOptions {
  readonly cache: HandleCache;
  readonly clock: Clock;
  readonly folder: string;
  readonly indexIntervalBytes: number;
  /** Where the last of the segments ends. */
  readonly endOffset: number;
  /** A segment's limit. */
  readonly segmentBytes: number;
  /** Records that go although they are the last of their key: tombstones that everybody has had time to see. */
  isExpired(record: PlainRecord): boolean;
}

/** The work was given up, because the log has changed under it. */
export class CompactionStopped extends Error {
  override name = 'CompactionStopped';
}

/** Lets many small steps share a turn of the loop, and others have theirs. */
export class Turns {
  private readonly clock: Clock;
  private sinceMs = 0;
  private steps = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  go(step: () => void): void {
    if (this.steps++ < MAX_STEPS && this.clock.monotonicMs() - this.sinceMs < TURN_MS) step();
    else
      this.clock.soon(() => {
        this.sinceMs = this.clock.monotonicMs();
        this.steps = 0;
        step();
      });
  }
}

interface ReadOptions {
  readonly turns: Turns;
  /** Asked between two blocks: the log was closed or cut, so that the work is for nothing. */
  isOver(): boolean;
}

/**
 * Notes the last offset of every key in segments, oldest first, until there is no room for another key.
 * `done` gets how many of the segments were noted whole.
 */
export function noteLastOffsets(
  segments: readonly Segment[],
  last: LastOffsets,
  options: ReadOptions,
  done: (error: Error | null, whole: number) => void,
): void {
  let isFull = false;
  const each = (batch: BatchView) => {
    if (isFull || !isPlain(batch)) return;
    forEachPlainRecord(batch, ({ key, offset }) => {
      if (key && !last.note(key, offset)) isFull = true;
    });
  };
  const take = (block: Buffer, taken: Done) => {
    eachBatchOf(block, each);
    taken(null);
  };
  const next = (i: number) => {
    if (i === segments.length) done(null, i);
    else readBlocks(segments[i]!, options, take, (error) => (error || isFull ? done(error, i) : options.turns.go(() => next(i + 1))));
  };
  next(0);
}

/**
 * Writes the first of these neighbouring segments, as many as fit together, into one, without the records that a later one of their key
 * replaces. Offsets stay as they are.
 */
export function compactSegments(
  segments: readonly Segment[],
  last: LastOffsets,
  options: CompactOptions,
  done: (error: Error | null, compacted: Compacted | null) => void,
): void {
  const { cache, clock, folder, indexIntervalBytes } = options;
  const keeps = (record: PlainRecord) =>
    record.key !== null && !last.hasLater(record.key, record.offset) && !(record.isTombstone && options.isExpired(record));
  const output = new Segment(cache, folder, segments[0]!.baseOffset, null, clock.now(), CLEANED);
  const fail = (error: Error) => {
    try {
      output.remove();
    } catch {
      // What is left of it goes when the log is next opened, or its next compaction begins.
    }
    done(error, null);
  };
  try {
    output.clear(); // what a failed attempt left
    output.log.handle().truncate(0);
  } catch (error) {
    fail(error instanceof Error ? error : new Error(String(error)));
    return;
  }
  const write = (block: Buffer, written: Done) => {
    const chunks: Uint8Array[] = [];
    const from = output.size;
    let position = from;
    eachBatchOf(block, (batch) => {
      const bytes = filterBatch(batch, keeps);
      if (!bytes) return;
      const { lastOffset, maxTimestamp } = new BatchView(bytes);
      output.written({ position, batchBytes: bytes.byteLength, lastOffset, maxTimestamp }, indexIntervalBytes);
      chunks.push(bytes);
      position += bytes.byteLength;
    });
    if (position - from > SYNC_BYTES) {
      output.log.handle().write(chunks, from, written);
      return;
    }
    if (chunks.length > 0) output.log.handle().writeSync(chunks, from);
    written(null);
  };
  const fits = ({ size }: Segment, end: number) =>
    output.size + size <= options.segmentBytes && end - output.baseOffset <= MAX_RELATIVE_OFFSET;
  const next = (i: number) => {
    const segment = segments[i];
    const isNext = segment && (i === 0 || fits(segment, segments[i + 1]?.baseOffset ?? options.endOffset));
    if (isNext) readBlocks(segment, options, write, (error) => (error ? fail(error) : options.turns.go(() => next(i + 1))));
    else finish(segments.slice(0, i));
  };
  const finish = (from: readonly Segment[]) => {
    try {
      output.seal();
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    output.flush((error) => (error ? fail(error) : done(null, { from, segment: output })));
  };
  next(0);
}

/** Gives a segment's whole batches to `take`, a block at a time, which calls back when it needs the block no more. */
function readBlocks(segment: Segment, { isOver, turns }: ReadOptions, take: (block: Buffer, done: Done) => void, done: Done): void {
  let buffer = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, Math.max(segment.size, BATCH_HEADER_BYTES)));
  const readAt = (position: number) => {
    const left = segment.size - position;
    if (isOver()) return done(new CompactionStopped());
    if (left === 0) return done(null);
    const wanted = buffer.subarray(0, Math.min(buffer.byteLength, left));
    if (wanted.byteLength <= SYNC_BYTES) {
      takeWhole(position, wanted.subarray(0, segment.log.handle().readSync(wanted, position)), left);
      return;
    }
    segment.log.handle().read(wanted, position, (error, bytesRead) => {
      if (isOver()) done(new CompactionStopped());
      else if (error) done(error);
      else attempt(() => takeWhole(position, wanted.subarray(0, bytesRead), left));
    });
  };
  const takeWhole = (position: number, bytes: Buffer, left: number) => {
    const whole = wholeBytes(bytes);
    if (whole > 0) {
      take(bytes.subarray(0, whole), (error) => (error ? done(error) : turns.go(() => attempt(() => readAt(position + whole)))));
      return;
    }
    const size = bytes.byteLength < BATCH_HEADER_BYTES ? 0 : new BatchView(bytes).sizeInBytes;
    if (size <= bytes.byteLength || size > left) throw new Error(`${segment.log.path}: no whole record batch at position ${position}`);
    buffer = Buffer.allocUnsafe(size); // a batch larger than a block
    readAt(position);
  };
  // What throws has called nothing back.
  const attempt = (act: () => void) => {
    try {
      act();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  };
  attempt(() => readAt(0));
}

function wholeBytes(bytes: Buffer): number {
  let end = 0;
  eachBatchOf(bytes, (batch) => {
    end = batch.at + batch.sizeInBytes;
  });
  return end;
}

function eachBatchOf(block: Buffer, each: (batch: BatchView) => void): void {
  const batch = new BatchView(block);
  while (batch.isWhole()) {
    each(batch);
    batch.next();
  }
}
