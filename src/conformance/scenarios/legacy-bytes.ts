import { codecOf } from '../../protocol/records/compression.ts';
import { crc32 } from '../../protocol/records/crc.ts';
import { T0 } from '../batch-bytes.ts';

/** A message of the formats before v2, right or wrong as a scenario wants it. */
export interface MessageBytes {
  readonly magic: number;
  readonly offset?: number;
  /** Default T0; magic 0 has none. */
  readonly timestamp?: number;
  readonly attributes?: number;
  readonly key?: string | Buffer | null;
  readonly value?: string | Buffer | null;
  /** What it says, where that is not the truth. */
  readonly crc?: number;
  readonly bytes?: number;
}

const BEFORE_SIZE_BYTES = 12;
const MAGIC_AT = 16;

/** Written apart from src/protocol/records, so that a scenario does not agree with the broker by making the same mistake. */
export function message(m: MessageBytes): Buffer {
  const time = m.magic === 0 ? Buffer.alloc(0) : int64(m.timestamp ?? T0);
  const body = Buffer.concat([Buffer.of(m.magic, m.attributes ?? 0), time, field(m.key ?? null), field(m.value ?? null)]);
  return Buffer.concat([int64(m.offset ?? 0), int32(m.bytes ?? body.byteLength + 4), int32((m.crc ?? crc32(body)) | 0), body]);
}

/** Messages with the offsets 0, 1, 2, ... */
export const messages = (magic: number, values: readonly string[], more: Partial<MessageBytes> = {}) =>
  Buffer.concat(values.map((value, i) => message({ magic, offset: i, timestamp: T0 + i, value, ...more })));

/** A message that holds `inner`, compressed; by default under the offset of the last of three. */
export function wrapper(magic: number, codecId: number, inner: Buffer, more: Partial<MessageBytes> = {}): Buffer {
  const value = codecOf(codecId).compress(inner);
  if (codecId === LZ4 && magic === 0) breakLz4(value);
  return message({ magic, offset: 2, value, timestamp: T0 + 2, ...more, attributes: codecId | (more.attributes ?? 0) });
}

/** One message after a change of its bytes. */
export function withRightCrc(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(MAGIC_AT)), BEFORE_SIZE_BYTES);
  return bytes;
}

export const GZIP = 1;
export const SNAPPY = 2;
export const LZ4 = 3;
export const OLD_CODECS = [GZIP, SNAPPY, LZ4];

/** KAFKA-3160: in magic 0 the checksum of an lz4 head takes in the frame's magic, which it must not. */
export function breakLz4(frame: Buffer): void {
  frame[6] = (xxh32(frame.subarray(0, 6)) >>> 8) & 0xff;
}

/** xxHash of less than 16 bytes, seed 0. */
function xxh32(bytes: Uint8Array): number {
  let hash = (374_761_393 + bytes.byteLength) | 0;
  let at = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const turned = (value: number, by: number) => (value << by) | (value >>> (32 - by));
  for (; at + 4 <= bytes.byteLength; at += 4)
    hash = Math.imul(turned((hash + Math.imul(view.getInt32(at, true), 3_266_489_917)) | 0, 17), 668_265_263);
  for (; at < bytes.byteLength; at++) hash = Math.imul(turned((hash + Math.imul(bytes[at]!, 374_761_393)) | 0, 11), 2_654_435_761);
  hash = Math.imul(hash ^ (hash >>> 15), 2_246_822_519);
  hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_917);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Messages as a reader sees them, those in a compressed one with it. An end that is no whole message is passed over, as readers do. */
export function messageViews(bytes: Buffer, wrapperMagic?: number): unknown[] {
  const views: unknown[] = [];
  for (let at = 0; at + MAGIC_AT < bytes.byteLength; ) {
    const end = at + BEFORE_SIZE_BYTES + bytes.readInt32BE(at + 8);
    if (end > bytes.byteLength) break;
    views.push(viewOf(bytes.subarray(at, end), wrapperMagic));
    at = end;
  }
  return views;
}

function viewOf(bytes: Buffer, wrapperMagic?: number): Record<string, unknown> {
  const magic = bytes.readInt8(MAGIC_AT);
  if (magic > 1) return { magic };
  const attributes = bytes.readInt8(17);
  const time = magic === 0 ? {} : { timestamp: Number(bytes.readBigInt64BE(18)) };
  let at = magic === 0 ? 18 : 26;
  const take = () => {
    const length = bytes.readInt32BE(at);
    at += 4 + Math.max(length, 0);
    return length < 0 ? null : bytes.subarray(at - length, at);
  };
  const key = text(take());
  const value = take();
  const codecId = attributes & 7;
  const head = {
    offset: Number(bytes.readBigInt64BE(0)),
    magic,
    crc: bytes.readUInt32BE(12) === crc32(bytes.subarray(MAGIC_AT)) ? 'right' : 'wrong',
    attributes,
    ...time,
    key,
    left: bytes.byteLength - at,
  };
  if (codecId === 0 || value === null || wrapperMagic !== undefined) return { ...head, value: text(value) };
  return { ...head, ...plainOf(value, codecId, magic) };
}

function plainOf(value: Buffer, codecId: number, magic: number): Record<string, unknown> {
  const payload = Buffer.from(value);
  const isBroken = codecId === LZ4 && payload[6] !== ((xxh32(payload.subarray(4, 6)) >>> 8) & 0xff);
  if (isBroken) payload[6] = (xxh32(payload.subarray(4, 6)) >>> 8) & 0xff;
  const inner = messageViews(codecOf(codecId).decompress(payload, 1e7), magic);
  return { ...(codecId === LZ4 && { headChecksum: isBroken ? 'broken' : 'right', head: payload.subarray(4, 6).toString('hex') }), inner };
}

/** Long values are told by their length. */
const text = (bytes: Buffer | null) =>
  bytes === null ? null : bytes.byteLength > 100 ? `${bytes.byteLength} bytes` : bytes.toString('latin1');

/** A Fetch response with its records as `messageViews`. */
export function withMessages<P extends { readonly records: Buffer | null }, T extends { readonly partitions: readonly P[] }>(response: {
  readonly responses: readonly T[];
}): unknown {
  const responses = response.responses.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((data) => ({ ...data, records: data.records && messageViews(data.records) })),
  }));
  return { ...response, responses };
}

function field(content: string | Buffer | null): Buffer {
  if (content === null) return int32(-1);
  const bytes = Buffer.from(content);
  return Buffer.concat([int32(bytes.byteLength), bytes]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
