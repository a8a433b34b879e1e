import type { SqliteDatabase } from '../core/sqlite.ts';

/** One step of the store's format; runs in a transaction of its own, together with the note of its number. */
export type Migration = (database: SqliteDatabase) => void;

/**
 * The formats of the SQLite store: `MIGRATIONS[n]` turns format n into format n + 1, and format 0 is an empty file.
 * Released steps are never edited; a new format is a new step at the end.
 */
export const MIGRATIONS: readonly Migration[] = [
  (database) =>
    database.exec(`
      CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB NOT NULL, rev INTEGER NOT NULL, lease TEXT) WITHOUT ROWID;
      CREATE TABLE log (rev INTEGER NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, value BLOB,
        PRIMARY KEY (rev, seq)) WITHOUT ROWID;
      INSERT INTO meta (name, value) VALUES ('rev', 0), ('oldest', 1);
    `),
  // Leases of several processes: deadline_ms is monotonic time of the boot named, keep_ms how long a renewal keeps the lease.
  (database) =>
    database.exec(`
      CREATE TABLE lease (id TEXT PRIMARY KEY, keep_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, boot_id TEXT NOT NULL) WITHOUT ROWID;
    `),
];

/** The file was written by a newer minikafka, or is no metadata store at all. */
export class StoreFormatError extends Error {
  override name = 'StoreFormatError';
}

/**
 * The format of the store in this file, 0 when it is empty. Changes nothing.
 * @throws StoreFormatError when the store is newer than `migrations` reach, or the file holds something else
 */
export function checkStoreFormat(database: SqliteDatabase, path: string, migrations: readonly Migration[] = MIGRATIONS): number {
  const found = formatOf(database);
  if (found === undefined) throw new StoreFormatError(`${path} is a SQLite file, but no metadata store of minikafka: move it away`);
  if (found <= migrations.length) return found;
  throw new StoreFormatError(
    `the metadata store ${path} has format ${found}, but this minikafka knows formats up to ${migrations.length}: ` +
      'start it with the newer minikafka that wrote it, or use another data directory',
  );
}

/**
 * Brings the store up to the newest format of `migrations`, step by step; a crash in between leaves the last finished step. Several processes
 * may do it at once.
 * When it throws, the connection is to be closed, which undoes the step under way.
 * @throws StoreFormatError as checkStoreFormat
 */
export function upgradeStore(database: SqliteDatabase, path: string, migrations: readonly Migration[] = MIGRATIONS): void {
  while (checkStoreFormat(database, path, migrations) < migrations.length) {
    database.exec('BEGIN IMMEDIATE');
    const format = checkStoreFormat(database, path, migrations); // another process may have been first
    if (format === migrations.length) {
      database.exec('ROLLBACK');
      return;
    }
    if (format === 0) database.exec('CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID');
    migrations[format]?.(database);
    database.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('format', ?)").run(format + 1);
    database.exec('COMMIT');
  }
}

/** Undefined: not a store. */
function formatOf(database: SqliteDatabase): number | undefined {
  if (database.prepare('SELECT 1 FROM sqlite_master').get() === undefined) return 0;
  try {
    const format = database.prepare("SELECT value FROM meta WHERE name = 'format'").get()?.value;
    return typeof format === 'number' ? format : undefined;
  } catch {
    return undefined; // no table of that name, or another program's
  }
}
