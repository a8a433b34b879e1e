import { beforeEach, expect, test } from 'vitest';
import { followLeadership } from '../../src/coordinator/follow-leadership.ts';
import { partitionKey, topicKey } from '../../src/metadata/keys.ts';
import { encodeValue } from '../../src/metadata/values.ts';
import { type ClusterFixture, clusterOf } from '../metadata/cluster-fixture.ts';

const ME = 1;

let cluster: ClusterFixture;
let calls: string[];
beforeEach(async () => {
  cluster = await clusterOf([1, 2, 3]);
  for (const topic of ['__consumer_offsets', 'orders']) await cluster.create(topic, { partitions: 2 });
  calls = [];
  followLeadership(cluster.feed, '__consumer_offsets', ME, {
    load: async (partition) => {
      calls.push(`load ${partition}`);
      throw new Error('as when it moved on at once');
    },
    unload: (partition) => calls.push(`unload ${partition}`),
  });
});

/** Has a broker lead a partition in an epoch. */
async function elect(leader: number, leaderEpoch: number, { topic = '__consumer_offsets', index = 0, replicas = [1, 2, 3] } = {}) {
  const { topicId, partitionEpoch } = cluster.feed.current.partition(topic, index)!;
  const value = {
    replicas,
    isr: replicas,
    elr: [],
    leader,
    leaderBrokerEpoch: 1,
    leaderEpoch,
    partitionEpoch,
    adding: [],
    removing: [],
    disks: [],
  };
  await cluster.txn({ put: partitionKey(topicId, index), value: encodeValue(value) });
  return calls.splice(0);
}

test('what this broker comes to lead is loaded at once, what it leads no more is dropped', async () => {
  expect(await elect(2, 10)).not.toContain('load 0');
  expect(await elect(1, 11)).toEqual(['unload 0', 'load 0']);
  expect(await elect(3, 12)).toEqual(['unload 0']);
  expect(await elect(2, 13)).toEqual([]);
});

test('a new leader epoch begins with what is in the log, also when the leader is the same', async () => {
  await elect(1, 10);
  expect(await elect(1, 11)).toEqual(['unload 0', 'load 0']);
  expect(await elect(1, 11, { replicas: [1, 2] })).toEqual([]); // another ISR
});

test('a partition with one replica waits for its first use: nobody has lost a coordinator', async () => {
  expect(await elect(1, 10, { replicas: [1] })).toEqual(['unload 0']);
});

test('other topics do not matter', async () => {
  expect(await elect(1, 10, { topic: 'orders' })).toEqual([]);
});

test('when the topic is deleted all of it is dropped', async () => {
  await cluster.txn({ del: topicKey('__consumer_offsets') });
  expect(calls.splice(0)).toEqual(['unload 0', 'unload 1']);
});
