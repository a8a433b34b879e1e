import type { FileHandle } from '../core/files.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import { DamageError } from './log-errors.ts';

/** Two index intervals: between two index entries, mostly one read. */
const BLOCK_BYTES = 8 * 1024;
const block = Buffer.alloc(BLOCK_BYTES);
const view = new BatchView(block);

/**
 * Steps from batch header to batch header in a .log, from `position` to `end`, until `visit` returns true; returns the position of that
 * batch, or where the scan ended. `visit` may read the header's fields, not the records. It must not scan itself: the buffer is shared,
 * since scans are synchronous.
 *
 * @param leastOffset that the first batch may have
 * @throws DamageError for a length that cannot be, or an offset before the end of the batch before it
 */
export function scanHeaders(
  file: FileHandle,
  position: number,
  end: number,
  visit: (header: BatchView, position: number) => boolean,
  leastOffset = 0,
): number {
  let at = position;
  let loadedFrom = 0;
  let loadedTo = 0;
  let next = leastOffset;
  while (at < end) {
    if (at + BATCH_HEADER_BYTES > loadedTo) {
      const length = file.readSync(block.subarray(0, Math.min(BLOCK_BYTES, end - at)), at);
      loadedFrom = at;
      loadedTo = at + length;
    }
    const size = at + BATCH_HEADER_BYTES > loadedTo ? 0 : view.reset(block, at - loadedFrom).sizeInBytes;
    if (size < BATCH_HEADER_BYTES || at + size > end) throw new DamageError(`${file.path}: no whole record batch at position ${at}`);
    if (!follows(view, next)) throw new DamageError(`${file.path}: the record batch at position ${at} is out of order`);
    if (visit(view, at)) return at;
    next = view.nextOffset;
    at += size;
  }
  return at;
}

/**
 * Whether a header can be that of a batch behind one that ends at `next`. The CRC covers neither where a batch begins nor how long it is, and
 * a bit that has turned over there, if it leads to a batch at all, leads to one that overlaps with a neighbour.
 */
export function follows({ magic, baseOffset, lastOffsetDelta }: BatchView, next: number): boolean {
  return magic === 2 && baseOffset >= next && lastOffsetDelta >= 0;
}
