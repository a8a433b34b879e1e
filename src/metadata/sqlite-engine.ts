import type { SqliteDatabase, SqliteRow, SqliteStatement } from '../core/sqlite.ts';
import type { Engine } from './embedded-store.ts';
import type { Batch, Change, Cond, KV, Op, Rev } from './store.ts';

/** Makes the error for a call that certainly changed nothing (`unavailable`), or that may have (`inDoubt`). */
export type EngineFailure = (kind: 'unavailable' | 'inDoubt', message: string, cause: unknown) => Error;

/**
 * The store's tables. Several processes may have the same file open.
 * A worker thread runs this class from its source text, so it refers to nothing outside of itself.
 */
export class SqliteEngine implements Engine {
  /** The newest revision that came from here, though its commit may have failed. */
  lastMade: Rev = 0;
  private readonly database: SqliteDatabase;
  private readonly failure: EngineFailure;
  private readonly statements = new Map<string, SqliteStatement>();
  /** No UTF-8 text holds the byte 0xff, so that `prefix || 0xff` stands right behind all keys with the prefix. */
  private readonly withPrefix = "key >= ?1 AND key < ?1 || CAST(x'ff' AS TEXT)";

  constructor(database: SqliteDatabase, failure: EngineFailure) {
    this.database = database;
    this.failure = failure;
  }

  revision(): Rev {
    return this.read("SELECT value FROM meta WHERE name = 'rev'").map((row) => Number(row.value))[0] ?? 0;
  }

  oldestRevision(): Rev {
    return this.read("SELECT value FROM meta WHERE name = 'oldest'").map((row) => Number(row.value))[0] ?? 1;
  }

  get(key: string): KV | undefined {
    return this.kvs('SELECT key, value, rev, lease FROM kv WHERE key = ?', key)[0];
  }

  range(prefix: string): KV[] {
    return this.kvs(`SELECT key, value, rev, lease FROM kv WHERE ${this.withPrefix} ORDER BY key`, prefix);
  }

  leasedKeys(lease: string): string[] {
    return this.read('SELECT key FROM kv WHERE lease = ?', lease).map((row) => String(row.key));
  }

  /** @param deadLease names a lease for which nothing is done; asked within the transaction */
  commit(conds: readonly Cond[], ops: readonly Op[], deadLease?: () => string | undefined): { ok: boolean; rev: Rev; deadLease?: string } {
    let result: { ok: boolean; rev: Rev; deadLease?: string } = { ok: false, rev: 0 };
    this.write(() => {
      const before = this.revision();
      const dead = deadLease?.();
      if (dead !== undefined) {
        result = { ok: false, rev: before, deadLease: dead };
        return false;
      }
      const ok = conds.every((cond) => Number(this.statement('SELECT rev FROM kv WHERE key = ?').get(cond.key)?.rev ?? 0) === cond.rev);
      const rev = ok ? this.apply(ops) : before;
      result = { ok, rev };
      return rev !== before;
    });
    return result;
  }

  /** All ops under the next revision; only within `write`. @returns the revision then, unchanged when nothing was */
  apply(ops: readonly Op[]): Rev {
    const before = this.revision();
    const rev = before + 1;
    let seq = 0;
    for (const op of ops) {
      if ('put' in op) {
        const lease = op.lease ?? null;
        // Node 22 takes some empty arrays for NULL.
        this.statement("INSERT OR REPLACE INTO kv (key, value, rev, lease) VALUES (?, COALESCE(?, x''), ?, ?)").run(
          op.put,
          op.value,
          rev,
          lease,
        );
        this.statement("INSERT INTO log (rev, seq, type, key, value) VALUES (?, ?, 'put', ?, COALESCE(?, x''))").run(
          rev,
          seq++,
          op.put,
          op.value,
        );
      } else if (Number(this.statement('DELETE FROM kv WHERE key = ?').run(op.del).changes) > 0) {
        this.statement("INSERT INTO log (rev, seq, type, key) VALUES (?, ?, 'del', ?)").run(rev, seq++, op.del);
      }
    }
    if (seq === 0) return before;
    this.lastMade = rev;
    this.statement("UPDATE meta SET value = ? WHERE name = 'rev'").run(rev);
    return rev;
  }

