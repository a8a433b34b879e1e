/**
 * A keyed hash of 128 bits: HalfSipHash-2-4 with 64 bits of output, twice, under two keys, in 32-bit arithmetic. `of` leaves the result in w0
 * to w3, so that nothing is allocated for a key.
 */
export class KeyHash {
  w0 = 0;
  w1 = 0;
  w2 = 0;
  w3 = 0;
  private readonly key: Int32Array;
  private low = 0;
  private high = 0;

  /** @param key four words */
  constructor(key: Int32Array) {
    this.key = key;
  }

  of(bytes: Uint8Array, at: number, length: number): void {
    const { key } = this;
    this.half(key[0]!, key[1]!, bytes, at, length);
    this.w0 = this.low;
    this.w1 = this.high;
    this.half(key[2]!, key[3]!, bytes, at, length);
    this.w2 = this.low;
    this.w3 = this.high;
  }

  /** Written out, round by round: a call for each would take most of the time. */
  private half(k0: number, k1: number, bytes: Uint8Array, from: number, length: number): void {
    let at = from;
    let v0 = k0;
    let v1 = k1 ^ 0xee;
    let v2 = 0x6c796765 ^ k0;
    let v3 = 0x74656462 ^ k1;
    const end = at + (length & ~3);
    for (;;) {
      const isLast = at >= end;
      const word = isLast
        ? lastWord(bytes, at, length)
        : bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      v3 ^= word;
      for (let round = 0; round < 2; round++) {
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
      }
      v0 ^= word;
      if (isLast) break;
      at += 4;
    }
    v2 ^= 0xee;
    for (let round = 0; round < 8; round++) {
      if (round === 4) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.high = v1 ^ v3;
  }
}

/** What is left of the key, fewer than four bytes, and its length. */
function lastWord(bytes: Uint8Array, at: number, length: number): number {
  let word = length << 24;
  const left = length & 3;
  if (left > 2) word |= bytes[at + 2]! << 16;
  if (left > 1) word |= bytes[at + 1]! << 8;
  if (left > 0) word |= bytes[at]!;
  return word;
}
