import {
  AlterPartitionReassignments,
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  DescribeCluster,
  DescribeTopicPartitions,
  ElectLeaders,
  ListPartitionReassignments,
  Metadata,
} from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/wire.ts';
import { scenario } from '../scenario.ts';
import { anyController, assigned, at, clusterTopic, creates, ledBy, moved, named, placement, to } from './cluster-support.ts';

const BROKERS = [1, 2, 3];
const PERMUTED = [
  [1, 2, 3],
  [2, 3, 1],
  [3, 1, 2],
];

/** Where the broker chooses: how often each broker leads and has replicas. */
const spread = ({ topics }: ResponseOf<typeof Metadata>) =>
  topics.map(({ errorCode, partitions }) => ({
    errorCode,
    leaders: BROKERS.map((id) => partitions.filter(({ leaderId }) => leaderId === id).length),
    replicas: BROKERS.map((id) => partitions.filter(({ replicaNodes }) => replicaNodes.includes(id)).length),
    firstLeads: partitions.every(({ leaderId, replicaNodes }) => leaderId === replicaNodes[0]),
    allInSync: partitions.every(({ isrNodes, replicaNodes }) => isrNodes.length === replicaNodes.length),
  }));

/** Played on three brokers that are all there. */
export const clusterTopicsScenarios = [
  scenario(
    Metadata,
    'of three brokers',
    async (stage) => {
      const { name } = await clusterTopic(stage, 'a', PERMUTED);
      const { name: single } = await clusterTopic(stage, 'b', [[3], [1]]);
      await stage.step('replicas and leaders', named(name, single), anyController);
      for (const id of [2, 3]) await stage.stepOf(Metadata, stage.version, `seen by broker ${id}`, named(name), anyController, at(id));
    },
    [1, 13],
  ),

  scenario(DescribeCluster, 'of three brokers', async (stage) => {
    await stage.step('the brokers', { includeClusterAuthorizedOperations: false }, anyController);
    if (stage.version >= 2)
      await stage.step('fenced ones, too', { includeClusterAuthorizedOperations: false, includeFencedBrokers: true }, anyController);
  }),

  scenario(DescribeTopicPartitions, 'of three brokers', async (stage) => {
    const { name } = await clusterTopic(stage, 'a', PERMUTED);
    await stage.step('replicas and leaders', { topics: [{ name }] });
  }),

  scenario(
    CreateTopics,
    'on three brokers',
    async (stage) => {
      const create = (own: string, more: object) => creates(stage, own, more);
      const twice = await create('twice', { numPartitions: 6, replicationFactor: 2 });
      const thrice = await create('thrice', { numPartitions: 3, replicationFactor: 3 });
      await stage.ready(twice, 6);
      await stage.ready(thrice, 3);
      await stage.stepOf(Metadata, 12, 'three times everywhere', named(thrice), spread);
      const chosen = await create('assigned', { assignments: assigned([3, 1], [2, 3]) });
      await stage.ready(chosen, 2);
      await stage.stepOf(Metadata, 12, 'as assigned', named(chosen), placement);
      await create('more-replicas-than-brokers', { numPartitions: 1, replicationFactor: 4 });
      await create('lists-of-different-length', { assignments: assigned([3, 1], [2]) });
      await create('unknown-broker', { assignments: assigned([3, 4]) });
      await create('broker-twice', { assignments: assigned([3, 3]) });
    },
    [5, 7],
  ),

  scenario(CreatePartitions, 'on three brokers', async (stage) => {
    const { name } = await clusterTopic(stage, 'a', [[1, 2]]);
    const grow = (count: number, assignments: number[][] | null = null) => ({
      topics: [{ name, count, assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null }],
      timeoutMs: 5000,
      validateOnly: false,
    });
    await stage.step(
      'as assigned',
      grow(3, [
        [3, 2],
        [2, 1],
      ]),
    );
    await stage.ready(name, 3);
    await stage.step('with another number of replicas', grow(4, [[3]]));
    await stage.step('to an unknown broker', grow(4, [[3, 4]]));
    await stage.stepOf(Metadata, 12, 'what there is', named(name), placement);
    await stage.step('by the broker', grow(6));
    await stage.ready(name, 6);
    await stage.stepOf(Metadata, 12, 'as many replicas as the others', named(name), ({ topics: [grown] }) =>
      grown!.partitions.map(({ replicaNodes, isrNodes }) => [replicaNodes.length, isrNodes.length]),
    );
  }),

  scenario(
    DeleteTopics,
    'asked of different brokers',
    async (stage) => {
      const { name } = await clusterTopic(stage, 'a', [[1, 2, 3]]);
      const request = { topics: [{ name, topicId: ZERO_UUID }], timeoutMs: 5000 };
      await stage.stepOf(DeleteTopics, 6, 'of broker 3', request, undefined, at(3));
      await stage.until(Metadata, 12, named(name), ({ topics }) => topics[0]?.errorCode === 3);
      await stage.step('of broker 1, again', request);
    },
    [6, 6],
  ),

  scenario(ElectLeaders, 'preferred leaders', async (stage) => {
    const { name } = await clusterTopic(stage, 'a', [
      [1, 2, 3],
      [2, 3, 1],
    ]);
    const reordered = [
      [3, 1, 2],
      [2, 1, 3],
    ];
    await stage.ask(AlterPartitionReassignments, 0, to(name, ...reordered));
    await moved(stage, name, reordered);
    await stage.stepOf(Metadata, 12, 'another order leaves the leader', named(name), placement);
    const both = { electionType: 0, topicPartitions: [{ topic: name, partitions: [0, 1] }] };
    await stage.step('one that leads not yet, and one that does', both);
    await ledBy(stage, name, 0, 3);
    await stage.stepOf(Metadata, 12, 'who leads', named(name), placement);
    await stage.step('again', both);
    if (stage.version > 0) await stage.step('unclean, where somebody leads', { ...both, electionType: 1 });
  }),

  scenario(AlterPartitionReassignments, 'on three brokers', async (stage) => {
    const { name } = await clusterTopic(
      stage,
      'a',
      [0, 1, 2, 3].map(() => [1, 2]),
    );
    const where = (step: string) => stage.stepOf(Metadata, 12, step, named(name), placement);
    const first = [[1, 3], [1], [1, 2, 3], [2, 1]];
    await stage.step('one elsewhere, one more, one less, in another order', to(name, ...first));
    await moved(stage, name, first);
    await where('where they are');
    const all = { topics: [{ name, partitionIndexes: [0, 1, 2, 3] }] };
    await stage.stepOf(ListPartitionReassignments, 0, 'nothing is under way any more', all);
    const second = [[2], [2], [3], [3, 1]];
    await stage.step('away from the leader', to(name, ...second));
    await moved(stage, name, second);
    await where('where they are then');
    await stage.step('to be cancelled, but done before', to(name, null));
    await stage.step('to an unknown broker', to(name, [2, 4]));
    if (stage.version < 1) return;
    await stage.step('with the replication factor held', { ...to(name, [3], [3, 1], [2], [1]), allowReplicationFactorChange: false });
    await moved(stage, name, [[3], [2], [2], [3, 1]]);
    await where('where they are at last');
  }),

  scenario(ListPartitionReassignments, 'asked of each broker', async (stage) => {
    const { name } = await clusterTopic(stage, 'a', [[1, 2]]);
    for (const id of BROKERS)
      await stage.stepOf(ListPartitionReassignments, 0, `broker ${id}`, { topics: [{ name, partitionIndexes: [0] }] }, undefined, at(id));
  }),
];
