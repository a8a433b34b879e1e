import { type Bell, openBell } from '../core/bell.ts';
import { openSqliteIn } from '../core/sqlite.ts';
import { LeaseTable } from './lease-table.ts';
import { SqliteEngine } from './sqlite-engine.ts';
import type { Rev } from './store.ts';
import type { StoreAnswer, StoreCalls, StoreFailure, StoreRequest, StoreThreadData } from './store-protocol.ts';

interface Parts {
  readonly openSqliteIn: typeof openSqliteIn;
  readonly openBell: typeof openBell;
  readonly SqliteEngine: typeof SqliteEngine;
  readonly LeaseTable: typeof LeaseTable;
}
interface Port {
  postMessage(message: StoreAnswer): void;
  on(event: 'message', listener: (message: StoreRequest) => void): void;
  close(): void;
}
interface Opened {
  readonly engine: SqliteEngine;
  readonly leases: LeaseTable;
  readonly bell: Bell;
  readonly isInPlace: () => boolean;
  /** Moves when another connection has committed. */
  readonly dataVersion: () => number;
}

/**
 * What the store's thread does: one request after the other, as they come. It refers to nothing outside of itself, nor do its parts: they run
 * from their source text, so that neither a bundler nor a loader of TypeScript has to know of a second entry.
 */
function serveStore(require: (module: string) => unknown, parts: Parts): void {
  const { parentPort: port, workerData } = require('node:worker_threads') as { parentPort: Port; workerData: StoreThreadData };
  const { driver, path, bellPath, bootId, busyTimeoutMs, states } = workerData;
  const failure = (kind: StoreFailure['kind'], message: string) => Object.assign(new Error(message), { kind });
  let opened: Opened | undefined;
  /** The store's revision as this thread last looked for what others committed, and the newest own one that they were told of. */
  let known: Rev = 0;
  let told: Rev = 0;
  let version = -1;
  let replaced = false;

  const open = (): Opened => {
    const { database, isInPlace } = parts.openSqliteIn(require, driver, path, busyTimeoutMs);
    const engine = new parts.SqliteEngine(database, failure);
    try {
      const leases = new parts.LeaseTable(engine, bootId);
      leases.sweepOrphans();
      const dataVersion = () => Number(engine.read('PRAGMA data_version')[0]?.data_version);
      return { engine, leases, isInPlace, dataVersion, bell: parts.openBell(require, bellPath, heard) };
    } catch (error) {
      engine.close();
      throw error;
    }
  };
  const use = (): Opened => {
    if (replaced) throw failure('unavailable', `${path} was removed or replaced while it was in use: start this broker again`);
    opened ??= open();
    return opened;
  };
  /** Whether others have moved the revision. */
  const look = (): boolean => {
    const now = use().dataVersion();
    if (now === version) return false;
    version = now;
    const before = known;
    known = use().engine.revision();
    return known !== before;
  };
  const heard = () => {
    try {
      if (opened && look()) port.postMessage({ rev: known });
    } catch {
      // The next tick says what is wrong.
    }
  };
  const tellOthers = () => {
    if (!opened || opened.engine.lastMade === told) return;
    told = opened.engine.lastMade;
    opened.bell.ring();
  };

  const calls: StoreCalls = {
    get: (key) =>
      use().engine.snapshot(() => {
        const kv = use().engine.get(key);
        return { ...(kv && { kv }), rev: use().engine.revision() };
      }),
    range: (prefix) => use().engine.snapshot(() => ({ kvs: use().engine.range(prefix), rev: use().engine.revision() })),
    txn: (conds, ops, atMs) => use().engine.commit(conds, ops, () => use().leases.deadLease(ops, atMs)),
    log: (prefix, from, count, maxBytes) =>
      use().engine.snapshot(() => {
        const oldest = use().engine.oldestRevision();
        if (from < oldest) return { oldest, to: from, batches: [] };
        const to = use().engine.lastWithin(from, Math.min(use().engine.revision(), from + count - 1), maxBytes);
        return { oldest, to, batches: use().engine.log(prefix, from, to) };
      }),
    compact(keepFrom) {
      use().engine.compact(Math.min(keepFrom, use().engine.revision() + 1));
      return { oldest: use().engine.oldestRevision() };
    },
    grant: (id, keepMs, atMs) => use().leases.grant(id, keepMs, atMs),
    renew: (id, atMs) => use().leases.renew(id, atMs),
    revoke: (id) => ({ rev: use().leases.revoke(id) }),
    tick(atMs, lateMs) {
      replaced ||= !use().isInPlace(); // for good: what was written since is in a file that nobody will find
      const bell = use().bell.mend();
      use().leases.sweep(atMs, lateMs);
      look();
      const rev = use().engine.revision(); // own sweeps move it too
      return { rev, oldest: use().engine.oldestRevision(), bell };
    },
    close() {
      opened?.bell.close();
      opened?.engine.close();
      opened = undefined;
    },
  };

  const answerTo = ({ id, call, parameters }: StoreRequest): StoreAnswer => {
    if (Atomics.compareExchange(states, id % states.length, 0, 1) !== 0) return { id, failure: { kind: 'not started', message: '' } };
    try {
      return { id, value: (calls[call] as (...parameters: readonly unknown[]) => unknown)(...parameters) };
    } catch (error) {
      const { kind = 'unavailable', message } = Object(error) as Partial<StoreFailure>;
      return { id, failure: { kind, message: message ?? String(error) } };
    }
  };
  port.on('message', (request) => {
    port.postMessage(answerTo(request));
    if (request.call === 'close') port.close();
    else tellOthers();
  });
}

/** The program of the store's thread: `new Worker(STORE_PROGRAM, { eval: true, workerData: StoreThreadData })`. */
export const STORE_PROGRAM = `(${serveStore})(require, {
  openSqliteIn: ${openSqliteIn},
  openBell: ${openBell},
  SqliteEngine: ${SqliteEngine},
  LeaseTable: ${LeaseTable},
});`;
