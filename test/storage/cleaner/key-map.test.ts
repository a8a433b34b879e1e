import { describe, expect, test } from 'vitest';
import { KeyHash } from '../../../src/storage/cleaner/key-hash.ts';
import { KeyMap, SLOT_BYTES } from '../../../src/storage/cleaner/key-map.ts';
import { prng } from '../../support/prng.ts';

const put = (map: KeyMap, key: string, offset: number) => map.put(Buffer.from(key), 0, Buffer.byteLength(key), offset);
const get = (map: KeyMap, key: string) => map.get(Buffer.from(key), 0, Buffer.byteLength(key));

describe('the map of keys', () => {
  test('knows the last offset of each key, wherever the key lies', () => {
    const random = prng(1);
    const map = new KeyMap(64 * 1024, 0.9, 2_000);
    const model = new Map<string, number>();
    for (let offset = 0; offset < 20_000; offset++) {
      const key = 'x'.repeat(Math.floor(random() * 9)) + Math.floor(random() * 2_000);
      if (model.size >= 2_000 && !model.has(key)) continue;
      const bytes = Buffer.from(`..${key}..`);
      if (map.put(bytes, 2, bytes.byteLength - 4, offset)) model.set(key, offset);
    }
    expect(map.size).toBe(model.size);
    for (const [key, offset] of model) expect(get(map, key)).toBe(offset);
    expect(get(map, 'never')).toBe(-1);
  });

  test('takes no more memory than it may, and is full at its load factor', () => {
    const bytes = 1_000 * SLOT_BYTES;
    const map = new KeyMap(bytes, 0.9, 1_000_000);
    expect(map.memoryBytes).toBeLessThanOrEqual(bytes);
    let taken = 0;
    while (put(map, `key ${taken}`, taken)) taken++;
    expect(taken).toBe(900);
    expect(get(map, 'key 0')).toBe(0);
    expect(get(map, 'key 900')).toBe(-1);
    expect(map.latestOffset).toBe(899);
  });

  test('takes no more memory than the records that may come can need', () => {
    const map = new KeyMap(128 * 1024 * 1024, 0.9, 10);
    expect(map.memoryBytes).toBeLessThan(16 * 1024);
    for (let i = 0; i < 10; i++) expect(put(map, `${i}`, i)).toBe(true);
  });

  test('has room for a key in the smallest memory', () => {
    const map = new KeyMap(1, 0.9, 100);
    expect(put(map, 'a', 0)).toBe(true);
    expect(put(map, 'b', 1)).toBe(false);
    expect(get(map, 'b')).toBe(-1);
  });
});

// https://github.com/veorq/SipHash: the first of its vectors for HalfSipHash-2-4 with 64 bits of output, under the key 00 01 .. 07.
test.each([
  [0, '218d1f59b9b83cc8'],
  [1, 'be552412f8387315'],
])('keys are hashed by HalfSipHash-2-4: %i bytes', (length, expected) => {
  const hash = new KeyHash(Int32Array.of(0x03020100, 0x07060504, 0, 0));
  hash.of(Buffer.from(Array.from({ length }, (_, i) => i)), 0, length);
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(hash.w0, 0);
  bytes.writeInt32LE(hash.w1, 4);
  expect(bytes.toString('hex')).toBe(expected);
});
