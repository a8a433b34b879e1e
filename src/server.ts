import { randomBytes as cryptoBytes } from 'node:crypto';
import { PeerConnections } from './client/peer-connections.ts';
import type { BrokerConfig } from './config.ts';
import { followLeadership } from './coordinator/follow-leadership.ts';

import type { RandomBytes } from './core/bytes.ts';
import type { Clock } from './core/clock.ts';
import type { Files } from './core/files.ts';
import type { Logger } from './core/logger.ts';
import { Purgatory } from './core/purgatory.ts';
import type { Address, Listening, Transport } from './core/transport.ts';
import { Endpoints } from './handlers/endpoints.ts';
import { HANDLERS } from './handlers/index.ts';
import { partitionAdmin } from './handlers/partition-admin.ts';
import { ProducerIds } from './handlers/producer-ids.ts';
import { advertisedApis, makeRegistry } from './handlers/registry.ts';
import type { Services } from './handlers/services.ts';
import { TopicAdmin } from './handlers/topic-admin.ts';
import { UnheardTopics } from './handlers/unheard-topics.ts';
import { ensureCluster } from './metadata/cluster.ts';
import { deletedTopics } from './metadata/deleted-topics.ts';
import { MetadataFeed } from './metadata/image-feed.ts';
import { importLedger } from './metadata/imported-topics.ts';
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from './metadata/internal-topics.ts';
import type { MetadataStore } from './metadata/store.ts';
import { uuidText } from './metadata/uuid.ts';
import { Connections } from './network/listener.ts';
import { Compactions } from './replication/compactions.ts';
import { FetchSessions } from './replication/fetch-sessions.ts';
import { FollowerFetchers } from './replication/follower-fetchers.ts';
import { cleanerSettingsOf, isCleanerEnabled } from './replication/log-config.ts';
import { ReplicaManager } from './replication/replica-manager.ts';
import { deleteFolders, settleFolders } from './replication/settle-folders.ts';
import { clientQuotas } from './server/client-quotas.ts';
import { makeGroups, makeTransactions } from './server/coordinators.ts';
import {
  closeLogs,
  diskIdentity,
  emptyDirectories,
  lostReplicas,
  moveRate,
  openLogDirectories,
  replicasOf,
} from './server/log-directories.ts';
import { Membership } from './server/membership.ts';
import { applyRetention, keepTrustedTime, trustedTimeOf, writeCheckpoints } from './server/upkeep.ts';
import { settleImport } from './storage/import-staging.ts';
import { openLogDirs } from './storage/log-dirs.ts';
import { DEFAULT_PRODUCER_LIMITS, type ProducerLimits } from './storage/producer-state.ts';

export interface BrokerOptions {
  readonly config: BrokerConfig;
  readonly files: Files;
  readonly clock: Clock;
  readonly transport: Transport;
  /** The first directory of log.dirs, absolute: it has the metadata too. Created when missing, and locked. */
  readonly dataDir: string;
  /** Called once the data directory is locked. */
  readonly openStore: () => Promise<MetadataStore>;
  readonly logger: Logger;
  /** Who holds the data directory, for whoever is refused it: "process 4711". */
  readonly holder?: string;
  /** Default crypto's. */
  readonly randomBytes?: RandomBytes;
  /** Tells one start of this machine from another; null: cannot be told. Default: as the system has it. */
  readonly bootId?: string | null;
  /** Told of the parts as soon as they are built, before clients are served: for the simulation, which looks into them. */
  readonly observe?: (services: Services) => void;
  /** The cluster of brokers on this machine that this one is part of; left out: it is one by itself. */
  readonly cluster?: ClusterOptions;
}

export interface ClusterOptions {
  /** Where its brokers meet: for sockets. */
  readonly directory: string;
  /** Where peers are dialled instead of where they listen: tests cut these links. */
  readonly peers: ReadonlyMap<number, Address>;
}

export interface NewTopicOptions {
  readonly partitions?: number;
  readonly configs?: Readonly<Record<string, string | number | boolean>>;
}

export interface BrokerListener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** What a client has not taken of its replies by then is lost at shutdown. */
const CLOSE_GRACE_MS = 2_000;

/** A part of the broker that was started, and how it ends. */
type Closer = () => void | Promise<void>;

/** A running broker: the composition root. Parts are built in order and closed in reverse. */
export class Broker {
  readonly listeners: readonly BrokerListener[];
  readonly clusterId: string;
  private readonly topicAdmin: TopicAdmin;
  private readonly closers: Closer[];
  private closing: Promise<void> | null = null;

  private constructor(listeners: readonly BrokerListener[], clusterId: string, topicAdmin: TopicAdmin, closers: Closer[]) {
    this.listeners = listeners;
    this.clusterId = clusterId;
    this.topicAdmin = topicAdmin;
    this.closers = closers;
  }

