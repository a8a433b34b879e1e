/** As much of it as is used here; the types that the compiler is given do not declare it. */
declare const WebAssembly: { readonly Instance: new (module: object, imports: object) => object };

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

/** What can be done in a module's memory: the output, copied out of it, or zstd's error code, negative. */
export interface ZstdMemory {
  compress(bytes: Uint8Array, level: number): Uint8Array | number;
  /** @param bound more is never taken for the output */
  decompress(bytes: Uint8Array, bound: number): Uint8Array | number;
}

/** What makes a `ZstdMemory`, also in another thread: the script that holds the package's module, and its compiled WebAssembly. */
export interface ZstdSource {
  readonly script: string;
  readonly compiled: object;
}

/** zstd's error code for an output larger than its bound. */
export const DESTINATION_TOO_SMALL = -70;

/** As much of `require` as is used here. */
export interface Require {
  (script: string): unknown;
  readonly cache: Record<string, unknown>;
}

/**
 * Zstandard in WebAssembly, synchronous. The package's own init() is asynchronous; emscripten's `instantiateWasm` hook makes it synchronous
 * (5 to 10 ms, once).
 *
 * A worker thread runs this function from its source text, so it refers to nothing outside of itself.
 */
export function zstdInMemory(require: Require, { script, compiled }: ZstdSource): ZstdMemory {
  const TOO_SMALL = -70;
  /** The first try's output, and how much more than the input it may be; most batches fit. */
  const FIRST_CAPACITY_BYTES = 256 * 1024;
  const FIRST_CAPACITY_RATIO = 16;
  /** The memory of WebAssembly only grows: after a batch that needed more than this, the instance is given up for a new one. */
  const MAX_KEPT_BYTES = 64 * 1024 * 1024;

  const load = (): ZstdModule => {
    delete require.cache[script]; // the script holds one instance for good
    const { Module } = require(script) as { Module: ZstdModule };
    Module.instantiateWasm = (imports, received) => {
      received(new WebAssembly.Instance(compiled, imports));
      return {};
    };
    Module.init();
    return Module;
  };
  const allocate = (on: ZstdModule, bytes: number): number => {
    const pointer = on._malloc(Math.max(bytes, 1));
    if (pointer === 0) throw new RangeError(`No memory for ${bytes} bytes of zstd`);
    return pointer;
  };
  const intoMemory = (on: ZstdModule, capacity: number, write: (to: number) => number): Uint8Array | number => {
    const to = allocate(on, capacity);
    try {
      const written = write(to);
      return on._ZSTD_isError(written) ? written : on.HEAPU8.slice(to, to + written);
    } finally {
      on._free(to);
    }
  };
  let zstd: ZstdModule | undefined = load();
  /** Gives `use` the bytes in the module's memory, and gives that memory back. */
  const withInput = <T>(bytes: Uint8Array, use: (on: ZstdModule, from: number) => T): T => {
    const on = (zstd ??= load());
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
    compress: (bytes, level) =>
      withInput(bytes, (on, from) => {
        const capacity = on._ZSTD_compressBound(bytes.byteLength);
        return intoMemory(on, capacity, (to) => on._ZSTD_compress(to, capacity, from, bytes.byteLength, level));
      }),
    decompress: (bytes, bound) =>
      withInput(bytes, (on, from) => {
        // Tried with little room first: more is taken only when as much has truly been decompressed.
        let capacity = Math.min(bound, Math.max(FIRST_CAPACITY_BYTES, bytes.byteLength * FIRST_CAPACITY_RATIO));
        for (;;) {
          const output = intoMemory(on, capacity, (to) => on._ZSTD_decompress(to, capacity, from, bytes.byteLength));
          if (output !== TOO_SMALL || capacity === bound) return output;
          capacity = Math.min(bound, capacity * 4);
        }
      }),
  };
}
