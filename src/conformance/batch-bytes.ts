import { gzipSync } from 'node:zlib';
import { crc32c } from '../protocol/records/crc.ts';

/** Of the records in scenarios: years ago, so that a timestamp which the broker gave can be told from one that it kept. */
export const T0 = 1_700_000_000_000;

export interface BatchBytes {
  readonly values: readonly (string | null)[];
  /** One for all records; default none. */
  readonly key?: string;
  /** Of the first record, each further one a ms later; default T0. */
  readonly timestamp?: number;
  readonly attributes?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly magic?: number;
  /** In place of those of `values`, byte for byte: for records that are wrong. */
  readonly records?: Buffer;
  /** What the length field says, where it is not the truth. */
  readonly length?: number;
  /** What the header says, where it is not the truth. */
  readonly count?: number;
  readonly lastOffsetDelta?: number;
  readonly maxTimestamp?: number;
  readonly crc?: number;
  /** Leaves the payload plain, whatever the attributes say. */
  readonly plainAnyway?: boolean;
}

const HEADER_BYTES = 61;
const GZIP = 1;

/**
 * The bytes of a record batch v2, right or wrong as a scenario wants it. Written apart from src/protocol/records, so that a scenario does
 * not agree with the broker by making the same mistake.
 */
export function batchBytes(batch: BatchBytes): Buffer {
  const first = batch.timestamp ?? T0;
  const plain = batch.records ?? Buffer.concat(batch.values.map((value, i) => recordOf(first === -1 ? 0 : i, i, batch.key ?? null, value)));
  const payload = ((batch.attributes ?? 0) & 7) === GZIP && !batch.plainAnyway ? gzipSync(plain) : plain;
  const bytes = Buffer.concat([Buffer.alloc(HEADER_BYTES), payload]);
  const count = batch.values.length;
  bytes.writeBigInt64BE(BigInt(batch.baseOffset ?? 0), 0);
  bytes.writeInt32BE(batch.length ?? bytes.byteLength - 12, 8);
  bytes.writeInt32BE(batch.partitionLeaderEpoch ?? -1, 12);
  bytes.writeInt8(batch.magic ?? 2, 16);
  bytes.writeInt16BE(batch.attributes ?? 0, 21);
  bytes.writeInt32BE(batch.lastOffsetDelta ?? count - 1, 23);
  bytes.writeBigInt64BE(BigInt(first), 27);
  bytes.writeBigInt64BE(BigInt(batch.maxTimestamp ?? (first === -1 ? -1 : first + count - 1)), 35);
  bytes.writeBigInt64BE(BigInt(batch.producerId ?? -1), 43);
  bytes.writeInt16BE(batch.producerEpoch ?? -1, 51);
  bytes.writeInt32BE(batch.baseSequence ?? -1, 53);
  bytes.writeInt32BE(batch.count ?? count, 57);
  bytes.writeUInt32BE(batch.crc ?? crc32c(bytes.subarray(21)), 17);
  return bytes;
}

/** The bytes of one record. */
export function recordOf(timestampDelta: number, offsetDelta: number, key: string | null, value: string | null): Buffer {
  const body = Buffer.concat([Buffer.of(0), zigzag(timestampDelta), zigzag(offsetDelta), field(key), field(value), zigzag(0)]);
  return Buffer.concat([zigzag(body.byteLength), body]);
}

function field(text: string | null): Buffer {
  return text === null ? zigzag(-1) : Buffer.concat([zigzag(Buffer.byteLength(text)), Buffer.from(text)]);
}

/** A number as records have it: a zigzag varint. */
export function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
