import type { Batch, Cond, KV, Op, Rev } from './store.ts';

/**
 * What the store's thread is asked, and what it answers. `atMs` is the machine's monotonic time when it was asked: the thread itself reads no
 * clock and sets no timer.
 */
export interface StoreCalls {
  get(key: string): { kv?: KV; rev: Rev };
  range(prefix: string): { kvs: KV[]; rev: Rev };
  /** `deadLease`: nothing was done, since a put names a lease that does not stand. */
  txn(conds: readonly Cond[], ops: readonly Op[], atMs: number): { ok: boolean; rev: Rev; deadLease?: string };
  /** The log of at most `count` revisions from `from` on, fewer when they hold more bytes; `to` is the last that was looked at. */
  log(prefix: string, from: Rev, count: number, maxBytes: number): { oldest: Rev; to: Rev; batches: Batch[] };
  compact(keepFrom: Rev): { oldest: Rev };
  grant(id: string, keepMs: number, atMs: number): void;
  /** False: the lease has expired. */
  renew(id: string, atMs: number): boolean;
  revoke(id: string): { rev: Rev };
  /** Sweeps expired leases, and looks for what other processes committed. `bell`: why theirs cannot be heard, '' when it can. */
  tick(atMs: number, lateMs: number): { rev: Rev; oldest: Rev; bell: string };
  close(): void;
}

export type StoreCall = keyof StoreCalls;

export interface StoreRequest {
  readonly id: number;
  readonly call: StoreCall;
  readonly parameters: readonly unknown[];
}

/** `not started`: the request was cancelled before the thread came to it. */
export interface StoreFailure {
  readonly kind: 'unavailable' | 'inDoubt' | 'not started';
  readonly message: string;
}

/** An answer, or, without an id, news: the store's revision as another process has moved it. */
export type StoreAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: StoreFailure }
  | { readonly rev: Rev };

/** What the thread is started with. */
export interface StoreThreadData {
  readonly driver: string;
  readonly path: string;
  readonly bellPath: string;
  readonly bootId: string;
  readonly busyTimeoutMs: number;
  /** One state a request, at its id modulo the length. Who moves a request on from WAITING decides whether it happens. */
  readonly states: Int32Array;
}

export const WAITING = 0;
export const STARTED = 1;
export const CANCELLED = 2;
