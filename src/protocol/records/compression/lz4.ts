import { createRequire } from 'node:module';
import { asBuffer, type Codec, damaged, decoded, decodedAsync, lazily, tooLarge } from './codec.ts';
import { lz4FrameOf, lz4Parts, lz4PlainBytes } from './lz4-frame.ts';

/** What the npm package lz4-napi offers: whole frames, and blocks behind their size. */
export interface Lz4Library {
  /** A block with its uncompressed length, 4 bytes, before it. */
  compressSync(bytes: Buffer): Buffer;
  decompressFrameSync(frame: Buffer): Buffer;
  compress(bytes: Buffer): Promise<Buffer>;
  decompressFrame(frame: Buffer): Promise<Buffer>;
}

/** Magic, version 1 with independent blocks, of 64 KiB at most, and the checksum of those: the head that Java writes. */
const HEAD = Buffer.from('04224d18' + '60' + '40' + '82', 'hex');
const END_MARK = Buffer.alloc(4);
const BLOCK_BYTES = 64 * 1024;
const STORED_BIT = 0x8000_0000;
const USUAL_RATIO = 3;
/** Decompressed at a time off the event loop. */
const PART_BYTES = 1024 * 1024;

/** LZ4 frames, as every client writes them since message format 1. */
export function lz4Codec(load: () => Lz4Library): Codec {
  const library = lazily('lz4', 'lz4-napi', load);
  return {
    id: 3,
    name: 'lz4',
    compress(bytes) {
      const parts: Buffer[] = [HEAD];
      const whole = asBuffer(bytes);
      for (let at = 0; at < whole.byteLength; at += BLOCK_BYTES) {
        const plain = whole.subarray(at, at + BLOCK_BYTES);
        addBlock(parts, plain, library().compressSync(plain).subarray(4));
      }
      parts.push(END_MARK);
      return Buffer.concat(parts);
    },
    decompress(bytes, maxBytes) {
      const frame = asBuffer(bytes);
      const plainBytes = boundedPlainBytes(frame, maxBytes);
      const { decompressFrameSync } = library();
      return ofLength(
        decoded('lz4', () => decompressFrameSync(frame)),
        plainBytes,
      );
    },
    async compressAsync(bytes) {
      const { compress } = library();
      const parts: Buffer[] = [HEAD];
      const whole = asBuffer(bytes);
      for (let at = 0; at < whole.byteLength; at += BLOCK_BYTES) {
        const plain = whole.subarray(at, at + BLOCK_BYTES);
        addBlock(parts, plain, (await compress(plain)).subarray(4));
      }
      parts.push(END_MARK);
      return Buffer.concat(parts);
    },
    // In parts: each thread of the pool keeps the memory that the library last used in it, which for 50 MB at once was 2 GB. A checksum of
    // the whole content is not looked at then; Apache Kafka looks at none.
    async decompressAsync(bytes, maxBytes) {
      const frame = asBuffer(bytes);
      const parts = lz4Parts(frame, PART_BYTES);
      const total = parts.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
      if (total > maxBytes) throw tooLarge('lz4', maxBytes);
      const { decompressFrame } = library();
      const whole = Buffer.allocUnsafe(total);
      let at = 0;
      for (const part of parts) {
        const plain = await decodedAsync('lz4', () => decompressFrame(lz4FrameOf(frame, part)));
        at += ofLength(plain, part.plainBytes).copy(whole, at);
      }
      return whole;
    },
    guessPlainBytes: ({ byteLength }) => byteLength * USUAL_RATIO, // to know more takes a walk through all of it
  };
}

function addBlock(parts: Buffer[], plain: Buffer, block: Buffer): void {
  const stored = block.byteLength >= plain.byteLength;
  const size = Buffer.allocUnsafe(4);
  size.writeUInt32LE(stored ? plain.byteLength + STORED_BIT : block.byteLength);
  parts.push(size, stored ? plain : block);
}

function boundedPlainBytes(frame: Buffer, maxBytes: number): number {
  const plainBytes = lz4PlainBytes(frame);
  if (plainBytes > maxBytes) throw tooLarge('lz4', maxBytes);
  return plainBytes;
}

function ofLength(plain: Buffer, bytes: number): Buffer {
  if (plain.byteLength !== bytes) throw damaged('lz4');
  return plain;
}

export const lz4 = lz4Codec(() => createRequire(import.meta.url)('lz4-napi') as Lz4Library);
