import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { Files } from '../core/files.ts';
import type { Address, Listening, Transport, Wire } from '../core/transport.ts';
import { PeerWatch } from './peer-watch.ts';

export interface LivenessOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly files: Files;
  /** The cluster's directory, where the socket lies, removed and made anew: whoever calls holds the lock of this broker's data. null: a loopback port. */
  readonly directory: string | null;
  readonly id: number;
  /** Of this broker's registration now; -1 while it has none. */
  readonly epoch: () => number;
  readonly windows?: boolean;
}

export interface WatchedBroker {
  readonly id: number;
  readonly epoch: number;
  /** As its registration names it; null: it is not watched. */
  readonly address: string | null;
}

/** Longer paths are cut by Node without a word; the system's own limit is 104 to 108. */
const MAX_PATH_BYTES = 100;
/** Peers that are connected at once; more than there are brokers are strangers. */
const MAX_PEERS = 1_000;

/**
 * Tells within milliseconds that a broker process of this machine has died (metadata-store rule 10). Each broker listens where its registration
 * says, and its peers stay connected: the kernel closes what a process had open, however it ended. A process that merely stands still is not
 * seen here; its lease runs out.
 */
export class Liveness {
  /** What the registration names. */
  readonly address: string;
  /** A broker died that was registered with this epoch. Told again every second while it is still watched, since whoever can act on it may change. */
  onDead: (id: number, epoch: number) => void = () => {};
  private readonly options: LivenessOptions;
  private readonly listening: Listening;
  private readonly accepted: Set<Wire>;
  private readonly watches = new Map<number, PeerWatch>();

  private constructor(options: LivenessOptions, listening: Listening, accepted: Set<Wire>) {
    this.options = options;
    this.listening = listening;
    this.accepted = accepted;
    this.address = textOf(listening.address);
  }

  /** @throws Node's errors, when no loopback port can be had either */
  static async open(options: LivenessOptions): Promise<Liveness> {
    const accepted = new Set<Wire>();
    return new Liveness(options, await listen(options, (wire) => greet(wire, accepted, options)), accepted);
  }

  /** Watches exactly these; this broker itself may be among them and is not watched. */
  watch(brokers: readonly WatchedBroker[]): void {
    const wanted = new Map(brokers.filter(({ id }) => id !== this.options.id).map((broker) => [broker.id, broker]));
    for (const [id, watch] of this.watches) {
      const { epoch, address } = wanted.get(id) ?? { epoch: -1, address: null };
      if (watch.epoch === epoch && watch.address === address) wanted.delete(id);
      else {
        watch.close();
        this.watches.delete(id);
      }
    }
    for (const { id, epoch, address } of wanted.values()) {
      const at = address && addressOf(address);
      if (!address || !at) continue;
      const { transport, clock } = this.options;
      this.watches.set(id, new PeerWatch({ transport, clock, id, epoch, address, at, onDead: () => this.onDead(id, epoch) }));
    }
  }

  /** Whether it was registered with this epoch and has died. */
  isDead(id: number, epoch: number): boolean {
    const watch = this.watches.get(id);
    return watch?.epoch === epoch && watch.isDead;
  }

  /** To its peers this broker is dead from now on. */
  async close(): Promise<void> {
    this.watch([]);
    await this.listening.close();
    for (const wire of [...this.accepted]) wire.destroy();
  }
}

/** In the directory where that can be, else on a loopback port. */
async function listen(options: LivenessOptions, accept: (wire: Wire) => void): Promise<Listening> {
  const { transport, files, directory, id, windows = process.platform === 'win32' } = options;
  if (directory !== null) {
    const path = windows ? pipeOf(directory, id) : join(resolve(directory), `broker-${id}.sock`);
    if (Buffer.byteLength(path) <= MAX_PATH_BYTES) {
      try {
        if (!windows) files.remove(path); // what a killed process left there
        return await transport.listen({ host: 'localhost', port: 0, path }, accept);
      } catch {
        // A file system without sockets.
      }
    }
  }
  return transport.listen({ host: '127.0.0.1', port: 0 }, accept);
}

/** The first message says who it is: a path or a port may be another's by now. Nothing is read. */
function greet(wire: Wire, accepted: Set<Wire>, { id, epoch }: LivenessOptions): void {
  if (accepted.size >= MAX_PEERS) {
    wire.destroy();
    return;
  }
  accepted.add(wire);
  wire.start({ data: () => {}, drained: () => {}, closed: () => void accepted.delete(wire) });
  wire.write([Buffer.from(`minikafka ${id} ${epoch()}\n`)]);
}

/** Names of pipes are the machine's, so it tells clusters apart. */
function pipeOf(directory: string, id: number): string {
  return `\\\\.\\pipe\\minikafka-${createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 16)}-${id}`;
}

const textOf = ({ host, port, path }: Address): string => (path === undefined ? `tcp:${host}:${port}` : `socket:${path}`);

/** Undefined: of a kind that this version does not know. */
function addressOf(text: string): Address | undefined {
  if (text.startsWith('socket:')) return { host: 'localhost', port: 0, path: text.slice('socket:'.length) };
  const match = /^tcp:(.+):(\d{1,5})$/.exec(text);
  return match ? { host: match[1]!, port: Number(match[2]) } : undefined;
}
