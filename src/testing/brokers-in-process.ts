import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokerConfig } from '../config.ts';
import { type Logger, silentLogger } from '../core/logger.ts';
import { type MemoryFiles, memoryFiles } from '../core/memory-files.ts';
import { realFiles } from '../core/real-files.ts';
import { stayAlive } from '../core/stay-alive.ts';
import { tcpTransport } from '../core/tcp-transport.ts';
import type { Address } from '../core/transport.ts';
import { openSharedStore } from '../metadata/shared-store.ts';
import { Broker } from '../server.ts';
import { defaultsFor, rackOf, storePath } from '../supervisor/cluster-file.ts';
import type { Backend } from './backend.ts';
import { clockOf, filesOf, Life, storeOf, transportOf } from './life.ts';
import { CLIENTS, type Links } from './links.ts';
import type { StartClusterOptions } from './options.ts';

/** Where each broker keeps its logs, on a disk of its own. */
const MEMORY_DIR = '/memory';
const MAX_BYTES = 1024 ** 3;

interface Running {
  readonly life: Life;
  /** What goes to the metadata store and comes from it. */
  readonly storeLink: Life;
  readonly broker: Broker | null;
}

interface Slot {
  readonly disk: MemoryFiles;
  /** null: down. */
  running: Running | null;
  port: number | null;
}

/** Brokers that share this process: their logs are in memory, their metadata in a temporary folder. */
export class BrokersInProcess implements Backend {
  readonly data = null;
  private readonly options: StartClusterOptions;
  private readonly brokerIds: readonly number[];
  private readonly links: () => Links | null;
  /** Short: the paths of sockets in it have their limit. */
  private readonly folder = join(tmpdir(), `minikafka-${randomBytes(6).toString('hex')}`);
  private readonly slots: ReadonlyMap<number, Slot>;
  private logger: Logger = silentLogger;

  constructor(options: StartClusterOptions, brokerIds: readonly number[], links: () => Links | null) {
    this.options = options;
    this.brokerIds = brokerIds;
    this.links = links;
    this.slots = new Map(
      brokerIds.map((id) => [id, { disk: memoryFiles({ maxBytes: MAX_BYTES, crashable: false }), running: null, port: null }]),
    );
    realFiles.makeDirectory(this.folder);
  }

  async startAll(): Promise<void> {
    if (this.options.logLevel !== undefined) {
      const { jsonLogger } = await import('../core/json-logger.ts');
      const logger: Logger = jsonLogger(this.options.logLevel);
      this.logger = logger;
    }
    await Promise.all(this.brokerIds.map((id) => this.start(id)));
  }

  port(brokerId: number): number | null {
    return this.slot(brokerId).port;
  }

  running(brokerId: number): boolean {
    return this.slot(brokerId).running !== null;
  }

  async start(brokerId: number): Promise<void> {
    const slot = this.slot(brokerId);
    if (slot.running) throw new Error(`broker ${brokerId} runs already`);
    const life = new Life();
    const storeLink = new Life();
    life.atEnd(() => storeLink.kill());
    slot.running = { life, storeLink, broker: null };
    const release = aliveIn(life);
    try {
      const broker = await Broker.start({
        config: this.configOf(brokerId, slot.port ?? 0),
        clock: clockOf(life),
        files: filesOf(life, slot.disk),
        transport: transportOf(life, tcpTransport),
        dataDir: MEMORY_DIR,
        openStore: async () => {
          const store = await openSharedStore(storePath(this.folder), { clock: clockOf(storeLink), logger: this.logger });
          return storeOf(life, storeLink, store);
        },
        logger: this.logger.child({ broker: brokerId }),
        holder: `broker ${brokerId}`,
        cluster: { directory: this.folder, peers: this.peersOf(brokerId) },
      });
      slot.port = broker.listeners[0]!.port;
      slot.running = { life, storeLink, broker };
    } catch (error) {
      if (slot.running?.life === life) slot.running = null;
      throw error;
    } finally {
      release();
    }
  }

  async stop(brokerId: number): Promise<void> {
    const slot = this.slot(brokerId);
    if (slot.running?.broker) {
      const { life, broker } = slot.running;
      const release = aliveIn(life);
      await broker.close().finally(release);
    }
    slot.running = null;
  }

  async kill(brokerId: number): Promise<void> {
    const slot = this.slot(brokerId);
    slot.running?.life.kill();
    slot.running = null;
    slot.disk.kill();
  }

  pause(brokerId: number): void {
    const { life, storeLink } = this.runningOf(brokerId);
    life.pause();
    storeLink.pause();
  }

  resume(brokerId: number): void {
    const { life, storeLink } = this.runningOf(brokerId);
    life.resume();
    storeLink.resume();
  }

  cutStore(brokerId: number, isCut: boolean): void {
    const { running } = this.slot(brokerId);
    if (isCut) this.runningOf(brokerId).storeLink.pause();
    else running?.storeLink.resume();
  }

  async close(): Promise<void> {
    await Promise.all(this.brokerIds.map((id) => this.kill(id)));
    realFiles.remove(this.folder);
  }

  private configOf(brokerId: number, port: number): ReturnType<typeof brokerConfig> {
    const { config = {}, racks = [] } = this.options;
    const rack = rackOf({ racks }, brokerId);
    const address = this.links()?.address(CLIENTS, brokerId);
    const values = new Map<string, string>(Object.entries(defaultsFor(this.brokerIds.length)));
    if (rack !== null) values.set('broker.rack', rack);
    if (address) values.set('advertised.listeners', `PLAINTEXT://localhost:${address.port}`);
    for (const [key, value] of Object.entries(config)) values.set(key, String(value));
    values.set('listeners', `PLAINTEXT://localhost:${port}`);
    values.set('node.id', String(brokerId));
    values.set('log.dirs', MEMORY_DIR);
    return brokerConfig(values, (key) => (key in config ? 'config' : undefined));
  }

  private peersOf(brokerId: number): ReadonlyMap<number, Address> {
    return new Map(
      this.brokerIds.flatMap((id) => {
        const address = this.links()?.address(brokerId, id);
        return address ? [[id, address] as const] : [];
      }),
    );
  }

  private runningOf(brokerId: number): Running {
    const { running } = this.slot(brokerId);
    if (running) return running;
    throw new Error(`broker ${brokerId} does not run`);
  }

  private slot(brokerId: number): Slot {
    return this.slots.get(brokerId)!;
  }
}

/** This process does not end before what is called is, or the broker is killed. */
function aliveIn(life: Life): () => void {
  const release = stayAlive();
  life.atEnd(release);
  return release;
}
