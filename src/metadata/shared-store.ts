import type { Clock, Timer } from '../core/clock.ts';
import { isError } from '../core/errors.ts';
import { writeLockHolder } from '../core/lock-holder.ts';
import type { Logger } from '../core/logger.ts';
import { type Machine, realMachine } from '../core/machine.ts';
import { sqliteDriverModule } from '../core/sqlite.ts';
import { LogKeeping } from './log-keeping.ts';
import { SharedLeases } from './shared-leases.ts';
import { Sleepers } from './sleepers.ts';
import { openStoreFile } from './sqlite-store.ts';
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
import type { StoreCall, StoreCalls } from './store-protocol.ts';
import { StoreWorker } from './store-worker.ts';

export interface SharedStoreOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Time that all processes read alike. Default: this machine's. */
  readonly machine?: Machine;
  /** Revisions that the log keeps at least, for watches that are behind. Default 10,000. */
  readonly keepRevisions?: number;
  /** How long it keeps a revision at least, unless there are very many. Default ten minutes. */
  readonly keepMs?: number;
  /** How often it looks for what a bell did not tell, and for leases that have expired. Default 100. */
  readonly tickMs?: number;
  /** How long a write waits, in the store's thread, while other processes write. Default 5,000. */
  readonly busyTimeoutMs?: number;
}

const DEFAULT_KEEP_MS = 600_000;
const DEFAULT_TICK_MS = 100;
const DEFAULT_BUSY_TIMEOUT_MS = 5_000;
/** Longer than a write waits for other processes: what fails then fails with the reason. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A watch reads the log in pieces of this many bytes at most, and at least one revision. */
const BYTES_PER_READ = 4 * 1024 * 1024;
/** Until a watch asks again a store that did not answer. */
const WATCH_RETRY_MS = 100;
const WARN_EVERY_MS = 60_000;
/** From here on who opens it does not wait any more for a lock that another process keeps. */
const OPEN_TIMEOUT_MS = 15_000;
/** SQLite's words for a lock that was not had in the busy timeout. */
const LOCKED = 'database is locked';

/**
 * Opens, or creates, the store in a SQLite file that several processes of this machine share. Resolves when it has answered.
 * The file is that of openSqliteStore: a data directory's store can be shared from its next start on.
 * @throws as openSqliteStore; UnavailableError
 */
export async function openSharedStore(path: string, options: SharedStoreOptions): Promise<MetadataStore> {
  // Held until the thread has it open: the last one to close it would tidy up, for nothing.
  const checked = openStoreFile(path);
  try {
    return await SharedStore.open(path, options);
  } finally {
    checked.close();
  }
}

class SharedStore implements MetadataStore {
  readonly maxOps = MAX_OPS;
  readonly maxBytes = MAX_TXN_BYTES;
  private readonly path: string;
  private readonly clock: Clock;
  private readonly machine: Machine;
  private readonly logger: Logger;
  private readonly keeping: LogKeeping;
  private readonly tickMs: number;
  private readonly worker: StoreWorker;
  private readonly leases: SharedLeases;
  private readonly sleepers = new Sleepers();
  private head: Rev = 0;
  private oldest: Rev = 1;
  private compacting = false;
  private tickTimer: Timer | undefined;
  private lateMs = 0;
  private warnedMs = Number.NEGATIVE_INFINITY;
  private closed = false;

  private constructor(path: string, options: SharedStoreOptions) {
    this.path = path;
    this.clock = options.clock;
    this.machine = options.machine ?? realMachine;
    this.logger = options.logger;
    this.keeping = new LogKeeping(options.keepRevisions ?? DEFAULT_KEEP_REVISIONS, options.keepMs ?? DEFAULT_KEEP_MS);
    this.tickMs = options.tickMs ?? DEFAULT_TICK_MS;
    this.worker = new StoreWorker({
      clock: this.clock,
      thread: {
        driver: sqliteDriverModule(),
        path,
        bellPath: `${path}.bell`,
        bootId: this.machine.bootId,
        busyTimeoutMs: options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS,
      },
      onNews: (rev) => this.moved(rev),
      onDeath: (why) => this.warn({ why }, "the metadata store's thread ended, and is begun again"),
    });
    this.leases = new SharedLeases(this.clock, this.machine, {
      grant: (...parameters) => this.ask('grant', parameters),
      renew: (...parameters) => this.ask('renew', parameters),
      revoke: async (...parameters) => this.moved((await this.ask('revoke', parameters)).rev),
    });
  }

  static async open(path: string, options: SharedStoreOptions): Promise<SharedStore> {
    const store = new SharedStore(path, options);
    const giveUpAt = store.clock.monotonicMs() + OPEN_TIMEOUT_MS;
    for (;;) {
      try {
        await store.look();
        store.scheduleTick();
        return store;
      } catch (error) {
        // A process that is stopped in the midst of a write may go on; each attempt has waited for it, and told of it.
        if (isError(error) && error.message.includes(LOCKED) && store.clock.monotonicMs() < giveUpAt) continue;
        await store.close();
        throw error;
      }
    }
  }

