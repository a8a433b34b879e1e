import type { FileHandle } from '../core/files.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import { crc32, crc32c } from '../protocol/records/crc.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import { DamageError } from './log-errors.ts';
import type { Segment } from './segment.ts';

const BLOCK_BYTES = 1024 * 1024;
/** A request's limit (socket.request.max.bytes): no message was ever larger. */
const MAX_OLD_MESSAGE_BYTES = 100 * 1024 * 1024;
const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;
/** Where the CRC of a batch begins to count. */
const CRC_FROM = 21;

export interface Recovered {
  /** Offset behind the last good batch. */
  readonly nextOffset: number;
  /** Bytes of the .log before recovery minus the good ones. */
  readonly cutBytes: number;
  /** Offsets that are missing before the last batch. */
  readonly lastGap: number;
}

/** What recovery needs to know of a segment. */
export interface RecoveryOptions {
  /** The least offset that the first batch may have. */
  readonly nextOffset: number;
  /**
   * Everything before it was made durable: damage there is not the end of what reached the disk, so nothing is cut off for it. Infinity: all of it
   * was, wherever that ends.
   */
  readonly promisedTo: number;
  readonly indexIntervalBytes: number;
}

/**
 * Reads a segment from its beginning, builds its indexes anew, and cuts the .log at the first batch that is not whole and sound: length,
 * offsets in order, CRC. Leader epochs that the checkpoint file does not know are learned from the batches.
 *
 * @throws DamageError when a batch is damaged that was durable: to cut it off would lose what was promised, on the other replicas too when this one
 *   leads · Error when the segment holds messages of the old formats (magic 0, 1): they are sound, but not for this broker to judge
 */
export function recoverSegment(segment: Segment, epochs: LeaderEpochs, options: RecoveryOptions): Recovered {
  const { nextOffset, promisedTo, indexIntervalBytes } = options;
  const file = segment.log.handle();
  const fileSize = file.size();
  const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, Math.max(fileSize, BATCH_HEADER_BYTES)));
  const batch = new BatchView(block);
  let next = Math.max(nextOffset, segment.baseOffset);
  let at = 0;
  let loadedFrom = 0;
  let loadedTo = 0;
  let lastGap = 0;
  segment.clear();
  while (at + BATCH_HEADER_BYTES <= fileSize) {
    if (at + BATCH_HEADER_BYTES > loadedTo) [loadedFrom, loadedTo] = [at, at + fill(segment.log.handle(), block, at, fileSize)];
    const wanted = batch.reset(block, at - loadedFrom).sizeInBytes;
    if (wanted <= BLOCK_BYTES && at + wanted > loadedTo && loadedTo < fileSize) {
      [loadedFrom, loadedTo] = [at, at + fill(segment.log.handle(), block, at, fileSize)];
      batch.reset(block, 0);
    }
    const crc = () => crcOf(segment.log.handle(), at, wanted, block, loadedFrom, loadedTo);
    if (!isSound(segment, batch, next, fileSize - at, crc)) break;
    const { baseOffset, lastOffset, partitionLeaderEpoch, maxTimestamp } = batch;
    epochs.assign(partitionLeaderEpoch, next); // not behind a gap of compaction: see queueFetched
    segment.written(
      { position: at, batchBytes: wanted, lastOffset, maxTimestamp: batch.count > 0 ? maxTimestamp : -1 },
      indexIntervalBytes,
    );
    lastGap = baseOffset - next;
    next = lastOffset + 1;
    at += wanted;
  }
  if (at < fileSize) {
    refuseOldFormat(segment.log.handle(), at, fileSize - at);
    if (next < promisedTo) throw new DamageError(`${segment.log.path} is damaged at position ${at}, offset ${next}: it was durable`);
    segment.log.handle().truncate(at);
  }
  segment.seal();
  return { nextOffset: next, cutBytes: fileSize - at, lastGap };
}

function isSound(segment: Segment, batch: BatchView, next: number, left: number, crc: () => number): boolean {
  const { sizeInBytes, magic, baseOffset, lastOffset, lastOffsetDelta } = batch;
  if (sizeInBytes < BATCH_HEADER_BYTES || sizeInBytes > left || magic !== 2) return false;
  if (baseOffset < next || lastOffsetDelta < 0 || lastOffset - segment.baseOffset > MAX_RELATIVE_OFFSET) return false;
  return crc() === batch.crc;
}

/** Reads a block, or what there is before `end`. What cannot be read now is not damaged for that. */
function fill(file: FileHandle, block: Uint8Array, from: number, end: number): number {
  const bytes = file.readSync(block, from);
  if (bytes < Math.min(block.byteLength, end - from)) throw new Error(`${file.path} ends at ${from + bytes}, ${end} expected`);
  return bytes;
}

/** The CRC of a batch of any size, without holding more of it than a block. */
function crcOf(file: FileHandle, at: number, size: number, block: Buffer, loadedFrom: number, loadedTo: number): number {
  if (at + size <= loadedTo) return crc32c(block.subarray(at - loadedFrom + CRC_FROM, at - loadedFrom + size));
  const piece = Buffer.allocUnsafe(BLOCK_BYTES);
  let crc = 0;
  for (let from = at + CRC_FROM; from < at + size; ) {
    const bytes = piece.subarray(0, Math.min(BLOCK_BYTES, at + size - from));
    fill(file, bytes, from, at + size);
    crc = crc32c(bytes, crc);
    from += bytes.byteLength;
  }
  return crc;
}

/** A sound message of magic 0 or 1 must not be taken for damage and cut off. Entry: offset i64, size i32, crc u32 over the rest, magic i8. */
function refuseOldFormat(file: FileHandle, at: number, left: number): void {
  const header = Buffer.alloc(17);
  file.readSync(header, at);
  const size = header.readInt32BE(8);
  if (header[16]! > 1 || size < 14 || size > Math.min(left - 12, MAX_OLD_MESSAGE_BYTES)) return;
  const checked = Buffer.allocUnsafe(size - 4);
  file.readSync(checked, at + 16);
  if (crc32(checked) === header.readUInt32BE(12)) {
    throw new Error(`${file.path} holds messages of format version ${header[16]}, which this broker does not read`);
  }
}
