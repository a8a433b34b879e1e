import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { LockedError } from '../../src/core/errors.ts';
import type { Files } from '../../src/core/files.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { realFiles } from '../../src/core/real-files.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Both disks must behave alike: the simulation is worth what the memory disk is worth. */
const disks: [string, () => { files: Files; root: string }][] = [
  [
    'real',
    () => {
      const root = mkdtempSync(join(tmpdir(), 'minikafka-files-'));
      folders.push(root);
      return { files: realFiles, root };
    },
  ],
  [
    'memory',
    () => {
      const files = memoryFiles();
      files.makeDirectory('/disk');
      return { files, root: '/disk' };
    },
  ],
];

describe.each(disks)('%s files', (_, disk) => {
  test('writes several chunks as one, at a position, and reads them back', async () => {
    const { files, root } = disk();
    const file = files.open(join(root, 'a'), 'rw');
    file.writeSync([Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cd')], 0);
    await new Promise<void>((resolve, reject) =>
      file.write([Buffer.from('XY'), Buffer.from('Z')], 3, (error) => (error ? reject(error) : resolve())),
    );
    expect(file.size()).toBe(6);
    const into = Buffer.alloc(10);
    expect(file.readSync(into, 1)).toBe(5);
    expect(into.toString('latin1', 0, 5)).toBe('bcXYZ');
    const bytesRead = await new Promise<number>((resolve, reject) =>
      file.read(into, 4, (error, bytes) => (error ? reject(error) : resolve(bytes))),
    );
    expect(into.toString('latin1', 0, bytesRead)).toBe('YZ');
    expect(file.readSync(into, 6)).toBe(0);
    await new Promise<void>((resolve, reject) => file.write([], 0, (error) => (error ? reject(error) : resolve())));
    file.close();
    file.close();
  });

  test('a file is copied whole to a name that is not taken', () => {
    const { files, root } = disk();
    const [from, to] = [join(root, 'from'), join(root, 'to')];
    files.replace(from, 'content');
    files.copy(from, to);
    files.replace(from, 'other');
    expect(files.read(to)?.toString()).toBe('content');
    expect(() => files.copy(from, to)).toThrow(/EEXIST/);
    expect(() => files.copy(join(root, 'nix'), join(root, 'another'))).toThrow(/ENOENT/);
    expect(files.exists(join(root, 'another'))).toBe(false);
  });

  test('a large file survives writes and reads across its pages', () => {
    const { files, root } = disk();
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    const file = files.open(join(root, 'a'), 'rw');
    for (let at = 0; at < content.byteLength; at += 7919) file.writeSync([content.subarray(at, at + 7919)], at);
    expect(files.read(join(root, 'a'))?.equals(content)).toBe(true);
    file.writeSync([Buffer.alloc(100, 255)], 65_500);
    content.fill(255, 65_500, 65_600);
    expect(files.read(join(root, 'a'))?.equals(content)).toBe(true);
    file.close();
  });

  test('truncating cuts, and growing again shows zeros, as does a write behind the end', () => {
    const { files, root } = disk();
    const file = files.open(join(root, 'a'), 'rw');
    file.writeSync([Buffer.from('abcdef')], 0);
    file.truncate(2);
    file.truncate(4);
    file.writeSync([Buffer.from('z')], 6);
    expect(files.read(join(root, 'a'))).toEqual(Buffer.from('ab\0\0\0\0z'));
    file.close();
  });

  test('opening to read needs a file; opening to write makes one, and keeps what is there', () => {
    const { files, root } = disk();
    const path = join(root, 'a');
    expect(() => files.open(path, 'r')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => files.open(join(root, 'no', 'a'), 'rw')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    files.replace(path, 'old');
    const file = files.open(path, 'rw');
    expect(file.size()).toBe(3);
    file.close();
    expect(files.read(join(root, 'b'))).toBeNull();
  });

  test('folders are made with their parents, listed sorted, renamed and removed with what they hold', () => {
    const { files, root } = disk();
    files.makeDirectory(join(root, 'x', 'y'));
    files.makeDirectory(join(root, 'x', 'y'));
    files.replace(join(root, 'x', 'b'), '1');
    files.replace(join(root, 'x', 'a'), '2');
    files.replace(join(root, 'x', 'a'), '3');
    expect(files.list(join(root, 'x'))).toEqual(['a', 'b', 'y']);
    expect(files.list(join(root, 'nowhere'))).toEqual([]);
    expect([files.isDirectory(join(root, 'x')), files.isDirectory(join(root, 'x', 'a')), files.isDirectory(join(root, 'z'))]).toEqual([
      true,
      false,
      false,
    ]);
    files.rename(join(root, 'x'), join(root, 'z'));
    expect([files.exists(join(root, 'x')), files.read(join(root, 'z', 'a'))?.toString()]).toEqual([false, '3']);
    files.remove(join(root, 'z'));
    files.remove(join(root, 'z'));
    expect(files.list(root)).toEqual([]);
    expect(() => files.rename(join(root, 'z'), join(root, 'y'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('a handle that is closed while a write is in flight lets it finish', async () => {
    const { files, root } = disk();
    const file = files.open(join(root, 'a'), 'rw');
    const written = new Promise<void>((resolve, reject) =>
      file.write([Buffer.from('late')], 0, (error) => (error ? reject(error) : resolve())),
    );
    file.close();
    await written;
    expect(files.read(join(root, 'a'))?.toString()).toBe('late');
  });

  test('a lock is refused to a second taker, who is told the holder, and is free again after release', () => {
    const { files, root } = disk();
    const path = join(root, '.lock');
    const lock = files.lock(path, 'process 1 of this test');
    expect(() => files.lock(path, 'another')).toThrow(LockedError);
    expect(() => files.lock(path, 'another')).toThrow(/locked by process 1 of this test/);
    lock.release();
    lock.release();
    const again = files.lock(path, 'the next');
    expect(() => files.lock(path, 'another')).toThrow(expect.objectContaining({ holder: 'the next' }));
    again.release();
  });
});
