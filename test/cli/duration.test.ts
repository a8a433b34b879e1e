import { expect, test } from 'vitest';
import { parseDuration } from '../../src/cli/duration.ts';
import { CliError } from '../../src/cli/errors.ts';

test.each([
  ['0ms', 0],
  ['500ms', 500],
  ['30s', 30_000],
  ['1.5s', 1_500],
  ['2m', 120_000],
  [' 2h ', 7_200_000],
  ['168h', 604_800_000],
])('%s', (text, ms) => {
  expect(parseDuration(text, '--timeout')).toBe(ms);
});

test.each(['', '30', 's', '-1s', '1 s', '1d', '1e3s', '.5s', '30S', '1s2s', 'soon'])(
  '%j is no duration: one line says how to write it',
  (text) => {
    const message = `--timeout ${text}: write a number and its unit, as in 500ms, 30s or 2m`;
    expect(() => parseDuration(text, '--timeout')).toThrow(expect.objectContaining({ message, exitCode: 2 }));
  },
);

test('what no timer can hold is refused', () => {
  expect(() => parseDuration('169h', '--timeout')).toThrow(CliError);
  expect(() => parseDuration(`${'9'.repeat(400)}s`, '--timeout')).toThrow('at most 168h');
});
