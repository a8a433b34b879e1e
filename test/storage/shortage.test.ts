import { describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import type { Files } from '../../src/core/files.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { openDataDirectory } from '../../src/storage/data-directory.ts';
import { type LogStore, openLogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { fewHandles } from '../support/few-handles.ts';
import {
  append,
  appendFetched,
  CLUSTER_ID,
  closeStore,
  flush,
  orders,
  produced,
  readAll,
  TOPIC_ID,
  testConfig,
} from '../support/log-fixture.ts';
import { type Logged, listLogger } from '../support/memory-broker.ts';

const FILLER = '/filler';
/** Small, so that a few batches roll segments, and spill indexes. */
const SMALL = { segmentBytes: 400, indexIntervalBytes: 0 };

function open(files: Files, clock: FakeClock, logged: Logged[] = []): LogStore {
  const directory = openDataDirectory(files, '/data', 'test');
  return openLogStore({ directory, clock, clusterId: CLUSTER_ID, nodeId: 1, logger: listLogger(logged) });
}

const settled = async (clock: FakeClock, done: Promise<void>): Promise<Error | null> => {
  const outcome = done.then(
    () => null,
    (error: Error) => error,
  );
  await clock.settle();
  return outcome;
};

/** Appends one record of this key; false: it was refused, as for want of room. */
async function tryAppend(log: PartitionLog, clock: FakeClock, key: string): Promise<boolean> {
  try {
    const failure = await settled(clock, append(log, produced([key])).done);
    if (failure) expect(failure).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR', message: expect.stringMatching(/ENOSPC|EMFILE/) });
    return failure === null;
  } catch (error) {
    expect(error).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR', message: expect.stringMatching(/ENOSPC|EMFILE/) });
    return false;
  }
}

const keysOf = async (log: PartitionLog) => (await readAll(log)).map(({ key }) => key);
const told = (logged: readonly Logged[]) =>
  logged.filter(({ level }) => level === 'error' || level === 'warn').map(({ message }) => message);

describe('a full disk', () => {
  /** The disk has `room` bytes beside what fills it; the filler can go. */
  function disk(room: number) {
    const clock = fakeClock();
    const files = memoryFiles({ clock, maxBytes: 100_000 });
    const filler = files.open(FILLER, 'rw');
    filler.writeSync([Buffer.alloc(100_000 - room)], 0);
    return { clock, files };
  }

  test.each(Array.from({ length: 12 }, (_, i) => 600 + i * 137))(
    'with room for %i bytes: what is refused is not there, reads go on, and it goes on when there is room',
    async (room) => {
      for (let more = 0; more < 137; more += 9) {
        const { clock, files } = disk(room + more);
        const logged: Logged[] = [];
        let store = open(files, clock, logged);
        let log = orders(store, SMALL);
        const kept: string[] = [];
        for (let i = 0; i < 25; i++) if (await tryAppend(log, clock, `k${i}`)) kept.push(`k${i}`);
        expect(kept.length).toBeLessThan(25);
        expect(log.isOffline).toBe(false);
        expect(await keysOf(log)).toEqual(kept);
        expect(log.logEndOffset).toBe(kept.length);
        files.remove(FILLER);
        for (let i = 25; i < 35; i++) {
          expect(await tryAppend(log, clock, `k${i}`)).toBe(true);
          kept.push(`k${i}`);
        }
        expect(await keysOf(log)).toEqual(kept);
        files.kill();
        store = open(files, clock);
        log = orders(store, SMALL);
        expect(await keysOf(log)).toEqual(kept);
        await closeStore(store);
        expect(told(logged).filter((message) => /^the disk is full/.test(message))).toHaveLength(1);
      }
    },
  );

  test('is told of once, and once again when nothing was refused for a while', async () => {
    const { clock, files } = disk(1_500);
    const logged: Logged[] = [];
    const store = open(files, clock, logged);
    const log = orders(store);
    for (let i = 0; i < 50; i++) await tryAppend(log, clock, 'k');
    const full = /^the disk is full: what cannot be written is refused/;
    expect(told(logged)).toEqual([expect.stringMatching(full)]);
    files.remove(FILLER);
    await tryAppend(log, clock, 'k');
    await clock.advance(10_000);
    await tryAppend(log, clock, 'k');
    await tryAppend(log, clock, 'k');
    expect(told(logged)).toEqual([expect.stringMatching(full), 'there is room again: writes succeed']);
    await closeStore(store);
  });

  test('takes nothing of what a leader sends, and all of it later; a log that is opened on it can be read', async () => {
    const { clock, files } = disk(2_000);
    let store = open(files, clock);
    let log = orders(store);
    const leader = open(memoryFiles({ clock }), clock);
    const source = orders(leader);
    for (let i = 0; i < 40; i++) await tryAppend(source, clock, `k${i}`);
    let from = 0;
    const fetch = async () => {
      const batches = await new Promise<Buffer>((resolve, reject) =>
        source.read(from, 300, Number.MAX_SAFE_INTEGER, true, (error, chunk) =>
          chunk ? resolve(Buffer.from(chunk.bytes)) : reject(error),
        ),
      );
      const failure = await settled(clock, appendFetched(log, batches));
      if (failure) expect(failure).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' });
      from = log.logEndOffset;
      return failure === null;
    };
    while (await fetch());
    const before = await keysOf(log);
    expect(before.length).toBeGreaterThan(2);
    files.kill();
    store = open(files, clock);
    log = orders(store);
    log.startEpoch(7);
    expect(await keysOf(log)).toEqual(before);
    expect(await fetch()).toBe(false);
    files.remove(FILLER);
    while (from < 40) expect(await fetch()).toBe(true);
    expect(await keysOf(log)).toEqual(await keysOf(source));
    await closeStore(store);
  });

  test.each([0, 100, 300, 500, 700, 900, 1_500])(
    'with %i bytes left a compaction fails, or not; the log stays as it is, and is compacted when there is room',
    async (left) => {
      const clock = fakeClock();
      const files = memoryFiles({ clock, maxBytes: 100_000 });
      const logged: Logged[] = [];
      let store = open(files, clock, logged);
      const compacted = { ...SMALL, compacted: true, minCleanableDirtyRatio: 0 };
      const log = orders(store, compacted);
      const kept: string[] = [];
      for (let i = 0; i < 60; i++) if (await tryAppend(log, clock, `k${i % 7}`)) kept.push(`k${i % 7}`);
      await flush(log);
      const filler = files.open(FILLER, 'rw');
      filler.writeSync([Buffer.alloc(100_000 - files.usedBytes() - left)], 0);
      filler.close();
      const compact = async (): Promise<Error | null> => {
        let outcome: Error | null | undefined;
        log.compact((error) => {
          outcome = error;
        });
        for (let i = 0; i < 50 && outcome === undefined; i++) await clock.advance(10);
        expect(outcome).toBeDefined();
        return outcome!;
      };
      const failure = await compact();
      if (failure) {
        expect(failure).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining('ENOSPC') });
        expect(new Set(await keysOf(log))).toEqual(new Set(kept)); // what was written anew before may have its place
      }
      expect(log.isOffline).toBe(false);
      files.remove(FILLER);
      expect(await compact()).toBeNull();
      const keys = await keysOf(log);
      expect(keys.length).toBeLessThan(kept.length);
      expect(new Set(keys)).toEqual(new Set(kept));
      files.kill();
      store = open(files, clock);
      expect(await keysOf(orders(store, compacted))).toEqual(keys);
      await closeStore(store);
      if (left === 0) expect(failure).not.toBeNull();
    },
  );

  test('a checkpoint that could not be written is written when it is next needed, though nothing changed since', async () => {
    const { clock, files } = disk(3_000);
    let store = open(files, clock);
    const log = orders(store, { compacted: true });
    for (let i = 0; i < 4; i++) await tryAppend(log, clock, `k${i}`);
    await flush(log);
    files.failNext('replace', 'ENOSPC');
    expect(() => store.writeCheckpoints()).toThrow(/ENOSPC/);
    files.remove(FILLER);
    const location = (log as unknown as { location: { madeDurable(offset: number): void } }).location;
    location.madeDurable(log.recoveryPoint);
    files.kill();
    store = open(files, clock);
    expect(orders(store, { compacted: true }).recoveryPoint).toBeGreaterThan(0);
    await closeStore(store);
  });
});

