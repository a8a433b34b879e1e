import { damaged } from './codec.ts';

const MAGIC = 0x184d2204;
const STORED_BIT = 0x8000_0000;
/** Bits of the first byte behind the magic; its upper two are the version, 1. */
const INDEPENDENT = 0x20;
const BLOCK_CHECKSUMS = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const VERSION_1 = 0x40;
const END_MARK = Buffer.alloc(4);
/** The checksum of a head without sizes, by its block size (codes 4 to 7); with and without block checksums. */
const HEADS = [0x82, 0xfb, 0x51, 0x73] as const;
const CHECKED_HEADS = [0xad, 0x84, 0x33, 0x72] as const;

/** Blocks of a frame that follow each other: where they are in it, and what they decompress to. In bytes. */
export interface Lz4Part {
  readonly from: number;
  readonly to: number;
  readonly plainBytes: number;
}

/** What the one frame in `frame` decompresses to, in bytes. @throws KafkaError as `lz4Parts` */
export function lz4PlainBytes(frame: Buffer): number {
  return lz4Parts(frame, Number.POSITIVE_INFINITY)[0]!.plainBytes;
}

/** A frame of its own made of some blocks of `frame`, with the checksums that they have. */
export function lz4FrameOf(frame: Buffer, { from, to }: Lz4Part): Buffer {
  const checksums = (frame[4]! & BLOCK_CHECKSUMS) !== 0;
  const head = checksums ? CHECKED_HEADS : HEADS;
  const descriptor = Buffer.of(VERSION_1 | INDEPENDENT | (checksums ? BLOCK_CHECKSUMS : 0), frame[5]!, head[(frame[5]! >> 4) & 3]!);
  return Buffer.concat([frame.subarray(0, 4), descriptor, frame.subarray(from, to), END_MARK]);
}

/**
 * The one frame in `frame`, cut between blocks into parts that come to `partBytes` or one block more; one part at least. What they
 * decompress to is counted through the blocks, not believed from the head, so that nothing is allocated for what is not there. The checksums
 * are left to the library.
 * @throws KafkaError INVALID_RECORD for what is no such frame, has bytes behind it, or whose blocks depend on each other (Java reads none of those)
 */
export function lz4Parts(frame: Buffer, partBytes: number): Lz4Part[] {
  let at = 6;
  const take = (count: number) => {
    at += count;
    if (at > frame.byteLength) throw damaged('lz4', 'its lz4 frame ends too early');
    return at - count;
  };
  take(1); // the head's checksum; with it at least 7 bytes are there
  const flags = frame[4]!;
  const blockSizeCode = (frame[5]! >> 4) & 7;
  if (frame.readUInt32LE(0) !== MAGIC || flags >> 6 !== 1 || blockSizeCode < 4) throw damaged('lz4', 'it holds no lz4 frame');
  if (!(flags & INDEPENDENT) || flags & DICTIONARY) throw damaged('lz4', 'its lz4 blocks depend on other data');
  const declared = flags & CONTENT_SIZE ? Number(frame.readBigUInt64LE(take(8) - 1)) : null;
  const maxBlockBytes = 2 ** (8 + 2 * blockSizeCode);
  const parts: Lz4Part[] = [];
  let begin = at;
  let before = 0;
  let total = 0;
  for (;;) {
    if (total - before >= partBytes) {
      parts.push({ from: begin, to: at, plainBytes: total - before });
      begin = at;
      before = total;
    }
    const size = frame.readUInt32LE(take(4));
    if (size === 0) break;
    const stored = size >= STORED_BIT;
    const bytes = stored ? size - STORED_BIT : size;
    const from = take(bytes);
    const plain = stored ? bytes : blockPlainBytes(frame, from, from + bytes);
    if (plain > maxBlockBytes) throw damaged('lz4', `its lz4 block of ${plain} bytes is larger than its frame allows`);
    total += plain;
    if (flags & BLOCK_CHECKSUMS) take(4);
  }
  const end = at - END_MARK.byteLength;
  if (end > begin || parts.length === 0) parts.push({ from: begin, to: end, plainBytes: total - before });
  if (flags & CONTENT_CHECKSUM) take(4);
  if (at !== frame.byteLength) throw damaged('lz4', `${frame.byteLength - at} bytes follow its lz4 frame`);
  if (declared !== null && declared !== total) throw damaged('lz4', `its lz4 frame claims ${declared} bytes and has ${total}`);
  return parts;
}

/** Walks a block's sequences: a token (two half bytes of length, 15: bytes of 255 go on), literals, a 2-byte distance, the match. */
function blockPlainBytes(frame: Buffer, from: number, end: number): number {
  let total = 0;
  let at = from;
  while (at < end) {
    const token = frame[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255 && at < end) literals += more = frame[at++]!;
    }
    total += literals;
    at += literals;
    if (at >= end) break; // the last sequence has literals alone
    at += 2;
    let match = (token & 15) + 4;
    if (match === 19) {
      let more = 255;
      while (more === 255 && at < end) match += more = frame[at++]!;
    }
    total += match;
  }
  if (at !== end) throw damaged('lz4');
  return total;
}
