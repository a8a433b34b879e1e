import { expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { alterConfigs } from '../../src/metadata/config-writes.ts';
import { deletedTopics, forgetDeletedTopics } from '../../src/metadata/deleted-topics.ts';
import type { MetadataImage } from '../../src/metadata/image.ts';
import { OrphanSweep } from '../../src/metadata/orphan-sweep.ts';
import { InDoubtError, type MetadataStore, UnavailableError } from '../../src/metadata/store.ts';
import { addPartitions, checkNewName, createTopic, deleteTopic, planPartitions, planTopic } from '../../src/metadata/topics.ts';
import { type ClusterFixture, clusterOf } from './cluster-fixture.ts';

const DEFAULTS = { partitions: 2, replicationFactor: 1 };
const spec = (name: string, partitions = -1, replicationFactor = -1) => ({ name, partitions, replicationFactor });
const errorOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  return error instanceof KafkaError ? error.errorName : error;
};
const keys = async ({ store }: ClusterFixture, prefix: string) => (await store.range(prefix)).kvs.map((kv) => kv.key);
/** The store, with its transactions passed through `txn`. */
const intercepted = (store: MetadataStore, txn: MetadataStore['txn']): MetadataStore => Object.assign(Object.create(store), { txn });

test('a created topic has its partitions, led by the first replica that is alive, and a topic id', async () => {
  const cluster = await clusterOf([1, 2, 3]);
  await cluster.leases.get(2)!.revoke();
  await cluster.feed.waitFor((await cluster.store.get('/')).rev);
  await cluster.create('orders', {
    assignments: [
      { partition: 0, replicas: [2, 3, 1] },
      { partition: 1, replicas: [1, 2, 3] },
    ],
    configs: new Map([['retention.ms', '1000']]),
  });
  const image = cluster.feed.current;
  const epoch = (id: number) => image.brokers.get(id)!.epoch;
  const fresh = { adding: [], removing: [], elr: [], leaderEpoch: 0, partitionEpoch: 0 };
  expect(image.topic('orders')!.partitions).toMatchObject([
    { ...fresh, replicas: [2, 3, 1], isr: [3, 1], leader: 3, leaderBrokerEpoch: epoch(3) },
    { ...fresh, replicas: [1, 2, 3], isr: [1, 3], leader: 1, leaderBrokerEpoch: epoch(1) },
  ]);
  expect(image.topic('orders')!.topicId).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  expect([...image.configs({ type: 'topic', name: 'orders' })]).toEqual([['retention.ms', '1000']]);
  await cluster.close();
});

test('-1 stands for the defaults, and planning writes nothing', async () => {
  const { feed, store, randomBytes, close } = await clusterOf([1, 2]);
  const { rev } = await store.get('/');
  const plan = (partitions: number, replicationFactor: number) =>
    planTopic(feed.current, spec('a', partitions, replicationFactor), DEFAULTS, randomBytes).map((replicas) => replicas.length);
  expect(plan(-1, -1)).toEqual([1, 1]);
  expect(plan(3, -1)).toEqual([1, 1, 1]);
  expect(plan(-1, 2)).toEqual([2, 2]);
  expect(() => plan(1, 3)).toThrow(expect.objectContaining({ errorName: 'INVALID_REPLICATION_FACTOR' }));
  expect(() => checkNewName(feed.current, 'a b')).toThrow(KafkaError);
  expect((await store.get('/')).rev).toBe(rev);
  await close();
});

