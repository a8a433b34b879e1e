import { BATCH_HEADER_BYTES, BatchView } from '../../protocol/records/batch.ts';
import { CODEC_NONE, codecOf } from '../../protocol/records/compression.ts';
import type { TargetCompression } from '../../protocol/records/recompress.ts';
import { RecordCursor } from '../../protocol/records/record-cursor.ts';
import { writeZigzag, zigzagSize } from '../../protocol/records/varint.ts';
import { recordBytes } from '../../protocol/records/walk.ts';
import type { ByteSink } from './byte-sink.ts';

/** What is to become of a batch. */
export type Retention =
  /** It goes, whatever is in it. */
  | 'delete'
  /** It goes when none of its records stays. */
  | 'delete empty'
  /** It stays, at the least with its header alone: for its producer's last sequence, or the end of what is committed. */
  | 'retain empty';

export interface FilterRules {
  readonly retention: Retention;
  /** None of its records stays. */
  readonly discardsRecords: boolean;
  /** It is a marker of a transaction of which nothing is left: it gets a horizon, as tombstones do. */
  readonly isSpentMarker: boolean;
  /** nowMs + delete.retention.ms: the horizon of a batch that gets one. */
  readonly horizonMs: number;
  readonly compression: TargetCompression | null;
  /** Not asked for a marker. */
  keeps(record: RecordCursor): boolean;
}

/** What a batch comes to. */
export interface FilteredBatch {
  /** False: its bytes are as they were; or it is gone. */
  readonly rewritten: boolean;
  readonly records: number;
}

const GONE: FilteredBatch = { rewritten: false, records: 0 };

/** Where a kept record begins and ends, and when it was. Reused from batch to batch. */
class KeptRecords {
  count = 0;
  bytes = 0;
  hasTombstone = false;
  maxTimestamp = -1;
  private starts = new Int32Array(1024);
  private ends = new Int32Array(1024);
  private times = new Float64Array(1024);

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.hasTombstone = false;
    this.maxTimestamp = -1;
  }

  add(start: number, end: number, timestamp: number): void {
    const i = this.count++;
    if (i === this.starts.length) this.grow();
    this.starts[i] = start;
    this.ends[i] = end;
    this.times[i] = timestamp;
    this.bytes += end - start;
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
  }

  startOf(i: number): number {
    return this.starts[i]!;
  }
  endOf(i: number): number {
    return this.ends[i]!;
  }
  timestampOf(i: number): number {
    return this.times[i]!;
  }

  private grow(): void {
    const larger = <T extends Int32Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.starts = larger(this.starts, new Int32Array(this.starts.length * 2));
    this.ends = larger(this.ends, new Int32Array(this.ends.length * 2));
    this.times = larger(this.times, new Float64Array(this.times.length * 2));
  }
}

const kept = new KeptRecords();

/**
 * Puts into `sink` what is left of a stored batch: its bytes when nothing changes, else a new batch with the same offsets, leader epoch,
 * producer and sequence, and only the records that stay; in the same codec.
 *
 * A batch with a tombstone gets a delete horizon the first time that compaction meets it (KIP-534): bit 6 of the attributes, and the time
 * from which the tombstone may go in the place of the base timestamp.
 * @throws KafkaError when the records cannot be read
 */
export function filterBatch(batch: BatchView, rules: FilterRules, sink: ByteSink): FilteredBatch {
  const { retention, discardsRecords, isSpentMarker, horizonMs } = rules;
  if (retention === 'delete') return GONE;
  const plain = discardsRecords || batch.count === 0 ? null : recordBytes(batch);
  kept.clear();
  if (plain) collect(batch, plain, rules);
  if (kept.count === 0 || !plain) return retention === 'retain empty' ? putEmpty(batch, sink) : GONE;
  const getsHorizon = (kept.hasTombstone || isSpentMarker) && !batch.hasDeleteHorizon;
  if (kept.count === batch.count && !getsHorizon) {
    sink.put(batch.slice());
    return { rewritten: false, records: batch.count };
  }
  const horizon = getsHorizon ? horizonMs : batch.hasDeleteHorizon ? batch.baseTimestamp : null;
  putRecords(batch, plain, horizon, rules.compression, sink);
  return { rewritten: true, records: kept.count };
}

