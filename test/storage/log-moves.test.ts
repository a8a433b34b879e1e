import { beforeEach, describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import type { Files } from '../../src/core/files.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { openDataDirectory } from '../../src/storage/data-directory.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import { type LogDirs, openLogDirs } from '../../src/storage/log-dirs.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { append, CLUSTER_ID, produced, readAll, TOPIC_ID, testConfig, truncate } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';

const ORDERS = { topic: 'orders', partition: 0 };
const SMALL = { segmentBytes: 600, indexIntervalBytes: 100 };

let files: MemoryFiles;
let clock: FakeClock;
beforeEach(() => {
  files = memoryFiles();
  clock = fakeClock();
});

interface Opened {
  readonly dirs: LogDirs;
  log(config?: Partial<LogConfig>): PartitionLog;
  close(): Promise<void>;
}

function open(paths = ['/a', '/b'], disk: Files = files, moveBytesPerSecond?: () => number): Opened {
  const directories = paths.map((path) => openDataDirectory(disk, path, 'test'));
  const [first, ...others] = directories;
  const options = { files: disk, clock, clusterId: CLUSTER_ID, nodeId: 1, ...(moveBytesPerSecond && { moveBytesPerSecond }) };
  const dirs = openLogDirs({ ...options, directories: [first!, ...others] });
  return {
    dirs,
    log(config = {}) {
      const log = dirs.log(ORDERS, TOPIC_ID, testConfig({ ...SMALL, ...config }));
      log.commitTo(Number.POSITIVE_INFINITY);
      return log;
    },
    close: () =>
      new Promise((resolve, reject) => {
        dirs.close((error) => {
          for (const directory of directories) directory.release();
          if (error) reject(error);
          else resolve();
        });
      }),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Until the log stands still, wherever that is. */
async function moved({ dirs }: Opened, isDead: () => boolean = () => false): Promise<void> {
  for (let turns = 0; dirs.moveOf(ORDERS) !== null && !isDead(); turns++) {
    if (turns > 20_000) throw new Error('the move does not end');
    await turn();
    clock.advance(10);
  }
  // What has moved away is removed file by file.
  const isLeft = () => ['/a', '/b'].some((path) => folders(path).some((name) => name.endsWith('-delete')));
  for (let turns = 0; turns < 500 && isLeft(); turns++) await turn();
  await turn();
}

const folders = (path: string) => files.list(path).filter((name) => name.startsWith('orders'));
const keys = async (log: PartitionLog) => (await readAll(log)).map(({ key }) => key);

async function fill(log: PartitionLog, count: number, from = 0): Promise<string[]> {
  const all: string[] = [];
  for (let i = from; i < from + count; i++) {
    all.push(`key ${i}`);
    await append(log, produced([`key ${i}`])).done;
  }
  return all;
}

test('a log moves with all that it has, and is there at the next start', async () => {
  const opened = open();
  const log = opened.log();
  const all = await fill(log, 40);
  log.deleteRecordsBefore(7);
  log.startEpoch(5);
  opened.dirs.move(log, TOPIC_ID, '/b');
  expect(opened.dirs.moveOf(ORDERS)).toMatchObject({ directory: '/b' });
  await moved(opened);
  expect([folders('/a'), folders('/b'), log.folder]).toEqual([[], ['orders-0'], '/b/orders-0']);
  expect(await keys(log)).toEqual(all.slice(7));
  const more = await fill(log, 20, 40);
  expect(log.endOffsetForEpoch(5)).toEqual({ leaderEpoch: 5, endOffset: 60 });
  await opened.close();
  const again = open(['/b', '/a']);
  expect(again.log().folder).toBe('/b/orders-0');
  expect(await keys(again.log())).toEqual([...all.slice(7), ...more]);
  expect(again.log().latestLeaderEpoch).toBe(5);
});

test('a log without records moves at once', async () => {
  const opened = open();
  const log = opened.log();
  opened.dirs.move(log, TOPIC_ID, '/b');
  expect(opened.dirs.directoryOf(ORDERS)).toBe('/b');
  await append(log, produced(['a'])).done;
  expect([folders('/a'), folders('/b')]).toEqual([[], ['orders-0']]);
});

test('it is told how much of it is there; where it is already the move ends, and elsewhere it begins anew', async () => {
  const opened = open(['/a', '/b', '/c'], files, () => 1000);
  const log = opened.log();
  const all = await fill(log, 40);
  opened.dirs.move(log, TOPIC_ID, '/b');
  const [future] = folders('/b');
  expect(future).toMatch(/^orders-0\.[0-9a-f]{32}-future$/);
  for (let i = 0; i < 50; i++) {
    await turn();
    clock.advance(20);
  }
  const { sizeBytes, endOffset } = opened.dirs.moveOf(ORDERS)!;
  expect(sizeBytes).toBeGreaterThan(0);
  expect(sizeBytes).toBeLessThan(log.sizeBytes);
  expect(endOffset).toBeGreaterThan(0);
  expect(endOffset).toBeLessThan(40);
  opened.dirs.move(log, TOPIC_ID, '/b');
  expect(folders('/b')).toEqual([future]);
  opened.dirs.move(log, TOPIC_ID, '/c');
  expect([folders('/b'), opened.dirs.moveOf(ORDERS)?.directory]).toEqual([[], '/c']);
  opened.dirs.move(log, TOPIC_ID, '/a');
  await turn();
  expect([folders('/a'), folders('/b'), folders('/c'), opened.dirs.moveOf(ORDERS)]).toEqual([['orders-0'], [], [], null]);
  expect(await keys(log)).toEqual(all);
});

test('a log that is deleted on its way leaves nothing', async () => {
  const opened = open(['/a', '/b'], files, () => 1000);
  await fill(opened.log(), 40);
  opened.dirs.move(opened.log(), TOPIC_ID, '/b');
  await turn();
  opened.dirs.delete(ORDERS);
  await moved(opened);
  expect([folders('/a'), folders('/b')]).toEqual([[], []]);
});

describe('a move that fails', () => {
  test('because there is no room leaves the log where it is', async () => {
    const opened = open();
    const all = await fill(opened.log(), 40);
    files.failNext('write', 'ENOSPC', { path: '-future/0' });
    opened.dirs.move(opened.log(), TOPIC_ID, '/b');
    await moved(opened);
    expect([folders('/a'), folders('/b')]).toEqual([['orders-0'], []]);
    expect(await keys(opened.log())).toEqual(all);
    opened.dirs.move(opened.log(), TOPIC_ID, '/b');
    await moved(opened);
    expect([folders('/a'), folders('/b')]).toEqual([[], ['orders-0']]);
  });

  test('because the other disk fails takes that offline, and the log stays', async () => {
    for (const [operation, path] of [
      ['write', '-future/0'],
      ['sync', '-future/0'],
      ['rename', '-future'],
      ['replace', '/b/recovery-point'],
    ] as const) {
      files = memoryFiles();
      const opened = open();
      const all = await fill(opened.log(), 40);
      opened.dirs.move(opened.log(), TOPIC_ID, '/b');
      files.failNext(operation, 'EIO', { path });
      await moved(opened);
      expect([operation, opened.dirs.stores.map(({ failure }) => failure !== null)]).toEqual([operation, [false, true]]);
      expect([operation, folders('/a')]).toEqual([operation, ['orders-0']]);
      const more = await fill(opened.log(), 3, 40);
      expect(await keys(opened.log())).toEqual([...all, ...more]);
      expect(() => opened.dirs.move(opened.log(), TOPIC_ID, '/b')).toThrow(expect.objectContaining({ errorName: 'KAFKA_STORAGE_ERROR' }));
      files.kill();
      const again = open();
      expect(await keys(again.log())).toEqual([...all, ...more]);
    }
  });

  test('because its own disk fails is over, and what is there stays offline', async () => {
    const opened = open();
    await fill(opened.log(), 40);
    files.failNext('read', 'EIO', { path: '/a/orders-0' });
    opened.dirs.move(opened.log(), TOPIC_ID, '/b');
    await moved(opened);
    expect(opened.dirs.stores.map(({ failure }) => failure !== null)).toEqual([true, false]);
    expect(opened.log().isOffline).toBe(true);
    expect(folders('/b')).toEqual([]);
  });
});

describe('a log that changes on its way', () => {
  const seeds = Array.from({ length: Number(process.env.LOG_MOVE_RUNS ?? 12) }, (_, i) => i + Number(process.env.LOG_MOVE_SEED ?? 1));

  test.each(seeds)('has at its end what it had all along (seed %i)', async (seed) => {
    const random = prng(seed);
    const opened = open(['/a', '/b'], files, () => (seed % 2 === 0 ? 100_000 : 1_000_000));
    const log = opened.log({ retentionBytes: 6000, compacted: seed % 3 === 0, deletes: true });
    let model: { offset: number; key: string }[] = [];
    let next = 0;
    const appendSome = async () => {
      const batch = Array.from({ length: 1 + Math.floor(random() * 3) }, () => `k${next++ % 37}`);
      const { info, done } = append(log, produced(batch, 1000, 20));
      batch.forEach((key, i) => {
        model.push({ offset: info.baseOffset + i, key });
      });
      if (random() < 0.5) await done;
    };
    for (let i = 0; i < 40; i++) await appendSome();
    let target = '/b';
    opened.dirs.move(log, TOPIC_ID, target);
    for (let i = 0; i < 400; i++) {
      const dice = random();
      if (dice < 0.6) await appendSome();
      else if (dice < 0.63) log.applyRetention();
      else if (dice < 0.66 && seed % 3 === 0) await new Promise((resolve) => log.compact(resolve));
      else if (dice < 0.68 && seed % 3 !== 0) {
        // What is committed is never cut off, and nothing else is compacted: the two do not meet.
        await new Promise((resolve) => log.drain(new Error('over') as never, resolve));
        const to = Math.max(log.logStartOffset, log.logEndOffset - Math.floor(random() * 30));
        await truncate(log, to);
        model = model.filter(({ offset }) => offset < log.logEndOffset);
      } else if (dice < 0.72) await new Promise((resolve) => log.flush(resolve));
      else clock.advance(5);
      await turn();
      if (opened.dirs.moveOf(ORDERS) === null) {
        target = target === '/a' ? '/b' : '/a';
        opened.dirs.move(log, TOPIC_ID, target);
      }
    }
    await moved(opened);
    await new Promise((resolve) => log.flush(resolve));
    const check = async (found: PartitionLog) => {
      const records = (await readAll(found)).map(({ offset, key }) => ({ offset, key }));
      const wanted = model.filter(({ offset }) => offset >= found.logStartOffset && offset < found.logEndOffset);
      if (seed % 3 !== 0) expect(records).toEqual(wanted);
      const latest = new Map(wanted.map((record) => [record.key, record.offset]));
      for (const [key, offset] of latest) expect(records).toContainEqual({ key, offset });
      for (const record of records) expect(wanted).toContainEqual(record);
    };
    await check(log);
    expect([folders(target).length, folders(target === '/a' ? '/b' : '/a').length]).toEqual([1, 0]);
    const clean = random() < 0.5;
    if (clean) await opened.close();
    else files.kill();
    const again = open();
    await check(again.log({ compacted: seed % 3 === 0, deletes: true }));
  });
});

describe('what a crash left of a move', () => {
  const [one, other] = ['1'.repeat(32), '2'.repeat(32)];
  const DOOMED = `/a/orders-0.${one}-delete`;

  /** As it is between the two renames: the folder is about to be deleted, the copy has not got its name. */
  async function leave(unique: string): Promise<string[]> {
    const opened = open();
    const all = await fill(opened.log(), 20);
    await opened.close();
    const future = `/b/orders-0.${unique}-future`;
    files.makeDirectory(future);
    for (const name of files.list('/a/orders-0')) files.copy(`/a/orders-0/${name}`, `${future}/${name}`);
    files.rename('/a/orders-0', DOOMED);
    return all;
  }
  /** One of the directories cannot be used at the start. */
  async function openWithout(path: '/a' | '/b') {
    const directory = openDataDirectory(files, path === '/a' ? '/b' : '/a', 'test');
    const dirs = openLogDirs({
      ...{ files, clock, clusterId: CLUSTER_ID, nodeId: 1, directories: [directory] },
      offline: [{ path, error: new Error('EIO') }],
    });
    dirs.holdBack([{ ...ORDERS, topicId: TOPIC_ID }]);
    expect(() => dirs.log(ORDERS, TOPIC_ID, testConfig(SMALL)).logEndOffset).toThrow(/offline/);
    await new Promise((resolve) => dirs.close(resolve));
    directory.release();
  }

  test('a copy takes the place of the folder that was renamed for it', async () => {
    const all = await leave(one);
    const opened = open();
    expect(await keys(opened.log())).toEqual(all);
    expect([folders('/a'), folders('/b')]).toEqual([[], ['orders-0']]);
  });

  test('a copy that nothing was renamed for is never served', async () => {
    await leave(other);
    const opened = open();
    expect(await keys(opened.log())).toEqual([]);
    expect(folders('/b')).toEqual([expect.stringMatching(/-stray$/)]);
  });

  test.each(['/a', '/b'] as const)('while %s is offline nothing is served, and nothing is lost', async (path) => {
    const all = await leave(one);
    await openWithout(path);
    expect([folders('/a'), folders('/b')]).toEqual([[`orders-0.${one}-delete`], [`orders-0.${one}-future`]]);
    expect(await keys(open().log())).toEqual(all);
  });

  test('what the checkpoints of the other directory say already is not true of a log that stayed', async () => {
    const opened = open();
    const all = await fill(opened.log(), 20);
    await opened.close();
    files.makeDirectory(`/b/orders-0.${one}-future`);
    files.replace('/b/log-start-offset-checkpoint', '0\n1\norders 0 15\n');
    const again = open();
    again.dirs.delete(ORDERS);
    again.dirs.prefer(ORDERS, '/b');
    const log = again.dirs.log(ORDERS, 'CCCCCCCCCCCCCCCCCCCCCC', testConfig(SMALL));
    expect([log.folder, log.logStartOffset, all.length]).toEqual(['/b/orders-0', 0, 20]);
  });
});

/** Files that die at the `survives`-th of the operations that last: a kill, or the power going off. */
function mortal(
  disk: MemoryFiles,
  die: () => void,
): { files: Files; dieAfter(survives: number): void; isDead(): boolean; count(): number } {
  let left = Number.POSITIVE_INFINITY;
  let count = 0;
  let dead = false;
  const lasting = new Set(['rename', 'remove', 'syncDirectory', 'replace', 'open', 'makeDirectory']);
  const strike = () => {
    if (dead) throw new Error('dead');
    count++;
    if (--left >= 0) return;
    dead = true;
    die();
    throw new Error('dead');
  };
  const wrap = <T extends object>(object: T, names: Set<string>): T =>
    new Proxy(object, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (dead || names.has(String(name))) strike();
          const result = Reflect.apply(value, target, args) as unknown;
          return name === 'open' ? wrap(result as object, new Set(['write', 'writeSync', 'sync', 'syncSync', 'truncate'])) : result;
        };
      },
    });
  return { files: wrap(disk, lasting), dieAfter: (survives) => (left = survives), isDead: () => dead, count: () => count };
}

