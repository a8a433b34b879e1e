import type { BufferPool } from '../core/bytes.ts';
import { asError } from '../core/errors.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import { follows } from './batch-scanner.ts';
import { DamageError } from './log-errors.ts';
import type { Segment } from './segment.ts';
import type { Place } from './segment-places.ts';

/** Whole record batches as they are in the log. `release` gives the memory back: call it once, when the bytes have been sent. */
export interface LogChunk {
  readonly bytes: Buffer;
  /** Offset behind the last batch: where a reader goes on. */
  readonly nextOffset: number;
  release(): void;
}

export type ReadDone = (error: Error | null, chunk: LogChunk | null) => void;

const BASE_OFFSET_BYTES = 8;
/** From this size on a read leaves the loop, into a pooled buffer (limits.md: as fast as from C). */
const ASYNC_READ_BYTES = 128 * 1024;

export interface ReadPlan extends Place {
  readonly segment: Segment;
  /** Where the segment, or what of it may be read, ends. */
  readonly endOffset: number;
  /** What was asked for. */
  readonly fromOffset: number;
  readonly maxBytes: number;
  /** No batch that reaches beyond this offset. */
  readonly upToOffset: number;
  /** The first batch comes whole even when it is larger than maxBytes. */
  readonly minOneBatch: boolean;
  /** Written lately, so surely in the page cache: a small read need not leave the loop. */
  readonly recent: boolean;
}

/** Whether it goes through the thread pool. */
export function leavesLoop({ segment, position, maxBytes, recent }: ReadPlan): boolean {
  return !recent || Math.min(segment.size - position, maxBytes) >= ASYNC_READ_BYTES;
}

/** Reads whole batches of one segment; null when none fits. `done` may be called before this returns. */
export function readChunk(plan: ReadPlan, pool: BufferPool, done: ReadDone): void {
  const { segment, position, maxBytes } = plan;
  const left = segment.size - position;
  // Never less than a header: it says how large the first batch is.
  readBytes(plan, Math.min(left, Math.max(maxBytes, BATCH_HEADER_BYTES)), pool, (error, bytes, release) => {
    if (error) return done(error, null);
    const first = new BatchView(bytes).sizeInBytes;
    if (first < BATCH_HEADER_BYTES || first > left) {
      release();
      return done(new DamageError(`${segment.log.path}: no whole record batch at position ${position}`), null);
    }
    if (first <= maxBytes) return give(plan, bytes, maxBytes, release, done);
    if (first <= bytes.byteLength) return plan.minOneBatch ? give(plan, bytes, first, release, done) : done(null, dropped(release));
    release();
    if (!plan.minOneBatch) return done(null, null);
    readBytes(plan, first, pool, (again, whole, releaseWhole) => {
      if (again) done(again, null);
      else give(plan, whole, first, releaseWhole, done);
    });
  });
}

function readBytes(
  { segment, position, recent }: ReadPlan,
  length: number,
  pool: BufferPool,
  done: (error: Error | null, bytes: Buffer, release: () => void) => void,
): void {
  const large = length >= ASYNC_READ_BYTES;
  const { bytes, release } = large ? pool.take(length) : { bytes: Buffer.allocUnsafe(length), release: () => {} };
  const finish = (error: Error | null, bytesRead: number) => {
    if (!error && bytesRead === length) return done(null, bytes, release);
    release();
    done(error ?? new Error(`${segment.log.path} ends at ${position + bytesRead}, ${position + length} expected`), bytes, () => {});
  };
  let bytesRead: number;
  try {
    const file = segment.log.handle();
    if (large || !recent) {
      file.read(bytes, position, finish);
      return;
    }
    bytesRead = file.readSync(bytes, position);
  } catch (error) {
    finish(asError(error), 0);
    return;
  }
  finish(null, bytesRead);
}

function give(plan: ReadPlan, bytes: Buffer, length: number, release: () => void, done: ReadDone): void {
  let chunk: LogChunk | null;
  try {
    chunk = wholeBatches(plan, bytes, length, release);
  } catch (error) {
    release();
    done(asError(error), null);
    return;
  }
  done(null, chunk);
}

/**
 * The whole batches among the first `length` bytes that do not reach beyond upToOffset. Whether the bytes of each are what was written is for
 * its reader to see, by the CRC. What that does not cover is looked at here: each must have its place between its neighbours.
 * @throws DamageError when the first has not
 */
function wholeBatches(plan: ReadPlan, bytes: Buffer, length: number, release: () => void): LogChunk | null {
  const { segment, position, leastOffset, upToOffset, endOffset } = plan;
  const batch = new BatchView(bytes);
  const end = Math.min(length, bytes.byteLength);
  let next = leastOffset;
  let leaderEpoch = -1;
  let nextOffset = -1;
  let before = { at: 0, nextOffset: -1 };
  let inPlace = true;
  while (batch.at + BATCH_HEADER_BYTES <= end) {
    const size = batch.sizeInBytes;
    if (size < BATCH_HEADER_BYTES || batch.at + size > end) break;
    const { nextOffset: after, partitionLeaderEpoch } = batch;
    inPlace = follows(batch, next) && after > plan.fromOffset && after <= endOffset && partitionLeaderEpoch >= leaderEpoch;
    if (!inPlace || after > upToOffset) break;
    before = { at: batch.at, nextOffset };
    nextOffset = after;
    next = after;
    leaderEpoch = partitionLeaderEpoch;
    batch.at += size;
  }
  inPlace &&= batch.at === 0 || position + batch.at >= segment.size || baseOffsetBehind(plan, batch) >= nextOffset;
  if (!inPlace) {
    // One of two that overlap is wrong, and nobody knows which.
    batch.at = before.at;
    nextOffset = before.nextOffset;
    if (batch.at === 0) throw new DamageError(`${segment.log.path}: the record batch at position ${position} is out of order`);
  }
  if (batch.at === 0) return dropped(release);
  segment.remember(nextOffset, position + batch.at);
  return { bytes: bytes.subarray(0, batch.at), nextOffset, release };
}

/** Of the batch behind those that were read; as a rule its beginning was read with them. */
function baseOffsetBehind({ segment, position }: ReadPlan, batch: BatchView): number {
  if (batch.at + BASE_OFFSET_BYTES <= batch.bytes.byteLength) return batch.baseOffset;
  const bytes = Buffer.alloc(BASE_OFFSET_BYTES);
  segment.log.handle().readSync(bytes, position + batch.at);
  return new BatchView(bytes).baseOffset;
}

function dropped(release: () => void): null {
  release();
  return null;
}
