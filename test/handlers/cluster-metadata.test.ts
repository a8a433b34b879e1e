import { beforeEach, expect, test } from 'vitest';
import { brokerConfig } from '../../src/config.ts';
import { describeCluster } from '../../src/handlers/describe-cluster.ts';
import { describeTopicPartitions } from '../../src/handlers/describe-topic-partitions.ts';
import { Endpoints } from '../../src/handlers/endpoints.ts';
import { metadata } from '../../src/handlers/metadata.ts';
import { TopicAdmin } from '../../src/handlers/topic-admin.ts';
import { registerBroker } from '../../src/metadata/cluster.ts';
import { CONTROLLER_KEY, PRODUCER_IDS_KEY, partitionKey } from '../../src/metadata/keys.ts';
import { encodeOffline, encodeValue, type PartitionValue } from '../../src/metadata/values.ts';
import { type ClusterFixture, clusterOf, DIRECTORY_ID } from '../metadata/cluster-fixture.ts';
import { sender } from './group-handlers.ts';

/** What Apache Kafka 4.4.0 answered on three nodes, the third of them stopped, is the expectation here. */
const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';
const ports = { 1: 9093, 2: 9094, 3: 9095 };
let cluster: ClusterFixture;
let config = brokerConfig();

beforeEach(async () => {
  cluster = await clusterOf([1, 2, 3]);
  config = brokerConfig();
  return () => cluster.close();
});

const needs = () => {
  const { feed, clock, store, randomBytes } = cluster;
  const current = () => config;
  const topicAdmin = new TopicAdmin({ store, metadata: feed, config: current, randomBytes });
  return { metadata: feed, endpoints: new Endpoints(1, feed, current), topicAdmin, config: current, nodeId: 1, clock };
};
const ask = (version: number, ...names: string[]) =>
  sender(metadata, needs())(version, { topics: names.map((name) => ({ name, topicId: ZERO })), allowAutoTopicCreation: false });
const describe = (...names: string[]) => sender(describeTopicPartitions, needs())(0, { topics: names.map((name) => ({ name })) });

/** The broker's lease ends, as when it is stopped for long, and the controller has done `then` to the partition. */
async function fence(id: number, topic: string, then: Partial<PartitionValue>): Promise<void> {
  await cluster.leases.get(id)!.revoke();
  const { topicId, rev: _, partition, ...value } = cluster.feed.current.partition(topic, 0)!;
  await cluster.txn({ put: partitionKey(topicId, partition), value: encodeValue({ ...value, ...then }) });
}

const assigned = (...replicas: number[]) => ({ assignments: [{ partition: 0, replicas }] });

test('a replica on a broker that is not alive is offline, whoever leads', async () => {
  await cluster.create('t', assigned(3, 1, 2));
  await fence(3, 't', { leader: 1, leaderEpoch: 1, isr: [1, 2] });
  const { brokers, topics } = await ask(12, 't');
  expect(brokers.map(({ nodeId, port }) => [nodeId, port])).toEqual([
    [1, 9092], // as the client arrived
    [2, ports[2]],
  ]);
  const partition = { partitionIndex: 0, leaderId: 1, leaderEpoch: 1, replicaNodes: [3, 1, 2], isrNodes: [1, 2], offlineReplicas: [3] };
  expect(topics[0]!.partitions).toEqual([{ errorCode: 0, ...partition }]);
  expect((await describe('t')).topics[0]!.partitions).toEqual([
    { errorCode: 0, ...partition, eligibleLeaderReplicas: [], lastKnownElr: [] },
  ]);
});

test('a replica on a disk that failed is offline though its broker is alive; others of the broker are not', async () => {
  await cluster.create('t', assigned(1, 3, 2));
  await cluster.create('u', assigned(1, 3, 2));
  const { topicId } = cluster.feed.current.topic('t')!;
  await cluster.txn({ put: '/b/offline/3', value: encodeOffline({ all: false, topics: new Map([[topicId, new Set([0])]]) }) });
  const offline = async (topic: string) => [
    (await ask(12, topic)).topics[0]!.partitions[0]!.offlineReplicas,
    (await describe(topic)).topics[0]!.partitions[0]!.offlineReplicas,
  ];
  expect(await offline('t')).toEqual([[3], [3]]);
  expect(await offline('u')).toEqual([[], []]);
  expect((await ask(0, 't')).topics[0]!.partitions[0]).toMatchObject({ errorCode: 9, leaderId: 1, replicaNodes: [1, 2] });
});

