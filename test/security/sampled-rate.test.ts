import { describe, expect, test } from 'vitest';
import { SampledRate } from '../../src/security/sampled-rate.ts';
import { RATES } from './kafka-figures.ts';

const WINDOW = { samples: 11, sampleMs: 1000 };
const START = 1_000_000;

describe("throttle times are those of Apache Kafka's own classes", () => {
  test.each(Object.entries(RATES))('%s', (_, { samples, sampleSeconds, limit, events }) => {
    const rate = new SampledRate({ samples, sampleMs: sampleSeconds * 1000 }, START + events[0]![0]);
    const throttled = events.map(([atMs, value]) => {
      rate.add(value, START + atMs);
      return [atMs, value, rate.throttleMs(limit, START + atMs)];
    });
    expect(throttled).toEqual(events);
  });
});

test('by hand: 25,000 bytes at once are 2,500 a second over ten full samples, 1.5 times too much, so the wait is 1.5 windows', () => {
  const rate = new SampledRate(WINDOW, 0);
  rate.add(25_000, 0);
  expect(rate.perSecond(0)).toBe(2500);
  expect(rate.throttleMs(1000, 0)).toBe(15_000);
});

test('after a wait shorter than a sample the rate is down to the limit; a longer one ends in another, since the window grows by no full sample', () => {
  const rate = new SampledRate(WINDOW, 0);
  rate.add(10_400, 0);
  const waitMs = rate.throttleMs(1000, 0);
  expect(waitMs).toBe(400);
  expect(rate.throttleMs(1000, waitMs - 1)).toBeGreaterThan(0);
  expect(rate.throttleMs(1000, waitMs)).toBe(0);
  rate.add(1600, waitMs);
  expect(rate.throttleMs(1000, waitMs)).toBe(1600);
  expect(rate.throttleMs(1000, 2000)).toBe(2000);
  expect(rate.throttleMs(1000, waitMs + 11_000)).toBe(0); // that sample has left the window
});

test('what is taken back does not count', () => {
  const rate = new SampledRate(WINDOW, 0);
  rate.add(5000, 0);
  rate.add(50_000, 300);
  rate.add(-50_000, 300);
  expect(rate.perSecond(300)).toBeCloseTo(5000 / 10.3);
});

test('a rate that was silent for a window measures what a new one would, and not before', () => {
  const rate = new SampledRate(WINDOW, 0);
  for (let at = 0; at < 20_000; at += 100) rate.add(1000, at);
  expect(rate.isForgettable(19_900 + 10_999)).toBe(false);
  expect(rate.isForgettable(19_900 + 11_000)).toBe(true);
  rate.add(700, 19_900 + 11_000);
  const fresh = new SampledRate(WINDOW, 0);
  fresh.add(700, 0);
  expect(rate.perSecond(19_900 + 11_000)).toBe(fresh.perSecond(0));
});
