import { KafkaError } from '../../../core/errors.ts';

/** One compression of record batches: its id in bits 0-2 of the attributes, and Kafka's name for it. */
export interface Codec {
  readonly id: number;
  readonly name: string;
  /**
   * @param level as Kafka's compression.<name>.level; default Kafka's. snappy has none, and lz4's library knows one alone
   * @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE when the library for it is missing
   */
  compress(bytes: Uint8Array, level?: number): Buffer;
  /**
   * Sizes that the input declares are checked before anything is allocated for them.
   * @throws KafkaError MESSAGE_TOO_LARGE when the result would exceed `maxBytes`, INVALID_RECORD when the input is damaged,
   *   UNSUPPORTED_COMPRESSION_TYPE when the library for it is missing
   */
  decompress(bytes: Uint8Array, maxBytes: number): Buffer;
  /** `compress` off the event loop. The bytes must stay as they are until it settles. */
  compressAsync(bytes: Uint8Array, level?: number): Promise<Buffer>;
  /** `decompress` off the event loop, with the same bounds. The bytes must stay as they are until it settles. */
  decompressAsync(bytes: Uint8Array, maxBytes: number): Promise<Buffer>;
  /**
   * What `decompress` may come to, from the lengths that the input tells: a hint of which way to take, to be believed for nothing else.
   * @throws KafkaError INVALID_RECORD when the input is damaged
   */
  guessPlainBytes(bytes: Uint8Array): number;
}

export function tooLarge(name: string, maxBytes: number): KafkaError {
  return new KafkaError('MESSAGE_TOO_LARGE', `The record batch decompresses (${name}) to more than ${maxBytes} bytes`);
}

export function damaged(name: string, why = `its ${name} stream does not decompress`): KafkaError {
  return new KafkaError('INVALID_RECORD', `The record batch is damaged: ${why}`);
}

export const asBuffer = (bytes: Uint8Array) =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** As `decoded`, for what comes later. */
export async function decodedAsync<T>(name: string, decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (error) {
    throw error instanceof KafkaError ? error : damaged(name);
  }
}

/** What `decode` gives; whatever it throws says that the input is damaged. */
export function decoded<T>(name: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw error instanceof KafkaError ? error : damaged(name);
  }
}

/**
 * A library that is loaded at its first use, since starting a broker needs none. Where it does not load (no prebuilt binding for the
 * platform, optional packages left out), that is remembered, and each use says what to install.
 */
export function lazily<T>(name: string, packageName: string, load: () => T): () => T {
  let state: { readonly library: T } | 'new' | 'missing' = 'new';
  return () => {
    if (state === 'new') {
      try {
        state = { library: load() };
      } catch {
        state = 'missing';
      }
    }
    if (state !== 'missing') return state.library;
    throw new KafkaError(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `${name} compression needs the npm package ${packageName}, which does not load on ${process.platform} ${process.arch}: npm install ${packageName}`,
    );
  };
}
