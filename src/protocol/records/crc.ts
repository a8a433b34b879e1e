import { createRequire } from 'node:module';

/** CRC-32C of `bytes`, unsigned; with `seed`, of what `seed` is the CRC of followed by `bytes`. */
export type Crc = (bytes: Uint8Array, seed?: number) => number;

let chosen: Crc | undefined;

export function crc32c(bytes: Uint8Array, seed = 0): number {
  chosen ??= nativeCrc32c() ?? plainCrc32c();
  return chosen(bytes, seed);
}

/** The native one, 8 GB/s; undefined where its prebuilt binding does not load. Loaded at first use: starting a broker needs no CRC. */
export function nativeCrc32c(): Crc | undefined {
  try {
    const native: { crc32c: Crc } = createRequire(import.meta.url)('@node-rs/crc32');
    return native.crc32c;
  } catch {
    return undefined;
  }
}

/** Plain JavaScript, 2.3 GB/s. */
export function plainCrc32c(): Crc {
  const plain: { buf: Crc } = createRequire(import.meta.url)('crc-32/crc32c.js');
  return (bytes, seed) => plain.buf(bytes, seed) >>> 0;
}

let plainCrc32: Crc | undefined;
let nativeCrc32: Crc | null | undefined;
/** Below it plain JavaScript is done before the native one begins. */
const NATIVE_FROM_BYTES = 512;

/** CRC-32 (IEEE), unsigned: of the message formats before v2. */
export function crc32(bytes: Uint8Array): number {
  if (bytes.byteLength >= NATIVE_FROM_BYTES) {
    if (nativeCrc32 === undefined) nativeCrc32 = loadNativeCrc32();
    if (nativeCrc32) return nativeCrc32(bytes);
  }
  plainCrc32 ??= (createRequire(import.meta.url)('crc-32') as { buf: Crc }).buf;
  return plainCrc32(bytes) >>> 0;
}

function loadNativeCrc32(): Crc | null {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32: Crc }).crc32;
  } catch {
    return null;
  }
}
