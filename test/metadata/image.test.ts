import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { alterConfigs } from '../../src/metadata/config-writes.ts';
import { MetadataImage, type PartitionImage } from '../../src/metadata/image.ts';
import { applyBatch, applyRange } from '../../src/metadata/image-changes.ts';
import { deletedTopicKey } from '../../src/metadata/keys.ts';
import type { KV } from '../../src/metadata/store.ts';
import { addPartitions, deleteTopic, planPartitions } from '../../src/metadata/topics.ts';
import { BrokenValueError } from '../../src/metadata/values.ts';
import { clusterOf, DIRECTORY_ID } from './cluster-fixture.ts';
import { bytes } from './store-conformance.ts';

const ID = 'abcdefghijklmnopqrstuv';
const json = (value: unknown) => bytes(JSON.stringify(value));
const partitionValue = (more: object = {}) => ({
  ...{ replicas: [1, 2], adding: [], removing: [], isr: [1], elr: [2], leader: 1, leaderBrokerEpoch: 3, leaderEpoch: 4, partitionEpoch: 5 },
  disks: [{ id: 1, directoryId: DIRECTORY_ID, generation: 2 }],
  ...more,
});
const kv = (key: string, value: unknown, rev = 1): KV => ({ key, value: json(value), rev });
const imageOf = (...kvs: KV[]) => applyRange(MetadataImage.empty, kvs, Math.max(...kvs.map(({ rev }) => rev))).image;

test('the image shows what the keys say', () => {
  const listener = { name: 'PLAINTEXT', host: '::1', port: 9092, securityProtocol: 'PLAINTEXT' };
  const image = imageOf(
    kv('/cluster/id', 'MkU3OEVBNTcwNTJENDM2Qk'),
    kv('/features', { 'metadata.version': 33 }, 2),
    kv('/t/orders', { topicId: ID, partitions: 2, unknownField: true }, 9),
    kv(`/p/${ID}/0`, partitionValue(), 7),
    kv(`/p/${ID}/1`, partitionValue({ leader: -1, isr: [] }), 8),
    kv('/b/live/1', { listeners: [listener], rack: 'r1', directoryId: DIRECTORY_ID, generation: 2, liveness: null }, 3),
    kv('/b/known/1', { rack: 'r1', directoryId: DIRECTORY_ID }, 3),
    kv('/b/known/2', { rack: null, directoryId: DIRECTORY_ID }, 1),
    kv('/cfg/topic/orders', { 'retention.ms': '9223372036854775807', __proto__x: 'y' }),
    kv('/cfg/broker/', { 'log.retention.ms': '1' }),
    kv('/cfg/broker/1', { 'log.retention.ms': '2' }),
    kv('/cfg/group/a/b\n', { 'consumer.session.timeout.ms': '3' }),
    kv('/acl/x', 'not for the image'),
    kv('/pid/next', 1_000),
    kv('/b/stopping/1', 3, 5),
    kv('/ctrl/leader', { brokerId: 1, controllerEpoch: 6 }, 4),
    kv('/ctrl/epoch', 6, 4),
  );
  expect([image.revision, image.clusterId, [...image.features], image.featuresEpoch]).toEqual([
    9,
    'MkU3OEVBNTcwNTJENDM2Qk',
    [['metadata.version', 33]],
    2,
  ]);
  const topic = image.topic('orders')!;
  expect(topic).toMatchObject({ name: 'orders', topicId: ID, rev: 9 });
  expect(topic.partitions).toEqual([
    { ...partitionValue(), topicId: ID, partition: 0, rev: 7 },
    { ...partitionValue(), leader: -1, isr: [], topicId: ID, partition: 1, rev: 8 },
  ]);
  expect(image.topicById(ID)).toBe(topic);
  expect([...image.topics()]).toEqual([topic]);
  expect(image.topicCount).toBe(1);
  expect(image.partition('orders', 1)).toBe(topic.partitions[1]);
  expect([image.partition('orders', 2), image.topic('other'), image.topicById('x')]).toEqual([undefined, undefined, undefined]);
  expect([...image.brokers.values()]).toEqual([
    { id: 1, epoch: 3, listeners: [listener], rack: 'r1', directoryId: DIRECTORY_ID, generation: 2, liveness: null },
  ]);
  expect([...image.knownBrokers.keys()]).toEqual([1, 2]);
  expect([...image.stopping]).toEqual([[1, { brokerEpoch: 3, rev: 5 }]]);
  expect([image.controller, image.controllerEpoch]).toEqual([
    { brokerId: 1, controllerEpoch: 6, rev: 4 },
    { value: 6, rev: 4 },
  ]);
  expect(image.configs({ type: 'topic', name: 'orders' }).get('retention.ms')).toBe('9223372036854775807');
  expect([...image.configs({ type: 'broker', name: '' })]).toEqual([['log.retention.ms', '1']]);
  expect([...image.configs({ type: 'broker', name: '1' })]).toEqual([['log.retention.ms', '2']]);
  expect([...image.configs({ type: 'group', name: 'a/b\n' })]).toEqual([['consumer.session.timeout.ms', '3']]);
  expect(image.configs({ type: 'topic', name: 'other' }).size).toBe(0);
});

