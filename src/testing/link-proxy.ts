import type { Clock } from '../core/clock.ts';
import type { Address, Listening, Transport, Wire } from '../core/transport.ts';
import type { CutHow } from './options.ts';

const CONNECT_MS = 5_000;
/** What the receiver of a direction has not taken; beyond it its sender is paused. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/** One connection through the link. */
interface Pair {
  readonly near: Wire;
  /** null while it is being dialled. */
  far: Wire | null;
  closed: boolean;
}

/** A TCP address of this machine that leads to another one, until it is cut. */
export class LinkProxy {
  private readonly transport: Transport;
  private readonly clock: Clock;
  private readonly target: () => Address | null;
  private readonly pairs = new Set<Pair>();
  private listening: Listening | null = null;
  private cutAs: CutHow | null = null;

  /** @param target asked for each connection; null: nobody is there now */
  static async open(transport: Transport, clock: Clock, target: () => Address | null): Promise<LinkProxy> {
    const proxy = new LinkProxy(transport, clock, target);
    proxy.listening = await transport.listen({ host: '127.0.0.1', port: 0 }, (wire) => proxy.accept(wire));
    return proxy;
  }

  private constructor(transport: Transport, clock: Clock, target: () => Address | null) {
    this.transport = transport;
    this.clock = clock;
    this.target = target;
  }

  get address(): Address {
    return this.listening!.address;
  }

  cut(how: CutHow): void {
    this.cutAs = how;
    for (const pair of [...this.pairs]) {
      if (how === 'reset') this.end(pair);
      else {
        pair.near.pause();
        pair.far?.pause();
      }
    }
  }

  heal(): void {
    if (this.cutAs === null) return;
    this.cutAs = null;
    for (const pair of [...this.pairs]) {
      if (pair.far === null) void this.connect(pair);
      else {
        pair.near.resume();
        pair.far.resume();
      }
    }
  }

  async close(): Promise<void> {
    await this.listening?.close();
    for (const pair of [...this.pairs]) this.end(pair);
  }

  private accept(near: Wire): void {
    if (this.cutAs === 'reset') {
      near.destroy();
      return;
    }
    const pair: Pair = { near, far: null, closed: false };
    this.pairs.add(pair);
    // Started at once, since only then nothing of what it sends is lost, and held until there is another side.
    this.forward(pair, near, () => pair.far);
    near.pause();
    if (this.cutAs === null) void this.connect(pair);
  }

  private async connect(pair: Pair): Promise<void> {
    const address = this.target();
    try {
      if (address === null) throw new Error('nobody is there');
      const far = await this.transport.connect(address, CONNECT_MS);
      if (pair.closed) {
        far.destroy();
        return;
      }
      pair.far = far;
      this.forward(pair, far, () => pair.near);
      if (this.cutAs === null) pair.near.resume();
      else this.cut(this.cutAs);
    } catch {
      this.end(pair);
    }
  }

  private forward(pair: Pair, from: Wire, other: () => Wire | null): void {
    from.start({
      data: (chunk) => {
        const to = other();
        to?.write([Buffer.from(chunk)]); // the chunk is ours only until we return
        if (to && to.unsentBytes() > MAX_QUEUED_BYTES) from.pause();
      },
      drained: () => {
        if (this.cutAs === null) other()?.resume();
      },
      closed: () => {
        if (this.cutAs === 'silent') this.clock.soon(() => this.endLater(pair));
        else this.end(pair, other() ?? undefined);
      },
    });
  }

  /** A peer that dies behind a silent cut is not seen to have died before the heal. */
  private endLater(pair: Pair): void {
    if (this.cutAs !== 'silent') this.end(pair);
    else this.clock.after(50, () => this.endLater(pair));
  }

  /** @param rest the side that still gets what is queued for it */
  private end(pair: Pair, rest?: Wire): void {
    if (pair.closed) return;
    pair.closed = true;
    this.pairs.delete(pair);
    for (const wire of [pair.near, pair.far]) {
      if (wire === rest) wire?.close();
      else wire?.destroy();
    }
  }
}
