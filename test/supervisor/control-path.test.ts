import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { controlPath } from '../../src/supervisor/control-path.ts';

test('the socket lies in the directory of the cluster', () => {
  expect(controlPath('some/cluster', 'linux')).toBe(resolve('some/cluster', 'control.sock'));
});

test('where its path would be cut, it lies elsewhere, for each directory in another place', () => {
  const [one, other] = ['x', 'y'].map((name) => controlPath(`/${name.repeat(120)}`, 'linux'));
  expect(Buffer.byteLength(one!)).toBeLessThanOrEqual(100);
  expect(one).not.toBe(other);
  expect(controlPath(`/${'x'.repeat(120)}`, 'linux')).toBe(one);
});

test('on Windows it is a named pipe', () => {
  expect(controlPath('cluster', 'win32')).toMatch(/^\\\\\.\\pipe\\minikafka-[0-9a-f]{16}$/);
});
