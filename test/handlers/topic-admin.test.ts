import { expect, test } from 'vitest';
import { brokerConfig } from '../../src/config.ts';
import { TopicAdmin } from '../../src/handlers/topic-admin.ts';
import { clusterOf } from '../metadata/cluster-fixture.ts';

const GROUPS = '__consumer_offsets';

async function setup(brokers: readonly number[] = [1], configs: Readonly<Record<string, string>> = {}) {
  const cluster = await clusterOf(brokers);
  const config = brokerConfig(new Map(Object.entries(configs)));
  const admin = (store = cluster.store) =>
    new TopicAdmin({ store, metadata: cluster.feed, config: () => config, randomBytes: cluster.randomBytes });
  return { ...cluster, admin };
}

test('a topic that many want at once is created once, and the next one that wants it finds it', async () => {
  const { admin, feed, close } = await setup();
  const one = admin();
  const [first, second] = [one.autoCreate('orders'), one.autoCreate('orders')];
  expect(second).toBe(first);
  await first;
  expect(feed.current.topic('orders')?.partitions).toHaveLength(1);
  await one.autoCreate('orders');
  await close();
});

test('one that somebody else has just created counts as created once this broker sees it', async () => {
  const { admin, feed, close } = await setup();
  const [one, two] = [admin(), admin()];
  await Promise.all([one.autoCreate('orders').then(() => expect(feed.current.topic('orders')).toBeDefined()), two.autoCreate('orders')]);
  await close();
});

test('a creation that failed is tried again at the next call', async () => {
  const { admin, feed, store, close } = await setup();
  let fail = true;
  const flaky: typeof store = Object.assign(Object.create(store), {
    txn: (...args: Parameters<typeof store.txn>) => (fail ? Promise.reject(new Error('no')) : store.txn(...args)),
  });
  const one = admin(flaky);
  await expect(one.autoCreate('orders')).rejects.toThrow('no');
  fail = false;
  await one.autoCreate('orders');
  expect(feed.current.topic('orders')).toBeDefined();
  await close();
});

test('the topic of offsets gets its own settings, also when a client asks for it by name', async () => {
  const { admin, feed, close } = await setup();
  const one = admin();
  await Promise.all([one.autoCreate(GROUPS), one.ensureCoordinatorTopic('__consumer_offsets')]);
  expect(feed.current.topic(GROUPS)?.partitions).toHaveLength(50);
  const configs = Object.fromEntries(feed.current.configs({ type: 'topic', name: GROUPS }));
  expect(configs).toEqual({ 'cleanup.policy': 'compact', 'compression.type': 'producer', 'segment.bytes': '4194304' });
  await one.ensureCoordinatorTopic('__consumer_offsets');
  await close();
});

test.each([
  [[1], 1],
  [[1, 2], 2],
  [[1, 2, 3, 4], 3],
])('the topic of offsets has as many replicas as are configured, while the brokers %j suffice for them', async (brokers, replicas) => {
  const { admin, feed, close } = await setup(brokers, { 'offsets.topic.replication.factor': '3' });
  await admin().ensureCoordinatorTopic('__consumer_offsets');
  expect(new Set(feed.current.topic(GROUPS)!.partitions.map((partition) => partition.replicas.length))).toEqual(new Set([replicas]));
  await close();
});

test('a topic whose chosen leader goes while it is created is planned anew', async () => {
  const { admin, feed, leases, store, close } = await setup([1, 2]);
  let gone = false;
  const late: typeof store = Object.assign(Object.create(store), {
    async txn(...args: Parameters<typeof store.txn>) {
      if (!gone) await leases.get(2)!.revoke();
      gone = true;
      return store.txn(...args);
    },
  });
  const wanted = { name: 't', partitions: 4, replicationFactor: 1, configs: [] };
  await admin(late).create(wanted, false);
  expect(feed.current.topic('t')!.partitions.map(({ leader }) => leader)).toEqual([1, 1, 1, 1]);
  await close();
});

test('partitions that are added go to the brokers that are left', async () => {
  const { admin, create, feed, leases, store, close } = await setup([1, 2]);
  await create('t', { partitions: 1, replicationFactor: 1 });
  let gone = false;
  const late: typeof store = Object.assign(Object.create(store), {
    async txn(...args: Parameters<typeof store.txn>) {
      if (!gone) await leases.get(2)!.revoke();
      gone = true;
      return store.txn(...args);
    },
  });
  await admin(late).grow('t', 5, null, false);
  expect(
    new Set(
      feed.current
        .topic('t')!
        .partitions.slice(1)
        .map(({ leader }) => leader),
    ),
  ).toEqual(new Set([1]));
  await close();
});
