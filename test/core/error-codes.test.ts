import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/core/error-codes.ts';

interface KafkaErrorRow {
  code: number;
  name: string;
  retriable: boolean;
}
const kafka: KafkaErrorRow[] = JSON.parse(readFileSync(new URL('../kafka-schema/4.4.0/error-codes.json', import.meta.url), 'utf8'));

test('every error of Kafka 4.4 has its code and says whether to retry, and there are no others', () => {
  const ours = Object.entries(ERROR_CODES).map(([name, { code, retriable }]) => ({ code, name, retriable }));
  const byCode = (a: KafkaErrorRow, b: KafkaErrorRow) => a.code - b.code;
  expect(ours.sort(byCode)).toEqual(kafka.sort(byCode));
  expect(kafka.length).toBeGreaterThan(130);
});
