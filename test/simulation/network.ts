import type { Address, Listening, Transport, Wire, WireEvents } from '../../src/core/transport.ts';
import type { Random } from './random.ts';
import type { Process, Scheduler } from './scheduler.ts';

/** How a link between two hosts fails: refused and reset, or silent, as an unplugged cable is. */
export type LinkFault = 'cut' | 'drop';

interface Listener {
  readonly host: string;
  readonly process: Process;
  readonly accept: (wire: Wire) => void;
}

interface Link {
  fault: LinkFault | null;
  readonly wires: Set<SimulatedWire>;
  /** What a silent link swallowed: sent again when it is healed, as TCP does, unless the connection was given up. */
  swallowed: (() => void)[];
}

const FIRST_EPHEMERAL_PORT = 49_152;
/** In a request, behind its length. */
const API_KEY_AT = 4;

/** What the name of an address is: a path for sockets in the file system, else host and port. */
function nameOf(address: Address & { readonly path?: string }, host: string): string {
  if (address.path !== undefined) return `unix:${address.path}`;
  return address.host.startsWith('unix:') ? address.host : `${host}:${address.port}`;
}

/**
 * A network of hosts, seeded: each message takes its own time, in order within a connection. A connection outlives the pause of a process, as
 * the kernel keeps it, and its death ends it for the peer; a machine that loses power says nothing.
 */
export class Network {
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private readonly links = new Map<string, Link>();
  private readonly listeners = new Map<string, Listener>();
  private nextPort = FIRST_EPHEMERAL_PORT;
  /** Ms that a message takes: at least and at most, seldom ten times as much. */
  delayMs: readonly [number, number] = [0.05, 0.6];
  /** Bytes delivered, for the trace. */
  delivered = 0;

  constructor(scheduler: Scheduler, random: Random) {
    this.scheduler = scheduler;
    this.random = random;
  }

  /** The network as `process` on `host` sees it. */
  transport(host: string, process: Process): Transport {
    return {
      listen: async (address, accept) => this.listen(host, process, address, accept),
      connect: (address, timeoutMs) => this.connect(host, process, address, timeoutMs),
    };
  }

  break(a: string, b: string, fault: LinkFault): void {
    const link = this.link(a, b);
    link.fault = fault;
    if (fault === 'cut') for (const wire of [...link.wires]) wire.broken('the network was cut');
  }

  heal(a: string, b: string): void {
    const link = this.link(a, b);
    const { fault } = link;
    link.fault = null;
    const swallowed = link.swallowed;
    link.swallowed = [];
    if (fault !== 'drop') return;
    if (this.random.chance(0.5)) for (const wire of [...link.wires]) wire.broken('nothing came for too long');
    else for (const again of swallowed) again();
  }

  faultBetween(a: string, b: string): LinkFault | null {
    return this.link(a, b).fault;
  }

  /** What `from` sends over connections that it has begun to `to` arrives only after `ms`, be it closed or dead by then. New ones are as ever. */
  delayBegun(from: string, to: string, ms: number): void {
    for (const wire of this.begunBy(from, to)) wire.peer.noneBefore(this.now + ms);
  }
  /** So do the answers of `from` over connections that `to` asks with requests of one API. */
  delayAnswers(from: string, to: string, apiKey: number, ms: number): void {
    for (const wire of this.begunBy(to, from)) if (wire.apiKeys.has(apiKey)) wire.noneBefore(this.now + ms);
  }
  /** `from` takes its connections to `to` for broken, as after a reset by something between them; what is on its way arrives. */
  giveUpBegun(from: string, to: string): void {
    for (const wire of this.begunBy(from, to)) wire.brokenHere('the connection was reset on the way');
  }
  private begunBy(from: string, to: string): SimulatedWire[] {
    return [...this.link(from, to).wires].filter((wire) => wire.begun && wire.local.host === from);
  }

