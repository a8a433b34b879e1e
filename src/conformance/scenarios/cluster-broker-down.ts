import {
  AlterPartitionReassignments,
  CreateTopics,
  DeleteTopics,
  DescribeCluster,
  DescribeTopicPartitions,
  ElectLeaders,
  ListPartitionReassignments,
  Metadata,
  Produce,
} from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/wire.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { Stage } from '../stage.ts';
import type { Venue } from '../venue.ts';
import { anyController, assigned, clusterTopic, creates, described, ledBy, named, placement, sorted, to } from './cluster-support.ts';
import { coordinatorsReady } from './cluster-transactions.ts';

const hello = batchBytes({ values: ['hello'] });
const produceTo = (topic: { name: string; topicId: string }, acks: number) => ({
  acks,
  timeoutMs: 5000,
  topicData: [{ ...topic, partitionData: [{ index: 0, records: hello }] }],
});
const codes = ({ responses }: ResponseOf<typeof Produce>) =>
  responses.map(({ name, partitionResponses }) => ({ name, errorCodes: partitionResponses.map(({ errorCode }) => errorCode) }));

/** Topics with one partition that are made while broker 3 is there: led by it, followed by it, on it alone, on it and one other. */
export const BEFORE: Readonly<Record<string, number[]>> = {
  'down-led': [3, 1, 2],
  'down-followed': [1, 2, 3],
  'down-alone': [3],
  'down-pair': [3, 1],
};

/** Makes the topics of which broker 3 will have replicas when it dies. */
export async function beforeBrokerDown(venue: Omit<Venue, 'record'>): Promise<void> {
  const stage = new Stage({ ...venue, record: () => {} }, '', 0, CreateTopics);
  try {
    const configs = [{ name: 'min.insync.replicas', value: '2' }];
    const topics = Object.entries(BEFORE).map(([name, replicas]) => {
      return { name, numPartitions: -1, replicationFactor: -1, assignments: assigned(replicas), configs };
    });
    await stage.ask(CreateTopics, 7, { topics });
    for (const name of Object.keys(BEFORE)) await stage.ready(name);
    await coordinatorsReady(stage);
  } finally {
    await stage.close();
  }
}