test('v0 leaves replicas that are not alive out, and says so', async () => {
  await cluster.create('t', assigned(3, 1, 2));
  await fence(3, 't', { leader: 1, isr: [1, 2, 3] });
  expect((await ask(0, 't')).topics[0]!.partitions).toMatchObject([{ errorCode: 9, leaderId: 1, replicaNodes: [1, 2], isrNodes: [1, 2] }]);
});

test.each([0, 1, 5, 6, 13])(
  'v%i: a partition without a leader is LEADER_NOT_AVAILABLE, also before the controller has said so',
  async (version) => {
    await cluster.create('t', assigned(3));
    await fence(3, 't', version === 6 ? {} : { leader: -1, leaderEpoch: 1 });
    expect((await ask(version, 't')).topics).toMatchObject([{ errorCode: 0, partitions: [{ errorCode: 5, leaderId: -1 }] }]);
  },
);

test('DescribeTopicPartitions tells of no leader without an error, and who is eligible', async () => {
  await cluster.create('t', assigned(3, 2));
  await fence(3, 't', { leader: -1, leaderEpoch: 1, isr: [2], elr: [3] });
  const lists = { isrNodes: [2], eligibleLeaderReplicas: [3], offlineReplicas: [3] };
  expect((await describe('t')).topics[0]!.partitions).toMatchObject([{ errorCode: 0, leaderId: -1, ...lists }]);
});

test.each([
  [5, 5], // LEADER_NOT_AVAILABLE
  [6, 72], // LISTENER_NOT_FOUND
])('v%i: a leader without the listener by which the client came answers %i', async (version, errorCode) => {
  const inside = { name: 'INSIDE', host: 'localhost', port: 1, securityProtocol: 'PLAINTEXT' };
  const lease = await cluster.store.grantLease(9_000);
  const disk = { directoryId: DIRECTORY_ID, generation: 0 };
  const { brokerEpoch } = await registerBroker(cluster.store, { id: 4, lease, listeners: [inside], rack: null, liveness: null, ...disk });
  await cluster.feed.waitFor(brokerEpoch);
  await cluster.create('t', assigned(4, 1));
  expect((await ask(version, 't')).topics[0]!.partitions).toMatchObject([{ errorCode, leaderId: -1, offlineReplicas: [4] }]);
});

test('the controller is the broker that is elected, while it is alive; any carries out what an admin asks for', async () => {
  const controllers = async () => [
    (await ask(12)).controllerId,
    (await sender(describeCluster, needs())(2, { includeClusterAuthorizedOperations: false })).controllerId,
  ];
  expect(await controllers()).toEqual([1, 1]);
  await cluster.txn({ put: CONTROLLER_KEY, value: encodeValue({ brokerId: 2, controllerEpoch: 1 }) });
  expect(await controllers()).toEqual([2, 2]);
  await cluster.leases.get(2)!.revoke();
  await cluster.txn({ put: PRODUCER_IDS_KEY, value: encodeValue(1) });
  expect(await controllers()).toEqual([1, 1]);
});

test('DescribeCluster names brokers that are not alive where it is asked to, with the place they had', async () => {
  await cluster.create('t', assigned(3, 1));
  await fence(3, 't', { leader: 1, isr: [1] });
  const send = sender(describeCluster, needs());
  const request = { includeClusterAuthorizedOperations: false };
  expect((await send(2, request)).brokers.map(({ brokerId }) => brokerId)).toEqual([1, 2]);
  expect((await send(2, { ...request, includeFencedBrokers: true })).brokers).toMatchObject([
    { brokerId: 1, isFenced: false },
    { brokerId: 2, isFenced: false },
    { brokerId: 3, host: 'localhost', port: ports[3], isFenced: true },
  ]);
});

test('another broker is told as it advertises itself, not where it listens', async () => {
  const advertised = { host: 'kafka.example', port: 443 };
  const listeners = [{ name: 'PLAINTEXT', host: '0.0.0.0', port: 9096, securityProtocol: 'PLAINTEXT', advertised }];
  const lease = await cluster.store.grantLease(9_000);
  const disk = { directoryId: DIRECTORY_ID, generation: 0 };
  const { brokerEpoch } = await registerBroker(cluster.store, { id: 4, lease, listeners, rack: 'r', liveness: null, ...disk });
  await cluster.feed.waitFor(brokerEpoch);
  expect((await ask(12)).brokers.at(-1)).toEqual({ nodeId: 4, ...advertised, rack: 'r' });
});
