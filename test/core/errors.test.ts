import { statSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { isError, nodeCodeOf } from '../../src/core/errors.ts';

test('an error of another context, which is no instance of the Error here, is one all the same', () => {
  const foreign: unknown = runInNewContext('Object.assign(new RangeError("x"), { code: "ERR_BUFFER_TOO_LARGE" })');
  expect(foreign).not.toBeInstanceOf(Error);
  expect(isError(foreign)).toBe(true);
  expect(nodeCodeOf(foreign)).toBe('ERR_BUFFER_TOO_LARGE');
  expect(isError({ message: 'x', code: 'ENOENT' })).toBe(false);
});

test('the code of a failure is what Node calls it, and empty for all else', () => {
  let failure: unknown;
  try {
    statSync('/no/such/file');
  } catch (error) {
    failure = error;
  }
  expect(nodeCodeOf(failure)).toBe('ENOENT');
  for (const other of [new Error('x'), Object.assign(new Error('x'), { code: 5 }), 'ENOENT', null]) expect(nodeCodeOf(other)).toBe('');
});
