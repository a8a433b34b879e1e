import { BufferPool } from '../core/bytes.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Address, Listening, Transport, Wire } from '../core/transport.ts';
import { bind } from './bind.ts';
import { ClientWarnings } from './client-warnings.ts';
import { Connection, type ConnectionOptions } from './connection.ts';

export interface ListenerOptions extends Omit<ConnectionOptions, 'pool' | 'closed' | 'warnings'> {
  readonly transport: Transport;
  /** max.connections, over all listeners of the broker, as it is now. */
  readonly maxConnections: () => number;
  /** max.connections.per.ip, as it is now. */
  readonly maxConnectionsPerIp: () => number;
}

/** Idle memory kept for receiving large requests, all connections together. */
const POOL_BYTES = 32 * 1024 * 1024;

/** Connections held while the broker starts, which takes milliseconds; more are told to come again. */
const MAX_EARLY = 1024;

interface Early {
  readonly wire: Wire;
  readonly options: ListenerOptions;
}

/** Connections beyond connection_creation_rate that are kept open until their client has waited; more are closed at once. */
export const MAX_TURNED_AWAY = 1024;

/** All connections of a broker. */
export class Connections {
  private readonly open = new Set<Connection>();
  /** Open connections by the client's address. */
  private readonly openOf = new Map<string, number>();
  private readonly pool = new BufferPool(POOL_BYTES);
  private warnings: ClientWarnings | null = null;
  private drained: (() => void) | null = null;
  /** Clients that came before the broker could answer; null once it can. */
  private early: Early[] | null = [];
  private closing = false;
  /** KIP-612: they are not served, and closed late, so that a client that tries again and again is slowed down. */
  private readonly turnedAway = new Map<Wire, Timer>();

  count(): number {
    return this.open.size;
  }

  /** @throws the transport's errors: EADDRINUSE, EACCES, ... */
  listen(address: Address, options: ListenerOptions): Promise<Listening> {
    return bind(options.transport, address, (wire) => this.accept(wire, options));
  }

  /** From now on clients are served, first those that have been waiting. */
  begin(): void {
    const early = this.early ?? [];
    this.early = null;
    for (const { wire, options } of early) this.accept(wire, options);
  }

  private accept(wire: Wire, options: ListenerOptions): void {
    if (this.closing) wire.destroy();
    else if (!this.early) this.serve(wire, options);
    else if (this.early.length < MAX_EARLY) this.early.push({ wire, options });
    else wire.destroy();
  }

  private serve(wire: Wire, options: ListenerOptions): void {
    const { host } = wire.remote;
    const throttleMs = options.quotas.isEnforced ? options.quotas.noteConnected(host) : 0;
    if (throttleMs > 0) {
      this.turnAway(wire, options.clock, throttleMs);
      return;
    }
    this.warnings ??= new ClientWarnings(options.clock, options.logger);
    const { warnings } = this;
    const before = this.openOf.get(host) ?? 0;
    const limit =
      this.open.size >= options.maxConnections()
        ? 'max.connections'
        : before >= options.maxConnectionsPerIp()
          ? 'max.connections.per.ip'
          : null;
    if (limit) {
      warnings.warn(host, limit, { client: host, limit }, `refusing a connection of ${host}: ${limit} is reached`);
      wire.destroy();
      return;
    }
    const connection: Connection = new Connection(wire, {
      ...options,
      warnings,
      pool: this.pool,
      closed: () => this.gone(connection, host),
    });
    this.open.add(connection);
    this.openOf.set(host, before + 1);
  }

  private turnAway(wire: Wire, clock: Clock, ms: number): void {
    if (this.turnedAway.size >= MAX_TURNED_AWAY) {
      wire.destroy();
      return;
    }
    const timer = clock.after(ms, () => {
      this.turnedAway.delete(wire);
      wire.destroy();
    });
    this.turnedAway.set(wire, timer);
  }

  private gone(connection: Connection, host: string): void {
    this.open.delete(connection);
    const left = this.openOf.get(host)! - 1;
    if (left > 0) this.openOf.set(host, left);
    else this.openOf.delete(host);
    if (this.open.size === 0) this.drained?.();
  }

  /** Closes all connections and resolves when they are gone; what has not left by then is lost after `graceMs`. */
  async close(clock: ConnectionOptions['clock'], graceMs: number): Promise<void> {
    this.closing = true;
    for (const { wire } of this.early?.splice(0) ?? []) wire.destroy();
    for (const [wire, timer] of this.turnedAway) {
      timer.cancel();
      wire.destroy();
    }
    this.turnedAway.clear();
    if (this.open.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.drained = resolve;
    });
    for (const connection of this.open) connection.close();
    const timer = clock.after(graceMs, () => {
      for (const connection of this.open) connection.destroy();
    });
    await gone;
    timer.cancel();
  }
}