describe.each(['a kill', 'a power failure'])('%s at any moment of a move', (how) => {
  /** Appends go on while it moves; everything that was acknowledged must be in the one log that is left. */
  async function dieAt(survives: number): Promise<{ count: number; resumed: boolean; inPlace: boolean }> {
    files = memoryFiles();
    clock = fakeClock();
    const random = prng(survives + 1);
    const disk = files;
    const die = () => (how === 'a kill' ? disk.kill() : disk.crash(random));
    const doomed = mortal(disk, die);
    const opened = open(['/a', '/b'], doomed.files);
    const log = opened.log({ flushMessages: 1 });
    const acknowledged = await fill(log, 12);
    const before = doomed.count();
    doomed.dieAfter(survives);
    try {
      opened.dirs.move(log, TOPIC_ID, '/b');
    } catch {
      // dead
    }
    for (let i = 12; opened.dirs.moveOf(ORDERS) !== null && !doomed.isDead(); i++) {
      try {
        append(log, produced([`key ${i}`])).done.then(
          () => acknowledged.push(`key ${i}`),
          () => {},
        );
      } catch {
        // dead
      }
      await turn();
      clock.advance(10);
    }
    await turn();
    await turn();
    const count = doomed.count() - before;
    if (!doomed.isDead()) die();

    const again = open();
    const found = await keys(again.log());
    expect([survives, found.slice(0, acknowledged.length)]).toEqual([survives, acknowledged]);
    expect([survives, folders('/a').length + folders('/b').length]).toEqual([survives, 1]);
    const [unfinished] = again.dirs.unfinishedMoves();
    const inPlace = again.log().folder === '/b/orders-0';
    if (unfinished) {
      expect(inPlace).toBe(false);
      again.dirs.move(again.log(), TOPIC_ID, unfinished.directory);
    }
    const more = await fill(again.log(), 3, 1000);
    await moved(again);
    if (unfinished) expect(again.log().folder).toBe('/b/orders-0');
    await again.close();
    const last = open();
    expect(await keys(last.log())).toEqual([...found, ...more]);
    return { count, resumed: unfinished !== undefined, inPlace };
  }

  test('leaves one log that has everything', async () => {
    const { count, inPlace } = await dieAt(Number.MAX_SAFE_INTEGER);
    expect(count).toBeGreaterThan(30);
    expect(inPlace).toBe(true);
    const outcomes = { resumed: 0, inPlace: 0, forgotten: 0 };
    for (let survives = 0; survives <= count + 5; survives++) {
      const { resumed, inPlace } = await dieAt(survives);
      outcomes[resumed ? 'resumed' : inPlace ? 'inPlace' : 'forgotten']++;
    }
    expect(outcomes.resumed).toBeGreaterThan(10);
    expect(outcomes.inPlace).toBeGreaterThan(3);
  });
});
