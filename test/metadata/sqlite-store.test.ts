import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { openSqlite } from '../../src/core/sqlite.ts';
import { openSqliteStore } from '../../src/metadata/sqlite-store.ts';
import { InDoubtError, UnavailableError } from '../../src/metadata/store.ts';
import { MIGRATIONS, StoreFormatError, upgradeStore } from '../../src/metadata/store-format.ts';
import { bytes, storeConformance, take, text } from './store-conformance.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'minikafka-store-'));
  path = join(folder, 'metadata.db');
});
afterEach(() => rmSync(folder, { recursive: true }));
const open = () => openSqliteStore(path, { clock: fakeClock() });
const never = new AbortController().signal;

let stores = 0;
describe('the rules of every engine', () => storeConformance((options) => openSqliteStore(join(folder, `${++stores}.db`), options)));

test('a store opened again holds all keys, revisions, and its log', async () => {
  let store = open();
  await store.txn(
    [],
    [
      { put: '/a', value: bytes('1') },
      { put: '/b', value: new Uint8Array(0) },
    ],
  );
  await store.txn([], [{ put: '/a', value: bytes('2') }]);
  await store.txn([], [{ del: '/b' }]);
  await store.close();
  store = open();
  const { kvs, rev } = await store.range('');
  expect([kvs.map((kv) => `${kv.key}=${text(kv.value)} @${kv.rev}`), rev]).toEqual([['/a=2 @2'], 3]);
  expect(await take(store.watch('', 1, never), 3)).toEqual(['1 put /a=1 put /b=', '2 put /a=2', '3 del /b']);
  expect(await store.txn([{ key: '/a', rev: 2 }], [{ put: '/a', value: bytes('4') }])).toEqual({ ok: true, rev: 4 });
  await store.close();
});

test('a store that was compacted away entirely still knows its revision when opened again', async () => {
  let store = open();
  for (const value of ['1', '2']) await store.txn([], [{ put: '/a', value: bytes(value) }]);
  await store.compact(3);
  await store.close();
  store = open();
  expect(await store.txn([], [{ put: '/a', value: bytes('3') }])).toEqual({ ok: true, rev: 3 });
  await store.close();
});

test('keys under a lease do not outlive their process', async () => {
  let store = open();
  const lease = await store.grantLease(9_000);
  await store.txn(
    [],
    [
      { put: '/live/1', value: bytes('x'), lease: lease.id },
      { put: '/known/1', value: bytes('x') },
    ],
  );
  await store.close(); // as after kill -9: closing leaves them to the next start
  store = open();
  expect((await store.range('')).kvs.map((kv) => kv.key)).toEqual(['/known/1']);
  expect(await take(store.watch('', 2, never), 1)).toEqual(['2 del /live/1']);
  await store.close();
});

