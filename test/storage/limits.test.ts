import { beforeEach, describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import type { FileHandle, Files } from '../../src/core/files.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { inLanes } from '../../src/storage/in-turn.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { SyncSlots } from '../../src/storage/sync-slots.ts';
import {
  append,
  appendFetched,
  closeStore,
  openStore,
  orders,
  produced,
  read,
  readAll,
  restartAt,
  testConfig,
} from '../support/log-fixture.ts';

const FOLDER = '/data/orders-0';
/** Of offsets in an index. */
const MOST_RELATIVE = 2 ** 31 - 1;
/** One batch of a record fits. */
const ONE_EACH = { segmentBytes: 100 };
const MAX_OPEN_FILES = 12;

let files: MemoryFiles;
let clock: FakeClock;
let store: LogStore;
beforeEach(() => {
  files = memoryFiles();
  clock = fakeClock();
  store = openStore(files, '/data', clock);
});

/** After a clean end, or the process alone was lost. */
async function reopen(how: 'closed' | 'killed', config: Partial<LogConfig> = {}, over: Files = files): Promise<PartitionLog> {
  if (how === 'closed') await closeStore(store);
  files.kill();
  store = openStore(over, '/data', clock, MAX_OPEN_FILES);
  return orders(store, config);
}

/** A batch of one record as it lies in a leader's log; its timestamp is its offset. */
const stored = (baseOffset: number): Buffer =>
  buildBatch({ records: [{ key: Buffer.from('k'), timestamp: baseOffset }], baseOffset, partitionLeaderEpoch: 0 });
const starts = (log: PartitionLog) => log.segmentStarts().map(({ baseOffset }) => baseOffset);
async function expectEach(log: PartitionLog, offsets: readonly number[]): Promise<void> {
  expect((await readAll(log)).map(({ offset }) => offset)).toEqual(offsets);
  for (const offset of offsets) {
    expect((await readAll(log, offset))[0]).toMatchObject({ offset });
    expect(log.offsetForTimestamp(offset)).toMatchObject({ offset });
  }
}

/** Segments of one record each. */
async function manySegments(count: number, config: Partial<LogConfig> = ONE_EACH): Promise<PartitionLog> {
  const log = orders(store, config);
  for (let i = 0; i < count; i++) await append(log, produced(['k'], i)).done;
  expect(log.segmentCount).toBe(count);
  return log;
}

/** The same disk, with something to hear of its calls. */
function heard(on: Partial<Record<keyof Files, () => void>>, handleOf = (handle: FileHandle) => handle): Files {
  return new Proxy<Files>(files, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        on[name as keyof Files]?.();
        const result: unknown = Reflect.apply(value, target, args);
        return name === 'open' ? handleOf(result as FileHandle) : result;
      };
    },
  });
}

describe('offsets', () => {
  const indexed = { compacted: true, indexIntervalBytes: 0 };

  test('go up to 2^31 - 1 beyond the first of a segment; the one behind that begins a new segment', async () => {
    const log = orders(store, indexed);
    await appendFetched(log, Buffer.concat([stored(0), stored(MOST_RELATIVE - 1)]));
    await append(log, produced(['k'], MOST_RELATIVE)).done;
    expect(starts(log)).toEqual([0]);
    await append(log, produced(['k'], MOST_RELATIVE + 1)).done;
    await append(log, produced(['k'], MOST_RELATIVE + 2)).done;
    expect(starts(log)).toEqual([0, MOST_RELATIVE + 1]);
    const all = [0, MOST_RELATIVE - 1, MOST_RELATIVE, MOST_RELATIVE + 1, MOST_RELATIVE + 2];
    await expectEach(log, all);
    for (const how of ['killed', 'closed', 'killed'] as const) await expectEach(await reopen(how, indexed), all);
  });

  test('of a batch that would end beyond that begin a new segment with it', async () => {
    const log = orders(store, indexed);
    await appendFetched(log, Buffer.concat([stored(0), stored(MOST_RELATIVE - 1)]));
    const { info, done } = append(log, produced(['a', 'b'], MOST_RELATIVE));
    await done;
    expect(info).toMatchObject({ baseOffset: MOST_RELATIVE, lastOffset: MOST_RELATIVE + 1 });
    expect(starts(log)).toEqual([0, MOST_RELATIVE]);
  });

  test('may begin at 2^40: rolls, lookups, restarts and what is deleted go by them', async () => {
    const from = 2 ** 40;
    const small = { ...ONE_EACH, indexIntervalBytes: 0, deletes: true };
    let log = orders(store, small);
    await restartAt(log, from);
    log.commitTo(Number.POSITIVE_INFINITY);
    for (let i = 0; i < 5; i++) await append(log, produced(['k'], from + i)).done;
    expect(starts(log)).toEqual([0, 1, 2, 3, 4].map((i) => from + i));
    expect(files.list(FOLDER)).toContain('00000001099511627776.log');
    await expectEach(
      log,
      [0, 1, 2, 3, 4].map((i) => from + i),
    );
    for (const how of ['killed', 'closed'] as const) {
      log = await reopen(how, small);
      expect([log.logStartOffset, log.logEndOffset]).toEqual([from, from + 5]);
      await expectEach(
        log,
        [0, 1, 2, 3, 4].map((i) => from + i),
      );
    }
    log.deleteRecordsBefore(from + 3);
    expect(log.applyRetention()).toBe(3);
    log = await reopen('closed', small);
    await expectEach(log, [from + 3, from + 4]);
  });
});

