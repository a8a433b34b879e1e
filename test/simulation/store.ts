import type { Machine as OperatingSystem } from '../../src/core/machine.ts';
import { MemoryEngine } from '../../src/metadata/memory-store.ts';
import { SharedLeases } from '../../src/metadata/shared-leases.ts';
import { Sleepers } from '../../src/metadata/sleepers.ts';
import {
  type Batch,
  CompactedError,
  type Cond,
  checkTxn,
  InDoubtError,
  type KV,
  type Lease,
  LeaseLostError,
  MAX_OPS,
  MAX_TXN_BYTES,
  type MetadataStore,
  type Op,
  type Rev,
  UnavailableError,
} from '../../src/metadata/store.ts';
import type { Random } from './random.ts';
import type { Process, Scheduler } from './scheduler.ts';

/** How the metadata store misbehaves towards one broker. */
export interface StoreWeather {
  /** The broker cannot reach it: nothing arrives, nothing comes back. */
  cut: boolean;
  /** Of transactions: the outcome is not told; it was applied, or not, or is applied later. */
  inDoubt: number;
  /** Of calls: refused, certainly not applied. */
  unavailable: number;
}

const QUICK_MS = [0.1, 1.5] as const;

/** At least, and at most. */
export type Range = readonly [number, number];

interface HeldLease {
  readonly id: string;
  readonly ttlMs: number;
  deadline: number;
}

/** A transaction that is on its way, or may still be applied. The checker counts what it proposes. */
export interface PendingTxn {
  readonly from: Process;
  readonly conds: readonly Cond[];
  readonly ops: readonly Op[];
}

/** A call without an answer is given up. */
const TIMEOUT_MS = 3_000;
/** A transaction that nobody waits for any more is applied at most so much later. */
const LATE_MS = 8_000;

/** The metadata store of a simulated cluster: one engine, its own clock for leases, and a handle for each broker process. */
export class SimulatedStore {
  readonly engine = new MemoryEngine();
  /** Ms that a message to or from the store takes, and the news of a commit. */
  readonly delayMs: Range;
  readonly newsMs: Range;
  readonly pending = new Set<PendingTxn>();
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Told of each commit, before any broker is. */
  onCommit: (rev: Rev, ops: readonly Op[], from: Process) => void = () => {};
  private readonly leases = new Map<string, HeldLease>();
  private readonly handles = new Set<StoreHandle>();
  private granted = 0;

  /** @param calm it answers quickly */
  constructor(scheduler: Scheduler, random: Random, calm: boolean) {
    this.scheduler = scheduler;
    this.random = random;
    this.delayMs = calm ? QUICK_MS : random.pick([QUICK_MS, QUICK_MS, [1, 60], [1, 400]] as const);
    this.newsMs = calm ? QUICK_MS : random.pick([QUICK_MS, QUICK_MS, [1, 200], [1, 1_500]] as const);
  }

  open(process: Process, weather: StoreWeather): StoreHandle {
    const handle = new StoreHandle(this, process, weather);
    this.handles.add(handle);
    return handle;
  }

  closed(handle: StoreHandle): void {
    this.handles.delete(handle);
  }

  /** @throws LeaseLostError */
  commit(conds: readonly Cond[], ops: readonly Op[], from: Process): { ok: boolean; rev: Rev } {
    for (const op of ops) if ('put' in op && op.lease !== undefined && !this.leases.has(op.lease)) throw new LeaseLostError(op.lease);
    const before = this.engine.revision();
    const outcome = this.engine.commit(conds, ops);
    if (outcome.rev > before) {
      this.onCommit(outcome.rev, ops, from);
      for (const handle of [...this.handles]) handle.committed();
    }
    return outcome;
  }

  /** A name that no other lease has. */
  newLeaseId(): string {
    return String(++this.granted);
  }

  grant(id: string, ttlMs: number): void {
    const lease = { id, ttlMs, deadline: this.scheduler.now + ttlMs };
    this.leases.set(lease.id, lease);
    this.expireAt(lease);
  }

  renew(id: string): boolean {
    const lease = this.leases.get(id);
    if (!lease) return false;
    lease.deadline = this.scheduler.now + lease.ttlMs;
    return true;
  }

  end(id: string): void {
    if (!this.leases.delete(id)) return;
    const ops = this.engine.leasedKeys(id).map((key) => ({ del: key }));
    if (ops.length > 0) this.commit([], ops, this.scheduler.world);
  }

  private expireAt(lease: HeldLease): void {
    this.scheduler.after(this.scheduler.world, lease.deadline - this.scheduler.now, `lease ${lease.id}`, () => {
      if (!this.leases.has(lease.id)) return;
      if (lease.deadline > this.scheduler.now) this.expireAt(lease);
      else this.end(lease.id);
    });
  }
}

/** The store as one broker process has it. */
export class StoreHandle implements MetadataStore {
  readonly maxOps = MAX_OPS;
  readonly maxBytes = MAX_TXN_BYTES;
  private readonly store: SimulatedStore;
  private readonly process: Process;
  private readonly weather: StoreWeather;
  private readonly leases: SharedLeases;
  private readonly sleepers = new Sleepers();
  /** The newest revision whose news has arrived here. */
  private heard: Rev;
  private newsUnderWay = false;
  private closed = false;

