/** Store-wide revision: +1 for each transaction that changed something, else unchanged. The first is 1; 0 means "never". */
export type Rev = number;

/** One key as it stands. `rev`: the revision of the last change of this key. `lease`: the key goes when this lease ends. */
export interface KV {
  readonly key: string;
  readonly value: Uint8Array;
  readonly rev: Rev;
  readonly lease?: string;
}

/** The key is still at `rev`; 0: the key is absent. */
export interface Cond {
  readonly key: string;
  readonly rev: Rev;
}

export type Op = { readonly put: string; readonly value: Uint8Array; readonly lease?: string } | { readonly del: string };

export interface Change {
  readonly type: 'put' | 'del';
  readonly key: string;
  /** Of a put. Nobody may write into it. */
  readonly value?: Uint8Array;
}

/** All changes of one transaction under the watched prefix, never split. */
export interface Batch {
  readonly rev: Rev;
  readonly changes: readonly Change[];
}

export interface Lease {
  readonly id: string;
  /** As granted, which may be more than was asked for. */
  readonly ttlMs: number;
  /** The Clock's monotonic time until which this holder may count on the lease; in the past once it is lost or revoked. */
  validUntil(): number;
  /** Fires once, when the lease is gone: expired, revoked, or the store closed. */
  readonly lost: AbortSignal;
  /** Ends the lease and removes its keys. Revoking twice does nothing. */
  revoke(): Promise<void>;
}

/**
 * What the whole cluster agrees on: a small ordered key-value store with revisions, conditional transactions, watches, and leases.
 * Keys are UTF-8 without NUL. The cache pattern is `r = range(p)`, then `watch(p, r.rev + 1)`.
 *
 * Every call may fail with UnavailableError (certainly not applied) and `txn` with InDoubtError (may or may not be applied).
 */
export interface MetadataStore {
  readonly maxOps: number;
  readonly maxBytes: number;
  /** Linearizable. `rev` is the store's revision; the key's own stands in `kv`. */
  get(key: string): Promise<{ kv?: KV; rev: Rev }>;
  /** All keys that start with `prefix`, ascending, as of one revision. */
  range(prefix: string): Promise<{ kvs: KV[]; rev: Rev }>;
  /**
   * Atomic: all conditions hold -> all ops applied under one new revision; else `ok` is false and nothing changed.
   * @throws RangeError for a transaction beyond the limits, or a key that stands in the ops twice; LeaseLostError for a put under a dead lease
   */
  txn(conds: readonly Cond[], ops: readonly Op[], options?: { timeoutMs?: number }): Promise<{ ok: boolean; rev: Rev }>;
  /**
   * Batches with rev >= `from`, ascending, gap-free; ends when `signal` fires or the store closes.
   * @throws CompactedError when revisions after `from` are no longer kept: range again
   */
  watch(prefix: string, from: Rev, signal: AbortSignal): AsyncIterable<Batch>;
  /** Renewed by the store every ttl/3, as long as this process runs. */
  grantLease(ttlMs: number): Promise<Lease>;
  /** Forgets the history before `keepFrom`; the keys themselves stay. */
  compact(keepFrom: Rev): Promise<void>;
  /** Ends watches and leases; later calls fail with UnavailableError. */
  close(): Promise<void>;
}

/** Room below etcd's 128 operations in a transaction, so that every engine takes the same transactions. */
export const MAX_OPS = 100;
export const MAX_CONDS = 128;
/** Keys and values of one transaction; etcd refuses 1.5 MB. */
export const MAX_TXN_BYTES = 1024 * 1024;
export const MAX_VALUE_BYTES = 64 * 1024;
/** Revisions that the log keeps at least, for watches that are behind. */
export const DEFAULT_KEEP_REVISIONS = 10_000;
/** A watch reads the log in pieces of this many revisions. */
export const REVISIONS_PER_READ = 64;

/** The history from the asked revision on is gone; `compactRev` is the oldest revision still kept. */
export class CompactedError extends Error {
  override name = 'CompactedError';
  readonly compactRev: Rev;
  constructor(compactRev: Rev) {
    super(`metadata revisions before ${compactRev} are compacted`);
    this.compactRev = compactRev;
  }
}

/** The transaction may or may not have been applied: read again before acting, never repeat it blindly. */
export class InDoubtError extends Error {
  override name = 'InDoubtError';
}

/** Certainly not applied. */
export class UnavailableError extends Error {
  override name = 'UnavailableError';
}

/** The transaction puts a key under a lease that is gone: register anew. */
export class LeaseLostError extends UnavailableError {
  override name = 'LeaseLostError';
  constructor(lease: string) {
    super(`lease ${lease} is gone`);
  }
}

/** Holds a transaction to the limits that all engines share. @throws RangeError */
export function checkTxn(conds: readonly Cond[], ops: readonly Op[]): void {
  if (ops.length > MAX_OPS) throw new RangeError(`a metadata transaction holds at most ${MAX_OPS} operations, not ${ops.length}`);
  if (conds.length > MAX_CONDS) throw new RangeError(`a metadata transaction holds at most ${MAX_CONDS} conditions, not ${conds.length}`);
  for (const cond of conds) checkKey(cond.key);
  const keys = new Set<string>();
  let bytes = 0;
  for (const op of ops) {
    const key = 'put' in op ? op.put : op.del;
    checkKey(key);
    if (keys.has(key)) throw new RangeError(`metadata key ${key} stands in one transaction twice`);
    keys.add(key);
    bytes += Buffer.byteLength(key);
    if ('put' in op) {
      if (op.value.byteLength > MAX_VALUE_BYTES) {
        throw new RangeError(`the value of metadata key ${key} has ${op.value.byteLength} bytes, more than ${MAX_VALUE_BYTES}`);
      }
      bytes += op.value.byteLength;
    }
  }
  if (bytes > MAX_TXN_BYTES) throw new RangeError(`a metadata transaction holds at most ${MAX_TXN_BYTES} bytes, not ${bytes}`);
}

/** A surrogate that has lost its other half has no UTF-8 form. */
const NOT_UTF8 = /\p{Surrogate}/u;

function checkKey(key: string): void {
  if (key === '' || key.includes('\0') || NOT_UTF8.test(key)) {
    throw new RangeError(`metadata key ${JSON.stringify(key)} is not UTF-8 without NUL`);
  }
}
