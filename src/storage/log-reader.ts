import type { BufferPool } from '../core/bytes.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import type { Segment } from './segment.ts';

/** Whole record batches as they are in the log. `release` gives the memory back: call it once, when the bytes have been sent. */
export interface LogChunk {
  readonly bytes: Buffer;
  /** Offset behind the last batch: where a reader goes on. */
  readonly nextOffset: number;
  release(): void;
}

export type ReadDone = (error: Error | null, chunk: LogChunk | null) => void;

/** From this size on a read leaves the loop, into a pooled buffer (limits.md: as fast as from C). */
const ASYNC_READ_BYTES = 128 * 1024;

export interface ReadPlan {
  readonly segment: Segment;
  readonly position: number;
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
      return done(new Error(`${segment.log.path}: no whole record batch at position ${position}`), null);
    }
    if (first <= maxBytes) return done(null, wholeBatches(plan, bytes, maxBytes, release));
    if (first <= bytes.byteLength) return done(null, plan.minOneBatch ? wholeBatches(plan, bytes, first, release) : dropped(release));
    release();
    if (!plan.minOneBatch) return done(null, null);
    readBytes(plan, first, pool, (again, whole, releaseWhole) => {
      if (again) done(again, null);
      else done(null, wholeBatches(plan, whole, first, releaseWhole));
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
    finish(error instanceof Error ? error : new Error(String(error)), 0);
    return;
  }
  finish(null, bytesRead);
}

/** The whole batches among the first `length` bytes that do not reach beyond upToOffset. */
function wholeBatches({ segment, position, upToOffset }: ReadPlan, bytes: Buffer, length: number, release: () => void): LogChunk | null {
  const batch = new BatchView(bytes);
  const end = Math.min(length, bytes.byteLength);
  let nextOffset = -1;
  while (batch.at + BATCH_HEADER_BYTES <= end) {
    const size = batch.sizeInBytes;
    if (size < BATCH_HEADER_BYTES || batch.at + size > end || batch.nextOffset > upToOffset) break;
    nextOffset = batch.nextOffset;
    batch.at += size;
  }
  if (batch.at === 0) return dropped(release);
  segment.remember(nextOffset, position + batch.at);
  return { bytes: bytes.subarray(0, batch.at), nextOffset, release };
}

function dropped(release: () => void): null {
  release();
  return null;
}