  /** The process is gone, killed: its kernel closes what it had open. With `silently` the machine is gone too, and nobody is told. */
  died(process: Process, silently: boolean): void {
    for (const [name, listener] of this.listeners) if (listener.process === process) this.listeners.delete(name);
    for (const link of this.links.values()) {
      for (const wire of [...link.wires]) if (wire.process === process) wire.orphan(silently);
    }
  }

  /** The machine is up again, and answers what belongs to no connection with a reset. */
  machineIsBack(host: string): void {
    for (const link of this.links.values()) {
      for (const wire of [...link.wires]) if (wire.remote.host === host && wire.peer.lost) wire.broken('the peer knows nothing of it');
    }
  }

  delay(): number {
    const [from, to] = this.delayMs;
    const ms = this.random.between(from, to);
    return this.random.chance(0.01) ? ms * 10 : ms;
  }

  link(a: string, b: string): Link {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    let link = this.links.get(key);
    if (!link) this.links.set(key, (link = { fault: null, wires: new Set(), swallowed: [] }));
    return link;
  }

  after(process: Process, ms: number, label: string, fire: () => void): void {
    this.scheduler.after(process, ms, label, fire);
  }

  get now(): number {
    return this.scheduler.now;
  }

  private listen(host: string, process: Process, address: Address, accept: (wire: Wire) => void): Listening {
    const bound = { ...address, port: address.port || this.nextPort++ };
    const name = nameOf(bound, host);
    if (this.listeners.has(name)) throw failure('EADDRINUSE', `${name} is taken`);
    const listener = { host, process, accept };
    this.listeners.set(name, listener);
    return {
      address: bound,
      close: async () => {
        if (this.listeners.get(name) === listener) this.listeners.delete(name);
      },
    };
  }

  private connect(host: string, process: Process, address: Address, timeoutMs: number): Promise<Wire> {
    const name = nameOf(address, address.host);
    const to = this.listeners.get(name)?.host ?? address.host;
    // No cable that could be cut lies between two processes and a socket in their file system.
    const link = address.path === undefined ? this.link(host, to) : this.link(`socket ${host}`, to);
    return new Promise<Wire>((resolve, reject) => {
      const refuse = (code: string, ms: number) =>
        this.after(process, ms, `connect ${name} ${code}`, () => reject(failure(code, `${name}: ${code}`)));
      this.after(this.scheduler.world, this.delay(), `connect ${host}->${name}`, () => {
        if (link.fault === 'drop') return refuse('ETIMEDOUT', timeoutMs);
        const listener = this.listeners.get(name);
        if (!listener || link.fault === 'cut') return refuse('ECONNREFUSED', this.delay());
        const near = new SimulatedWire(this, link, process, { host, port: this.nextPort++ }, { ...address, host: to });
        const far = new SimulatedWire(this, link, listener.process, { ...address, host: to }, near.local);
        near.peer = far;
        far.peer = near;
        near.begun = true;
        // The kernel accepts for a process that is paused, too.
        far.arriveAt(this.delay(), `accept ${host}`, () => listener.accept(far));
        this.after(process, this.delay(), `connected ${name}`, () => resolve(near));
      });
    });
  }
}

class SimulatedWire implements Wire {
  readonly local: Address;
  readonly remote: Address;
  readonly process: Process;
  peer!: SimulatedWire;
  /** Its machine lost power: it exists for the peer alone. */
  lost = false;
  /** By this end: the other one has accepted it. */
  begun = false;
  /** Of the requests that were sent. */
  readonly apiKeys = new Set<number>();
  private readonly network: Network;
  private readonly link: Link;
  private events: WireEvents | null = null;
  private readonly inbox: (Uint8Array[] | null)[] = [];
  private paused = false;
  private lastArrival = 0;
  /** This end was closed here: nothing more is sent. */
  private ended = false;
  private done: { error: Error | null } | null = null;
  private told = false;

