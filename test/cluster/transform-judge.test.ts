import { expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { CONTROL_BIT, TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import type { Client, Fetched } from './client.ts';
import { readCommitted } from './committed-reader.ts';
import { impossible, mistakes } from './transform-judge.ts';

// The judges, judged: two input partitions of two and one records, two output partitions.
const input = [
  { numbers: [0, 1], epochs: [0, 0] },
  { numbers: [0], epochs: [0] },
];

test('an output with each record of the input once, in order, is not complained about', () => {
  expect(mistakes(input, [['1 0 0 w', '0 0 0 w'], ['0 1 1 w']])).toEqual([]);
});

test('a record that is missing, there twice, aborted, of nothing, elsewhere or out of order is seen', () => {
  expect(mistakes(input, [['1 0 0 w', '0 0 0 w'], []])).toEqual(['record 1 of partition 0: 0 times']);
  expect(mistakes(input, [['1 0 0 w', '0 0 0 w', '0 0 0 w'], ['0 1 1 w']])).toEqual(['0 0 0 w comes behind record 0']);
  expect(mistakes(input, [['1 0 0 w', '0 0 0 aborted', '0 0 0 w'], ['0 1 1 w']])).toContain('0 0 0 aborted is visible');
  expect(mistakes(input, [['1 0 0 w', '0 0 1 w', '0 0 0 w'], ['0 1 1 w']])).toContain('0 0 1 w is of nothing in the input');
  expect(mistakes(input, [['1 0 0 w', '0 0 0 w', '0 1 1 w'], []])).toContain('0 1 1 w is in partition 0');
  const one = [{ numbers: [0, 1], epochs: [0, 0] }];
  expect(mistakes(one, [['0 1 1 w', '0 0 0 w']])).toContain('0 0 0 w comes behind record 1');
});

test('what no broker may tell a worker is found in what it wrote', () => {
  const fine = ['2026-01-01T00:00:00.000Z aborts: ProducerFencedException: There is a newer producer', 'committed 0 0 1'].join('\n');
  const lost = 'aborts: OutOfOrderSequenceException: Out of order sequence number of producer 7: 10, the last one was 3';
  const unknown =
    'aborts: KafkaException: Unexpected error in TxnOffsetCommitResponse: The producer attempted a transactional operation in an invalid state.';
  expect(impossible([fine])).toEqual([]);
  expect(impossible([fine, `${fine}\n${lost}`, unknown])).toEqual([lost, unknown]);
});

const COMMIT = { key: '\0\0\0\u0001' };
const ABORT = { key: '\0\0\0\0' };
const data = (producerId: number, baseOffset: number, ...values: string[]) =>
  batchBytes({ producerId, producerEpoch: 0, baseSequence: 0, baseOffset, values, attributes: TRANSACTIONAL_BIT });
const marker = (producerId: number, baseOffset: number, { key }: { key: string }) =>
  batchBytes({ producerId, producerEpoch: 0, baseOffset, values: ['123456'], key, attributes: TRANSACTIONAL_BIT | CONTROL_BIT });

/** Answers what was asked for at an offset, and is at its end behind the last. */
function answering(at: Record<number, Pick<Fetched, 'records' | 'aborted'>>, highWatermark: number): Client {
  const nothing = { records: Buffer.alloc(0), aborted: [] };
  const rest = { errorName: 'NONE', logStartOffset: 0, highWatermark, lastStableOffset: highWatermark };
  return {
    refresh: () => {},
    fetch: async (_: string, __: number, offset: number) => ({ ...rest, ...(at[offset] ?? nothing) }),
  } as unknown as Client;
}

test('a reader of committed records passes over what was aborted, up to its marker, and over nothing else', async () => {
  const begin = [data(1, 0, 'a'), data(2, 1, 'x', 'y'), data(1, 3, 'b'), marker(2, 4, ABORT), data(2, 5, 'c')];
  const end = [marker(1, 6, COMMIT), data(1, 7, 'z'), marker(2, 8, COMMIT), marker(1, 9, ABORT)];
  const client = answering(
    {
      0: { records: Buffer.concat(begin), aborted: [{ producerId: 2, firstOffset: 1 }] },
      6: { records: Buffer.concat(end), aborted: [{ producerId: 1, firstOffset: 7 }] },
    },
    10,
  );
  expect(await readCommitted(client, 't', 0, 0)).toEqual(['a', 'b', 'c']);
});

test('a reader of committed records does not take a partition for read that has a transaction open', async () => {
  const client = answering({ 0: { records: data(1, 0, 'a'), aborted: [] } }, 5);
  await expect(readCommitted(client, 't', 0, 0)).rejects.toThrow('t-0: cannot read on at offset 1');
});