/** Played on three brokers, the third of which has died a while ago. */
export const clusterBrokerDownScenarios = [
  scenario(
    Metadata,
    'without broker 3',
    async (stage) => {
      const { name } = await clusterTopic(stage, 'new', [
        [1, 3],
        [3, 2],
      ]);
      await stage.step('a topic of which it has replicas', named(name), anyController);
    },
    [0, 13],
  ),

  scenario(
    Metadata,
    'what broker 3 has left behind',
    async (stage) => {
      for (const name of ['down-led', 'down-followed', 'down-pair']) await ledBy(stage, name, 0, 1, [1, 2]);
      for (const name of Object.keys(BEFORE)) {
        await stage.stepOf(Metadata, 12, name, named(name), placement);
        await stage.stepOf(DescribeTopicPartitions, 0, `${name}: who may lead`, { topics: [{ name }] }, described);
      }
      const partitions = (topic: string) => ({ topic, partitions: [0] });
      for (const electionType of [0, 1])
        await stage.stepOf(ElectLeaders, 2, `elections of type ${electionType}`, {
          electionType,
          topicPartitions: Object.keys(BEFORE).map(partitions),
        });
      for (const name of ['down-led', 'down-pair', 'down-alone'])
        await stage.stepOf(Produce, 9, `${name}: acks=all`, produceTo({ name, topicId: ZERO_UUID }, -1), codes);
    },
    [12, 12],
  ),

  scenario(DescribeCluster, 'without broker 3', async (stage) => {
    await stage.step('the brokers', { includeClusterAuthorizedOperations: false }, anyController);
    if (stage.version >= 2)
      await stage.step('fenced ones, too', { includeClusterAuthorizedOperations: false, includeFencedBrokers: true }, anyController);
  }),

  scenario(
    CreateTopics,
    'without broker 3',
    async (stage) => {
      const create = (own: string, more: object) => creates(stage, own, more);
      const three = await create('three-times', { numPartitions: 1, replicationFactor: 3 });
      await stage.until(Metadata, 12, named(three), ({ topics }) => topics[0]?.partitions[0]?.errorCode === 0);
      await stage.stepOf(Metadata, 12, 'its replicas', named(three), ({ topics: [topic] }) =>
        topic!.partitions.map(({ replicaNodes, isrNodes, offlineReplicas }) => [replicaNodes, isrNodes, offlineReplicas].map(sorted)),
      );
      await create('on-it-alone', { assignments: assigned([3]) });
      const pair = await create('led-by-another', { assignments: assigned([3, 2]) });
      await stage.until(Metadata, 12, named(pair), ({ topics }) => topics[0]?.partitions[0]?.errorCode === 0);
      await stage.stepOf(Metadata, 12, 'who leads', named(pair), placement);
    },
    [7, 7],
  ),

  scenario(ElectLeaders, 'without broker 3', async (stage) => {
    const { name } = await clusterTopic(stage, 'new', [
      [3, 1],
      [2, 3],
    ]);
    await ledBy(stage, name, 0, 1, [1, 2]);
    for (const electionType of stage.version === 0 ? [0] : [0, 1])
      await stage.step(`type ${electionType}`, { electionType, topicPartitions: [{ topic: name, partitions: [0, 1] }] });
  }),

  scenario(AlterPartitionReassignments, 'without broker 3', async (stage) => {
    const { name } = await clusterTopic(stage, 'new', [
      [1, 2],
      [1, 2],
      [2, 1],
    ]);
    const listed = (step: string) => stage.stepOf(ListPartitionReassignments, 0, step, { topics: [{ name, partitionIndexes: [0, 1, 2] }] });
    await stage.step('onto it', to(name, [1, 3], [1, 3], [3]));
    await listed('which waits for it');
    await stage.stepOf(Metadata, 12, 'all replicas meanwhile', named(name), placement);
    await stage.step('another target for one, another order for one', to(name, [2, 3], [3, 1]));
    await listed('which waits, too');
    await stage.step('two are taken back', to(name, null, null));
    await listed('one is left');
    await stage.stepOf(Metadata, 12, 'they are where they were', named(name), placement);
    await stage.step('again', to(name, null, null));
    await stage.step('the last one', { topics: [{ name, partitions: [{ partitionIndex: 2, replicas: null }] }] });
    await listed('none is left');
  }),

  scenario(DescribeTopicPartitions, 'without broker 3', async (stage) => {
    const { name } = await clusterTopic(
      stage,
      'new',
      [
        [1, 3],
        [3, 2],
      ],
      { 'min.insync.replicas': '2' },
    );
    await stage.step('replicas', { topics: [{ name }] }, described);
  }),

  scenario(
    Produce,
    'without broker 3',
    async (stage) => {
      const three = await clusterTopic(stage, 'three', [[1, 2, 3]], { 'min.insync.replicas': '3' });
      await stage.step('fewer than min.insync.replicas', produceTo(three, -1));
      await stage.step('which acks=1 does not mind', produceTo(three, 1));
      const two = await clusterTopic(stage, 'two', [[1, 2, 3]], { 'min.insync.replicas': '2' });
      await stage.step('as many as min.insync.replicas', produceTo(two, -1));
    },
    [3, 13],
  ),

  scenario(
    DeleteTopics,
    'without broker 3',
    async (stage) => {
      const { name } = await clusterTopic(stage, 'new', [[1, 3]]);
      await stage.step('of which it has a replica', { topics: [{ name, topicId: ZERO_UUID }], timeoutMs: 5000 });
      await stage.until(Metadata, 12, named(name), ({ topics }) => topics[0]?.errorCode === 3);
      const again = await clusterTopic(stage, 'new', [[2, 3]]);
      await stage.stepOf(Metadata, 12, 'and another of its name', named(again.name), placement);
    },
    [6, 6],
  ),
];
