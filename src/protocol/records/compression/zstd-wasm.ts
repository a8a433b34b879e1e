import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readPackageFile } from '../../../core/package-file.ts';
import { asBuffer, damaged, tooLarge } from './codec.ts';
import type { ZstdEngine } from './zstd.ts';
import type { ZstdFrame } from './zstd-frame.ts';
import { DESTINATION_TOO_SMALL, type Require, zstdInMemory } from './zstd-memory.ts';
import { ZstdWorker } from './zstd-worker.ts';

/** As much of it as is used here; the types that the compiler is given do not declare it. */
declare const WebAssembly: { readonly Module: new (code: Uint8Array) => object };

/**
 * Zstandard in WebAssembly, for Node before 22.15, which has no zstd of its own. What is large is done in a thread of its own.
 * @throws when the package is not there
 */
export function wasmZstd(): ZstdEngine {
  const require = createRequire(import.meta.url);
  const folder = join(require.resolve('@bokuweb/zstd-wasm'), '..');
  const source = {
    script: join(folder, 'zstd.js'),
    compiled: new WebAssembly.Module(readPackageFile(join(folder, 'zstd.wasm'))),
  };
  const memory = zstdInMemory(require as unknown as Require, source);
  const worker = new ZstdWorker(source);
  return {
    compress: (bytes, level) => compressed(memory.compress(bytes, level)),
    decompress(frame, maxBytes) {
      const bound = boundOf(frame, maxBytes);
      return plainOf(memory.decompress(frame.bytes, bound), bound, maxBytes);
    },
    compressAsync: async (bytes, level) => compressed(await worker.run({ compress: true, bytes, parameter: level })),
    async decompressAsync(frame, maxBytes) {
      const bound = boundOf(frame, maxBytes);
      return plainOf(await worker.run({ compress: false, bytes: frame.bytes, parameter: bound }), bound, maxBytes);
    },
  };
}

const boundOf = ({ declared, atMost }: ZstdFrame, maxBytes: number) => Math.min(declared ?? atMost, maxBytes);

function compressed(output: Uint8Array | number): Buffer {
  if (typeof output === 'number') throw new Error(`zstd does not compress: ${output}`);
  return asBuffer(output);
}

function plainOf(output: Uint8Array | number, bound: number, maxBytes: number): Buffer {
  if (typeof output !== 'number') return asBuffer(output);
  throw output === DESTINATION_TOO_SMALL && bound === maxBytes ? tooLarge('zstd', maxBytes) : damaged('zstd');
}
