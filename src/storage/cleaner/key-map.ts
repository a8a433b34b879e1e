import { randomFillSync } from 'node:crypto';
import { KeyHash } from './key-hash.ts';

/** A digest of 16 bytes and an offset. */
export const SLOT_BYTES = 24;

/**
 * The last offset of each key, in memory of a known size. Keys are told apart by 128 bits of a keyed hash, so that nobody can make two keys
 * that look the same: by chance two of a billion keys do with a probability of 10^-21. (Kafka's map has MD5, of the same length; that takes
 * some 1.6 µs for a key from Node, this 0.2.)
 */
export class KeyMap {
  /** Up to which all is noted, -1: nothing is. Later records are not known to the map. */
  latestOffset = -1;
  private readonly slots: number;
  private readonly maxKeys: number;
  private readonly digests: Int32Array;
  /** Offsets + 1; 0: the slot is free. */
  private readonly offsets: Float64Array;
  private readonly hash: KeyHash;
  private keys = 0;

  /**
   * @param bytes of memory at most; @param loadFactor share of it that keys may take; @param expectedKeys no more will come, so that less
   * memory will do
   */
  constructor(bytes: number, loadFactor: number, expectedKeys: number, hash = new KeyHash(randomFillSync(new Int32Array(4)))) {
    const most = Math.max(Math.floor(bytes / SLOT_BYTES), 2);
    const enough = Math.ceil(expectedKeys / loadFactor) + 1;
    this.slots = primeUpTo(Math.max(Math.min(most, enough + SLACK), 2));
    this.maxKeys = enough <= this.slots ? expectedKeys : Math.min(Math.max(Math.floor(most * loadFactor), 1), this.slots - 1);
    this.digests = new Int32Array(this.slots * 4);
    this.offsets = new Float64Array(this.slots);
    this.hash = hash;
  }

  get size(): number {
    return this.keys;
  }
  get memoryBytes(): number {
    return this.slots * SLOT_BYTES;
  }

  /** Notes the offset of a key, which is in `bytes` from `at` on. False: there is no room for another key, and as in Kafka this one is not looked for. */
  put(bytes: Uint8Array, at: number, length: number, offset: number): boolean {
    if (this.keys >= this.maxKeys) return false;
    const slot = this.find(bytes, at, length);
    if (this.offsets[slot] === 0) {
      this.keys++;
      const { w0, w1, w2, w3 } = this.hash;
      const { digests } = this;
      digests[slot * 4] = w0;
      digests[slot * 4 + 1] = w1;
      digests[slot * 4 + 2] = w2;
      digests[slot * 4 + 3] = w3;
    }
    this.offsets[slot] = offset + 1;
    this.latestOffset = offset;
    return true;
  }

  /** The last offset of a key, -1 for one that is not known. */
  get(bytes: Uint8Array, at: number, length: number): number {
    return this.offsets[this.find(bytes, at, length)]! - 1;
  }

  /** The slot of a key, or the free one where it would be. */
  private find(bytes: Uint8Array, at: number, length: number): number {
    const { hash, digests, offsets, slots } = this;
    hash.of(bytes, at, length);
    const { w0, w1, w2, w3 } = hash;
    let slot = (w0 >>> 0) % slots;
    // The number of slots is prime, so that any step goes through all of them; one is always free.
    const step = ((w1 >>> 0) % (slots - 1)) + 1;
    while (offsets[slot] !== 0) {
      const i = slot * 4;
      if (digests[i] === w0 && digests[i + 1] === w1 && digests[i + 2] === w2 && digests[i + 3] === w3) break;
      slot += step;
      if (slot >= slots) slot -= slots;
    }
    return slot;
  }
}

/** A prime is near: no gap between two below 2^32 is larger than 336. */
const SLACK = 400;

function primeUpTo(limit: number): number {
  for (let n = limit; ; n--) if (isPrime(n)) return n;
}

function isPrime(n: number): boolean {
  if (n < 4) return n >= 2;
  if (n % 2 === 0) return false;
  for (let factor = 3; factor * factor <= n; factor += 2) if (n % factor === 0) return false;
  return true;
}
