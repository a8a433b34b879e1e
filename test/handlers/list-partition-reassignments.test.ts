import { beforeEach, expect, test } from 'vitest';
import { listPartitionReassignments } from '../../src/handlers/list-partition-reassignments.ts';
import { partitionKey } from '../../src/metadata/keys.ts';
import { encodeValue } from '../../src/metadata/values.ts';
import { type ClusterFixture, clusterOf } from '../metadata/cluster-fixture.ts';
import { sender } from './group-handlers.ts';

let cluster: ClusterFixture;

/** Partition 1 of "orders" moves from 1 to 2, partition 2 gains a replica; "still" does not move. */
beforeEach(async () => {
  cluster = await clusterOf([1, 2, 3]);
  await cluster.create('orders', { partitions: 3, replicationFactor: 1 });
  await cluster.create('still');
  const move = async (index: number, replicas: number[], adding: number[], removing: number[]) => {
    const { topicId, rev: _, partition, ...value } = cluster.feed.current.partition('orders', index)!;
    await cluster.txn({ put: partitionKey(topicId, partition), value: encodeValue({ ...value, replicas, adding, removing }) });
  };
  await move(1, [2, 1], [2], [1]);
  await move(2, [3, 1], [1], []);
  return () => cluster.close();
});

const ask = (topics: { name: string; partitionIndexes: number[] }[] | null) =>
  sender(listPartitionReassignments, { metadata: cluster.feed, store: cluster.store })(0, { topics });
const first = { partitionIndex: 1, replicas: [2, 1], addingReplicas: [2], removingReplicas: [1] };
const second = { partitionIndex: 2, replicas: [3, 1], addingReplicas: [1], removingReplicas: [] };

test('null names every partition that moves', async () => {
  expect(await ask(null)).toEqual({
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: null,
    topics: [{ name: 'orders', partitions: [first, second] }],
  });
});

test('what does not move, or does not exist, is left out', async () => {
  expect((await ask([])).topics).toEqual([]);
  const asked = [
    { name: 'orders', partitionIndexes: [0, 2, 7, -1] },
    { name: 'still', partitionIndexes: [0] },
    { name: 'nowhere', partitionIndexes: [0] },
  ];
  expect((await ask(asked)).topics).toEqual([{ name: 'orders', partitions: [second] }]);
});

test('a partition that is asked for very often is answered once', async () => {
  const often = { name: 'orders', partitionIndexes: Array.from({ length: 10_000 }, () => 1) };
  expect((await ask([often, often])).topics).toEqual([{ name: 'orders', partitions: [first] }]);
});
