import type { Clock } from '../core/clock.ts';
import { errorNameOf } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { stayAlive } from '../core/stay-alive.ts';
import type { Transport } from '../core/transport.ts';
import { FindCoordinator } from '../protocol/messages/index.ts';
import { BootstrapConnection, NoBrokerError, parseBootstrapServers } from './bootstrap.ts';
import type { ClientFlags, Surroundings } from './broker-session.ts';
import { type BrokerAddress, fetchBrokers } from './config-admin.ts';
import { CliError } from './errors.ts';

/** Connections that are open at once, besides the first; more only while all of them are in use. */
const MAX_CONNECTIONS = 32;
/** Things asked of a cluster at once. */
const AT_ONCE = 16;
/** How long a coordinator may take to load what it has, or to be found: a new cluster first creates __consumer_offsets, or __transaction_state. */
const PATIENCE_MS = 15_000;
const PAUSE_MS = 100;
/** What has a coordinator, by FindCoordinator's numbers. */
const KEY_TYPES = { group: 0, transaction: 1 } as const;
type Coordinated = keyof typeof KEY_TYPES;

interface Pooled {
  readonly opened: Promise<BootstrapConnection>;
  users: number;
}

/** Connections to the brokers of a cluster, opened when they are needed, for what only a certain one answers: a leader, a coordinator. */
export class ClusterConnections {
  /** Where everything that any broker answers is asked. */
  readonly bootstrap: BootstrapConnection;
  private readonly transport: Transport;
  private readonly clock: Clock;
  /** By broker id, the least recently used first. */
  private readonly pool = new Map<number, Pooled>();
  private readonly coordinators = new Map<string, BrokerAddress>();
  private known: Promise<readonly BrokerAddress[]> | null = null;

  constructor(bootstrap: BootstrapConnection, transport: Transport, clock: Clock) {
    this.bootstrap = bootstrap;
    this.transport = transport;
    this.clock = clock;
  }

  /** The brokers that are up, by id, as they were when they were first asked for. */
  brokers(): Promise<readonly BrokerAddress[]> {
    this.known ??= fetchBrokers(this.bootstrap);
    return this.known;
  }

  /**
   * Asks a certain broker. The only broker of a cluster is asked where it answered first: what it advertises may lead nowhere from here.
   * @throws CliError when it cannot be reached
   */
  async at<T>(broker: BrokerAddress, act: (connection: BootstrapConnection) => Promise<T>): Promise<T> {
    if ((await this.brokers()).length <= 1) return act(this.bootstrap);
    const pooled = this.take(broker);
    pooled.users++;
    try {
      return await act(await pooled.opened);
    } finally {
      pooled.users--;
      await this.closeSpare();
    }
  }

  /** As `at`, for the leader of a partition. @throws KafkaError LEADER_NOT_AVAILABLE when there is none, or nobody knows it */
  async atLeader<T>(id: number, act: (connection: BootstrapConnection) => Promise<T>): Promise<T> {
    const leader = (await this.brokers()).find((broker) => broker.id === id);
    if (!leader) throw new KafkaError('LEADER_NOT_AVAILABLE');
    return this.at(leader, act);
  }

  /**
   * Asks the coordinator of a group or transactional id, and asks again when it has moved or is loading; `act` may thus be called more than once.
   * @throws whatever `act` throws, and KafkaError COORDINATOR_NOT_AVAILABLE when none came up in time
   */
  atCoordinator<T>(
    id: string,
    act: (connection: BootstrapConnection, coordinator: BrokerAddress) => Promise<T>,
    of: Coordinated = 'group',
  ): Promise<T> {
    const key = keyOf(id, of);
    return this.whilePassing(
      async () => {
        const coordinator = this.coordinators.get(key) ?? (await this.findCoordinator(id, of));
        return this.at(coordinator, (connection) => act(connection, coordinator));
      },
      () => this.coordinators.delete(key),
    );
  }

  /** Does `act` again for as long as a coordinator moves or loads, within bounds. @param meanwhile called before each time but the first */
  async whilePassing<T>(act: () => Promise<T>, meanwhile: () => void = () => {}): Promise<T> {
    const deadlineMs = this.clock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (!isPassing(error) || this.clock.monotonicMs() >= deadlineMs) throw error;
        meanwhile();
        await new Promise<void>((resolve) => void this.clock.after(PAUSE_MS, resolve));
      }
    }
  }

  /** Spares the search for a coordinator that is known already. */
  remember(id: string, coordinator: BrokerAddress, of: Coordinated = 'group'): void {
    this.coordinators.set(keyOf(id, of), coordinator);
  }

  async close(): Promise<void> {
    const all = [...this.pool.values()];
    this.pool.clear();
    await Promise.all(all.map(({ opened }) => opened.then((connection) => connection.close()).catch(() => {})));
  }

  private async findCoordinator(id: string, of: Coordinated): Promise<BrokerAddress> {
    const response = await this.bootstrap.request(FindCoordinator, { key: id, keyType: KEY_TYPES[of], coordinatorKeys: [id] });
    const found = response.coordinators[0] ?? response; // v4 answers for several keys
    if (found.errorCode !== 0) throw new KafkaError(errorNameOf(found.errorCode), found.errorMessage || undefined);
    const coordinator = { id: found.nodeId, host: found.host, port: found.port };
    this.remember(id, coordinator, of);
    return coordinator;
  }

  private take(broker: BrokerAddress): Pooled {
    const pooled = this.pool.get(broker.id) ?? { opened: this.open(broker), users: 0 };
    this.pool.delete(broker.id);
    this.pool.set(broker.id, pooled);
    return pooled;
  }

  private async open(broker: BrokerAddress): Promise<BootstrapConnection> {
    try {
      return await BootstrapConnection.open([broker], this.transport, this.clock);
    } catch (error) {
      this.pool.delete(broker.id);
      if (!(error instanceof NoBrokerError)) throw error;
      throw new CliError(`broker ${broker.id} does not answer at ${error.where}, the address that it advertises`);
    }
  }

  private async closeSpare(): Promise<void> {
    for (const [id, { opened, users }] of this.pool) {
      if (this.pool.size <= MAX_CONNECTIONS) return;
      if (users > 0) continue;
      this.pool.delete(id);
      await (await opened).close();
    }
  }
}

const keyOf = (id: string, of: Coordinated): string => `${of}:${id}`;

/** What passes by itself while a coordinator moves or loads. */
const isPassing = (error: unknown): boolean =>
  error instanceof KafkaError && /^(COORDINATOR_NOT_AVAILABLE|NOT_COORDINATOR|COORDINATOR_LOAD_IN_PROGRESS)$/.test(error.errorName);

/** Connects to a cluster by the first bootstrap server that answers, acts, and closes all that was opened. */
export async function withCluster<T>(
  flags: Pick<ClientFlags, 'bootstrapServer'>,
  { transport, clock }: Pick<Surroundings, 'transport' | 'clock'>,
  act: (cluster: ClusterConnections) => Promise<T>,
): Promise<T> {
  const bootstrap = await BootstrapConnection.open(parseBootstrapServers(flags.bootstrapServer), transport, clock);
  const cluster = new ClusterConnections(bootstrap, transport, clock);
  const release = stayAlive(); // through pauses, in which a broker may close what is open
  try {
    return await act(cluster);
  } finally {
    release();
    await cluster.close();
    await bootstrap.close();
  }
}

/** Does `act` for each item, a few at once. @returns the results in the order of the items. @throws the first failure, after which none begins */
export async function forAll<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const at = next++;
      try {
        results[at] = await act(items[at]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}