  log(prefix: string, from: Rev, to: Rev): Batch[] {
    const sql = `SELECT rev, type, key, value FROM log WHERE rev BETWEEN ?2 AND ?3 AND ${this.withPrefix} ORDER BY rev, seq`;
    const batches: { rev: Rev; changes: Change[] }[] = [];
    for (const row of this.read(sql, prefix, from, to)) {
      const rev = Number(row.rev);
      const key = String(row.key);
      const change: Change = row.type === 'put' ? { type: 'put', key, value: this.bytes(row.value) } : { type: 'del', key };
      const last = batches.at(-1);
      if (last?.rev === rev) last.changes.push(change);
      else batches.push({ rev, changes: [change] });
    }
    return batches;
  }

  /** The last revision up to `to` with which the log from `from` on holds at most so many bytes, but at least `from`. */
  lastWithin(from: Rev, to: Rev, maxBytes: number): Rev {
    const sql =
      'SELECT rev, SUM(LENGTH(CAST(key AS BLOB)) + COALESCE(LENGTH(value), 0)) AS bytes FROM log WHERE rev BETWEEN ? AND ? GROUP BY rev ORDER BY rev';
    let bytes = 0;
    let last = from;
    for (const row of this.read(sql, from, to)) {
      bytes += Number(row.bytes);
      if (bytes > maxBytes) return last;
      last = Number(row.rev);
    }
    return to;
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

  /** What `work` reads is of one moment, whatever other processes commit meanwhile. */
  snapshot<T>(work: () => T): T {
    this.begin('BEGIN', 'read');
    try {
      return work();
    } finally {
      this.rollBack();
    }
  }

  /**
   * Runs `work` in a transaction that has the write lock from its start; commits when it returns true.
   * @param durable false: a power failure may undo the commit, together with all that came behind it
   */
  write(work: () => boolean, durable = true): void {
    if (!durable) this.database.exec('PRAGMA synchronous = NORMAL');
    try {
      this.begin('BEGIN IMMEDIATE', 'written');
      this.finish(work);
    } finally {
      if (!durable) this.database.exec('PRAGMA synchronous = FULL');
    }
  }

  /** Rows of a statement that only reads. */
  read(sql: string, ...parameters: (string | number)[]): SqliteRow[] {
    try {
      return this.statement(sql).all(...parameters);
    } catch (error) {
      throw this.failed('unavailable', 'read', error);
    }
  }

  /** Prepared once each; the texts are constants. */
  statement(sql: string): SqliteStatement {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = this.database.prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }

  private begin(sql: string, done: string): void {
    try {
      this.database.exec(sql);
    } catch (error) {
      throw this.failed('unavailable', done, error);
    }
  }

  private finish(work: () => boolean): void {
    let committing = false;
    try {
      committing = work();
      this.database.exec(committing ? 'COMMIT' : 'ROLLBACK');
    } catch (error) {
      this.rollBack();
      throw this.failed(committing && !this.isRolledBack(error) ? 'inDoubt' : 'unavailable', 'written', error);
    }
  }

  /** After SQLITE_BUSY, SQLITE_LOCKED and SQLITE_FULL a COMMIT leaves the transaction open, to be rolled back; after others it may come back from the WAL. */
  private isRolledBack(error: unknown): boolean {
    const fields = Object(error) as { errcode?: unknown; sqliteExtendedCode?: unknown };
    return [5, 6, 13].includes(Number(fields.errcode ?? fields.sqliteExtendedCode) & 0xff);
  }

  private rollBack(): void {
    try {
      this.database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself.
    }
  }

  private failed(kind: 'unavailable' | 'inDoubt', done: string, cause: unknown): Error {
    const { message } = Object(cause) as { message?: string };
    return this.failure(kind, `the metadata store cannot be ${done}: ${message ?? cause}`, cause);
  }

  private kvs(sql: string, parameter: string): KV[] {
    return this.read(sql, parameter).map((row) => ({
      key: String(row.key),
      value: this.bytes(row.value),
      rev: Number(row.rev),
      ...(typeof row.lease === 'string' && { lease: row.lease }),
    }));
  }

  private bytes(value: SqliteRow[string] | undefined): Uint8Array {
    return value instanceof Uint8Array ? value : new Uint8Array(0);
  }
}
