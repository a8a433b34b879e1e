import { BufferPool } from '../core/bytes.ts';
import type { Address, Listening, Transport, Wire } from '../core/transport.ts';
import { bind } from './bind.ts';
import { Connection, type ConnectionOptions } from './connection.ts';

export interface ListenerOptions extends Omit<ConnectionOptions, 'pool' | 'closed'> {
  readonly transport: Transport;
  /** max.connections, over all listeners of the broker */
  readonly maxConnections: number;
}

/** Idle memory kept for receiving large requests, all connections together. */
const POOL_BYTES = 32 * 1024 * 1024;

/** Connections held while the broker starts, which takes milliseconds; more are told to come again. */
const MAX_EARLY = 1024;

/** All connections of a broker. */
export class Connections {
  private readonly open = new Set<Connection>();
  private readonly pool = new BufferPool(POOL_BYTES);
  private drained: (() => void) | null = null;
  /** Clients that came before the broker could answer; null once it can. */
  private early: (() => void)[] | null = [];

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
    for (const accept of early) accept();
  }

  private accept(wire: Wire, options: ListenerOptions): void {
    if (this.early) {
      if (this.early.length < MAX_EARLY) this.early.push(() => this.accept(wire, options));
      else wire.destroy();
      return;
    }
    if (this.open.size >= options.maxConnections) {
      options.logger.warn(
        { client: wire.remote.host, maxConnections: options.maxConnections },
        'refusing a connection: max.connections is reached',
      );
      wire.destroy();
      return;
    }
    const connection: Connection = new Connection(wire, {
      ...options,
      pool: this.pool,
      closed: () => {
        this.open.delete(connection);
        if (this.open.size === 0) this.drained?.();
      },
    });
    this.open.add(connection);
  }

  /** Closes all connections and resolves when they are gone; what has not left by then is lost after `graceMs`. */
  async close(clock: ConnectionOptions['clock'], graceMs: number): Promise<void> {
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