test('partitions appear with the topic key that commits them, not before, and go with it', () => {
  let image = imageOf(kv(`/p/${ID}/0`, partitionValue()), kv(`/p/${ID}/1`, partitionValue()));
  expect(image.topicCount).toBe(0);
  expect([...image.orphans()]).toEqual([{ topicId: ID, partitions: [0, 1] }]);
  const commit = applyBatch(image, { rev: 2, changes: [{ type: 'put', key: '/t/a', value: json({ topicId: ID, partitions: 1 }) }] });
  image = commit.image;
  expect(image.topic('a')!.partitions.map((p) => p.partition)).toEqual([0]);
  expect(commit.changes.createdTopics).toEqual([image.topic('a')]);
  expect(commit.changes.partitions).toEqual([{ topic: image.topic('a'), partition: image.partition('a', 0) }]);
  expect([...image.orphans()]).toEqual([]);
  const deletion = applyBatch(image, { rev: 3, changes: [{ type: 'del', key: '/t/a' }] });
  expect(deletion.changes.deletedTopics).toEqual([image.topic('a')]);
  expect(deletion.image.topicById(ID)).toBeUndefined();
  const swept = applyBatch(deletion.image, {
    rev: 4,
    changes: [
      { type: 'del', key: `/p/${ID}/0` },
      { type: 'del', key: `/p/${ID}/1` },
    ],
  });
  expect([...swept.image.orphans()]).toEqual([]);
  expect(swept.changes).toMatchObject({ createdTopics: [], deletedTopics: [], partitions: [] });
});

test('a topic created anew under its old name is a deletion and a creation', () => {
  const other = 'vutsrqponmlkjihgfedcba';
  const image = imageOf(
    kv('/t/a', { topicId: ID, partitions: 1 }),
    kv(`/p/${ID}/0`, partitionValue()),
    kv(`/p/${other}/0`, partitionValue()),
  );
  const { image: next, changes } = applyBatch(image, {
    rev: 2,
    changes: [{ type: 'put', key: '/t/a', value: json({ topicId: other, partitions: 1 }) }],
  });
  expect([changes.deletedTopics, changes.createdTopics]).toEqual([[image.topic('a')], [next.topic('a')]]);
  expect([next.topicById(ID), next.topicById(other)?.name]).toEqual([undefined, 'a']);
});