describe('a log of a thousand segments', () => {
  const COUNT = 1000;

  test.each(['closed', 'killed'] as const)(
    'is opened by a handful of its files when it was %s, and never has more open than it may',
    async (how) => {
      await manySegments(COUNT);
      if (how === 'killed') {
        await closeStore(store);
        store = openStore(files, '/data', clock);
        await append(orders(store, ONE_EACH), produced(['k'], COUNT)).done; // everything before it is durable
      }
      let opened = 0;
      const log = await reopen(how, ONE_EACH, heard({ open: () => opened++ }));
      opened = 0;
      expect(log.logEndOffset).toBe(how === 'killed' ? COUNT + 1 : COUNT);
      expect(opened).toBeLessThan(20);
      for (const offset of [500, 3, 999, 0, 501]) {
        expect((await read(log, offset, 1))?.nextOffset).toBe(offset + 1);
        expect(log.offsetForTimestamp(offset)).toMatchObject({ offset });
        expect(store.openFiles()).toBeLessThanOrEqual(MAX_OPEN_FILES);
      }
      expect(log.sizeBytes).toBe(
        files
          .list(FOLDER)
          .filter((name) => name.endsWith('.log'))
          .reduce((sum, name) => sum + files.size(`${FOLDER}/${name}`), 0),
      );
    },
  );

  test('counts no further than a reader asks', async () => {
    const log = await manySegments(50);
    const each = log.sizeBytes / 50;
    expect(log.sizeBetween(10, 50)).toBe(40 * each);
    expect(log.sizeBetween(10, 50, 1)).toBe(each);
    expect(log.sizeBetween(10, 50, 3 * each)).toBe(3 * each);
    expect(log.sizeBetween(10, 12, 3 * each)).toBe(2 * each);
    expect(log.sizeBetween(50, 50, 0)).toBe(0);
  });

  test('loses old segments a few at a time, as long as each costs; whatever ends it in between, the rest is a log', async () => {
    const config = { ...ONE_EACH, retentionMs: -1 };
    await manySegments(200);
    let costMs = 0;
    clock = Object.assign(Object.create(clock) as FakeClock, { monotonicMs: () => costMs });
    let log = await reopen('closed', config, heard({ syncDirectory: () => costMs++ }));
    expect(log.logEndOffset).toBe(200);
    log.configure(testConfig({ ...ONE_EACH, retentionMs: 1 }));
    const first = log.applyRetention();
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(20);
    expect([log.logStartOffset, log.segmentCount]).toEqual([first, 200 - first]);

    files.crash();
    store = openStore(files, '/data', clock);
    log = orders(store, config);
    expect((await readAll(log)).map(({ offset }) => offset)).toEqual(Array.from({ length: 200 - first }, (_, i) => first + i));
    log.configure(testConfig({ ...ONE_EACH, retentionMs: 1 }));
    let deleted = 0;
    for (let count = log.applyRetention(); count > 0; count = log.applyRetention()) deleted += count;
    expect([deleted, log.logStartOffset, log.logEndOffset]).toEqual([200 - first, 200, 200]);
  });
});

