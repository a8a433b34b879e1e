import { KafkaError } from '../../core/errors.ts';
import { asBuffer, type Codec } from './compression/codec.ts';
import { gzip } from './compression/gzip.ts';
import { lz4 } from './compression/lz4.ts';
import { snappy } from './compression/snappy.ts';
import { zstd } from './compression/zstd.ts';

export type { Codec } from './compression/codec.ts';

/** What one batch may decompress to: as much as one request may carry (socket.request.max.bytes), so a small bomb cannot take the memory. */
export const MAX_DECOMPRESSED_BYTES = 100 * 1024 * 1024;

export const CODEC_NONE = 0;
export const CODEC_GZIP = 1;
export const CODEC_SNAPPY = 2;
export const CODEC_LZ4 = 3;
export const CODEC_ZSTD = 4;

const none: Codec = {
  id: CODEC_NONE,
  name: 'none',
  compress: (bytes) => asBuffer(bytes),
  decompress: asBuffer,
  compressAsync: async (bytes) => asBuffer(bytes),
  decompressAsync: async (bytes) => asBuffer(bytes),
  guessPlainBytes: ({ byteLength }) => byteLength,
};

/** By id. The libraries behind snappy, lz4 and zstd are loaded at their first use. */
const CODECS: readonly Codec[] = [none, gzip, snappy, lz4, zstd];

/** The codec of an id, bits 0-2 of a batch's attributes. @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE for one that Kafka does not have */
export function codecOf(id: number): Codec {
  const codec = CODECS[id];
  if (codec) return codec;
  throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `Unknown compression type id: ${id}`);
}
