import { beforeEach, describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { append, closeStore, flush, openStore, orders, produced, read, readAll, testConfig } from '../support/log-fixture.ts';

const FOLDER = '/data/orders-0';
const HOUR = 3_600_000;
/** Two batches of one record fit. */
const SMALL = { segmentBytes: 200 };

let files: MemoryFiles;
let clock: FakeClock;
let store: LogStore;
beforeEach(() => {
  files = memoryFiles();
  clock = fakeClock();
  store = openStore(files, '/data', clock);
});

const starts = (log: PartitionLog) => log.segmentStarts().map(({ baseOffset }) => baseOffset);
const names = (suffix: string) => files.list(FOLDER).filter((name) => name.endsWith(suffix));
const fileOf = (offset: number, suffix: string) => `${String(offset).padStart(20, '0')}.${suffix}`;

/** Appends one record per timestamp. */
async function fill(log: PartitionLog, timestamps: readonly number[]): Promise<void> {
  for (const timestamp of timestamps) await append(log, produced(['x'], timestamp)).done;
}
function retain(log: PartitionLog, config: Partial<LogConfig>): number {
  log.configure(testConfig({ ...SMALL, ...config }));
  return log.applyRetention();
}
function reopen(config: Partial<LogConfig> = SMALL): PartitionLog {
  clock = fakeClock();
  store = openStore(files, '/data', clock);
  return orders(store, config);
}

describe('rolling by time', () => {
  test('a batch whose newest record is more than segment.ms after the first batch begins a segment', async () => {
    const log = orders(store, { segmentMs: 1000 });
    await fill(log, [5000, 5500, 6000, 6001, 7001, 7002]);
    expect(starts(log)).toEqual([0, 3, 5]);
  });

  test('time counts from the first batch after a restart too', async () => {
    await fill(orders(store, { segmentMs: 1000 }), [5000, 5500]);
    await closeStore(store);
    const log = reopen({ segmentMs: 1000 });
    await fill(log, [6000, 6001]);
    expect(starts(log)).toEqual([0, 3]);
  });

  test('batches that wait for the same write roll as those that come one by one', async () => {
    const log = orders(store, { segmentMs: 1000 });
    await Promise.all([5000, 6000, 6001].map((timestamp) => append(log, produced(['x'], timestamp)).done));
    expect(starts(log)).toEqual([0, 2]);
  });

  test('without timestamps the clock counts, from when the segment was begun', async () => {
    const log = orders(store, { segmentMs: 1000 });
    await fill(log, [-1]);
    await clock.advance(1000);
    await fill(log, [-1]);
    await clock.advance(1);
    await fill(log, [-1]);
    expect(starts(log)).toEqual([0, 2]);
  });

  test('segment.jitter.ms makes segments roll earlier, by no more than it says', async () => {
    const lengths = new Set<number>();
    const log = orders(store, { segmentMs: 100, segmentJitterMs: 50 });
    await fill(
      log,
      Array.from({ length: 3000 }, (_, i) => i),
    );
    const bases = starts(log);
    for (let i = 1; i < bases.length; i++) lengths.add(bases[i]! - bases[i - 1]!);
    expect(Math.min(...lengths)).toBeGreaterThan(50);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(101);
    expect(lengths.size).toBeGreaterThan(1);
  });
});

describe('retention', () => {
  test('by time: segments go whose newest record is older than retention.ms, and only in order', async () => {
    const log = orders(store, SMALL);
    const now = clock.now();
    await fill(log, [now - 9 * HOUR, now - 5 * HOUR, now - 4 * HOUR, now, now - 9 * HOUR, now - 8 * HOUR, now]);
    expect(starts(log)).toEqual([0, 2, 4, 6]);
    expect(retain(log, { retentionMs: 5 * HOUR })).toBe(0); // not more than
    expect(retain(log, { retentionMs: 5 * HOUR - 1 })).toBe(1);
    expect(retain(log, { retentionMs: HOUR })).toBe(0); // the second has a record of now
    expect([log.logStartOffset, log.logEndOffset]).toEqual([2, 7]);
    expect((await readAll(log)).map(({ offset }) => offset)).toEqual([2, 3, 4, 5, 6]);
  });

  test('by time: the newest record counts after a kill too, though no index knows it', async () => {
    const log = orders(store);
    await fill(log, [1, clock.now()]);
    await flush(log);
    store.writeCheckpoints();
    files.kill();
    expect(retain(reopen(), { retentionMs: HOUR })).toBe(0);
  });

  test('by size: the oldest go, as long as retention.bytes are left without them', async () => {
    const log = orders(store, SMALL);
    await fill(log, [1, 2, 3, 4, 5, 6, 7, 8]);
    const size = log.sizeBytes;
    expect(retain(log, { retentionBytes: size })).toBe(0);
    expect(retain(log, { retentionBytes: (size / 4) * 3 + 1 })).toBe(0);
    expect(retain(log, { retentionBytes: (size / 4) * 3 })).toBe(1);
    expect(retain(log, { retentionBytes: 0 })).toBe(3);
    expect([log.logStartOffset, log.logEndOffset, log.sizeBytes]).toEqual([8, 8, 0]);
  });

  test('by log start: segments that only hold deleted records go, whatever the policy, the active one stays', async () => {
    const log = orders(store, SMALL);
    await fill(log, [1, 2, 3, 4]);
    const compact = { deletes: false, compacted: true, retentionMs: 0, retentionBytes: 0 };
    log.deleteRecordsBefore(1);
    expect(retain(log, compact)).toBe(0);
    log.deleteRecordsBefore(4);
    expect(retain(log, compact)).toBe(1);
    expect([starts(log), log.logStartOffset]).toEqual([[2], 4]);
  });

  test('an expired active segment goes too, and the log goes on in a new one, also after a crash', async () => {
    let log = orders(store, SMALL);
    await fill(log, [1, 2, 3]);
    expect(retain(log, { retentionMs: 0 })).toBe(2);
    expect([starts(log), log.logStartOffset, log.logEndOffset]).toEqual([[3], 3, 3]);
    expect(retain(log, { retentionMs: 0 })).toBe(0);
    files.crash();
    log = reopen();
    expect([starts(log), log.logStartOffset, log.logEndOffset]).toEqual([[3], 3, 3]);
    expect(append(log, produced(['y'])).info.baseOffset).toBe(3);
  });

  test('what is queued or not written yet is not deleted', async () => {
    const log = orders(store, SMALL);
    await fill(log, [1, 2]);
    const { done } = append(log, produced(['x'], 3));
    expect(retain(log, { retentionMs: 0 })).toBe(1);
    expect(log.logStartOffset).toBe(2);
    await done;
    expect((await readAll(log)).map(({ offset }) => offset)).toEqual([2]);
    await flush(log);
    expect(names('.index')).toEqual([fileOf(2, 'index')]);
  });

  test('without timestamps a segment counts from when it was begun', async () => {
    const log = orders(store, SMALL);
    await fill(log, [-1]);
    await clock.advance(HOUR);
    expect(retain(log, { retentionMs: HOUR })).toBe(0);
    await clock.advance(1);
    expect(retain(log, { retentionMs: HOUR })).toBe(1);
  });

  test('a clock that jumps ahead expires nothing before the new time has stood for an hour', async () => {
    const log = orders(store, SMALL);
    const now = clock.now();
    await fill(log, [now, now, now, now, now]);
    clock.jump(365 * 24 * HOUR);
    for (let minutes = 0; minutes < 60; minutes++) {
      expect(retain(log, { retentionMs: 2 * HOUR })).toBe(0);
      await clock.advance(60_000);
    }
    expect(retain(log, { retentionMs: 2 * HOUR })).toBe(3);
  });

  test('while the clock is doubted, what expires by the time that has passed since goes as ever', async () => {
    const log = orders(store, SMALL);
    const now = clock.now();
    await fill(log, [now - 2 * HOUR, now - 2 * HOUR, now, now, now]);
    clock.jump(365 * 24 * HOUR);
    expect(retain(log, { retentionMs: HOUR })).toBe(1);
    expect(log.logStartOffset).toBe(2);
  });

  test('a clock that is set back lets records live longer, and what is then from the future holds all behind it; said once', async () => {
    const warnings: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (fields, message) => void warnings.push({ ...fields, message }) };
    store = openStore(files, '/other', clock, undefined, logger);
    const log = orders(store, SMALL);
    const now = clock.now();
    await fill(log, [now + 1, now + 1, now - 9 * HOUR, now - 9 * HOUR, now]);
    for (let i = 0; i < 2; i++) expect(retain(log, { retentionMs: HOUR })).toBe(0);
    expect(warnings).toEqual([
      { log: 'orders-0', baseOffset: 0, maxTimestamp: now + 1, message: expect.stringContaining('from the future') },
    ]);
    await clock.advance(HOUR + 2);
    expect(retain(log, { retentionMs: HOUR })).toBe(3);
    expect(warnings).toHaveLength(1);
  });

  test('a log without a folder is none to delete from, and gets none', () => {
    expect(retain(orders(store), { retentionMs: 0, retentionBytes: 0 })).toBe(0);
    expect(files.exists(FOLDER)).toBe(false);
  });
});

