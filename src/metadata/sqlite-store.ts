import { isSqliteBusy, openSqlite, type SqliteDatabase, sqliteErrorCode } from '../core/sqlite.ts';
import { EmbeddedStore, type EmbeddedStoreOptions } from './embedded-store.ts';
import { SqliteEngine } from './sqlite-engine.ts';
import { InDoubtError, type MetadataStore, UnavailableError } from './store.ts';
import { checkStoreFormat, upgradeStore } from './store-format.ts';

/** For whoever holds the file while it is opened: five seconds in all. */
const MAX_TRIES = 500;
const RETRY_MS = 10;
/** How long a write waits for those of other processes. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens, or creates, the store in one SQLite file. One process at a time: whoever opens it holds the lock of its data directory.
 * So every lease found in the file belonged to a process that is gone, and its keys go now.
 * @throws StoreFormatError for a newer format or a foreign file; an Error that says what to do when SQLite cannot be loaded or the file not read
 */
export function openSqliteStore(path: string, options: EmbeddedStoreOptions): MetadataStore {
  const database = openStoreFile(path);
  try {
    const engine = new SqliteEngine(database, (kind, message, cause) =>
      kind === 'inDoubt' ? new InDoubtError(message, { cause }) : new UnavailableError(message, { cause }),
    );
    dropLeases(engine);
    return new EmbeddedStore(engine, options);
  } catch (error) {
    database.close();
    throw cannotOpen(path, error);
  }
}

/**
 * A connection to the store's file, which is made or upgraded when it has to be, by one of several processes that start at once.
 * @throws as openSqliteStore
 */
export function openStoreFile(path: string): SqliteDatabase {
  for (let tries = 1; ; tries++) {
    try {
      return openOnce(path);
    } catch (error) {
      if (!isSqliteBusy(error) || tries === MAX_TRIES) throw cannotOpen(path, error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

/** SQLite does not wait for who makes a file a WAL file at the same time: it fails at once, whatever its busy timeout is. */
function openOnce(path: string): SqliteDatabase {
  const database = openSqlite(path, { busyTimeoutMs: 0 });
  try {
    checkStoreFormat(database, path); // before anything is written into what may not be ours
    database.exec('PRAGMA journal_mode = WAL');
    upgradeStore(database, path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function cannotOpen(path: string, error: unknown): unknown {
  if (sqliteErrorCode(error) === 0) return error;
  return new Error(`cannot open the metadata store ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

function dropLeases(engine: SqliteEngine): void {
  engine.write(() => {
    const keys = engine.read('SELECT key FROM kv WHERE lease IS NOT NULL').map((row) => String(row.key));
    const before = engine.revision();
    const rows = Number(engine.statement('DELETE FROM lease').run().changes);
    return engine.apply(keys.map((del) => ({ del }))) !== before || rows > 0;
  });
}
