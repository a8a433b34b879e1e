import { type ClusterState, fetchClusterState } from '../client/cluster-state.ts';
import { Connection } from '../client/connection.ts';
import type { Clock } from '../core/clock.ts';
import { errorNameOf } from '../core/error-codes.ts';
import { isError, KafkaError } from '../core/errors.ts';
import { stayAlive } from '../core/stay-alive.ts';
import type { Transport } from '../core/transport.ts';
import { CreateTopics } from '../protocol/messages/index.ts';
import type { Backend } from './backend.ts';
import { directoryOf } from './broker-processes.ts';
import { CLIENTS, type Links, type Party } from './links.ts';
import type { ClusterTopicOptions, CutHow, TestBroker, TestCluster, WaitOptions } from './options.ts';

const WAIT_MS = 30_000;
const PAUSE_MS = 20;
const CREATE_TOPICS_VERSION = 5;
const BROKER_DEFAULT = -1;

/** The brokers of a cluster with the handles to wreck it. */
export class Cluster implements TestCluster {
  readonly brokers: readonly TestBroker[];
  private readonly backend: Backend;
  private readonly links: Links | null;
  private readonly transport: Transport;
  private readonly clock: Clock;
  private readonly paused = new Set<number>();
  private closing: Promise<void> | null = null;

  constructor(brokerIds: readonly number[], backend: Backend, links: Links | null, transport: Transport, clock: Clock) {
    this.backend = backend;
    this.links = links;
    this.transport = transport;
    this.clock = clock;
    this.brokers = brokerIds.map((id) => new Handle(id, backend, links, this.paused));
  }

  get data(): string | null {
    return this.backend.data;
  }

  get bootstrapServers(): string {
    return this.brokers.map(({ bootstrapServers }) => bootstrapServers).join(',');
  }

  broker(id: number): TestBroker {
    const found = this.brokers.find((broker) => broker.id === id);
    if (found) return found;
    throw new RangeError(`there is no broker ${id}; there are ${this.brokers.map((broker) => broker.id).join(', ')}`);
  }

