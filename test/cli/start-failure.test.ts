import { expect, test } from 'vitest';
import { CliError } from '../../src/cli/errors.ts';
import { explainStartFailure } from '../../src/cli/start-failure.ts';
import { LockedError } from '../../src/core/errors.ts';

/** As Node makes them. */
const failure = (fields: object): Error => Object.assign(new Error('EXAMPLE: as node says it'), fields);
const explained = (error: unknown): unknown => {
  const explanation = explainStartFailure(error, '/data');
  return explanation instanceof CliError && explanation.exitCode === 1 ? explanation.message : explanation;
};

test.each([
  [
    { code: 'EADDRINUSE', syscall: 'listen', address: '127.0.0.1', port: 9092 },
    'port 9092 is in use by another program; choose another with --port, or stop it',
  ],
  [
    { code: 'EACCES', syscall: 'listen', address: '127.0.0.1', port: 80 },
    'port 80 needs more rights than this user has; choose one above 1023 with --port',
  ],
  [
    { code: 'EADDRNOTAVAIL', syscall: 'listen', address: '1.2.3.4', port: 9092 },
    '1.2.3.4 is no address of this machine; choose another with --host',
  ],
  [{ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'nowhere' }, 'the host nowhere is not known; choose another with --host'],
  [
    { code: 'EACCES', syscall: 'mkdir', path: '/data/x' },
    '/data/x cannot be written by this user; change its permissions, or choose another directory with --data',
  ],
  [
    { code: 'EROFS', syscall: 'open', path: '/data/x' },
    '/data/x cannot be written by this user; change its permissions, or choose another directory with --data',
  ],
  // SQLite's own codes, which node:sqlite and @photostructure/sqlite give without a path.
  [
    { code: 'ERR_SQLITE_ERROR', errcode: 14 },
    '/data cannot be written by this user; change its permissions, or choose another directory with --data',
  ],
  [
    { code: 'ERR_SQLITE_ERROR', errcode: 1288 },
    '/data cannot be written by this user; change its permissions, or choose another directory with --data',
  ],
  [{ code: 'EEXIST', syscall: 'mkdir', path: '/data' }, '/data is no directory, or lies in a file; choose another with --data'],
  [{ code: 'ENOSPC', syscall: 'write' }, 'no space is left for /data; make room, or choose another directory with --data'],
  [{ code: 'EMFILE', syscall: 'open', path: '/data/x' }, 'too many files are open; raise the limit (ulimit -n)'],
])('%j: %s', (fields, message) => {
  expect(explained(failure(fields))).toBe(message);
});

test('a directory that another broker has is refused with what that broker said of itself', () => {
  const message = (holder: string) => explained(new LockedError('/data/.lock', holder));
  expect(message('process 4711')).toBe('/data is in use by process 4711; stop it, or choose another directory with --data');
  expect(message('')).toBe('/data is in use by another broker; stop it, or choose another directory with --data');
});

test('other errors are one line, defects stay what they are', () => {
  expect(explained(new Error('the store is newer:\n  use the newer program'))).toBe('the store is newer: use the newer program');
  const defect = new TypeError('x is not a function');
  expect(explained(defect)).toBe(defect);
});