test('commits are durable: WAL with synchronous=FULL', async () => {
  const store = open();
  const other = openSqlite(path);
  expect(other.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' });
  expect(other.prepare('PRAGMA synchronous').get()).toMatchObject({ synchronous: 2 });
  other.close();
  await store.close();
});

test('a store that cannot be written says so, changes nothing, and works again afterwards', async () => {
  const store = open();
  await store.txn([], [{ put: '/a', value: bytes('1') }]);
  const other = openSqlite(path);
  other.exec('CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, "disk is full"); END');
  await expect(
    store.txn(
      [],
      [
        { put: '/a', value: bytes('2') },
        { put: '/b', value: bytes('2') },
      ],
    ),
  ).rejects.toThrow(UnavailableError);
  await expect(store.txn([], [{ put: '/a', value: bytes('2') }])).rejects.toThrow(/disk is full/);
  expect(text((await store.get('/a')).kv?.value)).toBe('1');
  other.exec('DROP TRIGGER full');
  other.close();
  expect(await store.txn([{ key: '/a', rev: 1 }], [{ put: '/a', value: bytes('2') }])).toEqual({ ok: true, rev: 2 });
  await store.close();
});

test('a commit that fails as a whole is in doubt, not failed', async () => {
  const store = open();
  const other = openSqlite(path);
  // A deferred foreign key is checked by COMMIT itself.
  other.exec(`CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER broken AFTER INSERT ON kv BEGIN INSERT INTO child VALUES (1); END`);
  await expect(store.txn([], [{ put: '/a', value: bytes('1') }])).rejects.toThrow(InDoubtError);
  other.exec('DROP TRIGGER broken');
  other.close();
  expect(await store.txn([], [{ put: '/a', value: bytes('1') }])).toMatchObject({ ok: true });
  await store.close();
});

test('a lease that cannot drop its keys tries again until it can', async () => {
  const clock = fakeClock();
  const store = openSqliteStore(path, { clock });
  const lease = await store.grantLease(9_000);
  await store.txn([], [{ put: '/live', value: bytes('x'), lease: lease.id }]);
  const other = openSqlite(path);
  other.exec('CREATE TRIGGER full BEFORE DELETE ON kv BEGIN SELECT RAISE(ABORT, "disk is full"); END');
  await lease.revoke();
  expect(lease.lost.aborted).toBe(true);
  expect((await store.get('/live')).kv).toBeDefined();
  other.exec('DROP TRIGGER full');
  other.close();
  await clock.advance(3_000);
  expect((await store.get('/live')).kv).toBeUndefined();
  await store.close();
  expect(clock.pending()).toBe(0);
});

test('a store of an older format is upgraded step by step when it is opened, and keeps what it holds', async () => {
  const store = open();
  await store.txn([], [{ put: '/a', value: bytes('1') }]);
  await store.close();
  const nextVersion = [
    ...MIGRATIONS,
    (database: ReturnType<typeof openSqlite>) => database.exec('ALTER TABLE kv ADD COLUMN note TEXT'),
    (database: ReturnType<typeof openSqlite>) => database.exec("UPDATE kv SET note = 'upgraded'"),
  ];
  let database = openSqlite(path);
  upgradeStore(database, path, nextVersion);
  upgradeStore(database, path, nextVersion);
  database.close();
  database = openSqlite(path);
  expect(database.prepare('SELECT key, note FROM kv').all()).toMatchObject([{ key: '/a', note: 'upgraded' }]);
  expect(database.prepare("SELECT value FROM meta WHERE name = 'format'").get()).toMatchObject({ value: MIGRATIONS.length + 2 });
  database.close();
});

test('an upgrade that fails leaves the last finished step', () => {
  let database = openSqlite(path);
  const broken = [...MIGRATIONS, (db: typeof database) => db.exec('CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)')];
  expect(() => upgradeStore(database, path, broken)).toThrow(/nowhere/);
  database.close();
  database = openSqlite(path);
  expect(database.prepare("SELECT value FROM meta WHERE name = 'format'").get()).toMatchObject({ value: MIGRATIONS.length });
  expect(database.prepare("SELECT name FROM sqlite_master WHERE name = 'half'").all()).toEqual([]);
  database.close();
});

test('a store of a newer format is refused, naming both formats and what to do, and is not touched', async () => {
  await open().close();
  const database = openSqlite(path);
  database.exec("UPDATE meta SET value = 7 WHERE name = 'format'");
  database.close();
  expect(open).toThrow(StoreFormatError);
  expect(open).toThrow(
    /metadata\.db has format 7, .* formats up to 2: start it with the newer minikafka that wrote it, or use another data directory/,
  );
  const after = openSqlite(path);
  expect(after.prepare("SELECT value FROM meta WHERE name = 'format'").get()).toMatchObject({ value: 7 });
  after.close();
});

test("another program's SQLite file is refused and not touched", () => {
  for (const table of ['customers (id)', "meta (name, value); INSERT INTO meta VALUES ('theme', 'dark')", 'meta (k)']) {
    rmSync(path, { force: true });
    const database = openSqlite(path);
    database.exec(`CREATE TABLE ${table}`);
    expect(open).toThrow(/no metadata store of minikafka/);
    expect(database.prepare('SELECT count(*) AS n FROM sqlite_master').get()).toMatchObject({ n: 1 });
    expect(database.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'delete' });
    database.close();
  }
});

test('a file that is no database is refused by name', () => {
  writeFileSync(path, 'this is not a database, though it is long enough to look like one. '.repeat(100));
  expect(open).toThrow(/cannot open the metadata store .*metadata\.db/);
});