describe('reads that leave the loop', () => {
  /** What was read is held back until `go` is called. */
  function holding(): { over: Files; inFlight: () => number; most: () => number; go(): void } {
    let inFlight = 0;
    let most = 0;
    let held: (() => void)[] = [];
    const over = heard({}, (handle) => {
      return new Proxy(handle, {
        get(target, name) {
          if (name !== 'read') {
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? value.bind(target) : value;
          }
          return (into: Uint8Array, position: number, done: (error: Error | null, bytes: number) => void) => {
            inFlight++;
            most = Math.max(most, inFlight);
            target.read(into, position, (error, bytes) => {
              held.push(() => {
                inFlight--;
                done(error, bytes);
              });
            });
          };
        },
      });
    });
    const go = () => {
      const now = held;
      held = [];
      for (const each of now) each();
    };
    return { over, inFlight: () => inFlight, most: () => most, go };
  }

  test('take turns, two at a time, so that writes of producers find a thread; each gets what it asked for', async () => {
    await manySegments(60);
    const { over, inFlight, most, go } = holding();
    const log = await reopen('closed', ONE_EACH, over);
    const offsets = Array.from({ length: 50 }, (_, i) => i);
    const reads = offsets.map((offset) => read(log, offset, 1));
    expect(inFlight()).toBe(2);
    const written = append(log, produced(['new'], 60)).done;
    await written;
    expect(inFlight()).toBe(2);
    let answered = 0;
    for (const each of reads) void each.then(() => answered++);
    while (answered < reads.length) {
      go();
      await clock.settle();
    }
    expect((await Promise.all(reads)).map((chunk) => chunk?.nextOffset)).toEqual(offsets.map((offset) => offset + 1));
    expect(most()).toBe(2);
  });

  test('are told when what they waited for has gone meanwhile', async () => {
    await manySegments(60);
    const { over, inFlight, go } = holding();
    const log = await reopen('closed', ONE_EACH, over);
    const reads = [40, 41, 3, 50].map((offset) => read(log, offset, 1));
    const outcomes = Promise.allSettled(reads);
    log.configure(testConfig({ ...ONE_EACH, retentionBytes: log.sizeBytes / 3 }));
    expect(log.applyRetention()).toBe(40);
    while (inFlight() > 0) {
      go();
      await clock.settle();
    }
    expect(await outcomes).toMatchObject([
      { value: { nextOffset: 41 } },
      { value: { nextOffset: 42 } },
      { reason: { errorName: 'OFFSET_OUT_OF_RANGE' } },
      { value: { nextOffset: 51 } },
    ]);
    const late = [45, 46, 47].map((offset) => read(log, offset, 1));
    const refused = Promise.allSettled(late);
    store.delete({ topic: 'orders', partition: 0 });
    while (inFlight() > 0) {
      go();
      await clock.settle();
    }
    expect((await refused)[2]).toMatchObject({ reason: { errorName: 'UNKNOWN_TOPIC_OR_PARTITION' } });
    expect(files.list(FOLDER)).toEqual([]);
  });
});

test('slots are handed on in order, and not by recursion: twenty thousand that give back at once', () => {
  const slots = new SyncSlots(1);
  slots.take(() => {});
  const order: number[] = [];
  for (let i = 0; i < 20_000; i++)
    slots.take(() => {
      order.push(i);
      slots.giveBack();
    });
  expect(order).toEqual([]);
  slots.giveBack();
  expect(order).toHaveLength(20_000);
  expect(order.every((each, at) => each === at)).toBe(true);
});

test('lanes run so many steps at once, all of them, and say so once', () => {
  const waiting: (() => void)[] = [];
  let done = 0;
  let most = 0;
  const steps = Array.from({ length: 10 }, () => (next: (error: null) => void) => {
    waiting.push(() => next(null));
    most = Math.max(most, waiting.length);
  });
  inLanes(steps, 4, () => done++);
  expect(waiting).toHaveLength(4);
  let ended = 0;
  for (let next = waiting.shift(); next; next = waiting.shift(), ended++) {
    expect(done).toBe(0);
    next();
  }
  expect([ended, most, done]).toEqual([10, 4, 1]);
  inLanes([], 4, () => done++);
  expect(done).toBe(2);
});
