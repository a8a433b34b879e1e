import { createRequire } from 'node:module';
import { isError } from './errors.ts';

export type SqliteValue = null | number | bigint | string | Uint8Array;
export type SqliteRow = Record<string, SqliteValue>;

/** A prepared statement. Parameters are positional (`?`). Integers come back as numbers and must fit in 2^53. */
export interface SqliteStatement {
  run(...parameters: SqliteValue[]): { changes: number | bigint };
  /** The first row, or undefined when there is none. */
  get(...parameters: SqliteValue[]): SqliteRow | undefined;
  all(...parameters: SqliteValue[]): SqliteRow[];
}

/** One connection to one database file; every call is synchronous. */
export interface SqliteDatabase {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface SqliteOptions {
  /** How long a statement waits, blocking this thread, for a lock that another connection holds, before it fails as busy. Default 5,000. */
  busyTimeoutMs?: number;
}

type DatabaseConstructor = new (path: string) => SqliteDatabase;

/** Below 3.51.3 several processes that write and checkpoint one WAL file can corrupt it (SQLite's WAL-reset bug). */
const OLDEST_SAFE_VERSION = [3, 51, 3] as const;
const DEFAULT_BUSY_TIMEOUT_MS = 5_000;
/** SQLITE_BUSY and SQLITE_LOCKED, the low byte of the extended result code. */
const BUSY_CODES = new Set([5, 6]);

/**
 * Opens, or creates, a SQLite database file. Statements that commit return when the commit is on the disk (synchronous=FULL).
 * @throws when no usable driver is installed (one line that says what to do), or the file cannot be opened; `isSqliteBusy` tells a lock held elsewhere.
 */
export function openSqlite(path: string, options: SqliteOptions = {}): SqliteDatabase {
  const Database = sqliteDriver();
  const database = new Database(path);
  try {
    // Both stated for each connection: the busy timeout is 0 by default, and a driver may open an existing WAL file with synchronous=NORMAL.
    database.exec(`PRAGMA busy_timeout = ${Math.trunc(options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS)}`);
    database.exec('PRAGMA synchronous = FULL');
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** Whether a statement failed because another connection holds the lock. */
export function isSqliteBusy(error: unknown): boolean {
  return BUSY_CODES.has(sqliteErrorCode(error) & 0xff);
}

/** SQLite's extended result code of a failed statement; 0 when the error is not SQLite's. */
export function sqliteErrorCode(error: unknown): number {
  if (!isError(error)) return 0;
  const code: unknown = Reflect.get(error, 'errcode') ?? Reflect.get(error, 'sqliteExtendedCode');
  return typeof code === 'number' ? code : 0;
}

let loaded: DatabaseConstructor | undefined;
let loadedFrom = '';

/** Loaded at first use: a broker with an in-memory store pays nothing for SQLite. */
function sqliteDriver(): DatabaseConstructor {
  if (!loaded) {
    const require = createRequire(import.meta.url);
    const load = (name: string) => {
      loadedFrom = require.resolve(name);
      return withoutExperimentalWarning(() => require(loadedFrom));
    };
    loaded = chooseDriver([() => load('node:sqlite'), () => load('@photostructure/sqlite')]);
  }
  return loaded;
}

/** What another thread requires to get the same driver: two SQLite libraries in one process would drop each other's locks. @throws as openSqlite */
export function sqliteDriverModule(): string {
  sqliteDriver();
  return loadedFrom; // the driver that was taken is the last that was tried
}

/** A database in a worker thread. */
export interface ThreadDatabase {
  readonly database: SqliteDatabase;
  /** Whether its file is still the one at the path. It may have been removed: then others who open it write into another file. */
  isInPlace(): boolean;
}

/**
 * Opens a database in a worker thread, whose program has this function's text: so it refers to nothing outside of itself.
 * @param driver what sqliteDriverModule gave
 */
export function openSqliteIn(require: (module: string) => unknown, driver: string, path: string, busyTimeoutMs: number): ThreadDatabase {
  const fs = require('node:fs') as typeof import('node:fs');
  const fileId = () => {
    const found = fs.statSync(path, { throwIfNoEntry: false, bigint: true });
    return found && `${found.dev}:${found.ino}`;
  };
  const { emitWarning } = process;
  process.emitWarning = () => {}; // Node 22 calls node:sqlite experimental
  const { DatabaseSync } = require(driver) as { DatabaseSync: new (path: string) => SqliteDatabase };
  process.emitWarning = emitWarning;
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    database.exec('PRAGMA synchronous = FULL');
  } catch (error) {
    database.close();
    throw error;
  }
  const opened = fileId();
  return { database, isInPlace: () => opened !== undefined && fileId() === opened };
}

/** The first driver that loads and whose SQLite is new enough. Exported for its test only. */
export function chooseDriver(candidates: readonly (() => { DatabaseSync: DatabaseConstructor })[]): DatabaseConstructor {
  const refused: string[] = [];
  for (const load of candidates) {
    try {
      const { DatabaseSync } = load();
      const version = versionOf(DatabaseSync);
      if (isSafe(version)) return DatabaseSync;
      refused.push(`SQLite ${version} is older than ${OLDEST_SAFE_VERSION.join('.')}`);
    } catch (error) {
      refused.push(firstLine(error));
    }
  }
  throw new Error(
    `no usable SQLite: use Node.js 24 or newer, or run "npm install @photostructure/sqlite@1.2.1" (tried ${refused.length}: ${refused.join('; ')})`,
  );
}

function versionOf(Database: DatabaseConstructor): string {
  const database = new Database(':memory:');
  try {
    return String(database.prepare('SELECT sqlite_version() AS version').get()?.version);
  } finally {
    database.close();
  }
}

function isSafe(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, oldest] of OLDEST_SAFE_VERSION.entries()) {
    const part = parts[i] ?? 0;
    if (part !== oldest) return part > oldest;
  }
  return true;
}

/** Node 22 warns that node:sqlite is experimental, once, when it is first loaded; the parts used here did not change since. */
function withoutExperimentalWarning<T>(load: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function firstLine(error: unknown): string {
  return String(isError(error) ? error.message : error).split('\n')[0] ?? '';
}
