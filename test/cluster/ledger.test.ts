import { expect, test } from 'vitest';
import type { Client } from './client.ts';
import { disorder, lost, type ReadPartition } from './ledger.ts';
import { Load } from './load.ts';

// The judges, judged: a ledger of six records in one partition, in batches of two, by brokers 1, 1 and 2.
function load(idempotent = true): Load {
  const made = new Load({ client: {} as Client, topic: 't', partitions: 1, idempotent, recordsPerSecond: 1 });
  made.acknowledged[0]!.push({ first: 0, count: 2, offset: 0, broker: 1 }, { first: 2, count: 2, offset: 2, broker: 1 });
  made.acknowledged[0]!.push({ first: 4, count: 2, offset: 4, broker: 2 });
  return made;
}

const read = (numbers: number[], epochs = [0, 0, 0, 0, 1, 1, 1]): ReadPartition[] => [{ numbers, epochs }];

test('what is there as acknowledged is not complained about', () => {
  expect([...lost(load(), read([0, 1, 2, 3, 4, 5])), ...disorder(load(), read([0, 1, 2, 3, 4, 5]))]).toEqual([]);
});

test('a record that is gone, or another one in its place, is seen', () => {
  expect(lost(load(), read([0, 1, 2, 3, 4]))).toEqual(['t-0: record 5 was acknowledged at 5 by broker 2, where nothing is']);
  expect(lost(load(), read([0, 1, 7, 3, 4, 5]))).toEqual(['t-0: record 2 was acknowledged at 2 by broker 1, where 7 is']);
});

test('two leaders that acknowledge in one epoch are seen', () => {
  expect(lost(load(), read([0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 0]))).toEqual(['t-0: brokers 1 and 2 have both acknowledged in epoch 0']);
});

test('records that are there twice, or out of order, are seen', () => {
  expect(disorder(load(), read([0, 1, 2, 3, 2, 3, 4, 5]))).toEqual(['t-0: 2 records are there twice: 2,3']);
  expect(disorder(load(), read([0, 1, 3, 2, 4, 5]))).toEqual(['t-0: the records are not in order']);
  const again = load(false);
  for (const n of [2, 3]) again.sentAgain[0]!.add(n);
  expect(disorder(again, read([0, 1, 2, 3, 2, 3, 4, 5]))).toEqual([]); // without idempotence that is what sending again may do
});

test('what a log has lost of its beginning on purpose is not missed', () => {
  const trimmed = (start: number): ReadPartition[] => [
    { numbers: Object.assign([], { 3: 3, 4: 4, 5: 5 }), epochs: [0, 0, 0, 0, 1, 1], start },
  ];
  expect(lost(load(), trimmed(3))).toEqual([]);
  expect(lost(load(), trimmed(2))).toEqual(['t-0: record 2 was acknowledged at 2 by broker 1, where nothing is']);
});
