import { EmbeddedStore, type EmbeddedStoreOptions, type Engine } from './embedded-store.ts';
import type { Batch, Change, Cond, KV, MetadataStore, Op, Rev } from './store.ts';

/** A store in this process's memory, gone with it: for brokers inside a test and for simulation. */
export function openMemoryStore(options: EmbeddedStoreOptions): MetadataStore {
  return new EmbeddedStore(new MemoryEngine(), options);
}

/** The keys and their history in memory; several handles of a simulation share one. */
export class MemoryEngine implements Engine {
  private readonly keys = new Map<string, KV>();
  /** Batch i has revision oldest + i. */
  private batches: Batch[] = [];
  private oldest: Rev = 1;

  revision(): Rev {
    return this.oldest + this.batches.length - 1;
  }

  oldestRevision(): Rev {
    return this.oldest;
  }

  get(key: string): KV | undefined {
    return this.keys.get(key);
  }

  range(prefix: string): KV[] {
    const found: KV[] = [];
    for (const kv of this.keys.values()) if (kv.key.startsWith(prefix)) found.push(kv);
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  leasedKeys(lease: string): string[] {
    return [...this.keys.values()].filter((kv) => kv.lease === lease).map((kv) => kv.key);
  }

  commit(conds: readonly Cond[], ops: readonly Op[]): { ok: boolean; rev: Rev } {
    for (const cond of conds) {
      if ((this.keys.get(cond.key)?.rev ?? 0) !== cond.rev) return { ok: false, rev: this.revision() };
    }
    const rev = this.revision() + 1;
    const changes: Change[] = [];
    for (const op of ops) {
      if ('put' in op) {
        const value = new Uint8Array(op.value); // a copy: the caller may use its buffer again
        this.keys.set(op.put, { key: op.put, value, rev, ...(op.lease !== undefined && { lease: op.lease }) });
        changes.push({ type: 'put', key: op.put, value });
      } else if (this.keys.delete(op.del)) {
        changes.push({ type: 'del', key: op.del });
      }
    }
    if (changes.length > 0) this.batches.push({ rev, changes });
    return { ok: true, rev: this.revision() };
  }

  log(prefix: string, from: Rev, to: Rev): Batch[] {
    const found: Batch[] = [];
    for (const { rev, changes } of this.batches.slice(from - this.oldest, to - this.oldest + 1)) {
      const matching = changes.filter((change) => change.key.startsWith(prefix));
      if (matching.length > 0) found.push({ rev, changes: matching });
    }
    return found;
  }

  compact(keepFrom: Rev): void {
    if (keepFrom <= this.oldest) return;
    this.batches = this.batches.slice(keepFrom - this.oldest);
    this.oldest = keepFrom;
  }

  close(): void {
    this.keys.clear();
    this.batches = [];
  }
}
