import { brokerConfig } from '../../src/config.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { type MemoryNetwork, memoryNetwork } from '../../src/core/memory-transport.ts';
import { liveBrokerKey, partitionKey, topicKey } from '../../src/metadata/keys.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import type { Lease, MetadataStore } from '../../src/metadata/store.ts';
import { encodeValue, type PartitionValue, parsePartition, parseTopic } from '../../src/metadata/values.ts';
import { Broker } from '../../src/server.ts';
import { type Logged, listLogger } from './memory-broker.ts';
import { RawClient } from './raw-client.ts';

export interface MemoryClusterNode {
  readonly id: number;
  readonly files: MemoryFiles;
  readonly logged: Logged[];
  broker: Broker | null;
}

/** Several brokers on one fake clock, one network and one store; host and directory of each are its own. */
export class MemoryCluster {
  readonly clock: FakeClock = fakeClock();
  readonly network: MemoryNetwork = memoryNetwork(this.clock);
  readonly store: MetadataStore = openMemoryStore({ clock: this.clock });
  readonly nodes = new Map<number, MemoryClusterNode>();
  private readonly configs: Readonly<Record<string, string>>;

  constructor(configs: Readonly<Record<string, string>> = {}) {
    this.configs = configs;
  }

  static async start(count: number, configs: Readonly<Record<string, string>> = {}): Promise<MemoryCluster> {
    const cluster = new MemoryCluster(configs);
    for (let id = 1; id <= count; id++) await cluster.start(id);
    return cluster;
  }

  async start(id: number): Promise<void> {
    const { clock } = this;
    const node = this.nodes.get(id) ?? { id, files: memoryFiles({ clock }), logged: [], broker: null };
    this.nodes.set(id, node);
    const given = { 'node.id': `${id}`, listeners: `PLAINTEXT://broker-${id}:9092`, 'log.dirs': '/data', ...this.configs };
    node.broker = await Broker.start({
      config: brokerConfig(new Map(Object.entries(given))),
      files: node.files,
      clock,
      transport: this.network.transport(`broker-${id}`),
      dataDir: '/data',
      openStore: async () => ownHandle(this.store),
      logger: listLogger(node.logged),
    });
    await clock.settle();
  }

  async stop(id: number): Promise<void> {
    const node = this.nodes.get(id)!;
    const closing = node.broker?.close();
    node.broker = null;
    await this.clock.advance(3_000); // its peers' connections are given two seconds
    await closing;
  }

  async close(): Promise<void> {
    for (const id of this.nodes.keys()) await this.stop(id);
  }

  client(id: number): Promise<RawClient> {
    return RawClient.connect(this.network.transport('client'), `broker-${id}`, 9092);
  }

  async partition(topic: string, index = 0): Promise<PartitionValue & { key: string; rev: number }> {
    const { kv } = await this.store.get(topicKey(topic));
    const key = partitionKey(parseTopic(topicKey(topic), kv!.value).topicId, index);
    const found = await this.store.get(key);
    return { ...parsePartition(key, found.kv!.value), key, rev: found.kv!.rev };
  }

  /** What a controller would do. */
  async elect(topic: string, leader: number, more: Partial<PartitionValue> = {}, index = 0): Promise<void> {
    const { key, rev, ...before } = await this.partition(topic, index);
    const { kv } = await this.store.get(liveBrokerKey(leader));
    const value: PartitionValue = {
      ...before,
      leader,
      leaderBrokerEpoch: kv!.rev,
      leaderEpoch: before.leaderEpoch + 1,
      partitionEpoch: before.partitionEpoch + 1,
      ...more,
    };
    const { ok } = await this.store.txn([{ key, rev }], [{ put: key, value: encodeValue(value) }]);
    if (!ok) throw new Error('the election lost to another write');
    await this.clock.settle();
  }
}

/** The shared store as one broker has it: closing it ends that broker's leases only. */
function ownHandle(store: MetadataStore): MetadataStore {
  const leases: Lease[] = [];
  const end = new AbortController();
  return {
    maxOps: store.maxOps,
    maxBytes: store.maxBytes,
    get: (key) => store.get(key),
    range: (prefix) => store.range(prefix),
    txn: (conds, ops) => store.txn(conds, ops),
    watch: (prefix, from, signal) => store.watch(prefix, from, AbortSignal.any([signal, end.signal])),
    grantLease: async (ttlMs) => {
      const lease = await store.grantLease(ttlMs);
      leases.push(lease);
      return lease;
    },
    compact: (keepFrom) => store.compact(keepFrom),
    close: async () => {
      end.abort();
      for (const lease of leases) await lease.revoke();
    },
  };
}
