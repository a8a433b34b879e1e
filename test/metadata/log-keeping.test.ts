import { expect, test } from 'vitest';
import { LogKeeping } from '../../src/metadata/log-keeping.ts';

/** 100 revisions, or those of a minute. */
const keeping = () => new LogKeeping(100, 60_000);

test('a log that is young is kept, until it is ten times as long as it has to be', () => {
  const log = keeping();
  log.saw(1_000, 0);
  expect(log.cutTo(1, 1_000, 30_000)).toBeUndefined();
  expect(log.cutTo(1, 1_001, 30_000)).toBe(51);
});

test('a log that is short is kept, however old', () => {
  const log = keeping();
  log.saw(110, 0);
  expect(log.cutTo(1, 110, 1_000_000)).toBeUndefined();
  expect(log.cutTo(1, 111, 1_000_000)).toBe(12);
});

test('what came within the time is kept', () => {
  const log = keeping();
  for (let second = 0; second <= 100; second++) log.saw(second * 5, second * 1_000);
  // A minute ago it was 200; marks are six seconds apart, so that it may be a little less.
  const cut = log.cutTo(151, 500, 100_000)!;
  expect(cut).toBeGreaterThanOrEqual(200 - 6 * 5);
  expect(cut).toBeLessThanOrEqual(200);
});

test('it is cut in steps of half of what is kept at most', () => {
  const log = keeping();
  log.saw(800, 0);
  log.saw(900, 60_000);
  expect(log.cutTo(1, 900, 60_000)).toBe(51);
  expect(log.cutTo(751, 900, 60_000)).toBe(800);
});

test('it is not cut for less than a tenth', () => {
  const log = keeping();
  log.saw(10, 0);
  log.saw(500, 60_000);
  expect(log.cutTo(1, 500, 60_000)).toBeUndefined();
  const other = keeping();
  other.saw(11, 0);
  other.saw(500, 60_000);
  expect(other.cutTo(1, 500, 60_000)).toBe(11);
});
