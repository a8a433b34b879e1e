import { beforeEach, describe, expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { openDataDirectory } from '../../src/storage/data-directory.ts';
import type { LogFailure } from '../../src/storage/disk-failure.ts';
import { writeDiskState } from '../../src/storage/disk-state.ts';
import { type LogDirs, type OfflineDirectory, openLogDirs } from '../../src/storage/log-dirs.ts';
import { append, CLUSTER_ID, produced, read, TOPIC_ID, testConfig } from '../support/log-fixture.ts';

const storageError = expect.objectContaining({ errorName: 'KAFKA_STORAGE_ERROR' });
const OTHER_ID = 'CCCCCCCCCCCCCCCCCCCCCC';

let files: MemoryFiles;
let release: () => void;
let failures: LogFailure[];
beforeEach(() => {
  files = memoryFiles();
  failures = [];
});

function open(paths: readonly string[] = ['/a', '/b'], offline: readonly OfflineDirectory[] = []): LogDirs {
  const directories = paths.map((path) => openDataDirectory(files, path, 'test'));
  release = () => {
    for (const directory of directories) directory.release();
  };
  const [first, ...others] = directories;
  const dirs = openLogDirs({ files, directories: [first!, ...others], offline, clock: fakeClock(), clusterId: CLUSTER_ID, nodeId: 1 });
  dirs.onFailure((failure) => failures.push(failure));
  return dirs;
}
function close(dirs: LogDirs): Promise<void> {
  return new Promise((resolve, reject) => {
    dirs.close((error) => {
      release();
      if (error) reject(error);
      else resolve();
    });
  });
}
function log(dirs: LogDirs, partition: number, topicId = TOPIC_ID) {
  const found = dirs.log({ topic: 'orders', partition }, topicId, testConfig());
  found.commitTo(Number.POSITIVE_INFINITY);
  return found;
}
/** Partitions 0 to `count` - 1, one record each. */
async function fill(dirs: LogDirs, count: number): Promise<void> {
  for (let partition = 0; partition < count; partition++) await append(log(dirs, partition), produced(['a'])).done;
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('several directories', () => {
  test('a new log goes to the directory with the fewest, and is found there at the next start', async () => {
    const dirs = open();
    await fill(dirs, 4);
    await close(dirs);
    expect(files.list('/a').filter((name) => name.startsWith('orders'))).toEqual(['orders-0', 'orders-2']);
    expect(files.list('/b').filter((name) => name.startsWith('orders'))).toEqual(['orders-1', 'orders-3']);
    const again = open(['/b', '/a', '/c']);
    for (let partition = 0; partition < 4; partition++) expect(log(again, partition).logEndOffset).toBe(1);
    expect(log(again, 4).folder).toBe('/c/orders-4');
  });

  test('each has its own id, lock, checkpoints and mark of a clean end', async () => {
    const dirs = open();
    await fill(dirs, 2);
    const ids = dirs.stores.map(({ meta }) => meta.directoryId);
    expect(new Set(ids).size).toBe(2);
    expect(() => openDataDirectory(files, '/b', 'second')).toThrow('locked');
    await close(dirs);
    for (const path of ['/a', '/b']) expect(openDataDirectory(files, path, 'test').endedCleanly).toBe(true);
    expect(files.read('/a/recovery-point-offset-checkpoint')!.toString()).toBe('0\n1\norders 0 1\n');
    expect(files.read('/b/recovery-point-offset-checkpoint')!.toString()).toBe('0\n1\norders 1 1\n');
  });

  test('a partition in two directories keeps the broker from starting', async () => {
    await close(await filled(['/a']));
    await close(await filled(['/b']));
    expect(() => open()).toThrow('orders-0 is in both /a and /b');
  });

  test('a partition that came back while its directory was offline is served from where it came back', async () => {
    await close(await filled(['/a']));
    await close(await filled(['/b']));
    const state = { generation: 0, bootId: null, directories: [], failed: [] };
    writeDiskState({ files, path: '/a' }, { ...state, brokerEpoch: 9 });
    writeDiskState({ files, path: '/b' }, { ...state, brokerEpoch: 7 });
    const dirs = open();
    expect(log(dirs, 0).folder).toBe('/a/orders-0');
    expect(files.list('/b').filter((name) => name.endsWith('-stray'))).toHaveLength(1);
  });

  test('a folder of a deleted topic does not stand in the way of its successor in another directory', async () => {
    await close(await filled(['/a'], OTHER_ID));
    await close(await filled(['/b']));
    const dirs = open();
    expect(log(dirs, 0).folder).toBe('/b/orders-0');
    expect(log(dirs, 0).logEndOffset).toBe(1);
  });

  async function filled(paths: string[], topicId = TOPIC_ID): Promise<LogDirs> {
    const dirs = open(paths);
    await append(log(dirs, 0, topicId), produced(['a'])).done;
    return dirs;
  }
});

describe('a directory whose disk fails', () => {
  const cases: [string, (dirs: LogDirs) => Promise<unknown>][] = [
    [
      'a write',
      (dirs) => {
        files.failNext('write', 'EIO', { path: '/b/orders-1' });
        return append(log(dirs, 1), produced(['b'])).done;
      },
    ],
    [
      'a read',
      (dirs) => {
        files.failNext('read', 'EIO', { path: '/b/orders-1' });
        return read(log(dirs, 1), 0);
      },
    ],
    [
      'a sync',
      (dirs) => {
        files.failNext('sync', 'EINVAL', { path: '/b/orders-1' });
        return new Promise<void>((resolve, reject) => {
          log(dirs, 1).flush((error) => (error ? reject(error) : resolve()));
        });
      },
    ],
    [
      'a checkpoint',
      async (dirs) => {
        files.failNext('replace', 'EROFS', { path: '/b/recovery' });
        dirs.writeCheckpoints();
      },
    ],
  ];
  test.each(cases)('takes all its logs offline, and no other: %s', async (_what, fail) => {
    const dirs = open();
    await fill(dirs, 4);
    await expect(fail(dirs)).rejects.toThrow();
    await turn();
    expect(failures.map(({ directory, isDirectory }) => ({ directory, isDirectory }))).toEqual([{ directory: '/b', isDirectory: true }]);
    expect(partitions(failures[0]!.partitions)).toEqual([1, 3]);
    expect(partitions(dirs.offline())).toEqual([1, 3]);
    expect(dirs.isOffline({ topic: 'orders', partition: 3 })).toBe(true);
    expect(dirs.isOffline({ topic: 'orders', partition: 2 })).toBe(false);
    expect(() => log(dirs, 3).logEndOffset).toThrow(storageError);
    await append(log(dirs, 0), produced(['b'])).done;
    await append(log(dirs, 2), produced(['b'])).done;
    dirs.writeCheckpoints();
    expect(log(dirs, 4).folder).toBe('/a/orders-4');
  });

  test('is not touched any more, not even at the end', async () => {
    const dirs = open();
    await fill(dirs, 2);
    const appended = append(log(dirs, 1), produced(['b'])); // queued behind the failure
    dirs.failDirectory('/b', new Error('taken out'));
    const before = content('/b');
    await expect(appended.done).rejects.toEqual(storageError);
    dirs.writeCheckpoints();
    dirs.writeHighWatermarks();
    dirs.delete({ topic: 'orders', partition: 1 });
    await close(dirs);
    expect(content('/b')).toEqual(before);
    expect(openDataDirectory(files, '/a', 'test').endedCleanly).toBe(true);
    expect(openDataDirectory(files, '/b', 'test').endedCleanly).toBe(false);
  });

  test('has failed when it was taken away: no log begins in what is in its place', async () => {
    const dirs = open();
    await fill(dirs, 2);
    files.remove('/b');
    files.makeDirectory('/b');
    expect(() => append(log(dirs, 2), produced(['b']))).not.toThrow(); // in /a
    expect(() => append(log(dirs, 3), produced(['b']))).toThrow(storageError);
    await turn();
    expect(partitions(dirs.offline())).toEqual([1, 3]);
    expect(files.list('/b')).toEqual([]);
  });

  test('is told with partitions that were not used since the start', async () => {
    const first = open();
    await fill(first, 4);
    await close(first);
    const dirs = open();
    dirs.failDirectory('/b', new Error('taken out'));
    await turn();
    expect(partitions(failures[0]!.partitions)).toEqual([1, 3]);
    expect(() => log(dirs, 1).logEndOffset).toThrow(storageError);
  });

  test('does not count as failed for one damaged log', async () => {
    const dirs = open();
    await fill(dirs, 4);
    files.failNext('write', 'ENOSPC', { path: '/b/orders-1' });
    files.failNext('truncate', 'EINVAL', { path: '/b/orders-1' });
    await expect(append(log(dirs, 1), produced(['b'])).done).rejects.toEqual(storageError);
    await turn();
    expect(failures).toMatchObject([{ directory: '/b', isDirectory: false, partitions: [{ topic: 'orders', partition: 1 }] }]);
    expect(log(dirs, 3).logEndOffset).toBe(1);
  });

  test('does not count as failed when it is full', async () => {
    const dirs = open();
    await fill(dirs, 2);
    files.failNext('write', 'ENOSPC', { path: '/b/orders-1' });
    await expect(append(log(dirs, 1), produced(['b'])).done).rejects.toEqual(storageError);
    await append(log(dirs, 1), produced(['b'])).done;
    expect(failures).toEqual([]);
  });

  function content(path: string): string[] {
    return files.list(path).flatMap((name) => {
      const inner = `${path}/${name}`;
      if (name.startsWith('.lock')) return [];
      return files.isDirectory(inner) ? content(inner) : [`${inner} ${files.read(inner)!.toString('hex')}`];
    });
  }
});

describe('a directory that cannot be used at the start', () => {
  const offline = [{ path: '/b', error: new Error('EIO') }];
  const had = (...numbers: number[]) => numbers.map((partition) => ({ topic: 'orders', partition, topicId: TOPIC_ID }));

  test('what may be in it is offline and not made anew elsewhere', async () => {
    const first = open();
    await fill(first, 4);
    await close(first);
    const dirs = open(['/a'], offline);
    dirs.holdBack(had(0, 1, 2, 3));
    expect(partitions(dirs.offline())).toEqual([1, 3]);
    expect(() => log(dirs, 1).logEndOffset).toThrow(storageError);
    expect(() => append(log(dirs, 3), produced(['b']))).toThrow(storageError);
    expect(log(dirs, 0).logEndOffset).toBe(1);
    await close(dirs);
    expect(files.list('/a').filter((name) => name.startsWith('orders'))).toEqual(['orders-0', 'orders-2']);
    const again = open();
    expect(log(again, 1).logEndOffset).toBe(1);
  });

  test('what is assigned to this broker later is made where there is room', () => {
    const dirs = open(['/a'], offline);
    dirs.holdBack(had(0));
    expect(log(dirs, 1).folder).toBe('/a/orders-1');
    dirs.delete({ topic: 'orders', partition: 0 });
    expect(log(dirs, 0).folder).toBe('/a/orders-0');
  });

  test('a new topic with the name of one that may be in it is not held back', () => {
    const dirs = open(['/a'], offline);
    dirs.holdBack(had(0));
    expect(log(dirs, 0, OTHER_ID).folder).toBe('/a/orders-0');
    expect(dirs.offline()).toEqual([]);
  });

  test('one that can be locked and not written to is left out as well', async () => {
    const first = open();
    await fill(first, 2);
    await close(first);
    files.failNext('sync', 'EROFS', { path: '/b' });
    const dirs = open();
    expect(dirs.unusable.map(({ path }) => path)).toEqual(['/b']);
    dirs.holdBack(had(0, 1));
    expect(partitions(dirs.offline())).toEqual([1]);
  });

  test('the first must be usable', () => {
    files.failNext('sync', 'EROFS', { path: '/a' });
    expect(() => open()).toThrow('EROFS');
  });
});

const partitions = (list: readonly { partition: number }[]) => list.map(({ partition }) => partition).sort();