test('a value that cannot be read is named by its key', () => {
  const broken: [string, Uint8Array, RegExp][] = [
    ['/t/a', bytes('{'), /^metadata key \/t\/a: is not JSON/],
    ['/t/a', new Uint8Array([0x22, 0xff, 0x22]), /\/t\/a: is not JSON in UTF-8/],
    ['/t/a', bytes('[]'), /\/t\/a: must be an object/],
    ['/t/a', json({ topicId: 1, partitions: 1 }), /\/t\/a: "topicId" must be a text/],
    ['/t/a', json({ topicId: ID, partitions: 0 }), /\/t\/a: "partitions" must be an integer from 1/],
    ['/t/a', json({ topicId: ID, partitions: 1.5 }), /"partitions"/],
    ['/t/a', json({ topicId: ID, partitions: 1 }), /\/t\/a: names 1 partitions, but not all of them have a key/],
    [`/p/${ID}/0`, json(partitionValue({ isr: [1, '2'] })), /\/0: "isr" must be a list of broker ids/],
    [`/p/${ID}/0`, json(partitionValue({ isr: undefined })), /"isr" must be a list/],
    [`/p/${ID}/0`, json(partitionValue({ leaderEpoch: -1 })), /"leaderEpoch" must be an integer from 0/],
    ['/b/live/1', json({ listeners: [null], rack: null, directoryId: '' }), /"listeners" must be a list of objects/],
    ['/b/live/1', json({ listeners: [{ name: 'a', host: 'b', securityProtocol: 'c' }], rack: null, directoryId: '' }), /"port"/],
    ['/b/known/1', json({ rack: 1, directoryId: '' }), /"rack" must be a text/],
    ['/cfg/topic/a', json({ 'retention.ms': 1 }), /"retention.ms" must be a text/],
    ['/features', json({ 'metadata.version': '33' }), /"metadata.version" must be an integer/],
    ['/cluster/id', json(''), /\/cluster\/id: must be a text/],
  ];
  for (const [key, value, message] of broken) {
    expect(() => applyRange(MetadataImage.empty, [{ key, value, rev: 1 }], 1)).toThrow(message);
    expect(() => applyRange(MetadataImage.empty, [{ key, value, rev: 1 }], 1)).toThrow(BrokenValueError);
  }
});

/** 1,000 topics of 10 partitions. */
function largeImage(): MetadataImage {
  const kvs: KV[] = [];
  for (let t = 0; t < 1_000; t++) {
    const topicId = String(t).padStart(22, 'x');
    kvs.push(kv(`/t/topic-${t}`, { topicId, partitions: 10 }));
    for (let p = 0; p < 10; p++) kvs.push(kv(`/p/${topicId}/${p}`, partitionValue()));
  }
  return imageOf(...kvs);
}

test('a change of one config shares all topics and partitions with the image before', () => {
  const image = largeImage();
  const { image: next, changes } = applyBatch(image, {
    rev: 2,
    changes: [{ type: 'put', key: '/cfg/topic/topic-1', value: json({ 'retention.ms': '1' }) }],
  });
  expect(changes.configs).toEqual([{ type: 'topic', name: 'topic-1' }]);
  expect(changes.partitions).toEqual([]);
  expect(next.parts.topics).toBe(image.parts.topics);
  expect(next.parts.partitions).toBe(image.parts.partitions);
  expect(image.configs({ type: 'topic', name: 'topic-1' }).size).toBe(0);
  expect(next.configs({ type: 'topic', name: 'topic-1' }).get('retention.ms')).toBe('1');
});

test('a change of one partition rebuilds its topic and shares every other', () => {
  const image = largeImage();
  const topic = image.topic('topic-7')!;
  const key = `/p/${topic.topicId}/3`;
  const { image: next, changes } = applyBatch(image, {
    rev: 2,
    changes: [{ type: 'put', key, value: json(partitionValue({ leaderEpoch: 5 })) }],
  });
  const after = next.topic('topic-7')!;
  expect(changes.partitions).toEqual([{ topic: after, partition: after.partitions[3], before: topic.partitions[3] }]);
  expect(after.partitions[3]).toMatchObject({ leaderEpoch: 5, rev: 2 });
  expect(topic.partitions[3]).toMatchObject({ leaderEpoch: 4, rev: 1 });
  for (const p of [0, 1, 2, 4, 9]) expect(after.partitions[p]).toBe(topic.partitions[p]);
  for (const other of image.topics()) if (other !== topic) expect(next.topic(other.name)).toBe(other);
  expect(next.topicCount).toBe(1_000);
});

const NAMES = ['a', 'b', 'c.d', 'e_f'];
const action = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), name: fc.constantFrom(...NAMES), partitions: fc.integer({ min: 1, max: 130 }) }),
  fc.record({ kind: fc.constant('delete' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('grow' as const), name: fc.constantFrom(...NAMES), by: fc.integer({ min: 1, max: 120 }) }),
  fc.record({ kind: fc.constant('config' as const), name: fc.constantFrom(...NAMES), value: fc.constantFrom('', '1', '2') }),
  fc.record({ kind: fc.constant('epoch' as const), name: fc.constantFrom(...NAMES), partition: fc.nat(9) }),
);

