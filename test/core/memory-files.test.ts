import { expect, test } from 'vitest';
import { memoryFiles, SHORT_READ } from '../../src/core/memory-files.ts';
import { prng } from '../support/prng.ts';

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

test('sectors that were not synced reach the disk in any order: each is as it was before or after, and the size too', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    const files = disk();
    const file = files.open('/d/log', 'rw');
    file.writeSync([Buffer.alloc(1024, 'a')], 0);
    file.syncSync();
    files.syncDirectory('/d');
    file.writeSync([Buffer.alloc(1024, 'b')], 1024);
    file.writeSync([Buffer.alloc(512, 'c')], 512);
    files.crash(prng(seed), { torn: true });
    const content = text(files, '/d/log')!;
    expect(content.slice(0, 512)).toBe('a'.repeat(512));
    expect(content.slice(512, 1024)).toMatch(/^(a{512}|c{512})$/);
    expect(content.slice(1024)).toMatch(/^b{0,1024}\0*(b{0,512}\0{0,512})$/);
    seen.add(`${content[512]} ${content.slice(1024).replaceAll(/(.)\1*/gs, '$1')}`);
  }
  const ways = ['a ', 'c ', 'a b', 'c b', 'a \0b', 'c \0b', 'a b\0', 'c b\0', 'a \0'];
  expect([...seen]).toEqual(expect.arrayContaining(ways));
});

test('a truncation that was not synced may be undone, what was cut off and all', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const files = disk();
    files.replace('/d/log', 'abcdef');
    const file = files.open('/d/log', 'rw');
    file.truncate(2);
    file.writeSync([Buffer.from('XY')], 2);
    files.crash(prng(seed), { torn: seed % 2 === 0 });
    seen.add(text(files, '/d/log')!);
  }
  expect([...seen]).toEqual(expect.arrayContaining(['abcdef', 'ab', 'abXY']));
});

test('of names that were not synced any may survive, but both of a rename or neither', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    const files = disk();
    files.replace('/d/a', '');
    files.open('/d/new', 'rw').close();
    files.rename('/d/a', '/d/b');
    files.remove('/d/gone');
    files.crash(prng(seed));
    seen.add(files.list('/d').join(' '));
  }
  expect([...seen].sort()).toEqual(['a', 'a new', 'b', 'b new']);
});

test('a removal survives or not; what it removed is back whole', () => {
  const seen = new Set<string | null>();
  for (let seed = 0; seed < 50; seed++) {
    const files = disk();
    files.replace('/d/a', 'content');
    files.remove('/d/a');
    files.crash(prng(seed));
    seen.add(text(files, '/d/a'));
    expect(files.usedBytes()).toBe(text(files, '/d/a') ? 7 : 0);
  }
  expect(seen).toEqual(new Set(['content', null]));
});

test('what a failed sync should have made durable never is, whatever the next sync says; what is written anew is', () => {
  const files = disk();
  const file = files.open('/d/a', 'rw');
  files.syncDirectory('/d');
  file.writeSync([Buffer.from('lost')], 0);
  files.failNext('sync', 'EIO', { path: '/d/a' });
  expect(() => file.syncSync()).toThrow(expect.objectContaining({ code: 'EIO' }));
  expect(text(files, '/d/a')).toBe('lost');
  file.writeSync([Buffer.from('kept')], 4);
  file.syncSync();
  files.crash();
  expect(text(files, '/d/a')).toBe('\0\0\0\0kept');

  const again = files.open('/d/a', 'rw');
  again.writeSync([Buffer.from('lost')], 8);
  files.failNext('sync', 'EIO');
  expect(() => again.syncSync()).toThrow();
  again.writeSync([Buffer.from('anew')], 8);
  again.syncSync();
  files.crash();
  expect(text(files, '/d/a')).toBe('\0\0\0\0keptanew');
});

test('a read may end early, a file not open, a bit turn over, and a disk have another size', async () => {
  const files = disk();
  files.replace('/d/a', 'abcd');
  const file = files.open('/d/a', 'rw');
  files.failNext('read', SHORT_READ, { prefixBytes: 3 });
  const into = Buffer.alloc(4);
  expect([file.readSync(into, 0), file.readSync(into, 0)]).toEqual([3, 4]);
  files.failNext('read', SHORT_READ);
  expect(await new Promise((resolve) => file.read(into, 0, (_, bytesRead) => resolve(bytesRead)))).toBe(0);
  files.failNext('open', 'EMFILE', { times: 2 });
  for (let i = 0; i < 2; i++) expect(() => files.open('/d/a', 'r')).toThrow(expect.objectContaining({ code: 'EMFILE' }));
  expect(files.waitingFaults()).toBe(0);
  files.open('/d/a', 'r').close();
  files.flipBit('/d/a', 1, 0);
  expect(text(files, '/d/a')).toBe('accd');
  files.resize(2);
  file.writeSync([Buffer.from('xy')], 1);
  expect(() => file.writeSync([Buffer.from('z')], 4)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  files.resize(5);
  file.writeSync([Buffer.from('z')], 4);
  expect(text(files, '/d/a')).toBe('axydz');
});

test('a disk that is broken answers nothing, and is as it was when it is whole again', () => {
  const files = disk();
  files.replace('/d/a', 'a');
  const file = files.open('/d/a', 'rw');
  const repair = files.failAll('/d', 'EIO');
  const broken = expect.objectContaining({ code: 'EIO' });
  for (const act of [
    () => files.open('/d/a', 'r'),
    () => files.read('/d/a'),
    () => files.list('/d'),
    () => files.replace('/d/a', 'b'),
    () => files.rename('/d/a', '/d/b'),
    () => files.remove('/d/a'),
    () => files.syncDirectory('/d'),
    () => files.lock('/d/.lock', 'x'),
    () => file.readSync(Buffer.alloc(1), 0),
    () => file.writeSync([Buffer.from('b')], 0),
    () => file.truncate(0),
    () => file.syncSync(),
  ])
    expect(act).toThrow(broken);
  expect(files.exists('/d/a')).toBe(false);
  repair();
  expect(text(files, '/d/a')).toBe('a');
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
