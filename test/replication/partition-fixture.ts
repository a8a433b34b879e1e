import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { Purgatory } from '../../src/core/purgatory.ts';
import type { BrokerImage, MetadataImage, PartitionImage } from '../../src/metadata/image.ts';
import { liveBrokerKey, partitionKey } from '../../src/metadata/keys.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import { type Cond, InDoubtError, type MetadataStore, type Op, UnavailableError } from '../../src/metadata/store.ts';
import { encodeValue, type PartitionValue, parsePartition } from '../../src/metadata/values.ts';
import type { ReplicaConfig } from '../../src/replication/log-config.ts';
import { Partition } from '../../src/replication/partition.ts';
import type { LiveRegistration } from '../../src/replication/partition-services.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { PreparationSlots } from '../../src/storage/preparation-slots.ts';
import { openStore, produced, TOPIC_ID, testConfig } from '../support/log-fixture.ts';

export const KEY = partitionKey(TOPIC_ID, 0);
export const LAG_MS = 30_000;

/**
 * What becomes of the next writes to the store: `now` they are carried out, `hold` they wait for `release`, `unavailable` they certainly are not,
 * `inDoubt` nobody knows: they are kept for `comeThrough`.
 */
export type StoreMode = 'now' | 'hold' | 'unavailable' | 'inDoubt';

/** One replica, on broker 1 of three, on a real log and a real store, with everything around it in the hands of the test. */
export class PartitionFixture {
  readonly clock: FakeClock = fakeClock();
  readonly log: PartitionLog;
  readonly partition: Partition;
  readonly followed: number[] = [];
  /** That were asked for. */
  compactions = 0;
  readonly config: ReplicaConfig;
  mode: StoreMode = 'now';
  registration: LiveRegistration | null = null;
  readonly brokers = new Map<number, BrokerImage>();
  /** Whose replica is on a failed disk. */
  readonly offline = new Set<number>();
  readonly stopping = new Map<number, { brokerEpoch: number; rev: number }>();
  private readonly image = {
    brokers: this.brokers,
    stopping: this.stopping,
    isReplicaOffline: (id: number) => this.offline.has(id),
    isReplicaLost: () => false,
  };
  /** Writes to the store that were sent. */
  readonly sent: { conds: readonly Cond[]; value: PartitionValue }[] = [];
  /** Ends of disk writes that the test holds back, when it does. */
  held: (() => void)[] | null = null;
  private readonly store: MetadataStore;
  private readonly waiting: (() => void)[] = [];
  private readonly late: (() => Promise<{ ok: boolean }>)[] = [];

  private constructor(store: MetadataStore, state: PartitionImage, minIsr: number, topic: string, log: Partial<LogConfig>) {
    this.store = store;
    const soon = (fire: () => void) => (this.held ? void this.held.push(fire) : this.clock.soon(fire));
    const files = memoryFiles({ clock: { ...this.clock, soon } });
    const config = testConfig(log);
    this.config = { log: config, minIsr };
    this.log = openStore(files, '/data', this.clock).log({ topic, partition: 0 }, TOPIC_ID, config);
    this.partition = new Partition(topic, state, this.log, this.config, {
      nodeId: 1,
      clock: this.clock,
      purgatory: new Purgatory(this.clock),
      slots: new PreparationSlots(),
      store: { ...store, get: (key) => store.get(key), txn: (conds, ops) => this.txn(conds, ops) },
      logger: silentLogger,
      image: () => this.image as unknown as MetadataImage,
      registration: () => this.registration,
      fetchers: {
        follow: (_partition, leader) => void this.followed.push(leader),
        unfollow: () => void this.followed.push(-1),
      },
      compactions: { request: () => void this.compactions++ },
      maxLagMs: () => LAG_MS,
    });
  }

