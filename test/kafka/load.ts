import type { BatchInput, RecordInput } from '../../src/protocol/records/build.ts';
import type { ReadRecord } from '../../src/protocol/records/walk.ts';
import { prng } from '../support/prng.ts';
import { lineOf } from './peer.ts';

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** Batches with all that a record may have: no key, no value, headers (twice the same, empty, without a value), timestamps to and fro. */
export function load(seed: number, batches: number, valueBytes = 60_000): RecordInput[][] {
  const random = prng(seed);
  const upTo = (n: number) => Math.floor(random() * n);
  const bytes = (length: number) => {
    // Half of it repeats itself, so that there is something to compress.
    const all = Buffer.alloc(length, 'minikafka ');
    for (let i = 0; i < length / 2; i++) all[i] = upTo(256);
    return all;
  };
  return Array.from({ length: batches }, (_, batch) =>
    Array.from({ length: batch === 3 ? 1 : 1 + upTo(4) }, () => ({
      key: upTo(4) === 0 ? null : bytes(upTo(40)),
      value: upTo(6) === 0 ? null : bytes(batch === 3 ? 15 * valueBytes : upTo(valueBytes)),
      timestamp: 1_500_000_000_000 + upTo(1_000_000_000),
      headers: Array.from({ length: upTo(3) }, (_, i) => ({ key: i === 0 ? '' : 'größe', value: upTo(4) === 0 ? null : bytes(upTo(20)) })),
    })),
  );
}

/** What a consumer must see of them. */
export function linesOf(batches: readonly (readonly RecordInput[])[], from = 0): string[] {
  return batches.flat().flatMap((record, offset) => {
    const { key = null, value = null, timestamp = -1, headers = [] } = record;
    return offset < from ? [] : [lineOf({ offset, key, value, timestamp, headers } as ReadRecord)];
  });
}

/** Numbers the batches of one idempotent producer on one partition. */
export function inSequence(producer: { producerId: number; producerEpoch: number }): (records: readonly RecordInput[]) => BatchInput {
  let baseSequence = 0;
  return (records) => {
    const batch = { records, ...producer, baseSequence };
    baseSequence += records.length;
    return batch;
  };
}
