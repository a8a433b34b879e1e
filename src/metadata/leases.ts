import type { Clock, Timer } from '../core/clock.ts';
import { type Lease, UnavailableError } from './store.ts';

/** One broker holds one or two; beyond this somebody grants and forgets. */
const MAX_LEASES = 1_000;

/**
 * The leases of a store that lives in this process. Holder and store share one clock and one event loop, so there is no margin, and a single
 * timer per lease both renews and expires: when it fires in time the lease is renewed; when the process was paused beyond the ttl the lease
 * is lost, and its holder registers anew.
 */
export class Leases {
  private readonly clock: Clock;
  private readonly dropKeys: (id: string) => void;
  private readonly held = new Map<string, HeldLease>();
  private granted = 0;

  /** @param dropKeys removes the keys of a lease from the store; when it throws, it is called again later */
  constructor(clock: Clock, dropKeys: (id: string) => void) {
    this.clock = clock;
    this.dropKeys = dropKeys;
  }

  grant(ttlMs: number): Lease {
    if (!(ttlMs > 0)) throw new RangeError(`a lease cannot last ${ttlMs} ms`);
    if (this.held.size >= MAX_LEASES) throw new UnavailableError(`more than ${MAX_LEASES} leases`);
    const id = `lease-${++this.granted}`;
    const lease = new HeldLease(id, ttlMs, this.clock, () => {
      this.dropKeys(id);
      this.held.delete(id);
    });
    this.held.set(id, lease);
    return lease;
  }

  /** Whether a put may name this lease. One whose time has passed ends here, though its timer has not fired yet. */
  isAlive(id: string): boolean {
    return this.held.get(id)?.check() ?? false;
  }

  /** Ends all without touching their keys, as the death of the process would. */
  close(): void {
    for (const lease of this.held.values()) lease.abandon();
    this.held.clear();
  }
}

class HeldLease implements Lease {
  readonly id: string;
  readonly ttlMs: number;
  private readonly clock: Clock;
  private readonly drop: () => void;
  private readonly losing = new AbortController();
  private deadline: number;
  private timer: Timer;

  constructor(id: string, ttlMs: number, clock: Clock, drop: () => void) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.clock = clock;
    this.drop = drop;
    this.deadline = clock.monotonicMs() + ttlMs;
    this.timer = clock.after(ttlMs / 3, () => this.renew());
  }

  get lost(): AbortSignal {
    return this.losing.signal;
  }

  validUntil(): number {
    return this.deadline;
  }

  async revoke(): Promise<void> {
    if (this.deadline !== Number.NEGATIVE_INFINITY) this.end('revoked');
  }

  /** Whether the lease still holds; ends it when its time has passed. */
  check(): boolean {
    if (this.deadline === Number.NEGATIVE_INFINITY) return false;
    if (this.clock.monotonicMs() < this.deadline) return true;
    this.end('expired');
    return false;
  }

  abandon(): void {
    this.timer.cancel();
    this.deadline = Number.NEGATIVE_INFINITY;
    this.losing.abort(new UnavailableError(`lease ${this.id} ended with its store`));
  }

  private renew(): void {
    if (!this.check()) return;
    this.deadline = this.clock.monotonicMs() + this.ttlMs;
    this.timer = this.clock.after(this.ttlMs / 3, () => this.renew());
  }

  private end(reason: string): void {
    this.timer.cancel();
    this.deadline = Number.NEGATIVE_INFINITY;
    this.dropUntilDone();
    this.losing.abort(new UnavailableError(`lease ${this.id} ${reason}`));
  }

  /** A full disk must not leave a dead broker's registration behind for ever. */
  private dropUntilDone(): void {
    try {
      this.drop();
    } catch {
      this.timer = this.clock.after(this.ttlMs / 3, () => this.dropUntilDone());
    }
  }
}