  /** Replicas 1, 2, 3, all registered and in sync; broker 1 leads in epoch 5 unless `state` says otherwise. */
  static async make(
    state: Partial<PartitionValue> = {},
    minIsr = 2,
    topic = 'orders',
    log: Partial<LogConfig> = {},
  ): Promise<PartitionFixture> {
    const store = openMemoryStore({ clock: fakeClock() });
    const value: PartitionValue = {
      ...{ replicas: [1, 2, 3], adding: [], removing: [], isr: [1, 2, 3], elr: [], leader: 1, leaderEpoch: 5, partitionEpoch: 9 },
      leaderBrokerEpoch: 1,
      disks: [1, 2, 3].map((id) => ({ id, directoryId: `disk-${id}`, generation: 0 })),
      ...state,
    };
    for (const id of [1, 2, 3]) await store.txn([], [{ put: liveBrokerKey(id), value: encodeValue('alive') }]);
    const { rev } = await store.txn([], [{ put: KEY, value: encodeValue(value) }]);
    const fixture = new PartitionFixture(store, { ...value, topicId: TOPIC_ID, partition: 0, rev }, minIsr, topic, log);
    for (const id of [1, 2, 3]) fixture.sees(id, id);
    return fixture;
  }

  /** A broker registers anew; gives its broker epoch. */
  async registers(id: number): Promise<number> {
    const { rev } = await this.store.txn([], [{ put: liveBrokerKey(id), value: encodeValue('alive') }]);
    return rev;
  }

  /** This broker sees another under a registration, maybe on another disk. Of broker 1 it is its own. */
  sees(id: number, epoch: number, disk: Partial<Pick<BrokerImage, 'directoryId' | 'generation'>> = {}): void {
    const registered = { id, epoch, directoryId: `disk-${id}`, generation: 0, listeners: [], rack: null, liveness: null, ...disk };
    this.brokers.set(id, registered);
    if (id === 1) this.registration = { epoch, validUntil: () => Number.POSITIVE_INFINITY };
    this.partition.registrationsChanged();
  }

  /** Another writer changes the partition, and this broker sees it. */
  async changes(change: Partial<PartitionValue>, seen = true): Promise<void> {
    const { kv } = await this.store.get(KEY);
    const before = parsePartition(KEY, kv!.value);
    const value = { ...before, partitionEpoch: before.partitionEpoch + 1, ...change };
    const { rev } = await this.store.txn([], [{ put: KEY, value: encodeValue(value) }]);
    if (seen) this.partition.update({ ...value, topicId: TOPIC_ID, partition: 0, rev });
    await this.clock.settle();
  }

  async stored(): Promise<PartitionValue> {
    const { kv } = await this.store.get(KEY);
    return parsePartition(KEY, kv!.value);
  }

  /** Lets the writes go that were held. */
  async release(): Promise<void> {
    this.mode = 'now';
    for (const go of this.waiting.splice(0)) go();
    await this.clock.settle();
  }

  /** The writes in doubt reach the store after all; whether they had an effect. */
  async comeThrough(): Promise<boolean[]> {
    const outcomes = await Promise.all(this.late.splice(0).map((act) => act()));
    return outcomes.map(({ ok }) => ok);
  }

  /** Appends one batch of `count` records as the leader; the outcomes are noted as they come. */
  produce(acks = -1, { count = 1, timeoutMs = 1_000, valueBytes = 10 } = {}): { outcome: string | null } {
    const told: { outcome: string | null } = { outcome: null };
    const keys = Array.from({ length: count }, (_, i) => `${i}`);
    this.partition.produce(produced(keys, 1000, valueBytes), acks, timeoutMs, (error, appended) => {
      told.outcome = error ? ('errorName' in error ? String(error.errorName) : error.message) : `at ${appended?.baseOffset}`;
    });
    return told;
  }

  /** A follower's fetch arrives. */
  async fetches(id: number, fetchOffset: number, brokerEpoch = id, logStartOffset = 0): Promise<void> {
    this.partition.leading().noteFetch({ replicaId: id, brokerEpoch, fetchOffset, logStartOffset });
    await this.clock.settle();
  }

  private async txn(conds: readonly Cond[], ops: readonly Op[]): Promise<{ ok: boolean; rev: number }> {
    const [op] = ops;
    if (op && 'put' in op) this.sent.push({ conds, value: parsePartition(KEY, op.value) });
    if (this.mode === 'unavailable') throw new UnavailableError('the store is away');
    if (this.mode === 'inDoubt') {
      this.late.push(() => this.store.txn(conds, ops));
      throw new InDoubtError('nobody knows');
    }
    if (this.mode === 'hold') await new Promise<void>((go) => this.waiting.push(go));
    return this.store.txn(conds, ops);
  }
}
