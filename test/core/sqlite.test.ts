import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chooseDriver, isSqliteBusy, openSqlite, type SqliteDatabase, sqliteErrorCode } from '../../src/core/sqlite.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'minikafka-sqlite-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a connection commits durably and waits for locks, also on an existing WAL file', () => {
  const path = join(folder, 'a.db');
  for (let opening = 0; opening < 2; opening++) {
    const database = openSqlite(path);
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (a)');
    expect(database.prepare('PRAGMA synchronous').get()).toMatchObject({ synchronous: 2 });
    expect(database.prepare('PRAGMA busy_timeout').get()).toMatchObject({ timeout: 5_000 });
    database.close();
  }
});

test('the SQLite in use is not one with the WAL-reset bug', () => {
  const database = openSqlite(join(folder, 'a.db'));
  const [major, minor, patch] = String(database.prepare('SELECT sqlite_version() AS v').get()?.v).split('.').map(Number);
  database.close();
  expect(major! * 1_000_000 + minor! * 1_000 + patch!).toBeGreaterThanOrEqual(3_051_003);
});

test('values come back as they went in', () => {
  const database = openSqlite(join(folder, 'a.db'));
  database.exec('CREATE TABLE t (a, b, c, d)');
  const insert = database.prepare('INSERT INTO t VALUES (?, ?, ?, ?)');
  expect(insert.run('ü\u{1f600}', 2 ** 53 - 1, new Uint8Array([0, 255]), null).changes).toBe(1);
  const row = database.prepare('SELECT * FROM t').get()!;
  expect([row.a, row.b, [...(row.c as Uint8Array)], row.d]).toEqual(['ü\u{1f600}', 2 ** 53 - 1, [0, 255], null]);
  expect(database.prepare('SELECT * FROM t WHERE a = ?').get('x')).toBeUndefined();
  expect(database.prepare('SELECT * FROM t').all()).toHaveLength(1);
  database.close();
});

test('a lock held elsewhere is told from other failures', () => {
  const path = join(folder, 'a.db');
  const holder = openSqlite(path);
  holder.exec('PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE t (a)');
  const failure = failureOf(() => openSqlite(path, { busyTimeoutMs: 0 }).exec('BEGIN IMMEDIATE'));
  expect([isSqliteBusy(failure), sqliteErrorCode(failure)]).toEqual([true, 5]);
  expect(isSqliteBusy(failureOf(() => holder.exec('nonsense')))).toBe(false);
  expect([isSqliteBusy(new Error('x')), sqliteErrorCode('x')]).toEqual([false, 0]);
  holder.close();
});

test('the first driver that loads and is new enough is taken', () => {
  const missing = () => {
    throw new Error("Cannot find module 'x'\nRequire stack:\n- y");
  };
  const safe = driver('3.51.3');
  expect(chooseDriver([() => driver('3.51.2'), missing, () => safe])).toBe(safe.DatabaseSync);
  expect(chooseDriver([() => driver('3.60.0'), () => safe])).not.toBe(safe.DatabaseSync);
  expect(chooseDriver([() => driver('3.6.23'), () => safe])).toBe(safe.DatabaseSync);
  const none = () => chooseDriver([() => driver('3.45.1'), missing]);
  expect(none).toThrow(/^no usable SQLite: use Node\.js 24 or newer, or run "npm install @photostructure\/sqlite@1\.2\.1"/);
  expect(none).toThrow(/SQLite 3\.45\.1 is older than 3\.51\.3; Cannot find module 'x'\)$/);
});

/** A driver whose SQLite says that it is of this version. */
function driver(version: string): { DatabaseSync: new (path: string) => SqliteDatabase } {
  const statement = { run: () => ({ changes: 0 }), get: () => ({ version }), all: () => [] };
  return {
    DatabaseSync: class {
      exec(): void {}
      prepare = () => statement;
      close(): void {}
    },
  };
}

function failureOf(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('did not fail');
}
