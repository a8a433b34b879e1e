import { expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { fenced, type PartitionWrite, writeBatches } from '../../src/metadata/controller-writes.ts';
import type { PartitionImage } from '../../src/metadata/image.ts';
import { changePartitions } from '../../src/metadata/partition-writes.ts';
import { checkTxn, InDoubtError, MAX_CONDS, MAX_OPS, MAX_TXN_BYTES, type MetadataStore } from '../../src/metadata/store.ts';
import type { PartitionValue } from '../../src/metadata/values.ts';
import { clusterOf } from './cluster-fixture.ts';

const value: PartitionValue = {
  ...{ replicas: [1], adding: [], removing: [], isr: [1], elr: [], leader: 1, leaderBrokerEpoch: 5, leaderEpoch: 7, partitionEpoch: 9 },
  disks: [],
};
const image = (partition: number): PartitionImage => ({ ...value, topicId: 'abcdefghijklmnopqrstuv', partition, rev: partition + 1 });
const toWrite = (count: number, more: (i: number) => Partial<PartitionWrite> = () => ({})): PartitionWrite[] =>
  Array.from({ length: count }, (_, i) => ({ topic: 'a', before: image(i), value, conds: [], unclean: false, ...more(i) }));
const sizes = (writes: PartitionWrite[], size = MAX_OPS) =>
  [...writeBatches(fenced(3), writes, size)].map((batch) => {
    checkTxn(batch.conds, batch.ops); // the store takes it
    return batch.writes.length;
  });

test('a batch has at most a hundred partitions, and no more conditions or bytes than the store takes', () => {
  expect(sizes(toWrite(250))).toEqual([100, 100, 50]);
  expect(sizes(toWrite(12), 5)).toEqual([5, 5, 2]);
  expect(sizes([])).toEqual([]);
  // Each elects another broker: two conditions for each partition, one for the fence.
  const everyOther = toWrite(100, (i) => ({ conds: [{ key: `/b/live/${i}`, rev: 1 }] }));
  expect(sizes(everyOther)).toEqual([(MAX_CONDS - 2) / 2, 100 - (MAX_CONDS - 2) / 2]);
  // The same broker for all: its condition stands once.
  expect(sizes(toWrite(100, () => ({ conds: [{ key: '/b/live/1', rev: 1 }] })))).toEqual([100]);
  const replicas = Array.from({ length: 3_000 }, (_, i) => 100_000 + i);
  const large = toWrite(100, () => ({ value: { ...value, replicas } }));
  const perBatch = Math.floor(MAX_TXN_BYTES / (JSON.stringify(large[0]!.value).length + 30));
  expect(sizes(large)[0]).toBeLessThanOrEqual(perBatch);
});

test('every batch is fenced, and names the revision of each partition', () => {
  const [batch] = writeBatches(
    fenced(3),
    toWrite(2, () => ({ conds: [{ key: '/b/live/1', rev: 9 }] })),
    MAX_OPS,
  );
  expect(batch!.conds).toEqual([
    { key: '/ctrl/epoch', rev: 3 },
    { key: '/p/abcdefghijklmnopqrstuv/0', rev: 1 },
    { key: '/b/live/1', rev: 9 },
    { key: '/p/abcdefghijklmnopqrstuv/1', rev: 2 },
  ]);
});

async function changing(txn: (store: MetadataStore, attempt: number) => MetadataStore['txn']) {
  const cluster = await clusterOf([1]);
  await cluster.create('a', { partitions: 3 });
  let attempts = 0;
  const store: MetadataStore = Object.assign(Object.create(cluster.store), {
    txn: (...args: Parameters<MetadataStore['txn']>) => txn(cluster.store, ++attempts)(...args),
  });
  const items = [0, 1, 2].map((partition) => ({ topic: 'a', partition }));
  const results = await changePartitions({ store, metadata: cluster.feed }, items, (current, { topic, partition }) => {
    if (partition === 1) throw new KafkaError('INVALID_REPLICA_ASSIGNMENT', 'no');
    const before = current.partition(topic, partition)!;
    const { topicId: _, partition: __, rev: ___, ...now } = before;
    return { topic, before, value: { ...now, partitionEpoch: now.partitionEpoch + 1 }, conds: [], unclean: false };
  });
  const epochs = cluster.feed.current.topic('a')!.partitions.map(({ partitionEpoch }) => partitionEpoch);
  await cluster.close();
  return { results: results.map((error) => error?.errorName ?? null), epochs, attempts };
}

test('a change that others came before is planned anew, one by one; what cannot be planned fails alone', async () => {
  const conflictsOnce = await changing((store, attempt) => async (conds, ops) => {
    if (attempt > 1) return store.txn(conds, ops);
    const { kv } = await store.get('put' in ops[0]! ? ops[0].put : '');
    await store.txn([], [{ put: kv!.key, value: kv!.value }]);
    return store.txn(conds, ops);
  });
  expect(conflictsOnce).toEqual({ results: [null, 'INVALID_REPLICA_ASSIGNMENT', null], epochs: [1, 0, 1], attempts: 3 });
});

test('a change that is never let through, or is in doubt, tells the client to try again', async () => {
  const never = await changing((store) => async () => ({ ok: false, rev: (await store.get('/')).rev }));
  expect(never.results).toEqual(['REQUEST_TIMED_OUT', 'INVALID_REPLICA_ASSIGNMENT', 'REQUEST_TIMED_OUT']);
  expect(never.attempts).toBeLessThan(50);
  const inDoubt = await changing(() => async () => {
    throw new InDoubtError('no answer');
  });
  expect(inDoubt).toMatchObject({ results: ['REQUEST_TIMED_OUT', 'INVALID_REPLICA_ASSIGNMENT', 'REQUEST_TIMED_OUT'], attempts: 1 });
});
