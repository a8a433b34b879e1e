import { Connection } from '../../src/client/connection.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ERROR_CODES } from '../../src/core/error-codes.ts';
import type { Transport } from '../../src/core/transport.ts';
import { Metadata } from '../../src/protocol/messages/metadata.ts';
import type { Api, Decoded, Encodable, Fields } from '../../src/protocol/schema.ts';
import { PORT, type World } from './machine.ts';
import type { Random } from './random.ts';
import type { Process } from './scheduler.ts';

const REQUEST_TIMEOUT_MS = 4_000;
const CONNECT_TIMEOUT_MS = 1_000;

/** What the broker answered, in the protocol's words. */
export class Refused extends Error {
  override name = 'Refused';
  readonly code: number;
  constructor(code: number) {
    super(ERROR_NAMES.get(code) ?? String(code));
    this.code = code;
  }
}

const ERROR_NAMES = new Map<number, string>(Object.entries(ERROR_CODES).map(([name, { code }]) => [code, name]));

/** @throws Refused */
export function accept(code: number): void {
  if (code !== 0) throw new Refused(code);
}

/** Whom the metadata name as a partition's leader, and in which epoch. */
export interface Leader {
  readonly id: number;
  readonly epoch: number;
}

/** A client program on a machine of its own: knows the brokers, finds leaders, and asks again. */
export class Client {
  readonly process: Process;
  readonly random: Random;
  protected readonly world: World;
  private readonly clock: Clock;
  private readonly transport: Transport;
  private readonly brokerIds: readonly number[];
  private readonly connections = new Map<number, Promise<Connection>>();
  private leaders = new Map<string, Leader>();

  constructor(name: string, world: World, brokerIds: readonly number[]) {
    this.world = world;
    this.process = world.scheduler.process(name);
    this.random = world.random.fork(name);
    this.clock = world.scheduler.clockOf(this.process);
    this.transport = world.network.transport(name, this.process);
    this.brokerIds = brokerIds;
  }

  get name(): string {
    return this.process.name;
  }
  get now(): number {
    return this.world.scheduler.now;
  }

  /** Begins `work` as an event of this client's process. */
  begin(work: () => Promise<void>): void {
    this.world.scheduler.after(this.process, 0, 'begins', () => void work().catch((error) => this.world.fail(error)));
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.world.scheduler.after(this.process, ms, 'sleeps', () => resolve()));
  }

  /** @throws Refused, KafkaError of the connection */
  async ask<Req extends Fields, Res extends Fields>(
    broker: number,
    api: Api<Req, Res>,
    version: number,
    body: Encodable<Req>,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<Decoded<Res>> {
    const connection = await this.connect(broker);
    try {
      return await connection.request(api, version, body, timeoutMs);
    } catch (error) {
      if (connection.closedReason()) this.connections.delete(broker);
      throw error;
    }
  }

  anyBroker(): number {
    return this.random.pick(this.brokerIds);
  }

  /** The leader as the cluster's metadata says, from whichever broker answers. @throws Refused, KafkaError */
  async leaderOf(topic: string, partition: number): Promise<Leader> {
    const known = this.leaders.get(`${topic}-${partition}`);
    if (known !== undefined) return known;
    return this.leaderFrom(this.anyBroker(), topic, partition);
  }

  /** As one broker tells. @throws Refused, KafkaError */
  async leaderFrom(broker: number, topic: string, partition: number): Promise<Leader> {
    const answer = await this.ask(broker, Metadata, 9, {
      topics: [{ name: topic }],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    const [found] = answer.topics;
    accept(found!.errorCode);
    for (const { partitionIndex, leaderId: id, leaderEpoch: epoch } of found!.partitions) {
      if (id >= 0) this.leaders.set(`${topic}-${partitionIndex}`, { id, epoch });
    }
    const leader = this.leaders.get(`${topic}-${partition}`);
    if (leader === undefined) throw new Refused(ERROR_CODES.LEADER_NOT_AVAILABLE.code);
    return leader;
  }

  forgetLeaders(): void {
    this.leaders.clear();
  }

  private connect(broker: number): Promise<Connection> {
    let connection = this.connections.get(broker);
    if (!connection) {
      const address = { host: `b${broker}`, port: PORT };
      connection = Connection.open(this.transport, this.clock, address, { clientId: this.name, connectTimeoutMs: CONNECT_TIMEOUT_MS });
      this.connections.set(broker, connection);
      connection.catch(() => this.connections.delete(broker));
    }
    return connection;
  }
}