describe('too many open files', () => {
  test.each([0, 1, 2, 3, 4, 5, 6])(
    '%i handles are left: a log goes on with what it has, or refuses, and goes on when there are more',
    async (limit) => {
      const clock = fakeClock();
      const inner = memoryFiles({ clock });
      const files = fewHandles(inner, 1_000);
      const logged: Logged[] = [];
      const store = open(files, clock, logged);
      const log = orders(store, SMALL);
      const kept: string[] = [];
      const fill = async (from: number) => {
        for (let i = from; i < from + 12; i++) if (await tryAppend(log, clock, `k${i}`)) kept.push(`k${i}`);
      };
      await fill(0);
      files.limit = limit;
      await fill(12);
      await clock.advance(100_000);
      expect(log.isOffline).toBe(false);
      files.limit = 1_000;
      expect(await keysOf(log)).toEqual(kept);
      await fill(24);
      expect(kept.slice(-12)).toEqual(Array.from({ length: 12 }, (_, i) => `k${24 + i}`));
      expect(await keysOf(log)).toEqual(kept);
      await closeStore(store);
      const again = open(inner, clock);
      expect(await keysOf(orders(again, SMALL))).toEqual(kept);
      await closeStore(again);
      if (limit >= 3) expect(kept).toHaveLength(36); // .log and both indexes: that is enough for any number of logs
    },
  );

  test('more logs than there are handles for, new ones too, and checkpoints: all goes on', async () => {
    const clock = fakeClock();
    const files = fewHandles(memoryFiles({ clock }), 1_000);
    const logged: Logged[] = [];
    const store = open(files, clock, logged);
    files.limit = 8;
    const logs = Array.from({ length: 20 }, (_, partition) => store.log({ topic: 'many', partition }, TOPIC_ID, testConfig(SMALL)));
    for (let round = 0; round < 3; round++) {
      for (const log of logs) expect(await tryAppend(log, clock, `k${round}`)).toBe(true);
      store.writeCheckpoints();
      store.writeHighWatermarks();
    }
    for (const log of logs) {
      log.commitTo(Number.POSITIVE_INFINITY);
      expect(await keysOf(log)).toEqual(['k0', 'k1', 'k2']);
    }
    await closeStore(store);
    expect(told(logged)).toEqual([]);
  });

  test('records that must be synced wait until they can be, and are not lost', async () => {
    const clock = fakeClock();
    const inner = memoryFiles({ clock });
    const files = fewHandles(inner, 1_000);
    const store = open(files, clock);
    const log = orders(store, { ...SMALL, flushMessages: 1 });
    const kept: string[] = [];
    for (let i = 0; i < 30; i++) {
      files.limit = i % 3 === 2 ? i % 4 : 1_000;
      let done = false;
      try {
        append(log, produced([`k${i}`])).done.then(
          () => {
            kept.push(`k${i}`);
            done = true;
          },
          () => {
            done = true;
          },
        );
      } catch {
        done = true;
      }
      await clock.settle();
      files.limit = 1_000;
      for (let n = 0; n < 10 && !done; n++) await clock.advance(200);
      expect(done).toBe(true);
    }
    expect(log.isOffline).toBe(false);
    expect(kept.length).toBeGreaterThan(20);
    inner.crash();
    const again = open(inner, clock);
    expect(await keysOf(orders(again, SMALL))).toEqual(kept);
    await closeStore(again);
  });

  test('a log cannot be opened, and can be later', async () => {
    const clock = fakeClock();
    const inner = memoryFiles({ clock });
    let store = open(inner, clock);
    let log = orders(store, SMALL);
    for (let i = 0; i < 12; i++) await tryAppend(log, clock, `k${i}`);
    const keys = await keysOf(log);
    inner.kill();
    const files = fewHandles(inner, 1_000);
    const logged: Logged[] = [];
    store = open(files, clock, logged);
    log = orders(store, SMALL);
    for (let limit = 0; limit < 6; limit++) {
      files.limit = limit;
      try {
        expect(log.logEndOffset).toBe(12);
      } catch (error) {
        expect(error).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining('EMFILE') });
      }
      expect(told(logged)).toEqual([expect.stringMatching(/^too many files are open/)]);
    }
    files.limit = 1_000;
    expect(await keysOf(log)).toEqual(keys);
    await closeStore(store);
  });
});
