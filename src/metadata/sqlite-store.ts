import { isSqliteBusy, openSqlite, type SqliteDatabase, type SqliteRow, type SqliteStatement, sqliteErrorCode } from '../core/sqlite.ts';
import { EmbeddedStore, type EmbeddedStoreOptions, type Engine } from './embedded-store.ts';
import {
  type Batch,
  type Change,
  type Cond,
  InDoubtError,
  type KV,
  type MetadataStore,
  type Op,
  type Rev,
  UnavailableError,
} from './store.ts';
import { checkStoreFormat, upgradeStore } from './store-format.ts';

/**
 * Opens, or creates, the store in one SQLite file. One process at a time: whoever opens it holds the lock of its data directory.
 * So every lease found in the file belonged to a process that is gone, and its keys go now.
 * @throws StoreFormatError for a newer format or a foreign file; an Error that says what to do when SQLite cannot be loaded or the file not read
 */
export function openSqliteStore(path: string, options: EmbeddedStoreOptions): MetadataStore {
  let database: SqliteDatabase | undefined;
  try {
    database = openSqlite(path);
    checkStoreFormat(database, path); // before anything is written into what may not be ours
    database.exec('PRAGMA journal_mode = WAL');
    upgradeStore(database, path);
    const engine = new SqliteEngine(database);
    engine.dropLeasedKeys();
    return new EmbeddedStore(engine, options);
  } catch (error) {
    database?.close();
    if (sqliteErrorCode(error) === 0) throw error;
    throw new Error(`cannot open the metadata store ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** No UTF-8 text holds the byte 0xff, so that `prefix || 0xff` stands right behind all keys with the prefix. */
const WITH_PREFIX = "key >= ?1 AND key < ?1 || CAST(x'ff' AS TEXT)";
/** SQLITE_FULL leaves the transaction open, to be rolled back; after other failures of a COMMIT it may come back from the WAL. */
const SQLITE_FULL = 13;

class SqliteEngine implements Engine {
  private readonly database: SqliteDatabase;
  private readonly statements = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.database = database;
  }

  revision(): Rev {
    return this.read("SELECT value FROM meta WHERE name = 'rev'", []).map((row) => Number(row.value))[0] ?? 0;
  }

  oldestRevision(): Rev {
    return this.read("SELECT value FROM meta WHERE name = 'oldest'", []).map((row) => Number(row.value))[0] ?? 1;
  }

  get(key: string): KV | undefined {
    return this.read('SELECT key, value, rev, lease FROM kv WHERE key = ?', [key]).map(toKV)[0];
  }

  range(prefix: string): KV[] {
    return this.read(`SELECT key, value, rev, lease FROM kv WHERE ${WITH_PREFIX} ORDER BY key`, [prefix]).map(toKV);
  }

  leasedKeys(lease: string): string[] {
    return this.read('SELECT key FROM kv WHERE lease = ?', [lease]).map((row) => String(row.key));
  }

  dropLeasedKeys(): void {
    const keys = this.read('SELECT key FROM kv WHERE lease IS NOT NULL', []).map((row) => String(row.key));
    if (keys.length > 0) {
      this.commit(
        [],
        keys.map((del) => ({ del })),
      );
    }
  }

  commit(conds: readonly Cond[], ops: readonly Op[]): { ok: boolean; rev: Rev } {
    let result = { ok: false, rev: 0 };
    this.write(() => {
      const before = this.revision();
      const ok = conds.every((cond) => Number(this.statement('SELECT rev FROM kv WHERE key = ?').get(cond.key)?.rev ?? 0) === cond.rev);
      const rev = ok && this.apply(ops, before + 1) ? before + 1 : before;
      if (rev !== before) this.statement("UPDATE meta SET value = ? WHERE name = 'rev'").run(rev);
      result = { ok, rev };
      return rev !== before;
    });
    return result;
  }

  log(prefix: string, from: Rev, to: Rev): Batch[] {
    const sql = `SELECT rev, type, key, value FROM log WHERE rev BETWEEN ?2 AND ?3 AND ${WITH_PREFIX} ORDER BY rev, seq`;
    const batches: { rev: Rev; changes: Change[] }[] = [];
    for (const row of this.read(sql, [prefix, from, to])) {
      const rev = Number(row.rev);
      const key = String(row.key);
      const change: Change = row.type === 'put' ? { type: 'put', key, value: toBytes(row.value) } : { type: 'del', key };
      const last = batches.at(-1);
      if (last?.rev === rev) last.changes.push(change);
      else batches.push({ rev, changes: [change] });
    }
    return batches;
  }

  compact(keepFrom: Rev): void {
    this.write(() => {
      if (keepFrom <= this.oldestRevision()) return false;
      this.statement('DELETE FROM log WHERE rev < ?').run(keepFrom);
      this.statement("UPDATE meta SET value = ? WHERE name = 'oldest'").run(keepFrom);
      return true;
    });
  }

  close(): void {
    this.statements.clear();
    this.database.close();
  }

  /** Whether anything changed. */
  private apply(ops: readonly Op[], rev: Rev): boolean {
    let seq = 0;
    for (const op of ops) {
      if ('put' in op) {
        this.statement('INSERT OR REPLACE INTO kv (key, value, rev, lease) VALUES (?, ?, ?, ?)').run(
          op.put,
          op.value,
          rev,
          op.lease ?? null,
        );
        this.statement("INSERT INTO log (rev, seq, type, key, value) VALUES (?, ?, 'put', ?, ?)").run(rev, seq++, op.put, op.value);
      } else if (Number(this.statement('DELETE FROM kv WHERE key = ?').run(op.del).changes) > 0) {
        this.statement("INSERT INTO log (rev, seq, type, key) VALUES (?, ?, 'del', ?)").run(rev, seq++, op.del);
      }
    }
    return seq > 0;
  }

  /** Runs `work` in a transaction that has the write lock from its start; commits when it returns true. */
  private write(work: () => boolean): void {
    try {
      this.database.exec('BEGIN IMMEDIATE');
    } catch (error) {
      throw new UnavailableError(`the metadata store cannot be written: ${messageOf(error)}`, { cause: error });
    }
    let committing = false;
    try {
      committing = work();
      this.database.exec(committing ? 'COMMIT' : 'ROLLBACK');
    } catch (error) {
      this.rollBack();
      const applied = committing && !isSqliteBusy(error) && sqliteErrorCode(error) !== SQLITE_FULL;
      const Failure = applied ? InDoubtError : UnavailableError;
      throw new Failure(`the metadata store cannot be written: ${messageOf(error)}`, { cause: error });
    }
  }

  private rollBack(): void {
    try {
      this.database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself.
    }
  }

  private read(sql: string, parameters: (string | number)[]): SqliteRow[] {
    try {
      return this.statement(sql).all(...parameters);
    } catch (error) {
      throw new UnavailableError(`the metadata store cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Prepared once each; the texts are the constants of this file. */
  private statement(sql: string): SqliteStatement {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = this.database.prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }
}

function toKV(row: SqliteRow): KV {
  const kv = { key: String(row.key), value: toBytes(row.value), rev: Number(row.rev) };
  return typeof row.lease === 'string' ? { ...kv, lease: row.lease } : kv;
}

function toBytes(value: SqliteRow[string] | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