function collect(batch: BatchView, plain: Uint8Array, { keeps }: FilterRules): void {
  const { isControl } = batch;
  // With log append time, readers take the batch's time for every record, whatever stands there.
  const logAppendTime = batch.isLogAppendTime ? batch.maxTimestamp : null;
  const record = new RecordCursor(batch, plain);
  for (let start = 0; record.next(); start = record.at) {
    if (!isControl && !keeps(record)) continue;
    kept.add(start, record.at, logAppendTime ?? record.timestamp);
    if (record.valueBytes < 0) kept.hasTombstone = true;
  }
}

/** As Kafka: without codec, horizon and base timestamp. */
function putEmpty(batch: BatchView, sink: ByteSink): FilteredBatch {
  const before = batch.bytes.subarray(batch.at, batch.at + BATCH_HEADER_BYTES);
  const header = new BatchView(Uint8Array.from(before));
  header.setFiltered({
    payloadBytes: 0,
    count: 0,
    codecId: CODEC_NONE,
    horizon: false,
    baseTimestamp: -1,
    maxTimestamp: batch.maxTimestamp,
  });
  sink.put(header.bytes);
  return { rewritten: batch.sizeInBytes !== BATCH_HEADER_BYTES || before.some((byte, i) => byte !== header.bytes[i]), records: 0 };
}

function putRecords(
  batch: BatchView,
  plain: Uint8Array,
  horizon: number | null,
  compression: TargetCompression | null,
  sink: ByteSink,
): void {
  const { codecId } = batch;
  const baseTimestamp = horizon ?? kept.timestampOf(0);
  const fields = {
    count: kept.count,
    codecId,
    horizon: horizon !== null,
    baseTimestamp,
    maxTimestamp: batch.isLogAppendTime ? batch.maxTimestamp : kept.maxTimestamp,
  };
  if (codecId === CODEC_NONE) {
    const at = sink.reserve(BATCH_HEADER_BYTES + roomFor(kept));
    const { bytes } = sink;
    bytes.set(batch.bytes.subarray(batch.at, batch.at + BATCH_HEADER_BYTES), at);
    const end = writeRecords(batch, plain, baseTimestamp, bytes, at + BATCH_HEADER_BYTES);
    sink.release(end);
    new BatchView(bytes, at).setFiltered({ ...fields, payloadBytes: end - at - BATCH_HEADER_BYTES });
    return;
  }
  const scratch = Buffer.allocUnsafe(roomFor(kept));
  const records = scratch.subarray(0, writeRecords(batch, plain, baseTimestamp, scratch, 0));
  const payload = codecOf(codecId).compress(records, compression?.codecId === codecId ? compression.level : undefined);
  const at = sink.reserve(BATCH_HEADER_BYTES + payload.byteLength);
  sink.bytes.set(batch.bytes.subarray(batch.at, batch.at + BATCH_HEADER_BYTES), at);
  sink.bytes.set(payload, at + BATCH_HEADER_BYTES);
  new BatchView(sink.bytes, at).setFiltered({ ...fields, payloadBytes: payload.byteLength });
}

/** A timestamp delta, and with it the record's length, may take nine bytes more than before. */
const MAX_GROWTH = 14;
const roomFor = ({ bytes, count }: KeptRecords): number => bytes + count * MAX_GROWTH;

/** Writes the kept records, with their timestamps told from another base; returns where they end. */
function writeRecords(batch: BatchView, plain: Uint8Array, baseTimestamp: number, into: Uint8Array, from: number): number {
  const isSame = baseTimestamp === batch.baseTimestamp && !batch.isLogAppendTime;
  let to = from;
  for (let i = 0; i < kept.count; i++) {
    const start = kept.startOf(i);
    const end = kept.endOf(i);
    if (isSame) {
      into.set(plain.subarray(start, end), to);
      to += end - start;
    } else to = writeRecord(plain, start, end, kept.timestampOf(i) - baseTimestamp, into, to);
  }
  return to;
}

function writeRecord(plain: Uint8Array, start: number, end: number, delta: number, into: Uint8Array, from: number): number {
  const body = passVarint(plain, start); // attributes, one byte, then the timestamp delta
  const rest = passVarint(plain, body + 1);
  let to = writeZigzag(into, from, 1 + zigzagSize(delta) + end - rest);
  into[to++] = plain[body]!;
  to = writeZigzag(into, to, delta);
  into.set(plain.subarray(rest, end), to);
  return to + end - rest;
}

function passVarint(bytes: Uint8Array, at: number): number {
  let next = at;
  while (bytes[next++]! >= 0x80);
  return next;
}
