import { openSqlite, type SqliteDatabase, sqliteErrorCode } from '../core/sqlite.ts';
import { EmbeddedStore, type EmbeddedStoreOptions } from './embedded-store.ts';
import { SqliteEngine } from './sqlite-engine.ts';
import { InDoubtError, type MetadataStore, UnavailableError } from './store.ts';
import { checkStoreFormat, upgradeStore } from './store-format.ts';

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

/** A connection to the store's file, which is made or upgraded when it has to be. @throws as openSqliteStore */
export function openStoreFile(path: string): SqliteDatabase {
  let database: SqliteDatabase | undefined;
  try {
    database = openSqlite(path);
    checkStoreFormat(database, path); // before anything is written into what may not be ours
    database.exec('PRAGMA journal_mode = WAL');
    upgradeStore(database, path);
    return database;
  } catch (error) {
    database?.close();
    throw cannotOpen(path, error);
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
