import { describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import type { Files } from '../../src/core/files.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { buildBatch, type RecordInput } from '../../src/protocol/records/build.ts';
import { NOTHING_COMPACTED } from '../../src/storage/log-compacting.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { append, closeStore, openStore, orders, read, recordsOf, testConfig } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';

const FOLDER = '/data/orders-0';
const SMALL: Partial<LogConfig> = { compacted: true, deletes: false, segmentBytes: 600, indexIntervalBytes: 100 };
const DAY = 86_400_000;

interface Kept {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
}

const keyed = (pairs: readonly (readonly [string, string | null])[], timestamp = 1000): Buffer =>
  buildBatch({
    records: pairs.map(
      ([key, value], i): RecordInput => ({
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        timestamp: timestamp + i,
      }),
    ),
  });

async function everything(log: PartitionLog): Promise<Kept[]> {
  const all: Kept[] = [];
  for (let offset = log.logStartOffset; ; ) {
    const chunk = await read(log, offset, 500);
    if (!chunk) return all;
    for (const record of recordsOf(chunk.bytes))
      if (record.offset >= offset)
        all.push({ offset: record.offset, key: String(record.key), value: record.value && String(record.value) });
    offset = chunk.nextOffset;
    chunk.release();
  }
}

const compact = (log: PartitionLog, minCleanableDirtyRatio = 0, deleteRetentionMs = Number.MAX_SAFE_INTEGER) =>
  new Promise<{ bytesBefore: number; bytesAfter: number }>((resolve, reject) => {
    log.configure(testConfig({ ...SMALL, minCleanableDirtyRatio, deleteRetentionMs }));
    if (!log.cleanable(0).isDue) resolve(NOTHING_COMPACTED);
    else log.compact((error, result) => (error ? reject(error) : resolve(result)));
  });

/** For each key only the last record of the part that may be compacted, and all of the rest. */
function compactedModel(all: readonly Kept[], activeFrom: number, isExpired: (record: Kept) => boolean = () => false): Kept[] {
  const last = new Map(all.filter(({ offset }) => offset < activeFrom).map(({ key, offset }) => [key, offset]));
  return all.filter((record) => record.offset >= activeFrom || (last.get(record.key) === record.offset && !isExpired(record)));
}

const activeBase = (log: PartitionLog): number => log.segmentStarts().at(-1)!.baseOffset;

/** Random batches of 1-4 records over a few keys, some of them tombstones. */
async function fill(log: PartitionLog, batches: number, random: () => number): Promise<Kept[]> {
  const all: Kept[] = [];
  for (let i = 0; i < batches; i++) {
    const pairs = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, n): [string, string | null] => [
      `key${Math.floor(random() ** 2 * 12)}`,
      random() < 0.15 ? null : `value ${i}.${n}`,
    ]);
    const { info, done } = append(log, keyed(pairs));
    await done;
    all.push(...pairs.map(([key, value], n) => ({ offset: info.baseOffset + n, key, value })));
  }
  return all;
}

