import { constants, gunzip, gunzipSync, gzip as gzipInPool, gzipSync } from 'node:zlib';
import { nodeCodeOf } from '../../../core/errors.ts';
import { asBuffer, type Codec, damaged, tooLarge } from './codec.ts';

/** Deflate makes no more of a byte. */
const MAX_RATIO = 1032;
/** What zlib writes at a time: with its own 16 KiB, large batches take three times as long. */
const MIN_CHUNK_BYTES = 16 * 1024;
const MAX_CHUNK_BYTES = 1024 * 1024;
const DEFAULT_LEVEL = constants.Z_DEFAULT_COMPRESSION; // -1, as in Kafka

export const gzip: Codec = {
  id: 1,
  name: 'gzip',
  compress: (bytes, level = DEFAULT_LEVEL) => gzipSync(bytes, { level }),
  decompress(bytes, maxBytes) {
    try {
      return gunzipSync(bytes, optionsFor(bytes, maxBytes)); // several members one after the other are read as one stream
    } catch (error) {
      throw refusal(error, maxBytes);
    }
  },
  compressAsync: (bytes, level = DEFAULT_LEVEL) =>
    new Promise((resolve, reject) => {
      gzipInPool(bytes, { level, chunkSize: chunkBytes(bytes.byteLength) }, (error, output) => (error ? reject(error) : resolve(output)));
    }),
  decompressAsync: (bytes, maxBytes) =>
    new Promise((resolve, reject) => {
      gunzip(bytes, optionsFor(bytes, maxBytes), (error, plain) => (error ? reject(refusal(error, maxBytes)) : resolve(plain)));
    }),
  guessPlainBytes(bytes) {
    // The last member's length (ISIZE) stands at the end.
    const { byteLength } = bytes;
    const size = byteLength < 4 ? 0 : asBuffer(bytes).readUInt32LE(byteLength - 4);
    return Math.min(Math.max(size, byteLength), byteLength * MAX_RATIO);
  },
};

function optionsFor(bytes: Uint8Array, maxBytes: number) {
  return { maxOutputLength: maxBytes, chunkSize: chunkBytes(gzip.guessPlainBytes(bytes)) };
}

const chunkBytes = (expected: number) => Math.min(Math.max(expected, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);

const refusal = (error: unknown, maxBytes: number) =>
  nodeCodeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? tooLarge('gzip', maxBytes) : damaged('gzip');