  async get(key: string): Promise<{ kv?: KV; rev: Rev }> {
    return this.ask('get', [key]);
  }

  async range(prefix: string): Promise<{ kvs: KV[]; rev: Rev }> {
    return this.ask('range', [prefix]);
  }

  async txn(conds: readonly Cond[], ops: readonly Op[], options: { timeoutMs?: number } = {}): Promise<{ ok: boolean; rev: Rev }> {
    if (this.closed) throw new UnavailableError(CLOSED);
    checkTxn(conds, ops);
    for (const op of ops) if ('put' in op && op.lease !== undefined && !this.leases.mayName(op.lease)) throw new LeaseLostError(op.lease);
    const parameters = [conds, ops.map(exactly), this.machine.monotonicMs()] as const;
    const { deadLease, ...result } = await this.ask('txn', [...parameters], options.timeoutMs);
    if (deadLease !== undefined) throw new LeaseLostError(deadLease);
    this.moved(result.rev);
    this.compactIfLong();
    return result;
  }

  async *watch(prefix: string, from: Rev, signal: AbortSignal): AsyncGenerator<Batch> {
    let next = Math.max(from, 1);
    const ended = () => this.closed || signal.aborted;
    while (!ended()) {
      if (next > this.head) {
        await this.sleepers.sleep(signal);
        continue;
      }
      const read = await this.readLog(prefix, next);
      if (!read) {
        await this.sleepers.sleep(signal, (wake) => this.clock.after(WATCH_RETRY_MS, wake));
        continue;
      }
      if (next < read.oldest) throw new CompactedError(read.oldest);
      for (const batch of read.batches) {
        if (ended()) return;
        yield batch;
      }
      next = Math.max(next, read.to + 1);
    }
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    return this.leases.grant(ttlMs);
  }

  async compact(keepFrom: Rev): Promise<void> {
    this.oldest = (await this.ask('compact', [keepFrom])).oldest;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.tickTimer?.cancel();
    this.leases.close();
    this.sleepers.close();
    await this.worker.close(CLOSED);
  }

  private scheduleTick(): void {
    const dueMs = this.clock.monotonicMs() + this.tickMs;
    this.tickTimer = this.clock.after(this.tickMs, async () => {
      this.lateMs = Math.max(this.lateMs, this.clock.monotonicMs() - dueMs);
      try {
        await this.look();
        this.lateMs = 0;
      } catch (error) {
        this.warn({ err: error }, 'the metadata store does not answer');
      }
      if (!this.closed) this.scheduleTick();
    });
  }

  private async look(): Promise<void> {
    const { rev, oldest, bell } = await this.ask('tick', [this.machine.monotonicMs(), this.lateMs]);
    this.oldest = oldest;
    if (bell) this.warn({ why: bell }, `the bell of the metadata store is broken: news of other brokers take up to ${this.tickMs} ms`);
    this.moved(rev);
    this.keeping.saw(rev, this.clock.monotonicMs());
  }

  private async ask<C extends StoreCall>(call: C, parameters: Parameters<StoreCalls[C]>, timeoutMs = REQUEST_TIMEOUT_MS) {
    try {
      return await this.worker.ask(call, parameters, timeoutMs);
    } catch (error) {
      if (isError(error) && error.message.includes(LOCKED)) {
        const holder = writeLockHolder(this.path);
        this.warn(
          { holder },
          `process ${holder ?? '(unknown)'} keeps the metadata store from being written: is it stopped in the midst of a write?`,
        );
      }
      throw error;
    }
  }

  /** The store is at this revision at least. */
  private moved(rev: Rev): void {
    if (rev <= this.head) return;
    this.head = rev;
    this.sleepers.wake();
  }

  private compactIfLong(): void {
    const keepFrom = this.keeping.cutTo(this.oldest, this.head, this.clock.monotonicMs());
    if (keepFrom === undefined || this.compacting) return;
    this.compacting = true;
    this.compact(keepFrom)
      .catch(() => {}) // the next commit tries again
      .finally(() => {
        this.compacting = false;
      });
  }

  /** Undefined: it cannot be read now. */
  private async readLog(prefix: string, from: Rev): Promise<{ oldest: Rev; to: Rev; batches: Batch[] } | undefined> {
    try {
      return await this.ask('log', [prefix, from, REVISIONS_PER_READ, BYTES_PER_READ]);
    } catch {
      return undefined;
    }
  }

  /** Once a minute, whatever fails how often. */
  private warn(fields: object, message: string): void {
    const nowMs = this.clock.monotonicMs();
    if (this.closed || nowMs < this.warnedMs + WARN_EVERY_MS) return;
    this.warnedMs = nowMs;
    this.logger.warn(fields, message);
  }
}

const CLOSED = 'the metadata store is closed';

/** The bytes alone: a view would take all the memory behind it along. */
function exactly(op: Op): Op {
  return 'put' in op ? { ...op, value: new Uint8Array(op.value) } : op;
}
