import { brokerConfig } from '../../src/config.ts';
import { KafkaError } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { Services } from '../../src/handlers/services.ts';
import type { DiskId } from '../../src/metadata/values.ts';
import { Broker } from '../../src/server.ts';
import { DATA_DIR, Disk, SECOND_DIR } from './disk.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Process, Scheduler } from './scheduler.ts';
import type { SimulatedStore, StoreWeather } from './store.ts';
import type { Trace } from './trace.ts';

export const PORT = 9092;
/** A supervisor starts a broker again that could not start. */
const RETRY_START_MS = 1_000;

/** What the machines of a cluster share. */
export interface World {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly store: SimulatedStore;
  readonly random: Random;
  readonly trace: Trace;
  readonly configs: Readonly<Record<string, string>>;
  /** A run in which nothing is slow, and brokers are killed one at a time. */
  readonly calm: boolean;
  /** Ends the run. */
  fail(error: unknown): void;
}

/** One machine with one disk, and the broker that runs on it, if one does. */
export class Machine {
  readonly id: number;
  readonly host: string;
  readonly disk: Disk;
  readonly weather: StoreWeather = { cut: false, inDoubt: 0, unavailable: 0 };
  /** The broker's process; dead when there is none. */
  process: Process;
  /** Of the broker that runs: its parts; null until they are built. */
  services: Services | null = null;
  /** Counts them. */
  pauses = 0;
  /** Counts the processes. */
  incarnation = 0;
  /** The disk as it was last registered; null for one that came since. */
  diskId: DiskId | null = null;
  /** The process that its registration in the store belongs to. */
  registeredBy: Process | null = null;
  registrations = 0;
  /** Whether it answers clients. */
  serving = false;
  /** Of log.dirs. */
  readonly directories: readonly string[];
  private bootId = 1;
  private broker: Broker | null = null;
  private readonly world: World;
  private readonly random: Random;
  private wanted = false;
  private restarting = false;

  constructor(id: number, world: World) {
    this.id = id;
    this.host = `b${id}`;
    this.world = world;
    this.random = world.random.fork(`broker ${id}`);
    this.disk = new Disk(world.scheduler, world.random.fork(`disk ${id}`), world.calm);
    this.directories = this.random.fork('directories').chance(0.5) ? [DATA_DIR, SECOND_DIR] : [DATA_DIR];
    this.process = { name: this.host, state: 'dead', held: [] };
  }

  get isUp(): boolean {
    return this.process.state !== 'dead';
  }
  get isPaused(): boolean {
    return this.process.state === 'paused';
  }

  start(): void {
    this.wanted = true;
    if (this.isUp) return;
    const { scheduler, network, trace } = this.world;
    const process = scheduler.process(`${this.host}`);
    this.process = process;
    this.incarnation++;
    this.services = null;
    this.broker = null;
    this.serving = false;
    this.disk.usedBy(process);
    network.machineIsBack(this.host);
    trace.tell(this.host, `starts, process ${this.incarnation}`);
    scheduler.after(process, 0, 'start', () => {
      Broker.start(this.options(process)).then(
        (broker) => {
          this.broker = broker;
          this.serving = true;
          trace.tell(this.host, 'serves');
        },
        (error) => {
          trace.tell(this.host, `could not start: ${describe(error)}`);
          this.exit(process);
        },
      );
    });
  }

  /** kill -9: what it had written is there. */
  kill(): void {
    if (!this.isUp) return;
    this.wanted = false;
    this.end(false);
    this.disk.kill();
  }

  /** The machine loses power, and what was not synced. */
  crash(): void {
    this.wanted = false;
    this.end(true);
    this.disk.crash();
    this.bootId++;
  }

  /** SIGTERM. */
  stop(): void {
    const { process, broker } = this;
    if (!broker || process.state !== 'running') return;
    this.wanted = false;
    this.serving = false;
    const { scheduler, trace } = this.world;
    scheduler.after(process, 0, 'stop', () => {
      broker
        .close()
        .then(
          () => trace.tell(this.host, 'has stopped'),
          (error) => trace.tell(this.host, `stopped badly: ${describe(error)}`),
        )
        .then(() => this.exit(process));
    });
  }

  pause(): void {
    this.pauses++;
    this.world.scheduler.pause(this.process);
  }
  resume(): void {
    this.world.scheduler.resume(this.process);
  }

  private exit(process: Process): void {
    if (this.process !== process || process.state === 'dead') return;
    this.end(false);
    this.disk.kill();
    if (!this.wanted || this.restarting) return;
    this.restarting = true;
    const { scheduler } = this.world;
    scheduler.after(scheduler.world, RETRY_START_MS, `restart ${this.host}`, () => {
      this.restarting = false;
      if (this.wanted) this.start();
    });
  }

  private end(silently: boolean): void {
    this.world.scheduler.kill(this.process);
    this.world.network.died(this.process, silently);
    this.services = null;
    this.broker = null;
    this.serving = false;
  }

  private options(process: Process): Parameters<typeof Broker.start>[0] {
    const { scheduler, network, store, configs } = this.world;
    const values = {
      'node.id': String(this.id),
      listeners: `PLAINTEXT://${this.host}:${PORT}`,
      'advertised.listeners': `PLAINTEXT://${this.host}:${PORT}`,
      'log.dirs': this.directories.join(),
      'broker.rack': `rack-${this.id % 3}`,
      ...configs,
    };
    return {
      config: brokerConfig(new Map(Object.entries(values))),
      files: this.disk.visible,
      clock: scheduler.clockOf(process),
      transport: network.transport(this.host, process),
      dataDir: DATA_DIR,
      cluster: { directory: '/cluster', peers: new Map() },
      bootId: `boot-${this.host}-${this.bootId}`,
      openStore: async () => store.open(process, this.weather),
      logger: this.logger(process),
      randomBytes: (n) => this.random.bytes(n),
      observe: (services) => {
        if (this.process === process) this.services = services;
      },
    };
  }

  private logger(process: Process): Logger {
    const at = (level: string) => (fields: object, message: string) => {
      if (this.process === process) this.world.trace.tell(this.host, `${level}: ${message} ${textOf(fields)}`);
    };
    const logger: Logger = { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error'), child: () => logger };
    return logger;
  }
}

function textOf(fields: object): string {
  return JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? describe(value) : value));
}

/** Without the stack, which names places on this machine. */
export function describe(error: unknown): string {
  if (error instanceof KafkaError) return `${error.errorName}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
