import type { Clock } from '../core/clock.ts';
import { Leases } from './leases.ts';
import { Sleepers } from './sleepers.ts';
import {
  type Batch,
  CompactedError,
  type Cond,
  checkTxn,
  DEFAULT_KEEP_REVISIONS,
  type KV,
  type Lease,
  LeaseLostError,
  MAX_OPS,
  MAX_TXN_BYTES,
  type MetadataStore,
  type Op,
  REVISIONS_PER_READ,
  type Rev,
  UnavailableError,
} from './store.ts';

/** What an engine in this process has to do by itself; every call is synchronous and either done or thrown as UnavailableError or InDoubtError. */
export interface Engine {
  revision(): Rev;
  /** The oldest revision in the log; revision() + 1 when the log is empty. */
  oldestRevision(): Rev;
  get(key: string): KV | undefined;
  /** Ascending by key. */
  range(prefix: string): KV[];
  leasedKeys(lease: string): string[];
  /** All conditions hold -> all ops under one new revision. Deleting what is not there changes nothing. */
  commit(conds: readonly Cond[], ops: readonly Op[]): { ok: boolean; rev: Rev };
  /** The log of revisions `from` to `to`, both inclusive, changes outside the prefix and empty batches left out. */
  log(prefix: string, from: Rev, to: Rev): Batch[];
  /** Drops the log before `keepFrom`. */
  compact(keepFrom: Rev): void;
  close(): void;
}

export interface EmbeddedStoreOptions {
  clock: Clock;
  /** Revisions that the log keeps at least, for watches that are behind. Default 10,000. */
  keepRevisions?: number;
}

/**
 * A MetadataStore over an engine in this process: limits, leases, watches, and compaction, the same for the engine in memory and the one on SQLite.
 *
 * A watch has no queue of its own. It remembers the next revision and reads it from the log when a commit wakes it, so a slow watcher costs
 * nothing, and one that falls behind the log's end is told to range again.
 */
export class EmbeddedStore implements MetadataStore {
  readonly maxOps = MAX_OPS;
  readonly maxBytes = MAX_TXN_BYTES;
  private readonly engine: Engine;
  private readonly leases: Leases;
  private readonly keepRevisions: number;
  private readonly sleepers = new Sleepers();
  private closed = false;

  constructor(engine: Engine, options: EmbeddedStoreOptions) {
    this.engine = engine;
    this.keepRevisions = options.keepRevisions ?? DEFAULT_KEEP_REVISIONS;
    this.leases = new Leases(options.clock, (id) => {
      const ops = engine.leasedKeys(id).map((key) => ({ del: key }));
      if (ops.length > 0) this.commit([], ops);
    });
  }

  async get(key: string): Promise<{ kv?: KV; rev: Rev }> {
    this.checkOpen();
    const kv = this.engine.get(key);
    return { ...(kv && { kv }), rev: this.engine.revision() };
  }

  async range(prefix: string): Promise<{ kvs: KV[]; rev: Rev }> {
    this.checkOpen();
    return { kvs: this.engine.range(prefix), rev: this.engine.revision() };
  }

  async txn(conds: readonly Cond[], ops: readonly Op[]): Promise<{ ok: boolean; rev: Rev }> {
    this.checkOpen();
    checkTxn(conds, ops);
    for (const op of ops) {
      if ('put' in op && op.lease !== undefined && !this.leases.isAlive(op.lease)) throw new LeaseLostError(op.lease);
    }
    return this.commit(conds, ops);
  }

  async *watch(prefix: string, from: Rev, signal: AbortSignal): AsyncGenerator<Batch> {
    let next = Math.max(from, 1);
    const ended = () => this.closed || signal.aborted;
    while (!ended()) {
      const head = this.engine.revision();
      if (next > head) {
        await this.sleepers.sleep(signal);
        continue;
      }
      const oldest = this.engine.oldestRevision();
      if (next < oldest) throw new CompactedError(oldest);
      const to = Math.min(head, next + REVISIONS_PER_READ - 1);
      for (const batch of this.engine.log(prefix, next, to)) {
        if (ended()) return;
        yield batch;
      }
      next = to + 1;
    }
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    this.checkOpen();
    return this.leases.grant(ttlMs);
  }

  async compact(keepFrom: Rev): Promise<void> {
    this.checkOpen();
    this.engine.compact(Math.min(keepFrom, this.engine.revision() + 1));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.leases.close();
    this.sleepers.close();
    this.engine.close();
  }

  private commit(conds: readonly Cond[], ops: readonly Op[]): { ok: boolean; rev: Rev } {
    try {
      return this.engine.commit(conds, ops);
    } finally {
      // Also after a commit in doubt: if it was applied, the watches find it in the log.
      this.sleepers.wake();
      this.compactIfLong();
    }
  }

  /** In steps of a tenth, so that not every commit pays for it. */
  private compactIfLong(): void {
    try {
      const head = this.engine.revision();
      if (head - this.engine.oldestRevision() >= this.keepRevisions * 1.1) this.engine.compact(head - this.keepRevisions + 1);
    } catch {
      // The commit stands; the next one tries again.
    }
  }

  private checkOpen(): void {
    if (this.closed) throw new UnavailableError('the metadata store is closed');
  }
}
