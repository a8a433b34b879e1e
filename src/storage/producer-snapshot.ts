import { join } from 'node:path';
import type { Files } from '../core/files.ts';
import { crc32c } from '../protocol/records/crc.ts';
import { writeSmallFile } from './partition-folder.ts';
import type { ProducerEntry, ProducerState } from './producer-state.ts';
import { segmentFile } from './segment.ts';

/**
 * Kafka's .snapshot files: the producers of a log as they are before an offset, which is the file's name.
 *
 *   0 version i16 = 1 · 2 CRC-32C u32 of what follows · 6 count i32 · entries: producerId i64, epoch i16, lastSequence i32, lastOffset i64,
 *   offsetDelta i32, timestamp i64, coordinatorEpoch i32, currentTxnFirstOffset i64
 *
 * An entry holds a producer's last batch alone.
 */
const VERSION = 1;
const CRC_AT = 2;
const COUNT_AT = 6;
const HEADER_BYTES = 10;
const ENTRY_BYTES = 46;

export function encodeSnapshot(producers: ProducerState): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + producers.size * ENTRY_BYTES);
  let at = HEADER_BYTES;
  for (const [producerId, { epoch, batches, timestamp, coordinatorEpoch, transactionFirstOffset }] of producers.entries()) {
    const last = batches.at(-1);
    at = writeInt64(bytes, producerId, at);
    at = bytes.writeInt16BE(epoch, at);
    at = bytes.writeInt32BE(last?.lastSequence ?? -1, at);
    at = writeInt64(bytes, last?.lastOffset ?? -1, at);
    at = bytes.writeInt32BE(last?.offsetDelta ?? 0, at);
    at = writeInt64(bytes, timestamp, at);
    at = bytes.writeInt32BE(coordinatorEpoch, at);
    at = writeInt64(bytes, transactionFirstOffset, at);
  }
  bytes.writeInt16BE(VERSION, 0);
  bytes.writeInt32BE((at - HEADER_BYTES) / ENTRY_BYTES, COUNT_AT);
  bytes.writeUInt32BE(crc32c(bytes.subarray(COUNT_AT)), CRC_AT);
  return bytes;
}

/** Null when the bytes are no whole and sound snapshot. */
export function decodeSnapshot(bytes: Buffer): [producerId: number, entry: ProducerEntry][] | null {
  if (bytes.byteLength < HEADER_BYTES || bytes.readInt16BE(0) !== VERSION) return null;
  const count = bytes.readInt32BE(COUNT_AT);
  if (bytes.byteLength !== HEADER_BYTES + count * ENTRY_BYTES) return null;
  if (crc32c(bytes.subarray(COUNT_AT)) !== bytes.readUInt32BE(CRC_AT)) return null;
  return Array.from({ length: count }, (_, i) => {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    const lastOffset = readInt64(bytes, at + 14);
    const timestamp = readInt64(bytes, at + 26);
    const batch = { lastSequence: bytes.readInt32BE(at + 10), lastOffset, offsetDelta: bytes.readInt32BE(at + 22), timestamp };
    const entry: ProducerEntry = {
      epoch: bytes.readInt16BE(at + 8),
      batches: lastOffset >= 0 ? [batch] : [],
      timestamp,
      coordinatorEpoch: bytes.readInt32BE(at + 34),
      transactionFirstOffset: readInt64(bytes, at + 38),
    };
    return [readInt64(bytes, at), entry];
  });
}

/** Offset of a .snapshot file's name, null for any other name. */
export function snapshotOffsetOf(name: string): number | null {
  return /^\d{20}\.snapshot$/.test(name) ? Number(name.slice(0, 20)) : null;
}

/** The .snapshot files of one log, by offset, ascending. A missing or damaged one only makes the next opening read more of the log. */
export class ProducerSnapshots {
  private readonly files: Files;
  private folder: string;
  private offsets: number[];

  constructor(files: Files, folder: string, names: readonly string[]) {
    this.files = files;
    this.folder = folder;
    for (const name of names) if (name.endsWith('.snapshot.tmp')) files.remove(join(folder, name));
    this.offsets = names.map(snapshotOffsetOf).filter((offset) => offset !== null);
  }

  movedTo(folder: string): void {
    this.folder = folder;
  }

  has(offset: number): boolean {
    return this.offsets.includes(offset);
  }

  /** Not synced: after a power failure a snapshot is whole, or told by its CRC. */
  write(offset: number, producers: ProducerState): void {
    this.removeAfter(offset - 1);
    writeSmallFile(this.files, this.pathOf(offset), encodeSnapshot(producers));
    this.offsets.push(offset);
  }

  /** Offset of the latest one, null: there is none. It may be damaged. */
  get latest(): number | null {
    return this.offsets.at(-1) ?? null;
  }

  /** Fills `producers` from the latest sound snapshot up to `offset`, damaged ones are removed; returns its offset, null: there is none. */
  load(producers: ProducerState, upTo: number): number | null {
    for (const offset of this.offsets.filter((each) => each <= upTo).reverse()) {
      producers.clear();
      const bytes = this.files.read(this.pathOf(offset));
      const entries = bytes && decodeSnapshot(bytes);
      for (const [producerId, entry] of entries ?? []) producers.set(producerId, entry);
      if (entries) return offset;
      this.remove((each) => each === offset);
    }
    producers.clear();
    return null;
  }

  /** Removes those of offsets that the log does not reach (any more), durably: they would be false as soon as it reaches them again. */
  removeAfter(endOffset: number): void {
    if (!this.offsets.some((offset) => offset > endOffset)) return;
    this.remove((offset) => offset > endOffset);
    this.files.syncDirectory(this.folder);
  }

  /** Removes those of segments that are gone. */
  removeBefore(offset: number): void {
    this.remove((each) => each < offset);
  }

  /** Keeps what opening and truncating may need: those where segments begin, and the last two. */
  prune(segmentOffsets: readonly number[]): void {
    const kept = new Set([...segmentOffsets, ...this.offsets.slice(-2)]);
    this.remove((offset) => !kept.has(offset));
  }

  private remove(isDoomed: (offset: number) => boolean): void {
    for (const offset of this.offsets) if (isDoomed(offset)) this.files.remove(this.pathOf(offset));
    this.offsets = this.offsets.filter((offset) => !isDoomed(offset));
  }

  private pathOf(offset: number): string {
    return join(this.folder, segmentFile(offset, 'snapshot'));
  }
}

/** A number beyond 2^53 came out of a batch inexact, and may have been rounded to 2^63. */
function writeInt64(bytes: Buffer, value: number, at: number): number {
  return bytes.writeBigInt64BE(BigInt.asIntN(64, BigInt(value)), at);
}
function readInt64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigInt64BE(at));
}