  /**
   * Resolves when clients are served. On a failure everything that was started is closed again.
   * @throws LockedError, StoreFormatError, Node's system errors (EADDRINUSE, EACCES, ...), Error with one line that says what to do
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const closers: Closer[] = [];
    try {
      return await build(options, closers, (...parts) => new Broker(...parts, closers));
    } catch (error) {
      await closeAll(closers);
      throw error;
    }
  }

  /** -1 partitions: the broker's default. @throws KafkaError TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, ... */
  async createTopic(name: string, options: NewTopicOptions = {}): Promise<void> {
    if (this.closing) throw new Error('the broker is closed');
    const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value: String(value) }));
    await this.topicAdmin.create({ name, partitions: options.partitions ?? -1, replicationFactor: -1, configs }, false);
  }

  /** Answers what is under way, makes everything durable, and lets go of ports, files and timers. Closing twice is closing once. */
  close(): Promise<void> {
    this.closing ??= closeAll(this.closers);
    return this.closing;
  }
}

type Parts = [listeners: readonly BrokerListener[], clusterId: string, topicAdmin: TopicAdmin];

async function build(options: BrokerOptions, closers: Closer[], make: (...parts: Parts) => Broker): Promise<Broker> {
  const { files, clock, logger, dataDir, randomBytes = cryptoBytes } = options;
  const nodeId = options.config.int('node.id');
  const holder = options.holder ?? `broker ${nodeId}`;
  const directories = openLogDirectories(files, { dataDir, config: options.config, holder, logger });
  const [directory] = directories.usable;
  const empty = emptyDirectories(directories);
  closers.push(() => directories.release());
  const store = await options.openStore();
  closers.push(() => store.close());
  const { clusterId } = await ensureCluster(store, randomBytes, directory.meta?.clusterId);
  let { config } = options;
  const producers: ProducerLimits = {
    maxProducers: DEFAULT_PRODUCER_LIMITS.maxProducers,
    get expirationMs() {
      return config.int('producer.id.expiration.ms');
    },
  };
  await settleImport(directory, importLedger(store)); // one that was killed
  // The lock goes last: whoever gets it next must find the store closed.
  const flushCheckMs = config.long('log.flush.scheduler.interval.ms');
  const trustedTime = trustedTimeOf(options);
  const logs = openLogDirs({
    files,
    directories: directories.usable,
    offline: directories.unusable,
    clock,
    trustedTime,
    clusterId,
    nodeId,
    logger,
    producers,
    flushCheckMs,
    moveBytesPerSecond: () => moveRate(config),
    randomBytes,
  });
  closers.push(() => closeLogs(logs));
  const disk = diskIdentity(logs, directories, empty, files, options.bootId);
  if (directories.usable.some(({ endedCleanly }) => !endedCleanly))
    logger.warn({ dataDir }, 'the last run did not end cleanly: logs are verified when they are first used');

  const metadata = await MetadataFeed.open(store, {
    clock,
    onError: (error, stopped) =>
      logger.error({ err: error }, stopped ? 'the metadata cannot be read any more' : 'a metadata change was not taken in'),
  });
  closers.push(() => metadata.close());
  logs.holdBack(replicasOf(metadata.current, nodeId));
  const lost = lostReplicas(logs, disk, metadata.current, nodeId);
  if (lost.length > 0)
    logger.warn(
      { partitions: lost.length },
      'a log directory was replaced: its replicas are copied from others; where there is none, nobody leads',
    );
  config = dynamicConfig(options.config, metadata, nodeId);
  logs.configureCleaner(cleanerSettingsOf(config));
  const currentConfig = () => config;
  const purgatory = new Purgatory(clock);
  let membership: Membership | undefined;
  const registration = () => membership?.current ?? null;
  const addressOf = (id: number) => options.cluster?.peers.get(id) ?? metadata.current.brokers.get(id)?.listeners[0];
  const fetchers = new FollowerFetchers({
    nodeId,
    brokerEpoch: () => registration()?.epoch ?? -1,
    clock,
    transport: options.transport,
    logger,
    config: currentConfig,
    addressOf,
  });
  const compactions = new Compactions({
    ...{ clock, logger },
    nowMs: () => trustedTime.now(),
    isEnabled: isCleanerEnabled(config),
    backoffMs: () => config.long('log.cleaner.backoff.ms'),
    deletedSome: () => logs.writeCheckpoints(),
  });
  const replicas = new ReplicaManager({
    ...{ nodeId, clock, logs, metadata, store, purgatory, logger, fetchers, compactions },
    config: currentConfig,
    registration,
  });
  closers.push(() => replicas.close());
  closers.push(() => fetchers.close());
  metadata.onChange((_image, changes) => {
    if (!changes.configs.some(({ type }) => type === 'broker')) return;
    config = dynamicConfig(options.config, metadata, nodeId);
    logs.configureCleaner(cleanerSettingsOf(config));
    replicas.reconfigure();
  });

  const producerIds = new ProducerIds(store);
  const expiryNow = () => trustedTime.now();
  const coordinated = { nodeId, clock, expiryNow, logger, metadata, replicas, purgatory, compactions, config: currentConfig };
  const { randomBytes: given } = options;
  const groups = makeGroups(coordinated, given && (() => uuidText(given)));
  closers.push(() => groups.close());
  closers.push(followLeadership(metadata, OFFSETS_TOPIC, nodeId, groups));
  const peers = new PeerConnections({ clock, transport: options.transport, addressOf, clientId: `broker-${nodeId}` });
  closers.push(() => peers.close());
  const { close: closeTransactions, ...transactional } = makeTransactions(coordinated, groups, peers, () => producerIds.next());
  closers.push(closeTransactions);
  closers.push(followLeadership(metadata, TRANSACTIONS_TOPIC, nodeId, transactional.transactions));
  const topicAdmin = new TopicAdmin({ store, metadata, config: currentConfig, randomBytes });
  const services: Services = {
    nodeId,
    clock,
    logger,
    config: currentConfig,
    store,
    metadata,
    unheardTopics: new UnheardTopics({ store, metadata, clock }),
    topicAdmin,
    partitionAdmin: partitionAdmin({ store, metadata, config: currentConfig }),
    replicas,
    logs,
    fetchSessions: new FetchSessions(
      clock,
      () => config.int('max.incremental.fetch.session.cache.slots'),
      () => Buffer.from(randomBytes(4)).readUInt32BE() & 0x7fffffff,
      (key) => purgatory.wake(key),
    ),
    groups,
    purgatory,
    quotas: clientQuotas(config, metadata, clock),
    endpoints: new Endpoints(nodeId, metadata, currentConfig),
    advertised: advertisedApis(HANDLERS),
    producerIds,
    ...transactional,
  };

  options.observe?.(services);
  const connections = new Connections();
  closers.push(() => connections.close(clock, CLOSE_GRACE_MS));
  const listeners = await listen(options, connections, services, closers);
  membership = new Membership({
    ...{ nodeId, store, metadata, clock, files, transport: options.transport, logger, replicas, disk, lost, listeners },
    config: currentConfig,
    directory: options.cluster?.directory ?? null,
  });
  const member = membership;
  closers.push(() => member.close());
  await member.join();
  deleteFolders(logs, await deletedTopics(store), logger);
  settleFolders(logs, metadata.current, nodeId, disk.isContinued, logger);
  replicas.resumeMoves();
  closers.push(keepTrustedTime(trustedTime, options));
  closers.push(writeCheckpoints(services, logs));
  closers.push(applyRetention(services, logs));
  compactions.begin(replicas);
  closers.push(() => compactions.stop());
  connections.begin();
  closers.push(() => member.handOver());
  return make(listeners, clusterId, topicAdmin);
}

