import { damaged } from './codec.ts';

/** One frame, whole, with what it says of its size and what it can come to at most. In bytes. */
export interface ZstdFrame {
  readonly bytes: Buffer;
  /** null when the frame does not declare it (Java and librdkafka write such). Never more than `atMost`. */
  readonly declared: number | null;
  /** The sum over the blocks that are there, counting a compressed block as the largest that it may be. */
  readonly atMost: number;
}

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50; // to ..5f
const SINGLE_SEGMENT = 0x20;
const CHECKSUM = 0x04;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
/** Clients write one; each frame costs a call of the library, whatever little it holds. */
const MAX_FRAMES = 100;
const MAX_BLOCK_BYTES = 128 * 1024; // RFC 8878, 3.1.1.2.4
const RAW = 0;
const RLE = 1;
const COMPRESSED = 2;

/**
 * The frames in `bytes` but for those to skip, found by walking their block headers (RFC 8878); nothing is decompressed.
 * @throws KafkaError INVALID_RECORD for what is not one frame or several, whole, or whose blocks cannot hold what the head declares
 */
export function zstdFrames(bytes: Buffer): ZstdFrame[] {
  const cursor = new Cursor(bytes);
  const frames: ZstdFrame[] = [];
  do {
    const from = cursor.at;
    const magic = cursor.uint(4);
    if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      cursor.take(cursor.uint(4));
      continue;
    }
    if (magic !== MAGIC || frames.length === MAX_FRAMES) throw damaged('zstd', 'it holds what is no zstd frame, or too many');
    const { declared, atMost } = sizeOfFrame(cursor);
    frames.push({ bytes: bytes.subarray(from, cursor.at), declared, atMost });
  } while (cursor.at < bytes.byteLength);
  return frames;
}

function sizeOfFrame(cursor: Cursor): Omit<ZstdFrame, 'bytes'> {
  const descriptor = cursor.uint(1);
  const single = (descriptor & SINGLE_SEGMENT) !== 0;
  const window = single ? 0 : cursor.uint(1);
  cursor.take(DICTIONARY_ID_BYTES[descriptor & 3]!);
  const declared = declaredSize(cursor, descriptor >> 6, single);
  const windowBytes = single ? declared! : 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  const maxBlockBytes = Math.min(windowBytes, MAX_BLOCK_BYTES);

  let atMost = 0;
  let last = false;
  while (!last) {
    const header = cursor.uint(3);
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type > COMPRESSED || (type !== COMPRESSED && size > maxBlockBytes)) throw damaged('zstd');
    cursor.take(type === RLE ? 1 : size);
    atMost += type === RAW || type === RLE ? size : maxBlockBytes;
  }
  if (descriptor & CHECKSUM) cursor.take(4);
  if (declared !== null && declared > atMost) throw damaged('zstd', `its zstd frame claims ${declared} bytes and has ${atMost} at most`);
  return { declared, atMost };
}

function declaredSize(cursor: Cursor, flag: number, single: boolean): number | null {
  if (flag === 0) return single ? cursor.uint(1) : null;
  if (flag === 1) return cursor.uint(2) + 256;
  if (flag === 2) return cursor.uint(4);
  return cursor.uint(4) + cursor.uint(4) * 2 ** 32;
}

class Cursor {
  at = 0;
  private readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** An unsigned little-endian number of up to 4 bytes. */
  uint(byteLength: number): number {
    this.take(byteLength);
    return this.bytes.readUIntLE(this.at - byteLength, byteLength);
  }

  take(count: number): void {
    this.at += count;
    if (this.at > this.bytes.byteLength) throw damaged('zstd', 'its zstd frame ends too early');
  }
}
