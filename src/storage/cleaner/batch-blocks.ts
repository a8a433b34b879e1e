import type { FileHandle, Files } from '../../core/files.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../../protocol/records/batch.ts';
import { follows } from '../batch-scanner.ts';
import { DamageError } from '../log-errors.ts';
import type { SourceSegment } from './job.ts';

/** No batch is larger: a request that carried it has socket.request.max.bytes at most, and import takes what Kafka's default would. */
const MAX_BATCH_BYTES = 2 ** 31 - 1;

/**
 * Reads a .log in blocks of whole batches. The block is reused: what is wanted of it must be used before the next is read. What is damaged is not
 * given: it would go on under a CRC that says that it is sound.
 */
export class BatchBlocks {
  private buffer: Buffer;
  private readonly files: Files;
  /** Where the last batch that was read ends. */
  private next = 0;

  constructor(files: Files, blockBytes: number) {
    this.files = files;
    this.buffer = Buffer.allocUnsafeSlow(Math.max(blockBytes, BATCH_HEADER_BYTES));
  }

  /** Each block as a cursor on its first batch, whose `bytes` end with the last whole one. @throws DamageError for what is no batch, or not as it was written */
  *of(segment: SourceSegment): Generator<BatchView, void, void> {
    if (segment.size === 0) return;
    this.next = 0;
    const handle = this.files.open(segment.path, 'r');
    try {
      for (let position = 0; position < segment.size; ) {
        const block = this.read(handle, segment, position);
        position += block.byteLength;
        yield new BatchView(block);
      }
    } finally {
      handle.close();
    }
  }

  private read(handle: FileHandle, segment: SourceSegment, position: number): Buffer {
    const left = segment.size - position;
    for (;;) {
      const wanted = this.buffer.subarray(0, Math.min(this.buffer.byteLength, left));
      const bytes = handle.readSync(wanted, position);
      if (bytes < wanted.byteLength) throw new Error(`${segment.path} ends at ${position + bytes}, ${segment.size} expected`);
      const whole = this.soundBytes(wanted, segment.path, position);
      if (whole > 0) return wanted.subarray(0, whole);
      const size = bytes < BATCH_HEADER_BYTES ? 0 : new BatchView(wanted).sizeInBytes;
      if (size <= bytes || size > left || size > MAX_BATCH_BYTES)
        throw new DamageError(`${segment.path}: no whole record batch at position ${position}`);
      this.buffer = Buffer.allocUnsafeSlow(size);
    }
  }

  private soundBytes(bytes: Buffer, path: string, position: number): number {
    const batch = new BatchView(bytes);
    while (batch.isWhole()) {
      if (!follows(batch, this.next) || !batch.crcMatches())
        throw new DamageError(`${path}: the record batch at position ${position + batch.at} is damaged`);
      this.next = batch.nextOffset;
      batch.next();
    }
    return batch.at;
  }
}
