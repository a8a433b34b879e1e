import { beforeEach, describe, expect, test } from 'vitest';
import { readBootId } from '../../src/core/boot-id.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { claimDirectory, type DataDirectory, markCleanEnd, markInUse, openDataDirectory } from '../../src/storage/data-directory.ts';
import { DiskIdentity } from '../../src/storage/disk-identity.ts';

const FILE = '/data/minikafka.disk';

let files: MemoryFiles;
let bootId: string | null;
/** The revision of /b/known/<id>. */
let known: number;
let directory: DataDirectory;
beforeEach(() => {
  files = memoryFiles();
  bootId = 'first start';
  known = 0;
});

/** What a broker does at its start, up to its registration. */
function start(): DiskIdentity {
  directory = openDataDirectory(files, '/data', 'test');
  const { directoryId } = claimDirectory(directory, 'cluster', 1);
  markInUse(directory);
  return new DiskIdentity({ directory, directoryId, bootId });
}
/** Registers with broker epoch `epoch`; returns the generation. */
function register(disk: DiskIdentity, epoch: number): number {
  const generation = disk.generationToRegister(known);
  known = epoch;
  disk.noteRegistered(epoch);
  return generation;
}
function endCleanly(): void {
  markCleanEnd(directory);
  directory.release();
}
function kill(): void {
  files.kill();
}
/** The machine dies: what was not synced is lost. */
function loseMachine(): void {
  files.crash();
  bootId = `${bootId}, and another`;
}

describe('the generation of a disk', () => {
  test('is 0 at first, and stays through clean ends, with and without a new start of the machine', () => {
    expect(register(start(), 10)).toBe(0);
    endCleanly();
    expect(register(start(), 20)).toBe(0);
    endCleanly();
    bootId = 'second start';
    expect(register(start(), 30)).toBe(0);
  });

  test('stays when the broker is killed: what it wrote is still in the memory of the machine', () => {
    const { directoryId } = start();
    kill();
    expect(register(start(), 10)).toBe(0);
    kill();
    const disk = start();
    expect(register(disk, 20)).toBe(0);
    expect(disk.directoryId).toBe(directoryId);
  });

  test('grows when the machine died without a clean end, once', () => {
    register(start(), 10);
    loseMachine();
    expect(register(start(), 20)).toBe(1);
    kill();
    expect(register(start(), 30)).toBe(1);
    loseMachine();
    expect(register(start(), 40)).toBe(2);
  });

  test('grows where it cannot be told whether the machine died', () => {
    bootId = null;
    register(start(), 10);
    kill();
    expect(register(start(), 20)).toBe(1);
    endCleanly();
    expect(register(start(), 30)).toBe(1);
  });

  test('is durable before the registration: a machine that dies then does not take it back', () => {
    register(start(), 10);
    loseMachine();
    expect(start().generationToRegister(known)).toBe(1);
    loseMachine();
    expect(register(start(), 20)).toBe(2); // one too many is safe
  });

  test('grows when the directory is an older copy, by the last registration that it knows', () => {
    register(start(), 10);
    endCleanly();
    const copy = files.read(FILE)!;
    register(start(), 20);
    endCleanly();
    files.replace(FILE, copy);
    expect(register(start(), 30)).toBe(1);
    endCleanly();
    expect(register(start(), 40)).toBe(1);
  });

  test('grows when the copy is older than the first registration, and when the registration was not noted', () => {
    register(start(), 10);
    kill();
    files.remove(FILE);
    expect(start().generationToRegister(known)).toBe(1);
    known = 20; // it registered, and was killed before it had noted that
    kill();
    expect(register(start(), 30)).toBe(2);
  });

  test('grows beyond the generation that was registered after the copy was taken', () => {
    register(start(), 10);
    kill();
    const copy = files.read(FILE)!;
    bootId = 'second start';
    expect(register(start(), 20)).toBe(1); // the machine died: admitted to ISRs as generation 1
    kill();
    files.replace(FILE, copy);
    expect(start().generationToRegister(known, 1)).toBe(2);
  });

  test('stays for as long as the broker runs, however often it registers', () => {
    const disk = start();
    register(disk, 10);
    expect(disk.generationToRegister(known)).toBe(0);
    known = 20; // registered, but in doubt
    expect(disk.generationToRegister(known)).toBe(0);
  });
});

test('a store that does not know the last registration is not the one that the records belong to, or is older than they are', () => {
  const first = start();
  register(first, 10);
  expect(first.isContinued).toBe(false); // nothing says so yet
  kill();
  for (const [lastEpoch, isContinued] of [
    [10, true],
    [30, true], // the directory is the older one
    [9, false],
    [0, false],
  ] as const) {
    const disk = start();
    disk.generationToRegister(lastEpoch);
    expect(disk.isContinued).toBe(isContinued);
    kill();
  }
});

