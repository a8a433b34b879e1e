import { join } from 'node:path';
import type { Files } from '../../src/core/files.ts';
import { crc32c } from '../../src/protocol/records/crc.ts';
import { DATA_DIR, SECOND_DIR } from './disk.ts';

/** One record batch as it lies on a disk: what tells it from every other. */
export interface StoredBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly epoch: number;
  readonly crc: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  /** What a control batch says of its producer's transaction; null: not one. */
  readonly marker: 'commit' | 'abort' | null;
  readonly bytes: number;
}

interface IndexedFile {
  readonly name: string;
  size: number;
  batches: { end: number; batch: StoredBatch }[];
}

const HEADER_BYTES = 61;

/**
 * The batches in one partition folder, read from the files themselves, apart from the broker's own code. Files only grow at their end or are
 * cut there, so that what was read before is not read again.
 */
export class LogIndex {
  private readonly name: () => string;
  /** Where it is, of the two directories that there may be. */
  private folder = '';
  private files: IndexedFile[] = [];
  private byOffset = new Map<number, StoredBatch>();
  private end = 0;

  /** @param name of the folder */
  constructor(name: () => string) {
    this.name = name;
  }

  get endOffset(): number {
    return this.end;
  }

  at(baseOffset: number): StoredBatch | undefined {
    return this.byOffset.get(baseOffset);
  }
  has(batch: StoredBatch): boolean {
    const there = this.byOffset.get(batch.baseOffset);
    return there !== undefined && same(there, batch);
  }

  /** All, ascending. */
  *batches(): Generator<StoredBatch> {
    for (const file of this.files) for (const { batch } of file.batches) yield batch;
  }

  /** Those that begin in [from, to), ascending. */
  *between(from: number, to: number): Generator<StoredBatch> {
    for (let offset = from; offset < to; ) {
      const batch = this.byOffset.get(offset);
      if (!batch) {
        offset++;
        continue;
      }
      yield batch;
      offset = batch.lastOffset + 1;
    }
  }

  /**
   * Reads what changed. Compaction puts other files in place of full ones: then all is read again. @param compacted whether that may have happened
   */
  refresh(disk: Files, compacted: boolean): void {
    // A power failure may leave batches in a folder of which nobody knows any more whose it is: they are lost with it.
    const isKnown = (folder: string) => /topic_id: \S{22}\s*$/.test(disk.read(join(folder, 'partition.metadata'))?.toString() ?? '');
    const folder = [SECOND_DIR, DATA_DIR].map((directory) => join(directory, this.name())).find(isKnown);
    if (folder !== this.folder) this.reset();
    this.folder = folder ?? '';
    const names = folder ? disk.list(this.folder).filter((name) => name.endsWith('.log')) : [];
    if (compacted && names.join() !== this.files.map(({ name }) => name).join()) this.reset();
    const known = new Map(this.files.map((file) => [file.name, file]));
    this.files = names.map((name) => known.get(name) ?? { name, size: 0, batches: [] });
    for (const [name, { batches }] of known) if (!names.includes(name)) for (const { batch } of batches) this.forget(batch);
    for (const file of this.files) this.refreshFile(disk, file);
    const last = this.files.findLast(({ batches }) => batches.length > 0)?.batches.at(-1);
    // A segment may begin beyond the last batch: what lay between was compacted away.
    this.end = Math.max(last ? last.batch.lastOffset + 1 : 0, Number.parseInt(names.at(-1) ?? '0', 10));
  }

  /** Another disk, or one that was not watched for a while. */
  reset(): void {
    this.files = [];
    this.byOffset.clear();
    this.end = 0;
  }

  private refreshFile(disk: Files, file: IndexedFile): void {
    const handle = disk.open(join(this.folder, file.name), 'r');
    try {
      const size = handle.size();
      if (size < file.size) {
        while (file.batches.length > 0 && file.batches.at(-1)!.end > size) this.forget(file.batches.pop()!.batch);
      }
      let position = file.batches.at(-1)?.end ?? 0;
      const fresh = Buffer.alloc(Math.max(0, size - position));
      handle.readSync(fresh, position);
      let from = 0;
      for (const batch of parseBatches(fresh)) {
        if (crc32c(fresh.subarray(from + 21, from + batch.bytes)) !== batch.crc) break; // torn by a power failure: not there
        from += batch.bytes;
        position += batch.bytes;
        file.batches.push({ end: position, batch });
        this.byOffset.set(batch.baseOffset, batch);
      }
      file.size = size;
    } finally {
      handle.close();
    }
  }

  private forget(batch: StoredBatch): void {
    if (this.byOffset.get(batch.baseOffset) === batch) this.byOffset.delete(batch.baseOffset);
  }
}

export const same = (a: StoredBatch, b: StoredBatch): boolean =>
  a.baseOffset === b.baseOffset && a.epoch === b.epoch && a.crc === b.crc && a.lastOffset === b.lastOffset;

export const show = (batch: StoredBatch): string => `${batch.baseOffset}-${batch.lastOffset}@${batch.epoch}#${batch.crc.toString(16)}`;

/** The whole batches that these bytes begin with. */
export function parseBatches(bytes: Buffer): StoredBatch[] {
  const batches: StoredBatch[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.byteLength; ) {
    const length = bytes.readInt32BE(at + 8) + 12;
    if (length < HEADER_BYTES || at + length > bytes.byteLength) break;
    batches.push(parse(bytes, at));
    at += length;
  }
  return batches;
}

/** Of a control batch: its record's key, behind five varints of one byte each, is a version and this (i16). */
const MARKER_TYPE_AT = HEADER_BYTES + 7;
const COMMIT = 1;

function parse(bytes: Buffer, at: number): StoredBatch {
  const baseOffset = Number(bytes.readBigInt64BE(at));
  const attributes = bytes.readInt16BE(at + 21);
  const isControl = (attributes & 32) !== 0 && bytes.readInt32BE(at + 57) > 0;
  return {
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(at + 23),
    epoch: bytes.readInt32BE(at + 12),
    crc: bytes.readUInt32BE(at + 17),
    producerId: Number(bytes.readBigInt64BE(at + 43)),
    producerEpoch: bytes.readInt16BE(at + 51),
    baseSequence: bytes.readInt32BE(at + 53),
    isTransactional: (attributes & 16) !== 0,
    marker: !isControl ? null : bytes.readInt16BE(at + MARKER_TYPE_AT) === COMMIT ? 'commit' : 'abort',
    bytes: bytes.readInt32BE(at + 8) + 12,
  };
}
