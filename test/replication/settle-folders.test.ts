import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { deletedTopics } from '../../src/metadata/deleted-topics.ts';
import { partitionKey, topicKey } from '../../src/metadata/keys.ts';
import { deleteTopic } from '../../src/metadata/topics.ts';
import { encodeValue } from '../../src/metadata/values.ts';
import { deleteFolders, settleFolders } from '../../src/replication/settle-folders.ts';
import { type ClusterFixture, clusterOf } from '../metadata/cluster-fixture.ts';
import { append, closeStore, openStore, produced, testConfig } from '../support/log-fixture.ts';

const ME = 1;

let cluster: ClusterFixture;
let files: MemoryFiles;
beforeEach(async () => {
  cluster = await clusterOf([1, 2, 3]);
  files = memoryFiles();
});

const topicIdOf = (topic: string) => cluster.feed.current.topic(topic)!.topicId;

/** Data of partitions of a topic on this broker, from before it was stopped. */
async function leave(topic: string, partitions: readonly number[], topicId = topicIdOf(topic)): Promise<void> {
  const store = openStore(files, '/data');
  for (const partition of partitions) await append(store.log({ topic, partition }, topicId, testConfig()), produced(['a'])).done;
  await closeStore(store);
}
/** What is left of it after the next start; the unique part of names left out. */
async function settled(isContinued = true): Promise<string[]> {
  const store = openStore(files, '/data');
  deleteFolders(store, await deletedTopics(cluster.store), silentLogger);
  settleFolders(store, cluster.feed.current, ME, isContinued, silentLogger);
  const names = files.list('/data').filter((name) => files.isDirectory(`/data/${name}`));
  await closeStore(store);
  return names.map((name) => name.replace(/[0-9a-f]{32}/, '*')).sort();
}
/** Puts a partition on these brokers. */
async function place(topic: string, index: number, replicas: readonly number[], isr = replicas): Promise<void> {
  const { topicId, elr, leaderEpoch, partitionEpoch } = cluster.feed.current.partition(topic, index)!;
  const value = {
    replicas,
    isr,
    elr,
    leader: isr[0]!,
    leaderBrokerEpoch: 1,
    leaderEpoch,
    partitionEpoch,
    adding: [],
    removing: [],
    disks: [],
  };
  await cluster.txn({ put: partitionKey(topicId, index), value: encodeValue(value) });
}

test('what is still of this broker stays as it is', async () => {
  await cluster.create('orders', { partitions: 2 });
  for (const index of [0, 1]) await place('orders', index, [2, 1]);
  await leave('orders', [0, 1]);
  expect(await settled()).toEqual(['orders-0', 'orders-1']);
});

test('a replica that has moved to other brokers is deleted', async () => {
  await cluster.create('orders', { partitions: 2 });
  await leave('orders', [0, 1]);
  await place('orders', 0, [2, 3]);
  await place('orders', 1, [2, 1]);
  expect(await settled()).toEqual(['orders-1']);
});

test('one that the ISR still counts on is not, whatever the replicas say', async () => {
  await cluster.create('orders');
  await leave('orders', [0]);
  await place('orders', 0, [2, 3], [1]);
  expect(await settled()).toEqual(['orders-0']);
});

test('a topic that was deleted does not come back: its folder is set aside', async () => {
  await cluster.create('orders');
  await leave('orders', [0], 'DDDDDDDDDDDDDDDDDDDDDw');
  await leave('gone', [0], 'EEEEEEEEEEEEEEEEEEEEEw');
  await place('orders', 0, [2, 3]);
  expect(await settled()).toEqual(['gone-0.*-stray', 'orders-0.*-stray']);
  expect(await settled()).toEqual(['gone-0.*-stray', 'orders-0.*-stray']);
});

test('one that was deleted lately takes its folders along, also where another has its name now, and whatever the store forgot', async () => {
  await cluster.create('orders');
  await cluster.create('gone');
  await leave('orders', [0]);
  await leave('gone', [0]);
  for (const name of ['orders', 'gone']) await deleteTopic(cluster.store, { name });
  await cluster.create('orders');
  expect(await settled(false)).toEqual([]);
});

test('a folder that was only just made when the broker died goes, one with a log in it stays', async () => {
  files.makeDirectory('/data/begun-0');
  files.makeDirectory('/data/named-0');
  files.open('/data/named-0/partition.metadata.tmp', 'rw').close();
  files.makeDirectory('/data/filled-0');
  files.open('/data/filled-0/00000000000000000000.log', 'rw').close();
  expect(await settled()).toEqual(['filled-0']);
});

test('a topic whose creation or deletion is under way, and a folder that does not say whose it is, stay', async () => {
  await cluster.create('orders');
  await leave('orders', [0]);
  await cluster.txn({ del: topicKey('orders') });
  await leave('nameless', [3], 'EEEEEEEEEEEEEEEEEEEEEw');
  files.remove('/data/nameless-3/partition.metadata');
  expect(await settled()).toEqual(['nameless-3', 'orders-0']);
});

test('a store that was lost, or is older than the data, proves nothing', async () => {
  await cluster.create('orders');
  await leave('orders', [0]);
  await leave('gone', [0], 'EEEEEEEEEEEEEEEEEEEEEw');
  await place('orders', 0, [2, 3]);
  expect(await settled(false)).toEqual(['gone-0', 'orders-0']);
});

test('a folder that cannot be moved is no reason not to start', async () => {
  await leave('gone', [0, 1], 'EEEEEEEEEEEEEEEEEEEEEw');
  files.failNext('rename', 'EACCES', { path: 'gone-0' });
  expect(await settled()).toEqual(['gone-0', 'gone-1.*-stray']);
});
