import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.ts';
import type { Machine } from '../core/machine.ts';
import { type Lease, UnavailableError } from './store.ts';

/** What the holder of leases asks of the store. Each may fail with UnavailableError. */
export interface LeaseCalls {
  grant(id: string, keepMs: number, atMs: number): Promise<void>;
  renew(id: string, atMs: number): Promise<boolean>;
  revoke(id: string): Promise<unknown>;
}

/** One broker holds one or two; beyond this somebody grants and forgets. */
const MAX_LEASES = 1_000;
/** The store keeps a lease this much longer than its holder counts on it, a tenth at most: time between the holder's look at the clock and what it then sends. */
const MARGIN_MS = 250;
const RETRY_MS = 250;

/** The leases that this process holds in a store that others share: renewed every third of their time, as long as this event loop runs. */
export class SharedLeases {
  private readonly clock: Clock;
  private readonly machine: Machine;
  private readonly calls: LeaseCalls;
  private readonly newId: () => string;
  private readonly held = new Map<string, HeldLease>();

  /** @param newId one that no other process gives, now or later */
  constructor(clock: Clock, machine: Machine, calls: LeaseCalls, newId: () => string = randomUUID) {
    this.clock = clock;
    this.machine = machine;
    this.calls = calls;
    this.newId = newId;
  }

  async grant(ttlMs: number): Promise<Lease> {
    if (!(ttlMs > 0)) throw new RangeError(`a lease cannot last ${ttlMs} ms`);
    if (this.held.size >= MAX_LEASES) throw new UnavailableError(`more than ${MAX_LEASES} leases`);
    const id = `lease-${this.newId()}`;
    const sentMs = this.clock.monotonicMs();
    const lease = new HeldLease(id, ttlMs, this.clock, this.machine, this.calls, () => void this.held.delete(id));
    this.held.set(id, lease); // counted from here on
    try {
      await this.calls.grant(id, ttlMs + Math.min(ttlMs / 10, MARGIN_MS), this.machine.monotonicMs());
    } catch (error) {
      lease.abandon();
      throw error;
    }
    lease.granted(sentMs);
    return lease;
  }

  /** Whether a put may name this lease; one of another process is the store's to judge. One whose time has passed ends here, though its timer has not fired yet. */
  mayName(id: string): boolean {
    return this.held.get(id)?.check() ?? true;
  }

  /** Ends all without touching their keys, as the death of the process would. */
  close(): void {
    for (const lease of [...this.held.values()]) lease.abandon();
  }
}

const NEVER = Number.NEGATIVE_INFINITY;

class HeldLease implements Lease {
  readonly id: string;
  readonly ttlMs: number;
  private readonly clock: Clock;
  private readonly machine: Machine;
  private readonly calls: LeaseCalls;
  private readonly forget: () => void;
  private readonly losing = new AbortController();
  private deadline = NEVER;
  private ended = false;
  private timer: Timer | undefined;
  private renewAt = 0;
  private renewing = false;

  constructor(id: string, ttlMs: number, clock: Clock, machine: Machine, calls: LeaseCalls, forget: () => void) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.clock = clock;
    this.machine = machine;
    this.calls = calls;
    this.forget = forget;
  }

  get lost(): AbortSignal {
    return this.losing.signal;
  }

  validUntil(): number {
    return this.deadline;
  }

  async revoke(): Promise<void> {
    if (!this.ended) await this.end('was revoked');
  }

  /** The store has it since it was asked at `sentMs`. */
  granted(sentMs: number): void {
    if (this.ended) return;
    this.deadline = sentMs + this.ttlMs;
    this.renewAt = sentMs + this.ttlMs / 3;
    this.wait();
  }

  /** Whether the lease still holds; ends it when its time has passed. */
  check(): boolean {
    if (this.ended || this.deadline === NEVER) return false;
    if (this.clock.monotonicMs() < this.deadline) return true;
    void this.end('has expired');
    return false;
  }

  abandon(): void {
    this.finish('ended with its store');
  }

  /** One timer: for the next renewal, or, while one is under way, for the end. */
  private wait(): void {
    this.timer?.cancel();
    const at = this.renewing ? this.deadline : Math.min(this.renewAt, this.deadline);
    this.timer = this.clock.after(at - this.clock.monotonicMs(), () => this.due());
  }

  private due(): void {
    if (!this.check()) return;
    if (!this.renewing && this.clock.monotonicMs() >= this.renewAt) void this.renew();
    this.wait();
  }

  private async renew(): Promise<void> {
    const sentMs = this.clock.monotonicMs();
    this.renewing = true;
    let stands = true;
    try {
      stands = await this.calls.renew(this.id, this.machine.monotonicMs());
      this.renewAt = sentMs + this.ttlMs / 3;
    } catch {
      this.renewAt = this.clock.monotonicMs() + Math.min(RETRY_MS, this.ttlMs / 6);
      this.renewing = false;
      if (!this.ended) this.wait();
      return;
    }
    this.renewing = false;
    if (this.ended) return;
    if (!stands) {
      void this.end('has expired');
      return;
    }
    // Counted from when it was sent: it may have been long on its way. One that came too late does not bring the lease back.
    if (!this.check()) return;
    this.deadline = Math.max(this.deadline, sentMs + this.ttlMs);
    this.wait();
  }

  /** Its keys go now; when the store cannot do it, they go when the store's own time for it has passed. */
  private async end(how: string): Promise<void> {
    const revoked = this.calls.revoke(this.id);
    this.finish(how);
    await revoked.catch(() => {});
  }

  private finish(how: string): void {
    if (this.ended) return;
    this.ended = true;
    this.deadline = NEVER;
    this.timer?.cancel();
    this.forget();
    this.losing.abort(new UnavailableError(`lease ${this.id} ${how}`));
  }
}