  async createTopic(name: string, options: number | ClusterTopicOptions = {}): Promise<void> {
    const {
      partitions,
      replicationFactor,
      configs = {},
    }: ClusterTopicOptions = typeof options === 'number' ? { partitions: options } : options;
    const live = this.brokers.find(({ running }) => running);
    if (!live) throw new Error('no broker runs');
    const connection = await Connection.open(this.transport, this.clock, { host: '127.0.0.1', port: this.backend.port(live.id)! });
    try {
      const { topics } = await connection.request(CreateTopics, CREATE_TOPICS_VERSION, {
        topics: [
          {
            name,
            numPartitions: partitions ?? BROKER_DEFAULT,
            replicationFactor: replicationFactor ?? BROKER_DEFAULT,
            assignments: [],
            configs: Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) })),
          },
        ],
      });
      const [topic] = topics;
      if (topic && topic.errorCode !== 0) throw new KafkaError(errorNameOf(topic.errorCode), topic.errorMessage ?? undefined);
    } finally {
      await connection.close();
    }
  }

  async waitForIsr(topic: string, partition?: number, wanted?: readonly number[] | number, options: WaitOptions = {}): Promise<void> {
    const fits = (replicas: readonly number[], isr: readonly number[]): boolean => {
      if (wanted === undefined) return isr.length === replicas.length;
      if (typeof wanted === 'number') return isr.length === wanted;
      return isr.length === wanted.length && wanted.every((id) => isr.includes(id));
    };
    await this.until(`the in-sync replicas of ${topic}${partition === undefined ? '' : `-${partition}`}`, options, ({ partitions }) => {
      const meant = partitions.filter((each) => each.topic === topic && (partition === undefined || each.partition === partition));
      const isReached = meant.length > 0 && meant.every(({ replicas, inSyncReplicas }) => fits(replicas, inSyncReplicas));
      if (isReached) return { found: true };
      const seen = meant.map((each) => `${each.partition}: ${each.inSyncReplicas} of ${each.replicas}`).join('; ');
      return { seen: seen || 'no such partition' };
    });
  }

  waitForLeader(topic: string, partition: number, options: WaitOptions & { readonly not?: number } = {}): Promise<number> {
    return this.until<number>(`a leader of ${topic}-${partition}`, options, ({ partitions, brokers }) => {
      const found = partitions.find((each) => each.topic === topic && each.partition === partition);
      const isLive = found !== undefined && brokers.some(({ id }) => id === found.leader);
      if (isLive && found.leader !== options.not) return { found: found.leader };
      return { seen: found ? `leader ${found.leader}, of the brokers ${brokers.map(({ id }) => id)}` : 'no such partition' };
    });
  }

  waitForController(options: WaitOptions & { readonly not?: number } = {}): Promise<number> {
    return this.until<number>('a controller', options, ({ controllerId, brokers }) => {
      const isLive = brokers.some(({ id }) => id === controllerId);
      return isLive && controllerId !== options.not ? { found: controllerId } : { seen: `controller ${controllerId}` };
    });
  }

  /** Waits until so many brokers count as alive: all that run. */
  async waitForBrokers(options: WaitOptions = {}): Promise<void> {
    const wanted = this.brokers.filter(({ running }) => running).map(({ id }) => id);
    await this.until('all brokers', options, ({ brokers }) => {
      const missing = wanted.filter((id) => !brokers.some((broker) => broker.id === id));
      return missing.length === 0 ? { found: true } : { seen: `without broker ${missing}` };
    });
  }

  /** What each broker knows that runs, is not paused, and answers. @throws when none does */
  private async views(): Promise<ClusterState[]> {
    const asked = this.brokers.filter(({ id, running }) => running && !this.paused.has(id)).map(({ id }) => this.backend.port(id) ?? 0);
    const answers = await Promise.allSettled(
      asked.map((port) => fetchClusterState(this.transport, this.clock, { host: '127.0.0.1', port })),
    );
    const views = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (views.length > 0) return views;
    const failed = answers.find((each) => each.status === 'rejected');
    throw failed ? failed.reason : new Error('no broker runs');
  }

  close(): Promise<void> {
    this.closing ??= (async () => {
      await this.backend.close();
      await this.links?.close();
    })();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async until<T>(
    what: string,
    { timeoutMs = WAIT_MS }: WaitOptions,
    look: (state: ClusterState) => { found: T } | { seen: string },
  ): Promise<T> {
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    const release = stayAlive();
    let seen = 'nothing';
    try {
      for (;;) {
        try {
          // All of them, since one may be behind.
          const looked = (await this.views()).map(look);
          const lacking = looked.find((each) => 'seen' in each);
          if (lacking && 'seen' in lacking) seen = lacking.seen;
          else if (looked[0] && 'found' in looked[0]) return looked[0].found;
        } catch (error) {
          seen = isError(error) ? error.message : String(error);
        }
        if (this.clock.monotonicMs() >= deadlineMs) throw new TimeoutError(`${what}: not as wanted after ${timeoutMs} ms; ${seen}`);
        await new Promise<void>((resolve) => void this.clock.after(PAUSE_MS, resolve));
      }
    } finally {
      release();
    }
  }
}

class TimeoutError extends Error {
  override name = 'TimeoutError';
}

class Handle implements TestBroker {
  readonly id: number;
  private readonly backend: Backend;
  private readonly links: Links | null;
  private readonly paused: Set<number>;

  constructor(id: number, backend: Backend, links: Links | null, paused: Set<number>) {
    this.id = id;
    this.paused = paused;
    this.backend = backend;
    this.links = links;
  }

  get port(): number {
    return this.links?.address(CLIENTS, this.id)?.port ?? this.backend.port(this.id) ?? 0;
  }

  get bootstrapServers(): string {
    return `localhost:${this.port}`;
  }

  get running(): boolean {
    return this.backend.running(this.id);
  }

  get data(): string | null {
    return directoryOf(this.backend.data, this.id);
  }

  kill(): Promise<void> {
    this.paused.delete(this.id);
    return this.backend.kill(this.id);
  }

  stop(): Promise<void> {
    this.resume();
    return this.backend.stop(this.id);
  }

  start(): Promise<void> {
    return this.backend.start(this.id);
  }

  async restart(): Promise<void> {
    if (this.running) await this.stop();
    await this.start();
  }

  pause(): void {
    this.paused.add(this.id);
    this.backend.pause(this.id);
  }

  resume(): void {
    if (!this.paused.delete(this.id)) return;
    this.backend.resume(this.id);
  }

  cutFrom(other: Party | 'store', how: CutHow = 'silent'): void {
    if (other === 'store') this.backend.cutStore(this.id, true);
    else if (this.links) this.links.cut(this.id, other, how);
    else throw new Error("links cannot be cut with cuttable: 'none'");
  }

  heal(other?: Party | 'store'): void {
    if (other === undefined || other === 'store') this.backend.cutStore(this.id, false);
    if (other !== 'store') this.links?.heal(this.id, other);
  }
}
