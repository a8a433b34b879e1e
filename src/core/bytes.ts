/** `n` random bytes: crypto's in a broker, seeded ones in a simulation. */
export type RandomBytes = (n: number) => Uint8Array;

/**
 * A bounded pool of large buffers. Fresh memory costs more to touch than to fill (1-2 GB/s against 17-30), so what is read and received by
 * the megabyte goes through buffers that were used before.
 */
export interface PooledBuffer {
  /** Of the length asked for; the content is arbitrary. */
  readonly bytes: Buffer;
  /** Gives the memory back. Nobody may hold a view of it afterwards. Calling it twice does nothing. */
  release(): void;
}

const SMALLEST_CLASS = 16; // 64 KiB: below it the allocator's own pools are as good
const LARGEST_CLASS = 24; // 16 MiB: rarer than worth keeping

export class BufferPool {
  private readonly free: Buffer[][] = [];
  private keptBytes = 0;
  private readonly maxKeptBytes: number;

  /** @param maxKeptBytes idle memory that the pool may hold on to */
  constructor(maxKeptBytes: number) {
    this.maxKeptBytes = maxKeptBytes;
  }

  take(length: number): PooledBuffer {
    const sizeClass = Math.max(SMALLEST_CLASS, Math.ceil(Math.log2(Math.max(length, 1))));
    if (sizeClass > LARGEST_CLASS) return { bytes: Buffer.allocUnsafeSlow(length), release: () => {} };
    const reused = this.free[sizeClass]?.pop();
    if (reused) this.keptBytes -= reused.byteLength;
    let whole: Buffer | undefined = reused ?? Buffer.allocUnsafeSlow(2 ** sizeClass);
    return {
      bytes: whole.subarray(0, length),
      release: () => {
        const returned = whole;
        whole = undefined;
        if (!returned || this.keptBytes + returned.byteLength > this.maxKeptBytes) return;
        this.keptBytes += returned.byteLength;
        (this.free[sizeClass] ??= []).push(returned);
      },
    };
  }

  /** Idle bytes held. */
  idleBytes(): number {
    return this.keptBytes;
  }
}
