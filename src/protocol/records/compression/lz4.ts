import { createRequire } from 'node:module';
import { asBuffer, type Codec, damaged, decoded, lazily, tooLarge } from './codec.ts';
import { lz4PlainBytes } from './lz4-frame.ts';

/** What the npm package lz4-napi offers: whole frames, and blocks behind their size. */
export interface Lz4Library {
  /** A block with its uncompressed length, 4 bytes, before it. */
  compressSync(bytes: Buffer): Buffer;
  decompressFrameSync(frame: Buffer): Buffer;
}

/** Magic, version 1 with independent blocks, of 64 KiB at most, and the checksum of those: the head that Java writes. */
const HEAD = Buffer.from('04224d18' + '60' + '40' + '82', 'hex');
const END_MARK = Buffer.alloc(4);
const BLOCK_BYTES = 64 * 1024;
const STORED_BIT = 0x8000_0000;

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
        const block = library().compressSync(plain).subarray(4);
        const stored = block.byteLength >= plain.byteLength;
        const size = Buffer.allocUnsafe(4);
        size.writeUInt32LE(stored ? plain.byteLength + STORED_BIT : block.byteLength);
        parts.push(size, stored ? plain : block);
      }
      parts.push(END_MARK);
      return Buffer.concat(parts);
    },
    decompress(bytes, maxBytes) {
      const frame = asBuffer(bytes);
      const plainBytes = lz4PlainBytes(frame);
      if (plainBytes > maxBytes) throw tooLarge('lz4', maxBytes);
      const { decompressFrameSync } = library();
      const plain = decoded('lz4', () => decompressFrameSync(frame));
      if (plain.byteLength !== plainBytes) throw damaged('lz4');
      return plain;
    },
  };
}

export const lz4 = lz4Codec(() => createRequire(import.meta.url)('lz4-napi') as Lz4Library);
