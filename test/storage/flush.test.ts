import { beforeEach, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import { append, flush, openStore, orders, produced, readAll, testConfig } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';

let files: MemoryFiles;
let clock: FakeClock;
let store: LogStore;
const reopen = () => {
  clock = fakeClock();
  store = openStore(files, '/data', clock);
};
beforeEach(() => {
  files = memoryFiles();
  reopen();
});

const refused = expect.objectContaining({ errorName: 'KAFKA_STORAGE_ERROR' });
const keysOf = async (log = orders(store)) => (await readAll(log)).map(({ key }) => key);

test('with flush.messages=1 what is acknowledged, the folder of a first append included, survives a power failure', async () => {
  await append(orders(store, { flushMessages: 1 }), produced(['a', 'b'])).done;
  files.crash();
  reopen();
  expect(await keysOf()).toEqual(['a', 'b']);
});

test('without it what is acknowledged survives a killed process, and a power failure may take it', async () => {
  await append(orders(store), produced(['a'])).done;
  files.kill();
  reopen();
  expect(await keysOf()).toEqual(['a']);
  files.crash();
  reopen();
  expect(await keysOf()).toEqual([]);
});

test('a power failure that takes names of files in any order takes none from before a log’s second segment', async () => {
  for (let seed = 1; seed <= 300; seed++) {
    files = memoryFiles();
    reopen();
    const log = orders(store, { segmentBytes: 100 });
    const [, second] = ['a', 'b'].map((key) => append(log, produced([key])).done);
    await second;
    files.crash(prng(seed));
    const left = files.exists('/data/orders-0') ? files.list('/data/orders-0').filter((name) => name.endsWith('.log')) : [];
    expect(left.slice(0, 1), `seed ${seed}`).not.toEqual(['00000000000000000001.log']); // the log would begin there
  }
});

test('a segment that a start drops behind a loss is dropped for good: a power failure later would bring it back beside what was appended since', async () => {
  const log = orders(store, { segmentBytes: 100 });
  for (const key of ['a', 'b']) await append(log, produced([key])).done;
  await flush(log);
  files.kill();
  const first = files.open('/data/orders-0/00000000000000000000.log', 'rw');
  first.truncate(0);
  first.syncSync();
  first.close();
  files.remove('/data/orders-0/00000000000000000001.snapshot'); // its removal would be made durable, and the segment's with it
  files.syncDirectory('/data/orders-0');
  reopen();
  expect(orders(store).logEndOffset).toBe(0);
  files.crash();
  expect(files.list('/data/orders-0').filter((name) => name.endsWith('.log'))).toEqual(['00000000000000000000.log']);
});

test('a full segment whose time index could not be completed for want of a handle gets it with the next flush', async () => {
  for (const isFlushed of [true, false]) {
    files = memoryFiles();
    reopen();
    const log = orders(store, { segmentBytes: 100 });
    await append(log, produced(['a'], 1000)).done;
    await flush(log); // from here on nobody looks into its batches again
    files.failNext('open', 'EMFILE', { path: '00000000000000000000.timeindex' });
    files.failNext('write', 'EMFILE', { path: '00000000000000000000.timeindex' });
    for (const key of ['b', 'c']) await append(log, produced([key], 2000)).done;
    files.forgetFaults();
    if (!isFlushed) await append(log, produced(['d'], 2000)).done;
    await flush(log);
    store.writeCheckpoints();
    files.crash();
    reopen();
    expect(orders(store).segmentStarts()[0]).toEqual({ baseOffset: 0, maxTimestamp: 1000 });
  }
});

test('with flush.messages=3 the third record waits for a sync; the first two do not', async () => {
  const log = orders(store, { flushMessages: 3 });
  await append(log, produced(['a', 'b'])).done;
  files.failNext('sync', 'EIO', { path: '.log' });
  await expect(append(log, produced(['c'])).done).rejects.toEqual(refused);
});

test('after a failed sync nothing more is acknowledged or read, and none is tried again', async () => {
  const log = orders(store, { flushMessages: 1 });
  await append(log, produced(['a'])).done;
  files.failNext('sync', 'EIO', { path: '.log' });
  const both = [append(log, produced(['b'])).done, append(log, produced(['c'])).done];
  for (const { status } of await Promise.allSettled(both)) expect(status).toBe('rejected');
  expect(() => log.logEndOffset).toThrow(refused);
  expect(() => append(log, produced(['d']))).toThrow(refused);
  await expect(flush(log)).rejects.toEqual(refused);
});

test('a sync that flush.ms asked for and that fails takes the log offline as well', async () => {
  const log = orders(store, { flushMs: 100 });
  await append(log, produced(['a'])).done;
  files.failNext('sync', 'EIO', { path: '.log' });
  await clock.advance(100);
  expect(log.isOffline).toBe(true);
});

test('flush.ms makes durable what is that old, and leaves no timer where nothing was written', async () => {
  const log = orders(store, { flushMs: 1000 });
  await append(log, produced(['a'])).done;
  await clock.advance(999);
  expect(log.recoveryPoint).toBe(0);
  await clock.advance(1);
  expect([log.recoveryPoint, clock.pending()]).toEqual([1, 0]);
  files.crash();
  reopen();
  expect(await keysOf()).toEqual(['a']);
});

test('flush.ms that is set later counts for what was written before', async () => {
  const log = orders(store);
  await append(log, produced(['a'])).done;
  log.configure(testConfig({ flushMs: 50 }));
  await clock.advance(50);
  expect(log.recoveryPoint).toBe(1);
});
