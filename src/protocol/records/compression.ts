import { gunzipSync, gzipSync } from 'node:zlib';
import { KafkaError } from '../../core/errors.ts';

/** One compression of record batches: its id in bits 0-2 of the attributes, and Kafka's name for it. */
export interface Codec {
  readonly id: number;
  readonly name: string;
  compress(bytes: Uint8Array): Buffer;
  /**
   * @throws KafkaError MESSAGE_TOO_LARGE when the result would exceed `maxBytes`, INVALID_RECORD when the input is damaged.
   */
  decompress(bytes: Uint8Array, maxBytes: number): Buffer;
}

/** What one batch may decompress to: as much as one request may carry (socket.request.max.bytes), so a small bomb cannot take the memory. */
export const MAX_DECOMPRESSED_BYTES = 100 * 1024 * 1024;

const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export const CODEC_NONE = 0;
export const CODEC_GZIP = 1;
export const CODEC_ZSTD = 4;

const asBuffer = (bytes: Uint8Array) => (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));

const gzip: Codec = {
  id: CODEC_GZIP,
  name: 'gzip',
  compress: (bytes) => gzipSync(bytes),
  decompress(bytes, maxBytes) {
    try {
      return gunzipSync(bytes, { maxOutputLength: maxBytes }); // several members one after the other are read as one stream
    } catch (error) {
      if (error instanceof RangeError) throw tooLarge('gzip', maxBytes);
      throw new KafkaError('INVALID_RECORD', 'The record batch is damaged: its gzip stream does not decompress');
    }
  },
};

const CODECS: readonly (Codec | undefined)[] = [{ id: CODEC_NONE, name: 'none', compress: asBuffer, decompress: asBuffer }, gzip];

/** The codec of an id, bits 0-2 of a batch's attributes. @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE for one that this broker does not have. */
export function codecOf(id: number): Codec {
  const codec = CODECS[id];
  if (codec) return codec;
  const name = CODEC_NAMES[id];
  throw new KafkaError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    name ? `This broker does not support ${name} compression yet; use gzip or none` : `Unknown compression type id: ${id}`,
  );
}

function tooLarge(name: string, maxBytes: number): KafkaError {
  return new KafkaError('MESSAGE_TOO_LARGE', `The record batch decompresses (${name}) to more than ${maxBytes} bytes`);
}
