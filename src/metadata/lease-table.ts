import type { SqliteEngine } from './sqlite-engine.ts';
import type { Op, Rev } from './store.ts';

/**
 * The leases that several processes keep in one file. All times are the machine's monotonic ms as the asking process read them when it asked:
 * a request that was long on its way can only expire less, never more. A lease of another boot has expired.
 * A worker thread runs this class from its source text, so it refers to nothing outside of itself.
 */
export class LeaseTable {
  private readonly engine: SqliteEngine;
  private readonly bootId: string;
  /** A deadline further away than a renewal can reach is of another boot, also where boots have no names. */
  private readonly alive = 'boot_id = ?1 AND deadline_ms > ?2 AND deadline_ms <= ?2 + keep_ms + 60000';

  constructor(engine: SqliteEngine, bootId: string) {
    this.engine = engine;
    this.bootId = bootId;
  }

  /** @param keepMs how long the lease stands after a renewal was asked for */
  grant(id: string, keepMs: number, atMs: number): void {
    const insert = this.engine.statement('INSERT INTO lease (id, keep_ms, deadline_ms, boot_id) VALUES (?, ?, ?, ?)');
    // Not synced: after a power failure it would be of another boot. The same holds for renewals.
    this.engine.write(() => insert.run(id, Math.ceil(keepMs), Math.ceil(atMs + keepMs), this.bootId) !== undefined, false);
  }

  /** Whether the lease stands; false: it has expired, also when nobody has swept it yet. */
  renew(id: string, atMs: number): boolean {
    const update = this.engine.statement(
      `UPDATE lease SET deadline_ms = MAX(deadline_ms, CAST(?2 AS INTEGER) + keep_ms) WHERE id = ?3 AND ${this.alive}`,
    );
    let renewed = false;
    this.engine.write(() => {
      renewed = Number(update.run(this.bootId, Math.ceil(atMs), id).changes) > 0;
      return renewed;
    }, false);
    return renewed;
  }

  /** Ends a lease and removes its keys, in one revision. */
  revoke(id: string): Rev {
    let rev = 0;
    this.engine.write(() => {
      rev = this.drop(id);
      return true;
    });
    return rev;
  }

  /** The first lease named in a put that does not stand; only within a transaction. */
  deadLease(ops: readonly Op[], atMs: number): string | undefined {
    const find = this.engine.statement(`SELECT 1 FROM lease WHERE id = ?3 AND ${this.alive}`);
    const named = new Set(ops.map((op) => ('put' in op ? op.lease : undefined)));
    for (const id of named) {
      if (id !== undefined && find.get(this.bootId, Math.floor(atMs), id) === undefined) return id;
    }
    return undefined;
  }

  /**
   * Ends what has expired. `lateMs`: how late the asking process is with this. A process that stood still may have been one of many, as when the
   * machine was suspended: it first gives those that it would wrong their time to renew.
   */
  sweep(atMs: number, lateMs: number): void {
    const late = 'keep_ms < 2 * ?3 AND boot_id = ?1 AND deadline_ms < ?2 + keep_ms';
    const now = Math.floor(atMs);
    if (lateMs > 0 && this.engine.read(`SELECT 1 FROM lease WHERE ${late}`, this.bootId, now, lateMs).length > 0) {
      this.engine.write(() => {
        this.engine.statement(`UPDATE lease SET deadline_ms = ?2 + keep_ms WHERE ${late}`).run(this.bootId, now, lateMs);
        return true;
      }, false);
    }
    const expired = () => this.engine.read(`SELECT id FROM lease WHERE NOT (${this.alive})`, this.bootId, now).map((row) => String(row.id));
    for (const id of expired()) {
      this.engine.write(() => {
        if (!expired().includes(id)) return false; // renewed, or another process was first
        this.drop(id);
        return true;
      });
    }
  }

  /** Removes keys of leases that the file does not know, as a store of one process leaves them. */
  sweepOrphans(): void {
    const orphans = 'SELECT key FROM kv WHERE lease IS NOT NULL AND lease NOT IN (SELECT id FROM lease)';
    if (this.engine.read(`${orphans} LIMIT 1`).length === 0) return;
    this.engine.write(() => {
      this.engine.apply(this.engine.read(orphans).map((row) => ({ del: String(row.key) })));
      return true;
    });
  }

  private drop(id: string): Rev {
    this.engine.statement('DELETE FROM lease WHERE id = ?').run(id);
    return this.engine.apply(this.engine.leasedKeys(id).map((del) => ({ del })));
  }
}
