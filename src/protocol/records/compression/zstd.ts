import * as zlib from 'node:zlib';
import { asBuffer, type Codec, decoded, lazily, tooLarge } from './codec.ts';
import { type ZstdFrame, zstdFrames } from './zstd-frame.ts';
import { wasmZstd } from './zstd-wasm.ts';

/** One implementation of Zstandard. What it throws, other than a KafkaError, counts as damage. */
export interface ZstdEngine {
  compress(bytes: Uint8Array): Buffer;
  /** One frame (Node's decompresses no more than the first). Neither its size nor `maxBytes` is allocated at once. @throws KafkaError MESSAGE_TOO_LARGE */
  decompress(frame: ZstdFrame, maxBytes: number): Buffer;
}

/** Zstandard (KIP-110): one frame or several, of declared size or not. */
export function zstdCodec(load: () => ZstdEngine): Codec {
  const engine = lazily('zstd', '@bokuweb/zstd-wasm', load);
  return {
    id: 4,
    name: 'zstd',
    compress: (bytes) => engine().compress(bytes),
    decompress(bytes, maxBytes) {
      const frames = zstdFrames(asBuffer(bytes));
      const { decompress } = engine();
      const parts: Buffer[] = [];
      let left = maxBytes;
      for (const frame of frames) {
        if (frame.declared !== null && frame.declared > left) throw tooLarge('zstd', maxBytes);
        const part = decoded('zstd', () => decompress(frame, left));
        left -= part.byteLength;
        if (left < 0) throw tooLarge('zstd', maxBytes);
        parts.push(part);
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    },
  };
}

/** Node's own, from 22.15 on (@types/node of Node 20 does not know it); undefined before. It streams, so output is allocated as it comes. */
export function nodeZstd(): ZstdEngine | undefined {
  const { zstdCompressSync, zstdDecompressSync } = zlib as unknown as {
    zstdCompressSync?: (bytes: Uint8Array) => Buffer;
    zstdDecompressSync?: (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;
  };
  if (!zstdCompressSync || !zstdDecompressSync) return undefined;
  return {
    compress: (bytes) => zstdCompressSync(bytes), // level 3, as Apache Kafka's default
    decompress({ bytes }, maxBytes) {
      try {
        return zstdDecompressSync(bytes, { maxOutputLength: Math.max(maxBytes, 1) }); // it takes no 0
      } catch (error) {
        throw error instanceof RangeError ? tooLarge('zstd', maxBytes) : error;
      }
    },
  };
}

export const zstd = zstdCodec(() => nodeZstd() ?? wasmZstd());