test('image and listeners follow any history of topics, partitions, and configs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
      const cluster = await clusterOf([1, 2, 3], 10); // so short a log that some batches are missed, and the feed ranges again
      const { feed, store } = cluster;
      /** What the history says: topic -> leader epoch per partition. */
      const model = new Map<string, number[]>();
      const configs = new Map<string, string>();
      /** What a listener knows from the changes alone. */
      const heard = new Map<string, number[]>();
      const heardConfigs = new Map<string, string>();
      feed.onChange((image, changes) => {
        for (const topic of changes.deletedTopics) heard.delete(topic.name);
        for (const topic of changes.createdTopics) heard.set(topic.name, []);
        for (const { topic, partition, before } of changes.partitions) {
          const known = heard.get(topic.name)!;
          expect(known[partition.partition]).toBe((before as PartitionImage | undefined)?.leaderEpoch);
          known[partition.partition] = partition.leaderEpoch;
        }
        for (const resource of changes.configs) {
          const value = image.configs(resource).get('k');
          if (value === undefined) heardConfigs.delete(resource.name);
          else heardConfigs.set(resource.name, value);
        }
      });
      for (const step of actions) {
        const epochs = model.get(step.name);
        if (step.kind === 'create' && !epochs) {
          await cluster.create(step.name, { partitions: step.partitions, replicationFactor: 2 });
          model.set(step.name, new Array(step.partitions).fill(0));
        } else if (step.kind === 'delete' && epochs) {
          await feed.waitFor((await deleteTopic(store, { name: step.name })).revision);
          model.delete(step.name);
          configs.delete(step.name);
        } else if (step.kind === 'grow' && epochs) {
          const plan = planPartitions(feed.current, step.name, epochs.length + step.by, null);
          await feed.waitFor((await addPartitions(store, feed.current, step.name, plan)).revision);
          for (let i = 0; i < step.by; i++) epochs.push(0);
        } else if (step.kind === 'config' && epochs) {
          const next = new Map(step.value ? [['k', step.value]] : []);
          const { revision } = await alterConfigs(store, { type: 'topic', name: step.name }, () => next);
          await feed.waitFor(revision);
          if (step.value) configs.set(step.name, step.value);
          else configs.delete(step.name);
        } else if (step.kind === 'epoch' && epochs && step.partition < epochs.length) {
          const { topicId, partition, rev, ...value } = feed.current.partition(step.name, step.partition)!;
          const raised = json({ ...value, leaderEpoch: value.leaderEpoch + 1 });
          await cluster.txn({ put: `/p/${topicId}/${partition}`, value: raised });
          epochs[step.partition]!++;
        }
      }
      const seen = new Map([...feed.current.topics()].map((topic) => [topic.name, topic.partitions.map((p) => p.leaderEpoch)]));
      const seenConfigs = [...model.keys()].flatMap((name) =>
        [...feed.current.configs({ type: 'topic', name }).values()].map((v) => [name, v]),
      );
      expect(seen).toEqual(model);
      expect(heard).toEqual(model);
      expect(new Map(seenConfigs as [string, string][])).toEqual(configs);
      expect(heardConfigs).toEqual(configs);
      const fresh = (await store.range('')).kvs.filter(({ key }) => !key.startsWith(deletedTopicKey(''))); // the image has no use for those
      expect(new Set(feed.current.keys())).toEqual(new Set(fresh.map((one) => [one.key, one.rev])));
      expect([...feed.current.orphans()]).toEqual([]);
      expect(cluster.errors).toEqual([]);
      await cluster.close();
    }),
    { numRuns: 60 },
  );
});

test('values written before there were clusters are read as of generation 0', () => {
  const { disks: _, ...old } = partitionValue();
  const image = imageOf(
    kv('/t/orders', { topicId: ID, partitions: 1 }),
    kv(`/p/${ID}/0`, old),
    kv('/b/live/1', { listeners: [], rack: null, directoryId: DIRECTORY_ID }),
    kv('/b/known/1', { rack: null, directoryId: DIRECTORY_ID }),
  );
  expect(image.partition('orders', 0)?.disks).toEqual([]);
  expect(image.brokers.get(1)).toMatchObject({ generation: 0, liveness: null });
  expect(image.knownBrokers.get(1)).toMatchObject({ generation: 0 });
});
