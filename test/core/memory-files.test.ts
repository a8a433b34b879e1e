import { expect, test } from 'vitest';
import { memoryFiles } from '../../src/core/memory-files.ts';

function disk(maxBytes?: number) {
  const files = memoryFiles(maxBytes === undefined ? {} : { maxBytes });
  files.makeDirectory('/d');
  files.syncDirectory('/');
  return files;
}
const text = (files: ReturnType<typeof disk>, path: string) => files.read(path)?.toString() ?? null;

test('a power failure takes back what was not synced: content, sizes, names', () => {
  const files = disk();
  files.replace('/d/kept', 'kept');
  const file = files.open('/d/log', 'rw');
  file.writeSync([Buffer.from('synced')], 0);
  file.syncSync();
  files.syncDirectory('/d');
  file.writeSync([Buffer.from('S')], 0);
  file.writeSync([Buffer.from(' and more')], 6);
  file.truncate(3);
  files.open('/d/unsynced', 'rw').close();
  files.rename('/d/kept', '/d/renamed');
  files.crash();
  expect(files.list('/d')).toEqual(['kept', 'log']);
  expect([text(files, '/d/log'), text(files, '/d/kept')]).toEqual(['synced', 'kept']);
});

test('a synced file whose name was not synced is gone; a removal that was not synced is undone', () => {
  const files = disk();
  const file = files.open('/d/a', 'rw');
  file.writeSync([Buffer.from('x')], 0);
  file.syncSync();
  files.replace('/d/b', 'b');
  files.open('/d/c', 'rw').close();
  files.remove('/d/b');
  files.crash();
  expect(files.list('/d')).toEqual(['a', 'b']); // a: the folder was synced when b was replaced
});

test('with a random source, some prefix of what was not synced survives, never a hole', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 50; i++) {
    const files = disk();
    const file = files.open('/d/log', 'rw');
    file.writeSync([Buffer.from('ab')], 0);
    file.syncSync();
    files.syncDirectory('/d');
    file.writeSync([Buffer.from('cd')], 2);
    file.writeSync([Buffer.from('X')], 0);
    file.writeSync([Buffer.from('ef')], 4);
    let call = i;
    files.crash(() => (call = (call * 7 + 3) % 50) / 50);
    seen.add(text(files, '/d/log')!);
  }
  for (const content of seen) expect(['ab', 'abc', 'abcd', 'Xbcd', 'Xbcde', 'Xbcdef']).toContain(content);
  expect(seen.size).toBeGreaterThan(2);
});

test('after a power failure old handles are dead, writes in flight never report, and locks are free', async () => {
  const files = disk();
  files.lock('/d/.lock', 'before');
  const file = files.open('/d/a', 'rw');
  let reported = false;
  file.write([Buffer.from('x')], 0, () => {
    reported = true;
  });
  files.crash();
  await new Promise((resolve) => setImmediate(resolve));
  expect(reported).toBe(false);
  expect(() => file.size()).toThrow(expect.objectContaining({ code: 'EBADF' }));
  files.lock('/d/.lock', 'after').release();
});

test('a killed process loses nothing that it wrote, but its handles and locks', () => {
  const files = disk();
  files.lock('/d/.lock', 'before');
  const file = files.open('/d/a', 'rw');
  file.writeSync([Buffer.from('x')], 0);
  files.kill();
  expect(text(files, '/d/a')).toBe('x');
  expect(() => file.readSync(Buffer.alloc(1), 0)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  files.lock('/d/.lock', 'after').release();
});

test('the disk is full at its last byte: what fits is written, then ENOSPC; removing makes room', () => {
  const files = disk(10);
  const file = files.open('/d/a', 'rw');
  file.writeSync([Buffer.alloc(6)], 0);
  expect(() => file.writeSync([Buffer.alloc(3), Buffer.alloc(3)], 6)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect([file.size(), files.usedBytes()]).toEqual([10, 10]);
  file.writeSync([Buffer.alloc(10, 1)], 0);
  expect(() => files.replace('/d/b', 'b')).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(files.usedBytes()).toBe(10);
  file.close();
  files.remove('/d/a');
  files.replace('/d/b', 'b'.repeat(10));
  expect(files.usedBytes()).toBe(10);
});

test('faults hit the next operation of their kind and path, once; a failing write may leave a prefix', async () => {
  const files = disk();
  files.failNext('write', 'EIO', { path: '/d/b', prefixBytes: 2 });
  const a = files.open('/d/a', 'rw');
  const b = files.open('/d/b', 'rw');
  a.writeSync([Buffer.from('fine')], 0);
  const error = await new Promise<Error | null>((resolve) => b.write([Buffer.from('1'), Buffer.from('234')], 0, resolve));
  expect(error).toMatchObject({ code: 'EIO' });
  expect(text(files, '/d/b')).toBe('12');
  b.writeSync([Buffer.from('abc')], 0);
  files.failNext('sync', 'EIO');
  expect(() => a.syncSync()).toThrow(expect.objectContaining({ code: 'EIO' }));
  a.syncSync();
});

test('crashable: false keeps nothing of what is gone, and refuses to crash', () => {
  const files = memoryFiles({ crashable: false });
  files.makeDirectory('/d');
  expect(() => files.crash()).toThrow(TypeError);
});
