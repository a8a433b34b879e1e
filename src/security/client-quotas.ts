import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { ClientQuotaKey } from './quota-entity.ts';
import type { Limit, QuotaLimits } from './quota-limits.ts';
import { type RateWindow, SampledRate } from './sampled-rate.ts';
import { TokenBucket } from './token-bucket.ts';

/** Who sends requests, as quotas tell clients apart. Without authentication every user is anonymous. */
export interface QuotaClient {
  readonly user: string;
  readonly clientId: string;
}

export const ANONYMOUS = 'ANONYMOUS';
export const anonymous = (clientId: string): QuotaClient => ({ user: ANONYMOUS, clientId });

export interface ClientQuotasOptions {
  readonly clock: Clock;
  /** quota.window.* */
  readonly window: RateWindow;
  /** controller.quota.window.* */
  readonly controllerWindow: RateWindow;
  /** Meters of each key; default MAX_METERS. */
  readonly maxMeters?: number;
}

/** Clients or addresses measured at once, of each key. Beyond it the one that was silent longest begins anew: the memory of the broker comes first. */
export const MAX_METERS = 10_000;
/** Clients whose quota is remembered; beyond it all are looked up again. */
const MAX_RESOLVED = 10_000;
/** throttle_time_ms is an int32. */
const MAX_THROTTLE_MS = 2 ** 31 - 1;

/** What this broker measures of its clients, and how long they must wait. While no quota is set `isEnforced` is false, and nobody need ask. */
export class ClientQuotas {
  isEnforced = false;
  private readonly options: ClientQuotasOptions;
  private limits: QuotaLimits | null = null;
  private readonly resolved: Record<ClientQuotaKey, Map<string, Limit | null>> = {
    producer_byte_rate: new Map(),
    consumer_byte_rate: new Map(),
    request_percentage: new Map(),
    controller_mutation_rate: new Map(),
  };
  private readonly produced: Meters<SampledRate>;
  private readonly fetched: Meters<SampledRate>;
  private readonly worked: Meters<SampledRate>;
  private readonly mutated: Meters<TokenBucket>;
  private readonly connected: Meters<SampledRate>;

  constructor(options: ClientQuotasOptions) {
    this.options = options;
    const max = options.maxMeters ?? MAX_METERS;
    this.produced = new Meters(max);
    this.fetched = new Meters(max);
    this.worked = new Meters(max);
    this.mutated = new Meters(max);
    this.connected = new Meters(max);
  }

  /** What has been measured stays. */
  set(limits: QuotaLimits | null): void {
    this.limits = limits;
    this.isEnforced = limits !== null;
    for (const map of Object.values(this.resolved)) map.clear();
  }

  /** Meters that are kept. */
  count(): number {
    return [this.produced, this.fetched, this.worked, this.mutated, this.connected].reduce((sum, { size }) => sum + size, 0);
  }

  /** A Produce request of so many bytes was carried out: the ms that its client must wait now (KIP-13). */
  noteProduced(client: QuotaClient, bytes: number): number {
    return this.note(this.produced, this.limitOf('producer_byte_rate', client), bytes);
  }

  /** Consumers are answered no more than a whole window allows, as they would never get it. */
  mostToFetch(client: QuotaClient): number {
    const limit = this.limitOf('consumer_byte_rate', client);
    if (!limit) return Number.POSITIVE_INFINITY;
    const { samples, sampleMs } = this.options.window;
    return Math.floor((limit.perSecond * (samples - 1) * sampleMs) / 1000);
  }

  /**
   * A Fetch would be answered with so many bytes. Above 0: it must be answered with nothing, and its client wait for so many ms; then those bytes do not
   * count (KIP-219).
   */
  noteFetched(client: QuotaClient, bytesOf: () => number): number {
    const limit = this.limitOf('consumer_byte_rate', client);
    if (!limit) return 0;
    const bytes = bytesOf();
    const throttleMs = this.note(this.fetched, limit, bytes);
    if (throttleMs > 0) this.note(this.fetched, limit, -bytes);
    return throttleMs;
  }

  /** Whether its time is to be measured. */
  isTimed(client: QuotaClient): boolean {
    return this.limitOf('request_percentage', client) !== null;
  }

  /** The loop worked for a client for so long (KIP-124): the ms that it must wait, at most one sample's. */
  noteWorked(client: QuotaClient, workedMs: number): number {
    const percentSeconds = workedMs / 10;
    const throttleMs = this.note(this.worked, this.limitOf('request_percentage', client), percentSeconds);
    return Math.min(throttleMs, this.options.window.sampleMs);
  }