test('an emptied directory is another one', () => {
  const { directoryId } = start();
  directory.release();
  files.remove('/data');
  const disk = start();
  expect(disk.directoryId).not.toBe(directoryId);
  expect(disk.directoryId).toMatch(/^[A-Za-z0-9_-]{22}$/);
});

test.each([
  '',
  '{}',
  '{"version":2,"generation":0,"brokerEpoch":1,"bootId":null}',
  '{"version":1,"generation":-1,"brokerEpoch":1,"bootId":null}',
])('a damaged file (%j) is named, and not guessed at', (content) => {
  register(start(), 10);
  endCleanly();
  files.replace(FILE, content);
  expect(() => start()).toThrow('/data/minikafka.disk is damaged or of another version');
});

test('the start of the machine is what Linux says', () => {
  expect(readBootId(files)).toBe(null);
  files.makeDirectory('/proc/sys/kernel/random');
  files.replace('/proc/sys/kernel/random/boot_id', '0b7b9b29-8a4b-4a54-a8f4-6f6f5d3e8f11\n');
  expect(readBootId(files)).toBe('0b7b9b29-8a4b-4a54-a8f4-6f6f5d3e8f11');
});

describe('several directories', () => {
  const PATHS = ['/data', '/more'];

  function startWith(paths = PATHS, unusable: readonly string[] = []): DiskIdentity {
    const opened = paths.map((path) => {
      const one = openDataDirectory(files, path, 'test');
      const isNew = one.meta === null;
      const { directoryId } = claimDirectory(one, 'cluster', 1);
      markInUse(one);
      return { ...one, directoryId, isNew };
    });
    const [first, ...others] = opened;
    return new DiskIdentity({ directory: first!, directoryId: first!.directoryId, bootId, others, unusable });
  }
  function restart(paths = PATHS, unusable: readonly string[] = []): DiskIdentity {
    kill();
    return startWith(paths, unusable);
  }

  test('the generation stays through kills, and when an empty one joins', () => {
    expect(register(startWith(), 10)).toBe(0);
    expect(register(restart(), 20)).toBe(0);
    expect(register(restart(['/data', '/more', '/third']), 30)).toBe(0);
    expect(register(restart(['/data', '/more', '/third']), 40)).toBe(0);
  });

  test('it grows when one is gone', () => {
    register(startWith(), 10);
    expect(register(restart(['/data']), 20)).toBe(1);
    expect(register(restart(['/data']), 30)).toBe(1);
  });

  test('it grows when one was replaced by an empty one', () => {
    register(startWith(), 10);
    files.remove('/more');
    expect(register(restart(), 20)).toBe(1);
    expect(register(restart(), 30)).toBe(1);
  });

  test('it stays while one cannot be used, and grows when that comes back, as it may have lost its end', () => {
    register(startWith(), 10);
    expect(register(restart(['/data'], ['/more']), 20)).toBe(0);
    expect(register(restart(['/data'], ['/more']), 30)).toBe(0);
    expect(register(restart(), 40)).toBe(1);
    expect(register(restart(), 50)).toBe(1);
  });

  test('it grows when one that could not be used is given up', () => {
    register(startWith(), 10);
    expect(register(restart(['/data'], ['/more']), 20)).toBe(0);
    expect(register(restart(['/data']), 30)).toBe(1);
  });

  test('it grows at the start after a disk has failed, also when that was the first or the only one', () => {
    for (const [i, paths, failed] of [
      [0, PATHS, '/more'],
      [1, PATHS, '/data'],
      [2, ['/data'], '/data'],
    ] as const) {
      files = memoryFiles();
      known = 0;
      const disk = startWith([...paths]);
      register(disk, 10 + i);
      disk.noteFailed(failed);
      expect(register(restart([...paths]), 20 + i)).toBe(1);
      expect(register(restart([...paths]), 30 + i)).toBe(1);
    }
  });

  test('a disk that failed is not forgotten when the broker registers again meanwhile', () => {
    const disk = startWith();
    register(disk, 10);
    disk.noteFailed('/more');
    register(disk, 20);
    expect(register(restart(), 30)).toBe(1);
  });

  test('it grows when one of them is an older copy', () => {
    register(startWith(), 10);
    const older = files.read('/more/minikafka.disk')!;
    register(restart(), 20);
    files.replace('/more/minikafka.disk', older);
    expect(register(restart(), 30)).toBe(1);
  });

  test('one that cannot be written to is told of and does not keep the broker from registering', () => {
    const failed: string[] = [];
    const opened = PATHS.map((path) => openDataDirectory(files, path, 'test'));
    const [first, second] = opened.map((one) => ({ ...one, directoryId: claimDirectory(one, 'cluster', 1).directoryId, isNew: true }));
    const onFailure = (path: string) => failed.push(path);
    const disk = new DiskIdentity({ directory: first!, directoryId: first!.directoryId, bootId, others: [second!], onFailure });
    files.failNext('replace', 'EIO', { path: '/more' });
    expect(register(disk, 10)).toBe(0);
    expect(failed).toEqual(['/more']);
  });
});
