/** Bytes that are gathered before they are written in one go. It grows to what is put into it at once, and keeps that. */
export class ByteSink {
  bytes: Buffer;
  length = 0;

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
  }

  put(bytes: Uint8Array): void {
    const at = this.reserve(bytes.byteLength); // first: it may be another buffer then
    this.bytes.set(bytes, at);
  }

  /** Makes room for so many bytes; returns where they begin. `bytes` may be another buffer afterwards. */
  reserve(byteLength: number): number {
    const at = this.length;
    const needed = at + byteLength;
    if (needed > this.bytes.byteLength) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.byteLength));
      larger.set(this.bytes.subarray(0, at));
      this.bytes = larger;
    }
    this.length = needed;
    return at;
  }

  /** What was reserved last is used up to `end` only. */
  release(end: number): void {
    this.length = end;
  }

  clear(): void {
    this.length = 0;
  }
}
