import { describe, expect, test } from 'vitest';
import { clusterUnderTest } from '../support/cluster-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';

const under = clusterUnderTest({ brokers: 3, config: { 'auto.leader.rebalance.enable': false } });
const java = javaWithKafka();
const tool = (name: string, ...args: string[]) => java!.tool(`org.apache.kafka.tools.${name}`, args);
const quorum = (what: string) => tool('MetadataQuorumCommand', '--bootstrap-server', under.cluster.bootstrapServers, 'describe', what);
const clusterTool = (command: string, ...args: string[]) =>
  tool('ClusterTool', command, '--bootstrap-server', under.cluster.bootstrapServers, ...args);

describe.skipIf(java === null)("Kafka's tools about the cluster itself", () => {
  test('MetadataQuorumCommand shows the controller as leader, and every broker as a voter that lags nowhere', async () => {
    const controller = await under.cluster.waitForController();
    const status = await quorum('--status');
    expect(status).toMatch(new RegExp(`^LeaderId: +${controller}$`, 'm'));
    expect(status).toMatch(/^MaxFollowerLag: +0$/m);
    const [, ...replicas] = (await quorum('--replication')).trimEnd().split('\n');
    const shown = replicas.map((line) => line.split('\t').map((cell) => cell.trim()));
    expect(shown.map(([id, , , lag, , , role]) => `${id} ${lag} ${role}`).sort()).toEqual(
      [1, 2, 3].map((id) => `${id} 0 ${id === controller ? 'Leader' : 'Follower'}`),
    );
  });

  test('ClusterTool lists a broker that is down as fenced, and unregisters it, but none that is alive', async () => {
    const { cluster } = under;
    await expect(clusterTool('unregister', '--id', '3')).rejects.toThrow('Broker 3 is alive');
    await cluster.broker(3).kill();
    const endpoints = async () =>
      (await clusterTool('list-endpoints', '--include-fenced-brokers')).split('\n').map((line) => line.split(/\s+/));
    await eventually(async () => expect((await endpoints()).find(([id]) => id === '3')?.[4]).toBe('fenced'));
    expect(await clusterTool('unregister', '--id', '3')).toContain('Broker 3 is no longer registered.');
    expect((await endpoints()).map(([id]) => id).filter((id) => /^\d$/.test(id ?? ''))).toEqual(['1', '2']);
    await cluster.broker(3).start();
    await eventually(async () => expect((await endpoints()).find(([id]) => id === '3')?.[4]).toBe('unfenced'));
  }, 120_000);
});

describe('the admin of kafkajs with three brokers', () => {
  test('creates topics where it is told to, lets them grow, and moves them', async () => {
    const { cluster } = under;
    const admin = await (await kafkaJs(cluster.bootstrapServers)).admin();
    const { brokers, controller } = await admin.describeCluster();
    expect(brokers.map(({ nodeId }) => nodeId).sort()).toEqual([1, 2, 3]);
    expect(controller).toBe(await cluster.waitForController());
    await admin.createTopics({ topics: [{ topic: 'js', replicaAssignment: [{ partition: 0, replicas: [1, 2] }] }] });
    await admin.createPartitions({ topicPartitions: [{ topic: 'js', count: 2, assignments: [[3, 1]] }] });
    const placed = async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: ['js'] });
      return topics[0]!.partitions.sort((a, b) => a.partitionId - b.partitionId).map(({ replicas }) => replicas);
    };
    expect(await placed()).toEqual([
      [1, 2],
      [3, 1],
    ]);
    const partitionAssignment = [{ partition: 0, replicas: [3, 2] }];
    await admin.alterPartitionReassignments({ topics: [{ topic: 'js', partitionAssignment }] });
    await eventually(async () => {
      expect((await admin.listPartitionReassignments({ topics: [{ topic: 'js', partitions: [0, 1] }] })).topics).toEqual([]);
      expect((await placed())[0]).toEqual([3, 2]);
    });
  });
});
