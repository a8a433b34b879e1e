import { createRequire } from 'node:module';
import { asBuffer, type Codec, damaged, decoded, decodedAsync, lazily, tooLarge } from './codec.ts';

/** What the npm package snappy offers of raw blocks. */
export interface SnappyLibrary {
  compressSync(bytes: Uint8Array): Buffer;
  uncompressSync(bytes: Uint8Array): string | Buffer;
  compress(bytes: Uint8Array): Promise<Buffer>;
  uncompress(bytes: Uint8Array): Promise<string | Buffer>;
}

/** The head of xerial's framing: magic, version 1, compatible with version 1. Blocks follow: int32 length, raw block. */
const XERIAL_HEAD = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex');
const XERIAL_MAGIC = XERIAL_HEAD.subarray(0, 8);
/** Uncompressed bytes of a block, as snappy-java writes them. */
const XERIAL_BLOCK_BYTES = 32 * 1024;
/** Nothing in the format gives more than a copy's 64 bytes for 3 bytes, so a length beyond that is a lie. */
const MAX_RATIO = 64 / 3;

/** Snappy as Kafka has it: written in xerial's framing, as Java does; read in it or, as librdkafka writes it, as one raw block. */
export function snappyCodec(load: () => SnappyLibrary): Codec {
  const library = lazily('snappy', 'snappy', load);
  return {
    id: 2,
    name: 'snappy',
    compress(bytes) {
      const parts: Buffer[] = [XERIAL_HEAD];
      for (let at = 0; at < bytes.byteLength; at += XERIAL_BLOCK_BYTES) {
        const block = library().compressSync(bytes.subarray(at, at + XERIAL_BLOCK_BYTES));
        parts.push(lengthOf(block), block);
      }
      return Buffer.concat(parts);
    },
    decompress(bytes, maxBytes) {
      const { blocks, total } = boundedBlocks(bytes, maxBytes);
      const { uncompressSync } = library();
      const plain = blocks.map((block) => decoded('snappy', () => uncompressSync(block) as Buffer));
      return plain.length === 1 ? plain[0]! : Buffer.concat(plain, total);
    },
    // One block at a time, so that the pool is left to others in between; measured, it costs a third more than all at once.
    async compressAsync(bytes) {
      const { compress } = library();
      const parts: Buffer[] = [XERIAL_HEAD];
      for (let at = 0; at < bytes.byteLength; at += XERIAL_BLOCK_BYTES) {
        const block = await compress(bytes.subarray(at, at + XERIAL_BLOCK_BYTES));
        parts.push(lengthOf(block), block);
      }
      return Buffer.concat(parts);
    },
    async decompressAsync(bytes, maxBytes) {
      const { blocks, total } = boundedBlocks(bytes, maxBytes);
      const { uncompress } = library();
      const plain: Buffer[] = [];
      for (const block of blocks) plain.push((await decodedAsync('snappy', () => uncompress(block))) as Buffer);
      return plain.length === 1 ? plain[0]! : Buffer.concat(plain, total);
    },
    guessPlainBytes: (bytes) => boundedBlocks(bytes, Number.POSITIVE_INFINITY).total,
  };
}

function lengthOf(block: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(block.byteLength);
  return length;
}

function boundedBlocks(bytes: Uint8Array, maxBytes: number): { blocks: Buffer[]; total: number } {
  const blocks = blocksIn(asBuffer(bytes));
  let total = 0;
  for (const block of blocks) total += declaredBytes(block);
  if (total > maxBytes) throw tooLarge('snappy', maxBytes);
  return { blocks, total };
}

function blocksIn(bytes: Buffer): Buffer[] {
  if (!bytes.subarray(0, XERIAL_MAGIC.byteLength).equals(XERIAL_MAGIC)) return [bytes];
  const blocks: Buffer[] = [];
  let at = XERIAL_HEAD.byteLength;
  if (bytes.byteLength < at) throw damaged('snappy');
  while (at < bytes.byteLength) {
    const length = bytes.byteLength - at < 4 ? -1 : bytes.readInt32BE(at);
    at += 4;
    if (length <= 0 || length > bytes.byteLength - at) throw damaged('snappy');
    blocks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return blocks;
}

/** The length that a raw block begins with, a varint of up to 32 bits; the library refuses a block that does not come to it. */
function declaredBytes(block: Buffer): number {
  let declared = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i] ?? 0x80;
    declared += (byte & 0x7f) * 2 ** (7 * i);
    if (byte >= 0x80) continue;
    if (declared > block.byteLength * MAX_RATIO) throw damaged('snappy', `its snappy block claims ${declared} bytes`);
    return declared;
  }
  throw damaged('snappy');
}

export const snappy = snappyCodec(() => createRequire(import.meta.url)('snappy') as SnappyLibrary);
