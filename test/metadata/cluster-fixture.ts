import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { ensureCluster, registerBroker } from '../../src/metadata/cluster.ts';
import { MetadataFeed } from '../../src/metadata/image-feed.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import type { Lease, MetadataStore, Op } from '../../src/metadata/store.ts';
import { createTopic, planTopic, type TopicSpec } from '../../src/metadata/topics.ts';

/** Random bytes that are the same in every run (xorshift32). */
export function seededBytes(seed: number): (n: number) => Uint8Array {
  let state = seed;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  };
  return (n) => Uint8Array.from({ length: n }, next);
}

export const DIRECTORY_ID = 'AAAAAAAAQACAAAAAAAAAAA';

export interface ClusterFixture {
  clock: FakeClock;
  store: MetadataStore;
  feed: MetadataFeed;
  errors: unknown[];
  leases: Map<number, Lease>;
  randomBytes: (n: number) => Uint8Array;
  /** Creates a topic, by default with what the brokers choose, and waits for the image. */
  create(name: string, spec?: Partial<TopicSpec>): Promise<void>;
  txn(...ops: Op[]): Promise<void>;
  close(): Promise<void>;
}

/** A store in memory with registered brokers, and a feed that follows it. */
export async function clusterOf(brokers: readonly number[] = [1], keepRevisions = 10_000): Promise<ClusterFixture> {
  const clock = fakeClock();
  const store = openMemoryStore({ clock, keepRevisions });
  const randomBytes = seededBytes(42);
  const errors: unknown[] = [];
  const leases = new Map<number, Lease>();
  await ensureCluster(store, randomBytes);
  for (const id of brokers) {
    const lease = await store.grantLease(9_000);
    leases.set(id, lease);
    const listeners = [{ name: 'PLAINTEXT', host: 'localhost', port: 9092 + id, securityProtocol: 'PLAINTEXT' }];
    await registerBroker(store, { id, lease, listeners, rack: null, directoryId: DIRECTORY_ID, generation: 0, liveness: null });
  }
  const feed = await MetadataFeed.open(store, { clock, onError: (error) => errors.push(error) });
  return {
    clock,
    store,
    feed,
    errors,
    leases,
    randomBytes,
    async create(name, spec = {}) {
      const whole = { name, partitions: -1, replicationFactor: -1, ...spec };
      const plan = planTopic(feed.current, whole, { partitions: 1, replicationFactor: 1 }, randomBytes);
      const { revision } = await createTopic(store, feed.current, whole, plan, randomBytes);
      await feed.waitFor(revision);
    },
    async txn(...ops) {
      await feed.waitFor((await store.txn([], ops)).rev);
    },
    async close() {
      await feed.close();
      await store.close();
    },
  };
}
