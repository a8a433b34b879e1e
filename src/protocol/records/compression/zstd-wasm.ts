import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readPackageFile } from '../../../core/package-file.ts';
import { damaged, tooLarge } from './codec.ts';
import type { ZstdEngine } from './zstd.ts';

/** As much of it as is used here; the types that the compiler is given do not declare it. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => object;
};

/** What @bokuweb/zstd-wasm's emscripten module has in it. Pointers are numbers; malloc gives 0 when there is no memory. */
interface ZstdModule {
  instantiateWasm?: (imports: object, received: (instance: object) => void) => object;
  init(): object;
  HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _ZSTD_isError(code: number): number;
  _ZSTD_compressBound(bytes: number): number;
  _ZSTD_compress(to: number, capacity: number, from: number, bytes: number, level: number): number;
  _ZSTD_decompress(to: number, capacity: number, from: number, bytes: number): number;
}

/** Apache Kafka's default (compression.zstd.level). */
const LEVEL = 3;
const DESTINATION_TOO_SMALL = -70;
/** The first try's output, and how much more than the input it may be; most batches fit. */
const FIRST_CAPACITY_BYTES = 256 * 1024;
const FIRST_CAPACITY_RATIO = 16;
/** The memory of WebAssembly only grows: after a batch that needed more than this, the instance is given up for a new one. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;

/**
 * Zstandard in WebAssembly, for Node before 22.15, which has no zstd of its own. A batch is decompressed synchronously, and the package's
 * own init() is asynchronous; emscripten's `instantiateWasm` hook makes it synchronous (5 to 10 ms, once).
 * @throws when the package is not there
 */
export function wasmZstd(): ZstdEngine {
  const loadModule = moduleLoader();
  let zstd: ZstdModule | undefined = loadModule();
  /** Gives `use` the bytes in the module's memory, and gives that memory back. */
  const withInput = <T>(bytes: Uint8Array, use: (on: ZstdModule, from: number) => T): T => {
    const on = (zstd ??= loadModule());
    const from = allocate(on, bytes.byteLength);
    try {
      on.HEAPU8.set(bytes, from);
      return use(on, from);
    } finally {
      on._free(from);
      if (on.HEAPU8.byteLength > MAX_KEPT_BYTES) zstd = undefined;
    }
  };
  return {
    compress: (bytes) =>
      withInput(bytes, (on, from) => {
        const capacity = on._ZSTD_compressBound(bytes.byteLength);
        const output = intoMemory(on, capacity, (to) => on._ZSTD_compress(to, capacity, from, bytes.byteLength, LEVEL));
        if (typeof output === 'number') throw new Error(`zstd does not compress: ${output}`);
        return output;
      }),
    decompress: ({ bytes, declared, atMost }, maxBytes) =>
      withInput(bytes, (on, from) => {
        const bound = Math.min(declared ?? atMost, maxBytes);
        // Tried with little room first: more is taken only when as much has truly been decompressed.
        let capacity = Math.min(bound, Math.max(FIRST_CAPACITY_BYTES, bytes.byteLength * FIRST_CAPACITY_RATIO));
        for (;;) {
          const output = intoMemory(on, capacity, (to) => on._ZSTD_decompress(to, capacity, from, bytes.byteLength));
          if (typeof output !== 'number') return output;
          if (output !== DESTINATION_TOO_SMALL) throw damaged('zstd');
          if (capacity === bound) throw bound === maxBytes ? tooLarge('zstd', maxBytes) : damaged('zstd');
          capacity = Math.min(bound, capacity * 4);
        }
      }),
  };
}

/** What `write` has written to memory of its own, copied out of the module; or its error code, negative. */
function intoMemory(on: ZstdModule, capacity: number, write: (to: number) => number): Buffer | number {
  const to = allocate(on, capacity);
  try {
    const written = write(to);
    return on._ZSTD_isError(written) ? written : Buffer.from(on.HEAPU8.subarray(to, to + written));
  } finally {
    on._free(to);
  }
}

function allocate(on: ZstdModule, bytes: number): number {
  const pointer = on._malloc(Math.max(bytes, 1));
  if (pointer === 0) throw new RangeError(`No memory for ${bytes} bytes of zstd`);
  return pointer;
}

/** Compiles the package's WebAssembly, once; each call of the result makes a new instance of it. */
function moduleLoader(): () => ZstdModule {
  const require = createRequire(import.meta.url);
  const folder = join(require.resolve('@bokuweb/zstd-wasm'), '..');
  const script = join(folder, 'zstd.js');
  const compiled = new WebAssembly.Module(readPackageFile(join(folder, 'zstd.wasm')));
  return () => {
    delete require.cache[script]; // the script holds one instance for good
    const { Module } = require(script) as { Module: ZstdModule };
    Module.instantiateWasm = (imports, received) => {
      received(new WebAssembly.Instance(compiled, imports));
      return {};
    };
    Module.init();
    return Module;
  };
}
