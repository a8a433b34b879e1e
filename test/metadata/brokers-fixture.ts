import { expect } from 'vitest';
import { type BrokerConfig, brokerConfig } from '../../src/config.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ensureCluster } from '../../src/metadata/cluster.ts';
import { Controller } from '../../src/metadata/controller.ts';
import type { PartitionImage } from '../../src/metadata/image.ts';
import { MetadataFeed } from '../../src/metadata/image-feed.ts';
import { isrChange, writeIsr } from '../../src/metadata/isr.ts';
import { type LogEnd, LogEnds } from '../../src/metadata/log-ends.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import { type FailedDisks, OfflineReplicas, offlineReplicas } from '../../src/metadata/offline-replicas.ts';
import { Registration } from '../../src/metadata/registration.ts';
import type { Batch, Lease, MetadataStore } from '../../src/metadata/store.ts';
import { createTopic } from '../../src/metadata/topics.ts';
import type { DiskId } from '../../src/metadata/values.ts';
import { seededBytes } from './cluster-fixture.ts';

/** One broker's way to the store that all share: it can be stopped, and its transactions can be tampered with. */
export class StoreLink {
  readonly leases: Lease[] = [];
  /** Stands in the way of each transaction; by default it does nothing but `go`. */
  txn: (go: () => ReturnType<MetadataStore['txn']>) => ReturnType<MetadataStore['txn']> = (go) => go();
  private gate: Promise<void> = Promise.resolve();
  private open = () => {};
  readonly store: MetadataStore;

  constructor(inner: MetadataStore) {
    const link = this;
    this.store = {
      maxOps: inner.maxOps,
      maxBytes: inner.maxBytes,
      get: (key) => link.passing(() => inner.get(key)),
      range: (prefix) => link.passing(() => inner.range(prefix)),
      txn: (conds, ops) => link.passing(() => link.txn(() => inner.txn(conds, ops))),
      compact: (keepFrom) => inner.compact(keepFrom),
      close: async () => {},
      async *watch(prefix, from, signal): AsyncGenerator<Batch> {
        for await (const batch of inner.watch(prefix, from, signal)) {
          await link.gate;
          if (signal.aborted) return;
          yield batch;
        }
      },
      grantLease: (ttlMs) =>
        link.passing(async () => {
          const lease = await inner.grantLease(ttlMs);
          link.leases.push(lease);
          return lease;
        }),
    };
  }

