import type { Clock } from './clock.ts';
import type { Address, Listening, Transport, Wire, WireEvents } from './transport.ts';

/**
 * A network in memory, with faults. Bytes arrive in order, `delayMs` after they were written. Faults lie between pairs of hosts, in both
 * directions.
 */
export interface MemoryNetwork {
  /** The network as one host sees it: where its outgoing connections come from, and what it may listen on. */
  transport(host: string): Transport;
  /** Sets how long bytes travel between two hosts; 0 at first. */
  delay(a: string, b: string, delayMs: number): void;
  /** Breaks every connection between two hosts; new ones are refused until `heal`. */
  cut(a: string, b: string): void;
  /** Loses everything sent between two hosts, as an unplugged cable does: connections stand and are silent, until `heal` breaks them. */
  drop(a: string, b: string): void;
  heal(a: string, b: string): void;
  /** Connections that stand: a test's proof that nothing was left open. */
  open(): number;
}

type Fault = 'cut' | 'drop';
interface Link {
  delayMs: number;
  fault: Fault | null;
  readonly wires: Set<MemoryWire>;
}

const FIRST_EPHEMERAL_PORT = 49_152;

export function memoryNetwork(clock: Clock): MemoryNetwork {
  const links = new Map<string, Link>();
  const listeners = new Map<string, { host: string; accept: (wire: Wire) => void }>();
  let nextPort = FIRST_EPHEMERAL_PORT;

  const linkOf = (a: string, b: string): Link => {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    let link = links.get(key);
    if (!link) links.set(key, (link = { delayMs: 0, fault: null, wires: new Set() }));
    return link;
  };
  const breakAll = (link: Link) => {
    for (const wire of [...link.wires]) wire.broken(failure('ECONNRESET', 'the network was cut'));
  };

  const transport = (host: string): Transport => ({
    async listen(address, accept): Promise<Listening> {
      const bound = address.path ? address : { host: address.host, port: address.port || nextPort++ };
      const key = nameOf({ ...bound, host });
      if (listeners.has(key)) throw failure('EADDRINUSE', `${key} is taken`);
      listeners.set(key, { host, accept });
      return { address: bound, close: async () => void listeners.delete(key) };
    },

    connect(address, timeoutMs) {
      return new Promise<Wire>((resolve, reject) => {
        const name = nameOf(address);
        const link = linkOf(host, listeners.get(name)?.host ?? address.host);
        if (link.fault === 'drop') {
          clock.after(timeoutMs, () => reject(failure('ETIMEDOUT', `no connection to ${name} in ${timeoutMs} ms`)));
          return;
        }
        const arrive = () => {
          const listener = listeners.get(name);
          if (!listener || link.fault === 'cut') {
            reject(failure('ECONNREFUSED', `nobody listens at ${name}`));
            return;
          }
          const [near, far] = pair(clock, link, { host, port: nextPort++ }, address);
          listener.accept(far);
          resolve(near);
        };
        if (link.delayMs > 0) clock.after(link.delayMs, arrive);
        else clock.soon(arrive);
      });
    },
  });

  return {
    transport,
    delay: (a, b, delayMs) => void (linkOf(a, b).delayMs = delayMs),
    cut(a, b) {
      linkOf(a, b).fault = 'cut';
      breakAll(linkOf(a, b));
    },
    drop: (a, b) => void (linkOf(a, b).fault = 'drop'),
    heal(a, b) {
      const link = linkOf(a, b);
      // What was lost leaves a gap that TCP would not pass on: such a connection is dead.
      if (link.fault === 'drop') breakAll(link);
      link.fault = null;
    },
    open: () => [...links.values()].reduce((sum, link) => sum + link.wires.size, 0) / 2,
  };
}

function pair(clock: Clock, link: Link, from: Address, to: Address): [MemoryWire, MemoryWire] {
  const near = new MemoryWire(clock, link, from, to);
  const far = new MemoryWire(clock, link, to, from);
  near.peer = far;
  far.peer = near;
  return [near, far];
}

/** What is on its way to one end: bytes, the end of the stream, or news that the connection broke. */
type Arrival = { chunks: readonly Uint8Array[]; sent: (() => void) | undefined } | { end: Error | null };

class MemoryWire implements Wire {
  readonly local: Address;
  readonly remote: Address;
  peer!: MemoryWire;
  private readonly clock: Clock;
  private readonly link: Link;
  private events: WireEvents | null = null;
  private readonly inbox: Arrival[] = [];
  private unsent = 0;
  private paused = false;
  private ended = false;
  private done: { error: Error | null } | null = null;
  private told = false;

  constructor(clock: Clock, link: Link, local: Address, remote: Address) {
    this.clock = clock;
    this.link = link;
    this.local = local;
    this.remote = remote;
    link.wires.add(this);
  }

  start(events: WireEvents): void {
    this.events = events;
    this.clock.soon(() => this.deliver());
  }

  write(chunks: readonly Uint8Array[], sent?: () => void): void {
    if (this.done || this.ended) {
      sent?.();
      return;
    }
    this.unsent += sizeOf(chunks);
    this.travel({ chunks: chunks.map((chunk) => Uint8Array.from(chunk)), sent });
  }

  unsentBytes(): number {
    return this.unsent;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    this.clock.soon(() => this.deliver());
  }

  close(): void {
    if (this.done || this.ended) return;
    this.ended = true;
    this.travel({ end: null });
    this.finish(null);
  }

  destroy(): void {
    if (this.done) return;
    this.inbox.length = 0;
    if (!this.ended) this.travel({ end: null });
    this.finish(null);
  }

  broken(error: Error): void {
    this.inbox.length = 0;
    this.finish(error);
  }

  /** Brings something to the other end. Equal delays keep their order, as the clock fires in order of deadline, then of registration. */
  private travel(arrival: Arrival): void {
    if (this.link.fault === 'drop') return;
    const arrive = () => {
      this.peer.inbox.push(arrival);
      this.peer.deliver();
    };
    if (this.link.delayMs > 0) this.clock.after(this.link.delayMs, arrive);
    else this.clock.soon(arrive);
  }

  private deliver(): void {
    while (this.events && !this.paused && !this.done) {
      const arrival = this.inbox.shift();
      if (!arrival) return;
      if ('end' in arrival) {
        this.finish(arrival.end);
        return;
      }
      arrival.sent?.();
      this.peer.acknowledge(sizeOf(arrival.chunks));
      for (const chunk of arrival.chunks) if (!this.done) this.events.data(chunk);
    }
    this.tell();
  }

  private acknowledge(bytes: number): void {
    this.unsent -= bytes;
    if (this.unsent === 0 && !this.done) this.events?.drained();
  }

  private finish(error: Error | null): void {
    if (this.done) return;
    this.done = { error };
    this.link.wires.delete(this);
    this.clock.soon(() => this.tell());
  }

  private tell(): void {
    if (this.told || !this.done || !this.events) return;
    this.told = true;
    this.events.closed(this.done.error);
  }
}

/** Sockets with a path have the same name on every host: the network is one machine to them, and its faults still lie between its hosts. */
const nameOf = ({ host, port, path }: Address): string => path ?? `${host}:${port}`;
const sizeOf = (chunks: readonly Uint8Array[]): number => chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code });
