import { beforeEach, expect, test } from 'vitest';
import { brokerConfig } from '../../src/config.ts';
import { describeQuorum } from '../../src/handlers/describe-quorum.ts';
import { Endpoints } from '../../src/handlers/endpoints.ts';
import { CONTROLLER_EPOCH_KEY, CONTROLLER_KEY } from '../../src/metadata/keys.ts';
import { encodeValue } from '../../src/metadata/values.ts';
import { type ClusterFixture, clusterOf } from '../metadata/cluster-fixture.ts';
import { sender } from './group-handlers.ts';

const METADATA = '__cluster_metadata';
let cluster: ClusterFixture;

beforeEach(async () => {
  cluster = await clusterOf([1, 2]);
  return () => cluster.close();
});

const ask = (version: number, ...topics: [topicName: string, ...partitions: number[]][]) => {
  const { feed, clock } = cluster;
  const endpoints = new Endpoints(1, feed, () => brokerConfig());
  const asked = topics.map(([topicName, ...partitions]) => ({
    topicName,
    partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
  }));
  return sender(describeQuorum, { metadata: feed, endpoints, nodeId: 1, clock })(version, { topics: asked });
};

test.each([0, 1, 2])(
  'v%i: the controller leads, every broker that is alive may follow it, and nobody lags behind the store',
  async (version) => {
    await cluster.txn(
      { put: CONTROLLER_KEY, value: encodeValue({ brokerId: 2, controllerEpoch: 7 }) },
      { put: CONTROLLER_EPOCH_KEY, value: encodeValue(7) },
    );
    const reply = await ask(version, [METADATA, 0]);
    const { revision } = cluster.feed.current;
    const [partition] = reply.topics[0]!.partitions;
    expect(partition).toMatchObject({ errorCode: 0, leaderId: 2, leaderEpoch: 7, highWatermark: revision, observers: [] });
    const nowMs = cluster.clock.now();
    expect(partition!.currentVoters.map((voter) => [voter.replicaId, voter.logEndOffset, voter.lastCaughtUpTimestamp])).toEqual([
      [1, revision, -1],
      [2, revision, version > 0 ? nowMs : -1],
    ]);
    expect(reply.nodes.map(({ nodeId, listeners }) => [nodeId, listeners[0]?.port])).toEqual(
      version < 2
        ? []
        : [
            [1, 9092],
            [2, 9094],
          ],
    );
  },
);

// As Apache Kafka 4.4.0 answers: no partition but that one, and not even that one in company.
test.each<[string, number, [string, ...number[]][], number[][]]>([
  ['another topic', 2, [['orders', 0]], [[3]]],
  ['another partition', 1, [[METADATA, 1]], [[3]]],
  ['another partition beside it', 2, [[METADATA, 0, 1]], [[3, 3]]],
  ['another topic beside it', 2, [[METADATA, 0], ['a']], [[3], []]],
  ['nothing', 2, [], []],
])('%s', async (_, version, topics, errors) => {
  const reply = await ask(version, ...topics);
  expect(reply).toMatchObject({ errorCode: 0, nodes: [] });
  expect(reply.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual(errors);
});
