import { brokerConfig } from '../../src/config.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { type MemoryNetwork, memoryNetwork } from '../../src/core/memory-transport.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import type { MetadataStore } from '../../src/metadata/store.ts';
import { Broker, type BrokerOptions } from '../../src/server.ts';
import type { Struct } from './interpreter.ts';
import { RawClient } from './raw-client.ts';

export interface Logged {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
}

/** Keeps what is logged. */
export function listLogger(lines: Logged[]): Logger {
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => logger };
  return logger;
}

export interface MemoryBroker {
  readonly broker: Broker;
  readonly clock: FakeClock;
  readonly files: MemoryFiles;
  readonly network: MemoryNetwork;
  readonly logged: Logged[];
  /** A new connection, to the first listener if no port is given. */
  client(port?: number): Promise<RawClient>;
}

export interface MemoryBrokerOptions extends Partial<Omit<BrokerOptions, 'clock' | 'files' | 'transport'>> {
  readonly configs?: Readonly<Record<string, string>>;
  readonly clock?: FakeClock;
  readonly files?: MemoryFiles;
  readonly network?: MemoryNetwork;
}

/** A whole broker on a fake clock, a disk and a network in memory; its host is named `broker`. */
export async function memoryBroker(given: MemoryBrokerOptions = {}): Promise<MemoryBroker> {
  const { configs = {}, clock = fakeClock(), files = memoryFiles({ clock }), network = memoryNetwork(clock), ...options } = given;
  const logged: Logged[] = [];
  const broker = await Broker.start({
    config: brokerConfig(new Map(Object.entries({ listeners: 'PLAINTEXT://broker:9092', 'log.dirs': '/data', ...configs }))),
    files,
    clock,
    transport: network.transport('broker'),
    dataDir: '/data',
    openStore: async () => openMemoryStore({ clock }),
    logger: listLogger(logged),
    ...options,
  });
  const client = (port = broker.listeners[0]!.port) => RawClient.connect(network.transport('client'), 'broker', port);
  return { broker, clock, files, network, logged, client };
}

/** A Produce body for one topic and partition. `topicId`: for v13 and above. */
export function produceBody(topic: string, records: Uint8Array | null, more: Struct & { index?: number; topicId?: string } = {}): Struct {
  const { index = 0, topicId, ...rest } = more;
  return {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: topic, ...(topicId !== undefined && { topicId }), partitionData: [{ index, records }] }],
    ...rest,
  };
}

/** The first partition of the first topic of a Produce or Fetch reply. */
export function firstPartition(reply: Struct): Struct {
  const [topic] = reply.responses as Struct[];
  return ((topic!.partitionResponses ?? topic!.partitions) as Struct[])[0]!;
}

/** A Fetch body: each of `partitions` is an entry of its own, so a topic may stand in it several times. */
export function fetchBody(partitions: readonly (Struct & { topic?: string; topicId?: string })[], more: Struct = {}): Struct {
  return {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 2 ** 20,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    rackId: '',
    forgottenTopicsData: [],
    topics: partitions.map(({ topic, topicId, ...partition }) => ({
      ...(topic !== undefined && { topic }),
      ...(topicId !== undefined && { topicId }),
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 2 ** 20, currentLeaderEpoch: -1, ...partition }],
    })),
    ...more,
  };
}

/** A metadata store that outlives its broker, as a file would. @param clock of its leases; default one that stands still */
export function keptStore(clock = fakeClock()): () => Promise<MetadataStore> {
  const store = openMemoryStore({ clock });
  const kept: MetadataStore = {
    maxOps: store.maxOps,
    maxBytes: store.maxBytes,
    get: (key) => store.get(key),
    range: (prefix) => store.range(prefix),
    txn: (conds, ops) => store.txn(conds, ops),
    watch: (prefix, from, signal) => store.watch(prefix, from, signal),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    compact: (keepFrom) => store.compact(keepFrom),
    close: async () => {},
  };
  return async () => kept;
}
