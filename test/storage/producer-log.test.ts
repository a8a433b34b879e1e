import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { openDataDirectory } from '../../src/storage/data-directory.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import { type LogStore, openLogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { append, CLUSTER_ID, closeStore, flush, openStore, orders, truncate } from '../support/log-fixture.ts';

const FOLDER = '/data/orders-0';
const T = 1_700_000_000_000;

let files: MemoryFiles;
let clock: FakeClock;
let store: LogStore;
let log: PartitionLog;

function open(config: Partial<LogConfig> = {}): void {
  store = openStore(files, '/data', clock);
  log = orders(store, config);
}
beforeEach(() => {
  files = memoryFiles();
  clock = fakeClock();
  open();
});

const batch = (baseSequence: number, records = 1, producerEpoch = 0, producerId = 7, valueBytes = 1) =>
  batchBytes({
    values: Array.from({ length: records }, () => 'x'.repeat(valueBytes)),
    timestamp: T,
    baseSequence,
    producerEpoch,
    producerId,
  });
const plain = (valueBytes = 1) => batchBytes({ values: ['x'.repeat(valueBytes)], timestamp: T });
const snapshots = () =>
  files
    .list(FOLDER)
    .filter((name) => name.endsWith('.snapshot'))
    .map((name) => Number.parseInt(name, 10));
const outOfOrder = expect.objectContaining({ errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
const storageError = expect.objectContaining({ errorName: 'KAFKA_STORAGE_ERROR' });
const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));

