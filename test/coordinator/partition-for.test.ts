import { expect, test } from 'vitest';
import { javaHash, partitionFor } from '../../src/coordinator/partition-for.ts';

// Values of Java's String.hashCode, from its documentation's formula and known collisions.
test.each([
  ['', 0],
  ['a', 97],
  ['ab', 97 * 31 + 98],
  ['Aa', 2112],
  ['BB', 2112],
  ['polygenelubricants', -(2 ** 31)],
  ['ÿ', 255],
])('the hash of "%s" is Java’s', (text, hash) => {
  expect(javaHash(text)).toBe(hash);
});

// Where Apache Kafka 4.4.0 put these groups' records.
test.each([
  ['', 0],
  ['g', 3],
  ['ret', 1],
  ['simple', 26],
])('group "%s" lives in partition %i of 50', (group, partition) => {
  expect(partitionFor(group, 50)).toBe(partition);
});

test('the smallest hash, which has no positive counterpart, counts as 0', () => {
  expect(partitionFor('polygenelubricants', 50)).toBe(0);
});
