import { expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { eachBatch, TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { endMarkerOf } from '../../src/protocol/records/end-marker.ts';
import { readRecords } from '../../src/protocol/records/walk.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { closeStore, openStore, read, TOPIC_ID, testConfig } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';

const CONFIG = testConfig({
  compacted: true,
  deletes: false,
  segmentBytes: 700,
  indexIntervalBytes: 100,
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: 1000,
});
const PRODUCERS = 4;
const KEYS = 8;

interface Seen {
  readonly offset: number;
  readonly key: string;
  readonly value: string;
}

/** What a consumer with read_committed gets; and the aborted transactions that it was told of, by their markers. */
async function committed(log: PartitionLog): Promise<{ records: Seen[]; told: string[] }> {
  const records: Seen[] = [];
  const told = new Set<string>();
  for (let offset = log.logStartOffset; offset < log.lastStableOffset; ) {
    const chunk = await read(log, offset, 400, log.lastStableOffset);
    if (!chunk) break; // nothing is left before the end
    const listed = log.abortedTransactions(offset, chunk.nextOffset);
    for (const { producerId, lastOffset } of listed) told.add(`${producerId}: ${lastOffset}`);
    const aborting = new Set<number>();
    for (const batch of eachBatch(chunk.bytes)) {
      while (listed.length > 0 && listed[0]!.firstOffset <= batch.lastOffset) aborting.add(listed.shift()!.producerId);
      if (batch.isControl) {
        if (endMarkerOf(batch)?.commits === false) aborting.delete(batch.producerId);
        continue;
      }
      if (aborting.has(batch.producerId)) continue;
      for (const record of readRecords(batch))
        if (record.offset >= offset) records.push({ offset: record.offset, key: String(record.key), value: String(record.value) });
    }
    offset = chunk.nextOffset;
    chunk.release();
  }
  return { records, told: [...told] };
}

/** Transactions of several producers at once, some aborted; each ends sooner or later. */
async function fill(log: PartitionLog, random: () => number, batches: number, sequences: number[], open: Set<number>): Promise<void> {
  const below = (n: number) => Math.floor(random() * n);
  const done = (act: (told: (error: Error | null) => void) => unknown) =>
    new Promise<void>((resolve, reject) => act((error) => (error ? reject(error) : resolve())));
  for (let i = 0; i < batches; i++) {
    const producerId = below(PRODUCERS);
    if (open.has(producerId) && below(3) === 0) {
      const marker = { producerId, producerEpoch: 0, commits: below(2) === 0, coordinatorEpoch: 0, transactionVersion: 1 };
      await done((told) => log.appendMarker(marker, 0, told));
      open.delete(producerId);
      continue;
    }
    const count = 1 + below(3);
    const records = Array.from({ length: count }, (_, n) => ({
      key: Buffer.from(`k${below(KEYS)}`),
      value: Buffer.from(`${producerId}.${sequences[producerId]! + n}`),
      timestamp: 1000 + i,
    }));
    const bytes = buildBatch({
      records,
      producerId,
      producerEpoch: 0,
      baseSequence: sequences[producerId]!,
      attributes: TRANSACTIONAL_BIT,
    });
    await done((told) => log.append(bytes, { leaderEpoch: 0, verification: 'off' }, told));
    sequences[producerId]! += count;
    open.add(producerId);
  }
}

const latest = (records: readonly Seen[]) => Object.fromEntries(records.map(({ key, value }) => [key, value]));

async function compact(log: PartitionLog, clock: FakeClock): Promise<void> {
  await clock.advance(2000); // delete.retention.ms
  if (log.cleanable(clock.now()).isDue)
    await new Promise<void>((resolve, reject) => log.compact((error) => (error ? reject(error) : resolve())));
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'readers of committed records see the same latest values before and after compactions, seed %i',
  async (seed) => {
    const random = prng(seed);
    const files = memoryFiles();
    const clock = fakeClock();
    const sequences = Array.from({ length: PRODUCERS }, () => 0);
    const open = new Set<number>();
    const start = () => {
      const store = openStore(files, '/data', clock);
      const log = store.log({ topic: 'orders', partition: 0 }, TOPIC_ID, CONFIG);
      log.commitTo(Number.POSITIVE_INFINITY);
      return { store, log };
    };
    let { store, log } = start();
    let toldAtFirst = 0;
    let toldAtLast = 0;
    for (let round = 0; round < 6; round++) {
      await fill(log, random, 60, sequences, open);
      const before = await committed(log);
      toldAtFirst += before.told.length;
      const { lastStableOffset } = log;
      await compact(log, clock);
      const after = await committed(log);
      toldAtLast += after.told.length;
      expect(latest(after.records)).toEqual(latest(before.records));
      expect(before.records).toEqual(expect.arrayContaining(after.records)); // nothing that was aborted, nothing twice
      expect(before.told).toEqual(expect.arrayContaining(after.told));
      expect(log.lastStableOffset).toBe(lastStableOffset);

      if (round % 2 === 0) await closeStore(store);
      else files.kill();
      ({ store, log } = start());
      const again = await committed(log);
      expect(again.records).toEqual(after.records);
      expect(after.told).toEqual(expect.arrayContaining(again.told)); // made anew, an index lacks those of which nothing is left
      expect(log.lastStableOffset).toBe(lastStableOffset);
    }
    expect(toldAtFirst).toBeGreaterThan(10);
    expect(toldAtLast).toBeGreaterThan(0);
    expect(toldAtLast).toBeLessThan(toldAtFirst);
    await closeStore(store);
  },
);