  /** As SIGSTOP or a cut line would: nothing gets through until `go`. */
  stop(): void {
    this.gate = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  go(): void {
    this.gate = Promise.resolve();
    this.open();
  }

  private async passing<T>(call: () => Promise<T>): Promise<T> {
    await this.gate;
    return call();
  }
}

export interface TestDisk {
  directoryId: string;
  generation: number;
  extent: FailedDisks['extent'];
  /** With `some`: topic/partition. */
  readonly offline: Set<string>;
  /** What it finds missing when it starts. */
  lost?: FailedDisks['lost'];
}

export interface TestBroker {
  readonly id: number;
  readonly link: StoreLink;
  readonly feed: MetadataFeed;
  readonly registration: Registration;
  readonly controller: Controller;
  readonly offline: OfflineReplicas;
  /** The broker epochs that it had. */
  readonly epochs: number[];
  lost: number;
  close(): Promise<void>;
}

export interface Brokers {
  readonly config: BrokerConfig;
  readonly clock: FakeClock;
  readonly store: MetadataStore;
  readonly running: Map<number, TestBroker>;
  readonly disks: Map<number, TestDisk>;
  /** By broker: where its log of every partition ends, unless `endOf` says otherwise. */
  readonly logEnds: Map<number, LogEnd>;
  endOf: (id: number, topic: string, partition: number) => LogEnd;
  /** The store as it is, one revision after the other. */
  readonly view: MetadataFeed;
  start(id: number, rack?: string): Promise<TestBroker>;
  /** Kill -9: its lease stays until `expire`, or until its peers see it and the controller acts. */
  kill(id: number): TestBroker;
  expire(broker: TestBroker): Promise<void>;
  /** What the peers of a dead broker see. */
  noticed(broker: TestBroker): void;
  create(name: string, replicas: readonly (readonly number[])[], configs?: Record<string, string>): Promise<void>;
  /** As the store has it. */
  partition(topic: string, number?: number): Promise<PartitionImage>;
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Brokers that share one store in memory: registrations and controllers alone, without logs. */
export async function brokersOf(ids: readonly number[], configs: Record<string, string> = {}): Promise<Brokers> {
  const clock = fakeClock();
  const store = openMemoryStore({ clock });
  const randomBytes = seededBytes(42);
  const config = brokerConfig(new Map(Object.entries(configs)));
  await ensureCluster(store, randomBytes);
  const view = await MetadataFeed.open(store, { clock, onError: rethrow });
  const disks = new Map<number, TestDisk>();
  const running = new Map<number, TestBroker>();
  const logEnds = new Map<number, LogEnd>();
  const settle = async () => {
    for (let i = 0; i < 3; i++) {
      await clock.settle();
      for (const { controller } of running.values()) await Promise.race([controller.settled(), clock.settle()]);
    }
    await view.waitFor((await store.get('/')).rev);
  };
  const brokers: Brokers = {
    config,
    clock,
    store,
    running,
    disks,
    logEnds,
    view,
    endOf: (id) => logEnds.get(id)!,
    async start(id, rack) {
      const disk = disks.get(id) ?? { directoryId: `directory-${id}`, generation: 0, extent: 'none', offline: new Set() };
      disks.set(id, disk);
      const broker = await startBroker({ id, rack: rack ?? null }, clock, new StoreLink(store), disk, config, (topic, partition) =>
        brokers.endOf(id, topic, partition),
      );
      running.set(id, broker);
      return broker;
    },
    kill(id) {
      const broker = running.get(id)!;
      running.delete(id);
      broker.link.stop();
      return broker;
    },
    async expire({ link }) {
      for (const lease of link.leases) await lease.revoke();
    },
    noticed({ id, epochs }) {
      for (const { controller } of running.values()) controller.brokerDied(id, epochs.at(-1)!);
    },
    async create(name, replicas, topicConfigs = {}) {
      const spec = { name, configs: new Map(Object.entries(topicConfigs)) };
      await view.waitFor((await store.get('/')).rev);
      await createTopic(store, view.current, spec, replicas, randomBytes);
      await settle();
    },
    async partition(topic, number = 0) {
      await view.waitFor((await store.get('/')).rev);
      return view.current.partition(topic, number)!;
    },
    settle,
    async close() {
      for (const broker of running.values()) await broker.close();
      await view.close();
      await store.close();
    },
  };
  for (const id of ids) await brokers.start(id);
  await settle();
  return brokers;
}

async function startBroker(
  { id, rack }: { id: number; rack: string | null },
  clock: FakeClock,
  link: StoreLink,
  disk: TestDisk,
  config: BrokerConfig,
  endOf: (topic: string, partition: number) => LogEnd,
): Promise<TestBroker> {
  const feed = await MetadataFeed.open(link.store, { clock, onError: rethrow });
  const epochs: number[] = [];
  const parts: { controller?: Controller; logEnds?: LogEnds; offline?: OfflineReplicas } = {};
  const failed: FailedDisks = {
    get extent() {
      return disk.extent;
    },
    isOffline: (topic, partition) => disk.offline.has(`${topic}/${partition}`),
    lost: disk.lost ?? [],
  };
  // A process decides once.
  let generation: number | undefined;
  let lost = 0;
  const changed = () => {
    parts.controller?.kick();
    parts.logEnds?.kick();
    parts.offline?.kick();
  };
  const registration = await Registration.open({
    store: link.store,
    metadata: feed,
    clock,
    broker: { id, rack, listeners: [], liveness: null },
    disk: {
      directoryId: disk.directoryId,
      generationToRegister: (_lastEpoch, _lastGeneration, diskFailed) => {
        if (diskFailed && generation === undefined) disk.generation++;
        generation ??= disk.generation;
        return generation;
      },
      noteRegistered: () => {},
    },
    offline: (image, now) => offlineReplicas(image, id, failed, now),
    onLost: () => {
      lost++;
      changed();
    },
    onRegistered: ({ epoch }) => {
      epochs.push(epoch);
      changed();
    },
    onFailure: () => {},
  });
  const common = { store: link.store, metadata: feed, clock, logger: silentLogger, nodeId: id, registered: () => registration.current };
  const controller = new Controller({ ...common, config: () => config });
  const logEnds = new LogEnds({ ...common, endOf: async (topic, { partition }) => endOf(topic, partition) });
  const offline = new OfflineReplicas({ ...common, disks: failed });
  Object.assign(parts, { controller, logEnds, offline });
  await controller.settled();
  return {
    id,
    link,
    feed,
    registration,
    controller,
    offline,
    epochs,
    get lost() {
      return lost;
    },
    async close() {
      await logEnds.close();
      await offline.close();
      await controller.close();
      await registration.close();
      await feed.close();
    },
  };
}

function rethrow(error: unknown): void {
  throw error;
}

/** What the leader of a partition does when its followers have caught up: they join the ISR, each on the disk that it is registered with. */
export async function admit(
  { store, partition, settle }: Brokers,
  topic: string,
  ids: readonly number[],
  minIsr = 1,
  number = 0,
): Promise<void> {
  const before = await partition(topic, number);
  const brokerOf = async (id: number) => {
    const { kv } = await store.get(`/b/live/${id}`);
    return { epoch: kv!.rev, value: JSON.parse(Buffer.from(kv!.value).toString()) as DiskId };
  };
  const brokers = new Map(await Promise.all(ids.map(async (id) => [id, await brokerOf(id)] as const)));
  const isr = [...before.isr, ...ids.filter((id) => !before.isr.includes(id))];
  const { topicId: _, partition: __, rev: ___, ...current } = before;
  const value = isrChange(current, isr, { minIsr, diskOf: (id) => brokers.get(id)?.value, readmitted: ids });
  const admitted = ids.map((id) => ({ id, epoch: brokers.get(id)!.epoch }));
  const leader = { id: before.leader, epoch: before.leaderBrokerEpoch };
  expect(await writeIsr(store, { partition: before, value, leader, admitted })).toMatchObject({ ok: true });
  await settle();
}