  constructor(network: Network, link: Link, process: Process, local: Address, remote: Address) {
    this.network = network;
    this.link = link;
    this.process = process;
    this.local = local;
    this.remote = remote;
    link.wires.add(this);
  }

  start(events: WireEvents): void {
    this.events = events;
    this.network.after(this.process, 0, 'wire started', () => this.deliver());
  }

  write(chunks: readonly Uint8Array[], sent?: () => void): void {
    if (this.done || this.ended) {
      sent?.();
      return;
    }
    const copies = chunks.map((chunk) => Uint8Array.from(chunk));
    const bytes = sizeOf(copies);
    // A request's header is in its first chunk.
    if (this.begun && copies[0]!.byteLength > API_KEY_AT + 1) this.apiKeys.add(Buffer.from(copies[0]!.buffer).readInt16BE(API_KEY_AT));
    // The kernel takes it, at the end of this turn.
    if (sent) this.network.after(this.process, 0, 'sent', sent);
    this.travel(`${bytes} bytes`, () => {
      this.network.delivered += bytes;
      this.peer.take(copies);
    });
  }

  unsentBytes(): number {
    return 0;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    this.network.after(this.process, 0, 'wire resumed', () => this.deliver());
  }

  close(): void {
    if (this.done || this.ended) return;
    this.ended = true;
    this.travel('end', () => this.peer.take(null));
    this.finish(null);
  }

  destroy(): void {
    if (this.done) return;
    this.inbox.length = 0;
    if (!this.ended) this.travel('end', () => this.peer.take(null));
    this.ended = true;
    this.finish(null);
  }

  broken(why: string): void {
    this.inbox.length = 0;
    this.finish(failure('ECONNRESET', why));
  }

  /** Broken for this end alone: the other one hears of it behind all that is on its way. */
  brokenHere(why: string): void {
    if (this.done) return;
    if (!this.ended) this.travel('end', () => this.peer.take(null));
    this.ended = true;
    this.broken(why);
  }

  /** Its process died. */
  orphan(silently: boolean): void {
    if (this.done) return;
    this.ended = true;
    this.lost = silently;
    this.done = { error: null };
    this.told = true;
    this.link.wires.delete(this);
    if (!silently) this.travel('end', () => this.peer.take(null));
  }

  /** In order, whatever each one's own delay. */
  arriveAt(ms: number, label: string, fire: () => void): void {
    const at = Math.max(this.network.now + ms, this.lastArrival);
    this.lastArrival = at;
    this.network.after(this.process, at - this.network.now, label, fire);
  }

  noneBefore(at: number): void {
    this.lastArrival = Math.max(this.lastArrival, at);
  }

  private travel(what: string, arrive: () => void): void {
    const send = () => {
      if (this.link.fault === 'drop') this.link.swallowed.push(send);
      else if (this.link.fault === null)
        this.peer.arriveAt(this.network.delay(), `${this.local.host}->${this.remote.host}:${this.remote.port} ${what}`, arrive);
    };
    send();
  }

  private take(chunks: Uint8Array[] | null): void {
    if (this.done) return;
    this.inbox.push(chunks);
    this.deliver();
  }

  private deliver(): void {
    while (this.events && !this.paused && !this.done && this.inbox.length > 0) {
      const chunks = this.inbox.shift()!;
      if (chunks === null) this.finish(null);
      else for (const chunk of chunks) if (!this.done) this.events.data(chunk);
    }
    this.tell();
  }

  private finish(error: Error | null): void {
    if (this.done) return;
    this.done = { error };
    this.link.wires.delete(this);
    this.network.after(this.process, 0, 'wire closed', () => this.tell());
  }

  private tell(): void {
    if (this.told || !this.done || !this.events) return;
    this.told = true;
    this.events.closed(this.done.error);
  }
}

const sizeOf = (chunks: readonly Uint8Array[]): number => chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code });
