import { expect, test } from 'vitest';
import { BufferPool } from '../../src/core/bytes.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

test('a buffer has the length asked for, and its memory serves the next one that fits', () => {
  const pool = new BufferPool(MIB);
  const first = pool.take(100_000);
  expect(first.bytes.byteLength).toBe(100_000);
  const memory = first.bytes.buffer;
  first.release();
  expect(pool.idleBytes()).toBe(128 * KIB);
  const second = pool.take(120_000);
  expect([second.bytes.buffer === memory, second.bytes.byteLength, pool.idleBytes()]).toEqual([true, 120_000, 0]);
});

test('two buffers in use never share memory', () => {
  const pool = new BufferPool(MIB);
  pool.take(70_000).release();
  const taken = Array.from({ length: 5 }, () => pool.take(70_000));
  expect(new Set(taken.map(({ bytes }) => bytes.buffer)).size).toBe(5);
});

test('releasing twice does nothing more', () => {
  const pool = new BufferPool(MIB);
  const buffer = pool.take(70_000);
  buffer.release();
  buffer.release();
  expect(pool.idleBytes()).toBe(128 * KIB);
  expect(pool.take(70_000).bytes.buffer).not.toBe(pool.take(70_000).bytes.buffer);
});

test('idle memory is bounded: what is beyond it is let go, for good', () => {
  const pool = new BufferPool(128 * KIB);
  const [one, two] = [pool.take(70_000), pool.take(70_000)];
  one.release();
  two.release();
  expect(pool.idleBytes()).toBe(128 * KIB);
  pool.take(70_000);
  two.release(); // a second time, now that there is room
  expect(pool.idleBytes()).toBe(0);
});

test('small, empty and huge buffers come at their length, and huge ones are not kept', () => {
  const pool = new BufferPool(64 * MIB);
  expect(pool.take(0).bytes.byteLength).toBe(0);
  expect(pool.take(1).bytes.byteLength).toBe(1);
  expect(pool.take(64 * KIB).bytes.byteLength).toBe(64 * KIB);
  expect(pool.take(16 * MIB).bytes.byteLength).toBe(16 * MIB);
  const huge = pool.take(16 * MIB + 1);
  expect(huge.bytes.byteLength).toBe(16 * MIB + 1);
  huge.release();
  expect(pool.idleBytes()).toBe(0);
});