  /** null: the client may create and delete as it likes. @param isStrict what is too much is refused, as newer clients expect it (KIP-599) */
  mutationsOf(client: QuotaClient, isStrict: boolean): MutationQuota | null {
    const limit = this.limitOf('controller_mutation_rate', client);
    if (!limit) return null;
    const { clock, controllerWindow } = this.options;
    const bucket = this.mutated.of(
      limit.sharedAs,
      clock.monotonicMs(),
      (nowMs) => new TokenBucket(controllerWindow, limit.perSecond, nowMs),
    );
    return new MutationQuota(bucket, limit.perSecond, clock, isStrict);
  }

  /** A connection came from an address (KIP-612). Above 0: it must not be served, and is closed after so many ms; it does not count then. */
  noteConnected(ip: string): number {
    const perSecond = this.limits?.ofIp(ip) ?? null;
    if (perSecond === null) return 0;
    const limit = { perSecond, sharedAs: ip };
    const throttleMs = this.note(this.connected, limit, 1);
    if (throttleMs > 0) this.note(this.connected, limit, -1);
    return Math.min(throttleMs, this.options.window.sampleMs);
  }

  private note(meters: Meters<SampledRate>, limit: Limit | null, value: number): number {
    if (!limit) return 0;
    const { clock, window } = this.options;
    const nowMs = clock.monotonicMs();
    const rate = meters.of(limit.sharedAs, nowMs, () => new SampledRate(window, nowMs));
    rate.add(value, nowMs);
    return value > 0 ? Math.min(rate.throttleMs(limit.perSecond, nowMs), MAX_THROTTLE_MS) : 0;
  }

  private limitOf(key: ClientQuotaKey, { user, clientId }: QuotaClient): Limit | null {
    if (!this.limits) return null;
    const resolved = this.resolved[key];
    const client = `${user.length} ${user}${clientId}`;
    let limit = resolved.get(client);
    if (limit !== undefined) return limit;
    limit = this.limits.ofClient(key, user, clientId);
    if (resolved.size >= MAX_RESOLVED) resolved.clear();
    resolved.set(client, limit);
    return limit;
  }
}

/** What one request may still create and delete of a client's controller_mutation_rate: partitions are what counts. */
export class MutationQuota {
  private readonly bucket: TokenBucket;
  private readonly perSecond: number;
  private readonly clock: Clock;
  private readonly isStrict: boolean;
  private throttledUntilMs = 0;

  constructor(bucket: TokenBucket, perSecond: number, clock: Clock, isStrict: boolean) {
    this.bucket = bucket;
    this.perSecond = perSecond;
    this.clock = clock;
    this.isStrict = isStrict;
  }

  /** @throws KafkaError THROTTLING_QUOTA_EXCEEDED when too many were created or deleted before; then nothing is charged */
  charge(partitions: number): void {
    const nowMs = this.clock.monotonicMs();
    if (!this.isStrict) this.bucket.take(partitions, this.perSecond, nowMs);
    const throttleMs = Math.min(this.bucket.throttleMs(this.perSecond, nowMs), MAX_THROTTLE_MS);
    if (throttleMs > 0) this.throttledUntilMs = nowMs + throttleMs;
    if (!this.isStrict) return;
    if (throttleMs > 0) throw new KafkaError('THROTTLING_QUOTA_EXCEEDED', 'The throttling quota has been exceeded.');
    this.bucket.take(partitions, this.perSecond, nowMs);
  }

  /** What is left to wait of it now. */
  throttleMs(): number {
    return Math.max(Math.round(this.throttledUntilMs - this.clock.monotonicMs()), 0);
  }
}

interface Meter {
  isForgettable(nowMs: number): boolean;
}

/** Meters by who shares them, the one that was used longest ago first. */
class Meters<T extends Meter> {
  private readonly max: number;
  private readonly meters = new Map<string, T>();

  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.meters.size;
  }

  of(sharedAs: string, nowMs: number, make: (nowMs: number) => T): T {
    let meter = this.meters.get(sharedAs);
    if (meter) this.meters.delete(sharedAs);
    else {
      meter = make(nowMs);
      this.makeRoom(nowMs);
    }
    this.meters.set(sharedAs, meter);
    return meter;
  }

  private makeRoom(nowMs: number): void {
    for (const [sharedAs, meter] of this.meters) {
      if (this.meters.size < this.max && !meter.isForgettable(nowMs)) return;
      this.meters.delete(sharedAs);
    }
  }
}