describe('compaction', () => {
  test('keeps the last record of each key at its offset, and leaves the active segment alone', async () => {
    const log = orders(openStore(memoryFiles(), '/data'), SMALL);
    const all = await fill(log, 100, prng(1));
    const segments = log.segmentCount;
    const { bytesBefore, bytesAfter } = await compact(log);
    expect(await everything(log)).toEqual(compactedModel(all, activeBase(log)));
    expect(bytesAfter).toBeLessThan(bytesBefore / 4);
    expect(log.segmentCount).toBeLessThan(segments / 4);
    expect(log.logEndOffset).toBe(all.at(-1)!.offset + 1);
  });

  test('goes on where it stopped: what was compacted is compacted with what came', async () => {
    const log = orders(openStore(memoryFiles(), '/data'), SMALL);
    const random = prng(2);
    const all: Kept[] = [];
    for (let round = 0; round < 5; round++) {
      all.push(...(await fill(log, 40, random)));
      await compact(log);
      expect(await everything(log)).toEqual(compactedModel(all, activeBase(log)));
    }
    expect(log.segmentCount).toBeLessThan(6);
  });

  test('waits until enough has come to be worth it', async () => {
    const log = orders(openStore(memoryFiles(), '/data'), SMALL);
    await fill(log, 100, prng(3));
    expect((await compact(log, 0.5)).bytesBefore).toBeGreaterThan(0);
    expect(await compact(log, 0)).toEqual(NOTHING_COMPACTED);
    await fill(log, 15, prng(4));
    expect((await compact(log, 0.999)).bytesBefore).toBe(0);
  });

  test('a tombstone goes by a compaction that comes delete.retention.ms after the first that met it', async () => {
    const clock = fakeClock();
    const log = orders(openStore(memoryFiles(), '/data', clock), SMALL);
    const others = async () => {
      for (let i = 0; i < 30; i++) await append(log, keyed([['other', 'x'.repeat(20)]], clock.now())).done;
    };
    const tombstones = async () => (await everything(log)).map(({ key }) => key).filter((key) => key !== 'other');
    await append(log, keyed([['gone', 'x']], clock.now() - 9 * DAY)).done;
    await append(log, keyed([['gone', null]], clock.now() - 9 * DAY)).done;
    await others();
    await compact(log, 0, DAY);
    expect(await tombstones()).toEqual(['gone']); // however old it is: readers of the value may not have come to it
    await others();
    await clock.advance(DAY - 1);
    await compact(log, 0, DAY);
    expect(await tombstones()).toEqual(['gone']);
    await others();
    await clock.advance(1);
    await compact(log, 0, DAY);
    expect(await tombstones()).toEqual([]);
  });

  test('a log of which nothing is left in its middle is read across it', async () => {
    const log = orders(openStore(memoryFiles(), '/data'), SMALL);
    const all = await fill(log, 60, prng(5));
    for (const key of new Set(all.map((record) => record.key))) {
      const { info, done } = append(log, keyed([[key, 'last']]));
      await done;
      all.push({ offset: info.baseOffset, key, value: 'last' });
    }
    all.push(...(await fill(log, 20, prng(6))));
    await compact(log);
    const expected = compactedModel(all, activeBase(log));
    for (let from = 0; from < log.logEndOffset; from += 7) {
      const chunk = await read(log, from, 500);
      const first = recordsOf(chunk!.bytes).find(({ offset }) => offset >= from);
      expect(first?.offset).toBe(expected.find(({ offset }) => offset >= from)!.offset);
    }
  });

  test('readers that were at it, and a truncation meanwhile, see a whole log', async () => {
    const log = orders(openStore(memoryFiles(), '/data'), SMALL);
    const all = await fill(log, 80, prng(7));
    const reading = everything(log);
    const compacting = compact(log);
    expect((await reading).length).toBeGreaterThan(0);
    await compacting;
    const active = activeBase(log);
    await fill(log, 60, prng(8));
    const again = compact(log);
    await new Promise<void>((resolve, reject) => log.truncateTo(active + 2, (error) => (error ? reject(error) : resolve())));
    await again;
    expect(await everything(log)).toEqual(compactedModel(all, active).filter(({ offset }) => offset < log.logEndOffset));
  });

  test('after a restart, clean or not, the compacted log is what it was', async () => {
    const files = memoryFiles();
    let store = openStore(files, '/data');
    let log = orders(store, SMALL);
    const all = await fill(log, 100, prng(9));
    await compact(log);
    const expected = compactedModel(all, activeBase(log));
    await closeStore(store);
    store = openStore(files, '/data');
    log = orders(store, SMALL);
    expect(await everything(log)).toEqual(expected);
    files.kill();
    log = orders(openStore(files, '/data'), SMALL);
    expect(await everything(log)).toEqual(expected);
    expect(files.list(FOLDER).filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([]);
  });

  test('what cannot be written leaves the log as it was', async () => {
    const files = memoryFiles();
    const log = orders(openStore(files, '/data'), SMALL);
    const all = await fill(log, 100, prng(10));
    files.failNext('write', 'ENOSPC', { path: '.cleaned', prefixBytes: 30 });
    await expect(compact(log)).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' });
    const left = await everything(log);
    expect(left.filter((record) => all.some(({ offset }) => offset === record.offset))).toEqual(left);
    expect(left.length).toBeGreaterThan(14);
    await compact(log);
    expect(await everything(log)).toEqual(compactedModel(all, activeBase(log)));
  });
});

/** Files whose operations on names fail for good from the `survives`-th on: the moment at which the power goes. */
function dyingFiles(files: MemoryFiles): { files: Files; dieAfter(survives: number): void; operations(): number } {
  let left = Number.POSITIVE_INFINITY;
  let count = 0;
  const counted = new Set(['rename', 'remove', 'syncDirectory']);
  const proxy = new Proxy(files, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (counted.has(String(name))) {
          count++;
          if (--left < 0) throw new Error('the power is off');
        }
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  return { files: proxy, dieAfter: (survives) => (left = survives), operations: () => count };
}

describe('a crash in the middle of a compaction', () => {
  /** One log that is filled, flushed, and compacted with the power going off at the n-th operation on names. */
  async function crashAt(
    survives: number,
    seed: number,
  ): Promise<{ left: Kept[]; all: Kept[]; active: number; operations: number; names: string[] }> {
    const clock: FakeClock = fakeClock();
    const disk = memoryFiles();
    const dying = dyingFiles(disk);
    const store: LogStore = openStore(dying.files, '/data', clock);
    const log = orders(store, SMALL);
    const random = prng(seed);
    const all = await fill(log, 60, random);
    await new Promise<void>((resolve, reject) => log.flush((error) => (error ? reject(error) : resolve())));
    const active = activeBase(log);
    const before = dying.operations();
    dying.dieAfter(survives);
    await compact(log).catch(() => {});
    const operations = dying.operations() - before;
    disk.crash(random);
    const again = orders(openStore(disk, '/data', fakeClock()), SMALL);
    const left = await everything(again);
    return { left, all, active, operations, names: disk.list(FOLDER) };
  }

  test('at any of its steps loses no last record and brings back no file', async () => {
    const { operations } = await crashAt(Number.POSITIVE_INFINITY, 1);
    expect(operations).toBeGreaterThan(10);
    for (let survives = 0; survives <= operations; survives++) {
      const { left, all, active, names } = await crashAt(survives, survives + 1);
      const wanted = compactedModel(all, active);
      const byOffset = new Map(all.map((record) => [record.offset, record]));
      expect(left.map(({ offset }) => byOffset.get(offset))).toEqual(left); // nothing else, and in order
      const offsets = new Set(left.map(({ offset }) => offset));
      expect([survives, wanted.filter(({ offset }) => !offsets.has(offset))]).toEqual([survives, []]);
      expect(names.filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([]);
    }
  });
});