describe('a batch that is sent again', () => {
  test('has the offset of the first, the first highest timestamp as append time, and is not appended', async () => {
    await append(log, batch(0, 2)).done;
    await append(log, batch(2)).done;
    const again = append(log, batch(0, 2));
    expect(again.info).toMatchObject({ baseOffset: 0, lastOffset: 1, logAppendTime: T + 1, count: 2 });
    await again.done;
    expect(log.logEndOffset).toBe(3);
  });

  test('while the first is queued is told of when that is written, and not before', async () => {
    const told: string[] = [];
    log.append(batch(0), { leaderEpoch: 0 }, () => told.push('first'));
    expect(log.append(batch(0), { leaderEpoch: 0 }, () => told.push('again'))).toMatchObject({ baseOffset: 0 });
    log.append(batch(1), { leaderEpoch: 0 }, () => told.push('next'));
    expect(log.append(batch(1), { leaderEpoch: 0 }, () => told.push('next again'))).toMatchObject({ baseOffset: 1 });
    expect([told, log.logEndOffset]).toEqual([[], 0]);
    await flush(log);
    expect([told, log.logEndOffset]).toEqual([['first', 'again', 'next', 'next again'], 2]);
  });

  test('while the first is on its way to a slow disk waits for it too', async () => {
    const told: string[] = [];
    log.append(batch(0, 1, 0, 7, 200_000), { leaderEpoch: 0 }, () => told.push('first')); // large, so through the thread pool
    let toldBefore = -1;
    clock.soon(() => {
      toldBefore = told.length; // behind the turn in which the write began
      log.append(batch(0, 1, 0, 7, 200_000), { leaderEpoch: 0 }, () => told.push('again'));
    });
    await flush(log);
    await turnOfTheLoop();
    expect(toldBefore).toBe(0);
    expect([told, log.logEndOffset]).toEqual([['first', 'again'], 1]);
  });

  test('fails with the first, and then may be written', async () => {
    await append(log, batch(0)).done;
    files.failNext('write', 'ENOSPC', { path: '.log', prefixBytes: 30 });
    const lost = [append(log, batch(1)), append(log, batch(1)), append(log, batch(2, 3)), append(log, batch(0, 1, 1))];
    for (const { done } of lost) await expect(done).rejects.toEqual(storageError);
    expect(() => append(log, batch(2, 3))).toThrow(outOfOrder);
    const retried = [append(log, batch(1)), append(log, batch(2, 3))];
    expect(retried.map(({ info }) => info.baseOffset)).toEqual([1, 2]);
    for (const { done } of retried) await done;
    expect(append(log, batch(0)).info.baseOffset).toBe(0);
  });

  test('after truncation took the first is written again', async () => {
    for (const sequence of [0, 1, 2]) await append(log, batch(sequence)).done;
    const queued = append(log, batch(3));
    await truncate(log, 1);
    await expect(queued.done).rejects.toEqual(expect.objectContaining({ errorName: 'NOT_LEADER_OR_FOLLOWER' }));
    expect(() => append(log, batch(3))).toThrow(outOfOrder);
    expect(() => append(log, batch(2))).toThrow(outOfOrder);
    expect(append(log, batch(0)).info.baseOffset).toBe(0);
    expect(append(log, batch(1)).info.baseOffset).toBe(1);
    await truncate(log, 0);
    expect(append(log, batch(5)).info.baseOffset).toBe(0);
  });

  test('is told of truthfully when the topic goes in the meantime', async () => {
    await append(log, batch(0)).done;
    const again = append(log, batch(0));
    store.delete({ topic: 'orders', partition: 0 });
    await expect(again.done).rejects.toEqual(expect.objectContaining({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' }));
  });
});

test('a batch out of order is refused before it leaves any trace', async () => {
  await append(log, batch(0)).done;
  expect(() => append(log, batch(2))).toThrow(outOfOrder);
  expect(append(log, plain()).info.baseOffset).toBe(1);
});

test("producers' limits come from the store's options", async () => {
  const directory = openDataDirectory(memoryFiles(), '/data', 'test');
  const producers = { expirationMs: 1000, maxProducers: 2 };
  log = orders(openLogStore({ directory, clock, clusterId: CLUSTER_ID, nodeId: 1, producers }));
  for (const producerId of [1, 2, 3]) await append(log, batch(0, 1, 0, producerId)).done;
  expect(append(log, batch(9, 1, 0, 1)).info.baseOffset).toBe(3);
  expect(() => append(log, batch(9, 1, 0, 3))).toThrow(outOfOrder);
  await clock.advance(1000);
  expect(append(log, batch(9, 1, 0, 3)).info.baseOffset).toBe(4);
});

describe('what is kept on disk', () => {
  test('after a clean end the last batch of each producer is known again', async () => {
    await append(log, batch(0, 3)).done;
    await append(log, batch(5, 2, 4, 9)).done;
    await closeStore(store);
    expect(snapshots()).toEqual([5]);
    open();
    expect([append(log, batch(0, 3)).info.baseOffset, append(log, batch(5, 2, 4, 9)).info.baseOffset]).toEqual([0, 3]);
    expect(() => append(log, batch(4))).toThrow(outOfOrder);
    expect(append(log, batch(3)).info.baseOffset).toBe(5);
  });

  test('a log that ended cleanly is opened without reading it', async () => {
    await append(log, plain()).done;
    for (let i = 0; i < 200; i++) await append(log, plain(1000)).done;
    await closeStore(store);
    expect(snapshots()).toEqual([201]);
    let reads = 0;
    const counting: MemoryFiles = Object.create(files, {
      open: {
        value: (path: string, mode: 'r' | 'rw') => {
          const handle = files.open(path, mode);
          const readSync = handle.readSync.bind(handle);
          handle.readSync = (into, position) => {
            if (path.endsWith('.log')) reads++;
            return readSync(into, position);
          };
          return handle;
        },
      },
    });
    expect(orders(openStore(counting, '/data', clock)).logEndOffset).toBe(201);
    expect(reads).toBeLessThan(6); // behind the last index entry
  });

  test('without a snapshot the whole log says who wrote, all five batches of each', async () => {
    for (let sequence = 0; sequence < 9; sequence++) await append(log, batch(sequence)).done;
    await closeStore(store);
    files.remove(`${FOLDER}/00000000000000000009.snapshot`);
    open();
    expect([4, 5, 8].map((sequence) => append(log, batch(sequence)).info.baseOffset)).toEqual([4, 5, 8]);
    expect(() => append(log, batch(3))).toThrow(outOfOrder);
  });

  test('each roll leaves a snapshot, of what is queued too', async () => {
    files = memoryFiles();
    open({ segmentBytes: 300 });
    for (let sequence = 0; sequence < 9; sequence++) append(log, batch(sequence));
    await flush(log);
    const starts = log.segmentStarts().map(({ baseOffset }) => baseOffset);
    expect(starts.length).toBeGreaterThan(2);
    expect(snapshots()).toEqual(starts.slice(1));
    files.kill();
    open({ segmentBytes: 300 });
    expect(append(log, batch(8)).info.baseOffset).toBe(8);
    expect(() => append(log, batch(0))).toThrow(outOfOrder);
  });

  test('old snapshots go, those of segments stay', async () => {
    for (let round = 0; round < 5; round++) {
      await append(log, batch(round)).done;
      await closeStore(store);
      open();
    }
    expect(log.segmentCount).toBe(1);
    expect(snapshots()).toEqual([4, 5]);
  });

  test('a truncated log keeps no snapshot beyond its end', async () => {
    await append(log, batch(0)).done;
    await closeStore(store);
    open();
    await append(log, batch(1)).done;
    await closeStore(store);
    open();
    await truncate(log, 1);
    expect(snapshots()).toEqual([1]);
    await append(log, batch(1)).done;
    await append(log, plain()).done;
    await truncate(log, 0);
    expect(snapshots()).toEqual([]);
  });

  test('a failed roll leaves no snapshot of what is not in the log', async () => {
    files = memoryFiles();
    open({ segmentBytes: 200 });
    await append(log, batch(0)).done;
    await append(log, batch(1)).done;
    files.failNext('write', 'ENOSPC', { path: '.log' });
    const lost = [append(log, batch(2)), append(log, batch(3)), append(log, batch(4)), append(log, batch(5))];
    for (const { done } of lost) await expect(done).rejects.toEqual(storageError);
    expect(snapshots().filter((offset) => offset > 2)).toEqual([]);
    expect(append(log, batch(2)).info.baseOffset).toBe(2);
  });

  test('a disk that takes no snapshot fails neither the append nor the end', async () => {
    files = memoryFiles();
    open({ segmentBytes: 200 });
    for (const sequence of [0, 1]) await append(log, batch(sequence)).done;
    files.failNext('write', 'ENOSPC', { path: '.snapshot' });
    await append(log, batch(2)).done;
    files.failNext('write', 'ENOSPC', { path: '.snapshot' });
    await closeStore(store);
    expect(snapshots()).toEqual([]);
    open({ segmentBytes: 200 });
    expect([0, 1, 2].map((sequence) => append(log, batch(sequence)).info.baseOffset)).toEqual([0, 1, 2]);
  });

  test('a damaged snapshot is passed over', async () => {
    await append(log, batch(0)).done;
    await closeStore(store);
    files.replace(`${FOLDER}/00000000000000000001.snapshot`, Buffer.alloc(56, 1));
    open();
    expect(append(log, batch(0)).info.baseOffset).toBe(0);
    await turnOfTheLoop();
    expect(snapshots()).toEqual([]);
  });
});