  constructor(store: SimulatedStore, process: Process, weather: StoreWeather) {
    this.store = store;
    this.process = process;
    this.weather = weather;
    this.heard = store.engine.revision();
    const clock = store.scheduler.clockOf(process);
    const machine: OperatingSystem = { bootId: '', monotonicMs: () => clock.monotonicMs() };
    this.leases = new SharedLeases(
      clock,
      machine,
      {
        grant: (id, keepMs) => this.call(`grant lease ${id}`, () => store.grant(id, keepMs)),
        renew: (id) => this.call(`renew lease ${id}`, () => store.renew(id)),
        revoke: (id) => this.call(`revoke lease ${id}`, () => store.end(id)),
      },
      () => store.newLeaseId(),
    );
  }

  get(key: string): Promise<{ kv?: KV; rev: Rev }> {
    return this.call(`get ${key}`, () => {
      const kv = this.store.engine.get(key);
      return { ...(kv && { kv }), rev: this.store.engine.revision() };
    });
  }

  range(prefix: string): Promise<{ kvs: KV[]; rev: Rev }> {
    return this.call(`range ${prefix}`, () => ({ kvs: this.store.engine.range(prefix), rev: this.store.engine.revision() }));
  }

  async txn(conds: readonly Cond[], ops: readonly Op[], options: { timeoutMs?: number } = {}): Promise<{ ok: boolean; rev: Rev }> {
    checkTxn(conds, ops);
    for (const op of ops) if ('put' in op && op.lease !== undefined && !this.leases.mayName(op.lease)) throw new LeaseLostError(op.lease);
    const { scheduler, random } = this.store;
    const pending = { from: this.process, conds, ops: copyOf(ops) };
    const apply = () => {
      this.store.pending.delete(pending);
      return this.store.commit(conds, pending.ops, this.process);
    };
    const doubtful = this.weather.cut ? random.chance(0.7) : random.chance(this.weather.inDoubt);
    const label = `txn ${ops.map((op) => ('put' in op ? op.put : `-${op.del}`)).join(' ')}`;
    if (!doubtful) return this.call(label, apply, options.timeoutMs, pending);
    this.checkOpen();
    // Nobody will be told what became of it.
    const waitMs = options.timeoutMs ?? TIMEOUT_MS;
    if (random.chance(0.7)) {
      this.store.pending.add(pending);
      const late = random.chance(0.5) ? this.delay() : random.between(0, LATE_MS);
      scheduler.after(scheduler.world, late, `${this.process.name} ${label} (in doubt)`, () => {
        try {
          apply();
        } catch {
          // Its lease is gone.
        }
      });
    }
    return new Promise((_resolve, reject) => {
      const ms = random.chance(0.5) ? this.delay() : waitMs;
      scheduler.after(this.process, ms, `${label} in doubt`, () => reject(new InDoubtError('no answer')));
    });
  }

  async *watch(prefix: string, from: Rev, signal: AbortSignal): AsyncGenerator<Batch> {
    const { engine } = this.store;
    let next = Math.max(from, 1);
    // What another call told of counts as heard: a watch shows what stood when it was opened.
    this.committed();
    while (!this.closed && !signal.aborted) {
      if (next > this.heard) {
        await this.sleepers.sleep(signal);
        continue;
      }
      if (next < engine.oldestRevision()) throw new CompactedError(engine.oldestRevision());
      const to = this.heard;
      for (const batch of engine.log(prefix, next, to)) {
        if (this.closed || signal.aborted) return;
        yield batch;
      }
      next = to + 1;
    }
  }

  grantLease(ttlMs: number): Promise<Lease> {
    return this.leases.grant(ttlMs);
  }

  compact(keepFrom: Rev): Promise<void> {
    return this.call(`compact ${keepFrom}`, () => this.store.engine.compact(Math.min(keepFrom, this.store.engine.revision() + 1)));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.store.closed(this);
    this.leases.close();
    this.sleepers.close();
  }

  /** Something was committed: news of it set out. */
  committed(): void {
    if (this.newsUnderWay || this.closed || this.process.state === 'dead') return;
    this.newsUnderWay = true;
    const { scheduler, engine } = this.store;
    scheduler.after(this.process, this.weather.cut ? 50 : this.store.random.between(...this.store.newsMs), 'store news', () => {
      this.newsUnderWay = false;
      if (this.weather.cut) return this.committed();
      this.heard = engine.revision();
      this.sleepers.wake();
    });
  }

  /** There and back; `act` happens at the store. */
  private call<T>(label: string, act: () => T, timeoutMs = TIMEOUT_MS, pending?: PendingTxn): Promise<T> {
    this.checkOpen();
    const { scheduler, random } = this.store;
    const refused = this.weather.cut || random.chance(this.weather.unavailable);
    return new Promise((resolve, reject) => {
      if (refused) {
        const ms = this.weather.cut ? timeoutMs : this.delay();
        scheduler.after(this.process, ms, `${label} unavailable`, () =>
          reject(new UnavailableError('the metadata store cannot be reached')),
        );
        return;
      }
      if (pending) this.store.pending.add(pending);
      scheduler.after(scheduler.world, this.delay(), `${this.process.name} ${label}`, () => {
        let outcome: T;
        try {
          outcome = act();
        } catch (error) {
          scheduler.after(this.process, this.delay(), `${label} failed`, () => reject(error));
          return;
        }
        scheduler.after(this.process, this.delay(), `${label} done`, () =>
          this.closed ? reject(new UnavailableError('closed')) : resolve(outcome),
        );
      });
    });
  }

  private delay(): number {
    return this.store.random.between(...this.store.delayMs);
  }

  private checkOpen(): void {
    if (this.closed) throw new UnavailableError('the metadata store is closed');
  }
}

const copyOf = (ops: readonly Op[]): Op[] => ops.map((op) => ('put' in op ? { ...op, value: Uint8Array.from(op.value) } : op));
