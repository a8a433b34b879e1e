import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { allocateProducerIds, ensureCluster, registerBroker } from '../../src/metadata/cluster.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import type { MetadataStore } from '../../src/metadata/store.ts';
import { randomUuid } from '../../src/metadata/uuid.ts';
import { clusterOf, DIRECTORY_ID, seededBytes } from './cluster-fixture.ts';

const listeners = [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 'PLAINTEXT' }];
const broker = (id: number) => ({ id, listeners, rack: null, directoryId: DIRECTORY_ID, generation: 0, liveness: null });

test('the cluster id is made once, whoever starts first, and stays', async () => {
  const { store, feed, close } = await clusterOf([]);
  const first = feed.current.clusterId;
  expect(first).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  expect(await ensureCluster(store, seededBytes(7))).toEqual({ clusterId: first });
  expect(await ensureCluster(store, seededBytes(8), 'MkU3OEVBNTcwNTJENDM2Qk')).toEqual({ clusterId: first });
  expect(feed.current.clusterId).toBe(first);
  expect(Object.fromEntries(feed.current.features)).toEqual({
    'metadata.version': 33,
    'eligible.leader.replicas.version': 1,
    'transaction.version': 2,
  });
  expect(feed.current.featuresEpoch).toBe(1);
  await close();
});

test('a broker epoch grows with each registration, and two brokers cannot have one id', async () => {
  const { store, feed, leases, close } = await clusterOf([1]);
  const first = feed.current.brokers.get(1)!.epoch;
  const lease = await store.grantLease(9_000);
  const again = { ...broker(1), lease };
  await expect(registerBroker(store, again)).rejects.toMatchObject({ errorName: 'DUPLICATE_BROKER_REGISTRATION' });
  await expect(registerBroker(store, { ...again, previous: first - 1 })).rejects.toThrow('Another broker is registered with node.id 1.');
  const second = (await registerBroker(store, { ...again, previous: first })).brokerEpoch;
  expect(second).toBeGreaterThan(first);
  await feed.waitFor(second);
  expect([feed.current.brokers.get(1)!.epoch, feed.current.knownBrokers.get(1)!.epoch]).toEqual([second, second]);
  await leases.get(1)!.revoke(); // the lost lease of the first registration: no longer the key's
  expect((await store.get('/b/live/1')).kv?.rev).toBe(second);
  await lease.revoke();
  await feed.waitFor((await store.get('/')).rev);
  expect([feed.current.brokers.has(1), feed.current.knownBrokers.get(1)?.epoch]).toEqual([false, second]);
  expect((await registerBroker(store, { ...broker(1), lease: await store.grantLease(1) })).brokerEpoch).toBeGreaterThan(second);
  await close();
});

test('producer ids come in blocks of 1,000 that nobody else gets', async () => {
  const { store, close } = await clusterOf([]);
  const blocks = await Promise.all(Array.from({ length: 5 }, () => allocateProducerIds(store)));
  expect(blocks.map(({ first }) => first).sort((a, b) => a - b)).toEqual([0, 1_000, 2_000, 3_000, 4_000]);
  expect(blocks.every(({ count }) => count === 1_000)).toBe(true);
  expect((await allocateProducerIds(store)).first).toBe(5_000);
  await close();
});

test('a uuid has 22 characters, is of version 4, never starts with a hyphen, and follows its seed', () => {
  // 0xf8.. begins with "-" in base64url, and is drawn again.
  const queue = [new Uint8Array(16).fill(0xf8), new Uint8Array(16)];
  expect(randomUuid(() => queue.shift()!)).toBe('AAAAAAAAQACAAAAAAAAAAA');
  const random = seededBytes(3);
  const ids = Array.from({ length: 1_000 }, () => randomUuid(random));
  for (const id of ids) {
    const hex = Buffer.from(id, 'base64url').toString('hex');
    expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
    expect(hex).toMatch(/^.{12}4.{3}[89ab].{15}$/);
  }
  expect(new Set(ids).size).toBe(1_000);
  const same = seededBytes(3);
  expect(Array.from({ length: 1_000 }, () => randomUuid(same))).toEqual(ids);
});

test.each([1, 2, 3])('a broker that starts while another has done so before its read %i joins the same cluster', async (turn) => {
  const store = openMemoryStore({ clock: fakeClock() });
  let reads = 0;
  let other: string | undefined;
  const interrupted: MetadataStore = {
    ...{ maxOps: store.maxOps, maxBytes: store.maxBytes },
    get: async (key) => {
      if (++reads === turn) ({ clusterId: other } = await ensureCluster(store, seededBytes(1)));
      return store.get(key);
    },
    range: (prefix) => store.range(prefix),
    txn: async (conds, ops) => {
      if (turn === 3 && other === undefined) ({ clusterId: other } = await ensureCluster(store, seededBytes(1)));
      return store.txn(conds, ops);
    },
    watch: (prefix, from, signal) => store.watch(prefix, from, signal),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    compact: (keepFrom) => store.compact(keepFrom),
    close: () => store.close(),
  };
  const { clusterId } = await ensureCluster(interrupted, seededBytes(2));
  expect(other).toBeDefined();
  expect(clusterId).toBe(other);
});
