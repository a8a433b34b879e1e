import type { BatchView } from '../protocol/records/batch.ts';
import { CODEC_NONE } from '../protocol/records/compression.ts';
import { VarintReader } from '../protocol/records/varint.ts';

/** Keys that one compaction remembers: some 30 MB for keys of 100 bytes. */
export const MAX_KEYS = 200_000;

/** The last offset of each key in a part of a log. */
export class LastOffsets {
  private readonly offsets = new Map<string, number>();
  private readonly maxKeys: number;

  constructor(maxKeys = MAX_KEYS) {
    this.maxKeys = maxKeys;
  }

  get size(): number {
    return this.offsets.size;
  }

  /** False: there is no room for another key. */
  note(key: Buffer, offset: number): boolean {
    const text = key.toString('latin1');
    if (this.offsets.size >= this.maxKeys && !this.offsets.has(text)) return false;
    this.offsets.set(text, offset);
    return true;
  }

  /** Whether a later record has this key. */
  hasLater(key: Buffer, offset: number): boolean {
    const last = this.offsets.get(key.toString('latin1'));
    return last !== undefined && last > offset;
  }
}

/** One record of a batch that is not compressed: views of the batch's bytes. */
export interface PlainRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly isTombstone: boolean;
}

/** Whether compaction looks into a batch. Others are kept as they are. */
export const isPlain = (batch: BatchView): boolean => batch.codecId === CODEC_NONE && !batch.isControl && !batch.isTransactional;

/** Calls `each` for every record, with its bytes in the batch. @throws KafkaError INVALID_RECORD for records that are not well formed */
export function forEachPlainRecord(batch: BatchView, each: (record: PlainRecord, bytes: Uint8Array) => void): void {
  const payload = batch.payload();
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const reader = new VarintReader(payload);
  const { baseOffset, baseTimestamp, count } = batch;
  for (let i = 0; i < count; i++) {
    const start = reader.at;
    const length = reader.varint();
    const end = reader.at + length;
    reader.take(1); // attributes
    const timestamp = baseTimestamp + reader.varlong();
    const offset = baseOffset + reader.varint();
    const keyLength = reader.varint();
    const keyAt = keyLength < 0 ? -1 : reader.take(keyLength);
    const key = keyAt < 0 ? null : bytes.subarray(keyAt, keyAt + keyLength);
    const isTombstone = reader.varint() < 0;
    reader.at = end;
    each({ offset, timestamp, key, isTombstone }, payload.subarray(start, end));
  }
}

/**
 * The batch with only those of its records that `keeps` wants: the batch itself when that is all of them, null when it is none. What is
 * left keeps its offsets and timestamps, and the batch its range of offsets, so that readers see gaps and nothing else.
 */
export function filterBatch(batch: BatchView, keeps: (record: PlainRecord) => boolean): Uint8Array | null {
  if (!isPlain(batch)) return batch.slice();
  const kept: Uint8Array[] = [];
  let maxTimestamp = -1;
  forEachPlainRecord(batch, (record, raw) => {
    if (!keeps(record)) return;
    kept.push(raw);
    maxTimestamp = Math.max(maxTimestamp, record.timestamp);
  });
  if (kept.length === batch.count) return batch.slice();
  if (kept.length === 0) return null;
  return batch.withRecords(kept, maxTimestamp);
}