test('a topic of 1,000 partitions takes transactions of at most 100, and is visible only when it is whole', async () => {
  const cluster = await clusterOf();
  const { store, feed, randomBytes } = cluster;
  const sizes: number[] = [];
  const counting = intercepted(store, (conds, ops) => {
    sizes.push(ops.length);
    return store.txn(conds, ops);
  });
  const seen = new Set<number | undefined>();
  feed.onChange((image) => seen.add(image.topic('big')?.partitions.length));
  const plan = planTopic(feed.current, spec('big', 1_000), DEFAULTS, randomBytes);
  await feed.waitFor((await createTopic(counting, feed.current, { name: 'big' }, plan, randomBytes)).revision);
  expect(sizes).toEqual([...new Array(10).fill(100), 3]);
  expect(seen).toEqual(new Set([undefined, 1_000]));
  expect(feed.current.topic('big')!.partitions.map((p) => p.partition)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
  await cluster.close();
});

test('of two that create the same topic at the same time one wins, and the other leaves nothing behind', async () => {
  const cluster = await clusterOf();
  const { store, feed, randomBytes } = cluster;
  const plan = planTopic(feed.current, spec('a', 3), DEFAULTS, randomBytes);
  const create = () => createTopic(store, feed.current, { name: 'a' }, plan, randomBytes);
  const results = await Promise.all([errorOf(create()), errorOf(create())]);
  expect(results.sort()).toEqual(['TOPIC_ALREADY_EXISTS', undefined].sort());
  expect(await keys(cluster, '/p/')).toHaveLength(3);
  expect(await errorOf(create())).toBe('TOPIC_ALREADY_EXISTS');
  await cluster.close();
});

test('a broker that registers anew in between makes the client try again, and leaves nothing behind', async () => {
  const cluster = await clusterOf();
  const { store, feed, randomBytes } = cluster;
  const stale = feed.current;
  const plan = planTopic(stale, spec('a', 150), DEFAULTS, randomBytes);
  let transactions = 0;
  const failing = intercepted(store, async (conds, ops) => {
    if (++transactions === 2) await cluster.leases.get(1)!.revoke();
    return store.txn(conds, ops);
  });
  expect(await errorOf(createTopic(failing, stale, { name: 'a' }, plan, randomBytes))).toBe('LEADER_NOT_AVAILABLE');
  expect(await keys(cluster, '/p/')).toEqual([]);
  expect(await keys(cluster, '/t/')).toEqual([]);
  await cluster.close();
});

test('a store that fails makes the client try again; in doubt, the partitions stay for the topic that may be there', async () => {
  const cluster = await clusterOf();
  const { store, feed, randomBytes } = cluster;
  const plan = planTopic(feed.current, spec('a', 1), DEFAULTS, randomBytes);
  const down = intercepted(store, async () => {
    throw new UnavailableError('disk is full');
  });
  expect(await errorOf(createTopic(down, feed.current, { name: 'a' }, plan, randomBytes))).toBe('KAFKA_STORAGE_ERROR');
  const silent = intercepted(store, async (conds, ops) => {
    const result = await store.txn(conds, ops);
    if (ops.some((op) => 'put' in op && op.put === '/t/a')) throw new InDoubtError('no answer');
    return result;
  });
  expect(await errorOf(createTopic(silent, feed.current, { name: 'a' }, plan, randomBytes))).toBe('REQUEST_TIMED_OUT');
  await feed.waitFor((await store.get('/')).rev);
  expect(feed.current.topic('a')!.partitions).toHaveLength(1);
  await cluster.close();
});

test('a deleted topic takes its configs and partitions along, and its name is free again', async () => {
  const cluster = await clusterOf();
  const { store, feed } = cluster;
  await cluster.create('a', { partitions: 250, configs: new Map([['retention.ms', '1']]) });
  const { topicId } = feed.current.topic('a')!;
  await feed.waitFor((await deleteTopic(store, { name: 'a', topicId })).revision);
  expect(feed.current.topic('a')).toBeUndefined();
  expect([await keys(cluster, '/p/'), await keys(cluster, '/cfg/')]).toEqual([[], []]);
  await cluster.create('a');
  expect(feed.current.topic('a')!.topicId).not.toBe(topicId);
  expect(feed.current.configs({ type: 'topic', name: 'a' }).size).toBe(0);
  expect(await errorOf(deleteTopic(store, { name: 'a', topicId }))).toBe('UNKNOWN_TOPIC_ID');
  expect(await errorOf(deleteTopic(store, { name: 'b', topicId }))).toBe('UNKNOWN_TOPIC_ID');
  expect(await errorOf(deleteTopic(store, { name: 'b' }))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  await cluster.close();
});

test('partitions are added with the replication factor of the others, or as the client says', async () => {
  const cluster = await clusterOf([1, 2, 3]);
  const { store, feed } = cluster;
  await cluster.create('a', { partitions: 1, replicationFactor: 2 });
  const grow = async (count: number, assignments: number[][] | null = null) => {
    const plan = planPartitions(feed.current, 'a', count, assignments);
    await feed.waitFor((await addPartitions(store, feed.current, 'a', plan)).revision);
  };
  const before = feed.current.partition('a', 0);
  await grow(120);
  await grow(121, [[3, 1]]);
  const { partitions } = feed.current.topic('a')!;
  expect(partitions).toHaveLength(121);
  expect(partitions[0]).toBe(before);
  expect(partitions.every((p) => p.replicas.length === 2)).toBe(true);
  expect(partitions[120]).toMatchObject({ replicas: [3, 1], leader: 3, isr: [3, 1] });
  expect(() => planPartitions(feed.current, 'a', 122, [[1]])).toThrow(/1 replica\(s\), .* which have 2 replica/);
  expect(() => planPartitions(feed.current, 'a', 121, null)).toThrow('Topic already has 121 partition(s).');
  expect(() => planPartitions(feed.current, 'b', 2, null)).toThrow(expect.objectContaining({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' }));
  await cluster.close();
});

test('of two that add partitions at the same time one wins; a topic that is deleted meanwhile stays deleted', async () => {
  const cluster = await clusterOf();
  const { store, feed } = cluster;
  await cluster.create('a');
  const stale = feed.current;
  const add = (count: number) => addPartitions(store, stale, 'a', planPartitions(stale, 'a', count, null));
  const { revision } = await add(3);
  await feed.waitFor(revision);
  const partitions = feed.current.topic('a')!.partitions;
  expect(await errorOf(add(5))).toBe('REQUEST_TIMED_OUT');
  await feed.waitFor((await store.get('/')).rev);
  expect(feed.current.topic('a')!.partitions).toEqual(partitions);
  await deleteTopic(store, { name: 'a' });
  expect(await errorOf(add(5))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  expect(await keys(cluster, '/t/')).toEqual([]);
  await cluster.close();
});

test('what was deleted is remembered, and the oldest forgotten', async () => {
  const cluster = await clusterOf();
  const ids: string[] = [];
  for (const name of ['a', 'b', 'a', 'c']) {
    await cluster.create(name);
    ids.push(cluster.feed.current.topic(name)!.topicId);
    await cluster.feed.waitFor((await deleteTopic(cluster.store, { name })).revision);
  }
  const [, second, third, fourth] = ids as [string, string, string, string];
  expect((await deletedTopics(cluster.store)).size).toBe(4);
  await forgetDeletedTopics(cluster.store, 0, 3);
  expect([...(await deletedTopics(cluster.store))].sort()).toEqual(
    [
      [second, 'b'],
      [third, 'a'],
      [fourth, 'c'],
    ].sort(),
  );
  await cluster.close();
});

test('a creation that took so long that its orphans were swept fails as a whole', async () => {
  const cluster = await clusterOf();
  const { store, feed } = cluster;
  const plan = [[1], [1]];
  const swept = intercepted(store, async (conds, ops) => {
    if (ops.some((op) => 'put' in op && op.put === '/t/a')) {
      await feed.waitFor((await store.get('/')).rev);
      await new OrphanSweep(store).run(feed.current, 0);
    }
    return store.txn(conds, ops);
  });
  expect(await errorOf(createTopic(swept, feed.current, { name: 'a' }, plan, cluster.randomBytes))).toBe('REQUEST_TIMED_OUT');
  expect([await keys(cluster, '/t/'), await keys(cluster, '/p/')]).toEqual([[], []]);
  await cluster.close();
});

test('the sweep comes too late for a topic that was committed since the image', async () => {
  const cluster = await clusterOf();
  const { store, feed } = cluster;
  const stale = await new Promise<MetadataImage>((resolve) => {
    feed.onChange((image) => [...image.orphans()].length > 0 && resolve(image));
    void cluster.create('a', { partitions: 3 });
  });
  await feed.waitFor((await store.get('/')).rev);
  await new OrphanSweep(store).run(stale, 0);
  expect(await keys(cluster, '/p/')).toHaveLength(3);
  await cluster.close();
});

test('config changes build on what is there, also when two write at once', async () => {
  const { store, feed, create, close } = await clusterOf();
  await create('a');
  const topic = { type: 'topic', name: 'a' } as const;
  const set = (name: string, value: string) => alterConfigs(store, topic, (current) => new Map([...current, [name, value]]));
  const done = await Promise.all([set('x', '1'), set('y', '2'), set('z', '3'), set('x', '4')]);
  await feed.waitFor(Math.max(...done.map(({ revision }) => revision)));
  expect(Object.fromEntries(feed.current.configs(topic))).toEqual({ x: '4', y: '2', z: '3' });
  await feed.waitFor((await alterConfigs(store, topic, () => new Map())).revision);
  expect(feed.current.configs(topic).size).toBe(0);
  expect((await store.get('/cfg/topic/a')).kv).toBeUndefined();
  await feed.waitFor((await alterConfigs(store, { type: 'broker', name: '' }, () => new Map([['k', 'v']]))).revision);
  expect([...feed.current.configs({ type: 'broker', name: '' })]).toEqual([['k', 'v']]);
  await close();
});

test('configs are refused for a topic that is not there, when the change refuses them, and when they take more than 64 KiB', async () => {
  const { store, create, close } = await clusterOf();
  await create('a');
  const topic = { type: 'topic', name: 'a' } as const;
  expect(await errorOf(alterConfigs(store, { type: 'topic', name: 'b' }, () => new Map([['k', 'v']])))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  const refusing = alterConfigs(store, topic, () => {
    throw new KafkaError('INVALID_CONFIG');
  });
  expect(await errorOf(refusing)).toBe('INVALID_CONFIG');
  const ofSize = (size: number) => alterConfigs(store, topic, () => new Map([['k', 'x'.repeat(size - '{"k":""}'.length)]]));
  expect(await errorOf(ofSize(65_537))).toBe('INVALID_CONFIG');
  expect(await errorOf(ofSize(65_536))).toBeUndefined();
  const racing = intercepted(store, async (conds, ops) => {
    await deleteTopic(store, { name: 'a' });
    return store.txn(conds, ops);
  });
  const deleted = alterConfigs(racing, topic, () => new Map([['k', 'outlives']]));
  expect(await errorOf(deleted)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  expect((await store.get('/cfg/topic/a')).kv).toBeUndefined();
  await close();
});

test('a writer that others never let through is told to try again', async () => {
  const { store, close } = await clusterOf();
  const busy = intercepted(store, async () => ({ ok: false, rev: 1 }));
  expect(await errorOf(alterConfigs(busy, { type: 'broker', name: '1' }, () => new Map([['k', 'v']])))).toBe('REQUEST_TIMED_OUT');
  await close();
});