function dynamicConfig(base: BrokerConfig, metadata: MetadataFeed, nodeId: number): BrokerConfig {
  const of = (name: string) => metadata.current.configs({ type: 'broker', name });
  return base.withDynamic(of(String(nodeId)), of(''));
}

async function listen(options: BrokerOptions, connections: Connections, services: Services, closers: Closer[]): Promise<BrokerListener[]> {
  const { config, transport, clock, logger } = options;
  const registry = makeRegistry(HANDLERS, services);
  const bound: BrokerListener[] = [];
  const open: Listening[] = [];
  closers.push(async () => {
    await Promise.all(open.map((listening) => listening.close()));
  });
  for (const { name, host, port } of config.listeners.listeners) {
    const listening = await connections.listen(
      { host, port },
      {
        registry,
        transport,
        clock,
        logger,
        listenerName: name,
        maxRequestBytes: config.int('socket.request.max.bytes'),
        maxIdleMs: config.long('connections.max.idle.ms'),
        maxConnections: () => services.config().int('max.connections'),
        maxConnectionsPerIp: () => services.config().int('max.connections.per.ip'),
        quotas: services.quotas,
      },
    );
    open.push(listening);
    bound.push({ name, host, port: listening.address.port });
  }
  return bound;
}

/** In reverse, each even when another fails; the first failure is told. */
async function closeAll(closers: Closer[]): Promise<void> {
  const failures: unknown[] = [];
  for (let close = closers.pop(); close; close = closers.pop()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
