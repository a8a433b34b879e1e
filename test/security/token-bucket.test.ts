import { describe, expect, test } from 'vitest';
import { TokenBucket } from '../../src/security/token-bucket.ts';
import { type KafkaFigures, PERMISSIVE_BUCKETS, STRICT_BUCKETS } from './kafka-figures.ts';

const bucketOf = ({ samples, sampleSeconds, limit }: KafkaFigures) =>
  new TokenBucket({ samples, sampleMs: sampleSeconds * 1000 }, limit, 0);

describe("throttle times are those of Apache Kafka's own class", () => {
  test.each(STRICT_BUCKETS)('strict: $limit a second over $samples samples', (figures) => {
    const bucket = bucketOf(figures);
    const throttled = figures.events.map(([atMs, value]) => {
      const throttleMs = bucket.throttleMs(figures.limit, atMs);
      if (throttleMs === 0) bucket.take(value, figures.limit, atMs);
      return [atMs, value, throttleMs];
    });
    expect(throttled).toEqual(figures.events);
  });

  test.each(PERMISSIVE_BUCKETS)('permissive: $limit a second over $samples samples', (figures) => {
    const bucket = bucketOf(figures);
    const throttled = figures.events.map(([atMs, value]) => {
      bucket.take(value, figures.limit, atMs);
      return [atMs, value, bucket.throttleMs(figures.limit, atMs)];
    });
    expect(throttled).toEqual(figures.events);
  });
});

test('it can be forgotten when it is full again', () => {
  const bucket = new TokenBucket({ samples: 11, sampleMs: 1000 }, 2, 0); // holds 22
  bucket.take(30, 2, 0);
  expect([bucket.isForgettable(14_999), bucket.isForgettable(15_000)]).toEqual([false, true]);
});

test('a limit that grows brings more tokens, and room for them', () => {
  const bucket = new TokenBucket({ samples: 11, sampleMs: 1000 }, 1, 0);
  bucket.take(31, 1, 0);
  expect(bucket.throttleMs(1, 0)).toBe(20_000);
  expect(bucket.throttleMs(10, 1000)).toBe(1000);
  expect(bucket.throttleMs(10, 2000)).toBe(0);
});