describe('the files of a deleted segment', () => {
  test('are renamed at once and removed after file.delete.delay.ms, its producer snapshot too', async () => {
    const log = orders(store, SMALL);
    await fill(log, [1, 2, 3, 4, 5]);
    await flush(log);
    retain(log, { retentionBytes: 1, fileDeleteDelayMs: 500 });
    expect(names('.deleted')).toEqual(
      [0, 2].flatMap((offset) => ['index', 'log', 'timeindex'].map((part) => `${fileOf(offset, part)}.deleted`)),
    );
    expect(names('.log')).toEqual([fileOf(4, 'log')]);
    expect(names('.snapshot')).toEqual([fileOf(4, 'snapshot')]);
    await clock.advance(499);
    expect(names('.deleted')).toHaveLength(6);
    await clock.advance(1);
    expect(names('.deleted')).toEqual([]);
  });

  test('fail no read that had begun: it is out of range, like later ones', async () => {
    const log = orders(store);
    await append(log, produced(['x'], 1, 200_000)).done; // so large that it is read in the background
    await fill(log, [2]);
    const reading = expect(read(log, 0)).rejects.toMatchObject({ errorName: 'OFFSET_OUT_OF_RANGE' });
    log.configure(testConfig({ retentionMs: 0, fileDeleteDelayMs: 0 }));
    expect(log.applyRetention()).toBe(1);
    await clock.advance(0);
    await reading;
    await expect(read(log, 1)).rejects.toMatchObject({ errorName: 'OFFSET_OUT_OF_RANGE' });
    expect(await read(log, 2)).toBeNull();
  });

  test('are removed at the end, and what a crash left of them when the log is opened', async () => {
    const log = orders(store, SMALL);
    await fill(log, [1, 2, 3]);
    retain(log, { retentionBytes: 1 });
    files.kill();
    expect(names('.deleted')).not.toEqual([]);
    const again = reopen();
    expect(again.logStartOffset).toBe(2);
    expect(names('.deleted')).toEqual([]);
    await fill(again, [4, 5]);
    retain(again, { retentionBytes: 1 });
    expect(names('.deleted')).not.toEqual([]);
    await closeStore(store);
    expect(names('.deleted')).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  test('a rename that fails leaves the log as it is, and is tried again', async () => {
    const log = orders(store, SMALL);
    await fill(log, [1, 2, 3, 4, 5]);
    files.failNext('rename', 'ENOSPC', { path: fileOf(2, 'log') });
    log.configure(testConfig({ ...SMALL, retentionBytes: 1 }));
    expect(() => log.applyRetention()).toThrow(expect.objectContaining({ errorName: 'KAFKA_STORAGE_ERROR' }));
    expect((await readAll(log)).map(({ offset }) => offset)).toEqual([2, 3, 4]);
    expect(log.applyRetention()).toBe(1);
    expect((await readAll(log)).map(({ offset }) => offset)).toEqual([4]);
  });
});

describe('deleting records', () => {
  test('moves the beginning: no further than the end, never back', async () => {
    const log = orders(store);
    await append(log, produced(['a', 'b', 'c'])).done;
    log.deleteRecordsBefore(2);
    log.deleteRecordsBefore(1);
    expect(log.logStartOffset).toBe(2);
    expect(await readAll(log)).toMatchObject([{ offset: 2, key: 'c' }]);
    for (const offset of [4, -1])
      expect(() => log.deleteRecordsBefore(offset)).toThrow(expect.objectContaining({ errorName: 'OFFSET_OUT_OF_RANGE' }));
  });

  test('is kept by the checkpoint', async () => {
    const log = orders(store);
    await append(log, produced(['a', 'b', 'c'])).done;
    await flush(log);
    log.deleteRecordsBefore(2);
    store.writeCheckpoints();
    files.crash();
    expect(files.read('/data/log-start-offset-checkpoint')!.toString()).toBe('0\n1\norders 0 2\n');
    expect(reopen().logStartOffset).toBe(2);
  });

  test('forgets the leader epochs before the beginning', async () => {
    const log = orders(store);
    for (const epoch of [3, 5, 8]) await append(log, produced(['a', 'b']), epoch).done;
    log.deleteRecordsBefore(3);
    expect([2, 3, 5, 8].map((epoch) => log.endOffsetForEpoch(epoch).endOffset)).toEqual([3, 3, 4, 6]);
    expect([2, 3, 4].map((offset) => log.epochOf(offset))).toEqual([-1, 5, 8]);
  });
});
