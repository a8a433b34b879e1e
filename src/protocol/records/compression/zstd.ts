import * as zlib from 'node:zlib';
import { nodeCodeOf } from '../../../core/errors.ts';
import { asBuffer, type Codec, decoded, decodedAsync, lazily, tooLarge } from './codec.ts';
import { type ZstdFrame, zstdFrames } from './zstd-frame.ts';
import { wasmZstd } from './zstd-wasm.ts';

/** One implementation of Zstandard. What it throws, other than a KafkaError, counts as damage. */
export interface ZstdEngine {
  compress(bytes: Uint8Array, level: number): Buffer;
  /** One frame (Node's decompresses no more than the first). Neither its size nor `maxBytes` is allocated at once. @throws KafkaError MESSAGE_TOO_LARGE */
  decompress(frame: ZstdFrame, maxBytes: number): Buffer;
  compressAsync(bytes: Uint8Array, level: number): Promise<Buffer>;
  decompressAsync(frame: ZstdFrame, maxBytes: number): Promise<Buffer>;
}

/** Apache Kafka's default (compression.zstd.level). */
const DEFAULT_LEVEL = 3;
/** Of frames that do not declare their size. */
const USUAL_RATIO = 4;

/** Zstandard (KIP-110): one frame or several, of declared size or not. */
export function zstdCodec(load: () => ZstdEngine): Codec {
  const engine = lazily('zstd', '@bokuweb/zstd-wasm', load);
  return {
    id: 4,
    name: 'zstd',
    compress: (bytes, level = DEFAULT_LEVEL) => engine().compress(bytes, level),
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
    compressAsync: async (bytes, level = DEFAULT_LEVEL) => engine().compressAsync(bytes, level),
    async decompressAsync(bytes, maxBytes) {
      const frames = zstdFrames(asBuffer(bytes));
      const { decompressAsync } = engine();
      const parts: Buffer[] = [];
      let left = maxBytes;
      for (const frame of frames) {
        if (frame.declared !== null && frame.declared > left) throw tooLarge('zstd', maxBytes);
        const part = await decodedAsync('zstd', () => decompressAsync(frame, left));
        left -= part.byteLength;
        if (left < 0) throw tooLarge('zstd', maxBytes);
        parts.push(part);
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    },
    guessPlainBytes(bytes) {
      let total = 0;
      for (const { bytes: frame, declared, atMost } of zstdFrames(asBuffer(bytes))) {
        total += declared ?? Math.min(atMost, frame.byteLength * USUAL_RATIO);
      }
      return total;
    },
  };
}

type Zstd<Options> = (bytes: Uint8Array, options: Options) => Buffer;
type ZstdAsync<Options> = (bytes: Uint8Array, options: Options, done: (error: Error | null, output: Buffer) => void) => void;
interface Level {
  readonly params: Readonly<Record<number, number>>;
}
interface Limit {
  readonly maxOutputLength: number;
}
/** zlib as it is from 22.15 on; @types/node of Node 20 does not know it. */
interface ZstdZlib {
  readonly zstdCompressSync?: Zstd<Level>;
  readonly zstdDecompressSync: Zstd<Limit>;
  readonly zstdCompress: ZstdAsync<Level>;
  readonly zstdDecompress: ZstdAsync<Limit>;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/** Node's own, from 22.15 on; undefined before. It streams, so output is allocated as it comes. */
export function nodeZstd(): ZstdEngine | undefined {
  const { zstdCompressSync, zstdDecompressSync, zstdCompress, zstdDecompress, constants } = zlib as unknown as ZstdZlib;
  if (!zstdCompressSync) return undefined;
  const atLevel = (level: number) => ({ params: { [constants.ZSTD_c_compressionLevel]: level } });
  const upTo = (maxBytes: number) => ({ maxOutputLength: Math.max(maxBytes, 1) }); // it takes no 0
  const refusal = (error: unknown, maxBytes: number) => (nodeCodeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? tooLarge('zstd', maxBytes) : error);
  return {
    compress: (bytes, level) => zstdCompressSync(bytes, atLevel(level)),
    decompress({ bytes }, maxBytes) {
      try {
        return zstdDecompressSync(bytes, upTo(maxBytes));
      } catch (error) {
        throw refusal(error, maxBytes);
      }
    },
    compressAsync: (bytes, level) =>
      new Promise((resolve, reject) => {
        zstdCompress(bytes, atLevel(level), (error, output) => (error ? reject(error) : resolve(output)));
      }),
    decompressAsync: ({ bytes }, maxBytes) =>
      new Promise((resolve, reject) => {
        zstdDecompress(bytes, upTo(maxBytes), (error, plain) => (error ? reject(refusal(error, maxBytes)) : resolve(plain)));
      }),
  };
}

export const zstd = zstdCodec(() => nodeZstd() ?? wasmZstd());
