import {
  AlterPartitionReassignments,
  CreateTopics,
  DescribeCluster,
  DescribeTopicPartitions,
  ElectLeaders,
  Fetch,
  ListPartitionReassignments,
  Metadata,
  Produce,
  UnregisterBroker,
} from '../../protocol/messages/index.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { BEFORE } from './cluster-broker-down.ts';
import { anyController, assigned, at, clusterTopic, described, ledBy, moved, named, placement, to } from './cluster-support.ts';

/** Played on three brokers, the third of which died and has come back. */
export const clusterBrokerBackScenarios = [
  scenario(
    Metadata,
    'broker 3 is back',
    async (stage) => {
      for (const [name, replicas] of Object.entries(BEFORE)) {
        await moved(stage, name, [[...replicas]]);
        if (name === 'down-alone') await ledBy(stage, name, 0, 3);
        await stage.stepOf(Metadata, 12, `${name}: in sync, and led as before it came`, named(name), placement);
        await stage.stepOf(DescribeTopicPartitions, 0, `${name}: nobody is eligible beside them`, { topics: [{ name }] }, described);
      }
      const topicPartitions = Object.keys(BEFORE).map((topic) => ({ topic, partitions: [0] }));
      await stage.stepOf(ElectLeaders, 2, 'preferred leaders', { electionType: 0, topicPartitions });
      for (const name of ['down-led', 'down-pair']) await ledBy(stage, name, 0, 3);
      for (const name of Object.keys(BEFORE)) await stage.stepOf(Metadata, 12, `${name}: who leads`, named(name), placement);
    },
    [12, 12],
  ),

  scenario(
    AlterPartitionReassignments,
    'of a topic with records, and back',
    async (stage) => {
      const topic = await clusterTopic(stage, 'a', [[1, 2]]);
      const values = Array.from({ length: 100 }, (_, i) => `value ${i}`);
      const produceTo = (leader: number) =>
        stage.ask(
          Produce,
          9,
          {
            acks: -1,
            timeoutMs: 10_000,
            topicData: [{ ...topic, partitionData: [{ index: 0, records: batchBytes({ values }) }] }],
          },
          at(leader),
        );
      for (let i = 0; i < 5; i++) await produceTo(1);
      await stage.step('to others', to(topic.name, [3]));
      await moved(stage, topic.name, [[3]]);
      await ledBy(stage, topic.name, 0, 3);
      for (let i = 0; i < 5; i++) await produceTo(3);
      await stage.step('and back', to(topic.name, [2, 1]));
      await moved(stage, topic.name, [[2, 1]]);
      await ledBy(stage, topic.name, 0, 2);
      const whole = {
        maxWaitMs: 0,
        minBytes: 0,
        topics: [{ topic: topic.name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_048_576 }] }],
        forgottenTopicsData: [],
      };
      const isWhole = ({ responses }: { responses: readonly { partitions: readonly { highWatermark: number }[] }[] }) =>
        responses[0]?.partitions[0]?.highWatermark === 1000;
      await stage.until(Fetch, 11, whole, isWhole, at(2));
      // How often leaders changed meanwhile, which batches name, is each broker's own.
      await stage.stepOf(
        Fetch,
        11,
        'every record is there',
        whole,
        ({ responses }) =>
          responses.map(({ partitions }) => partitions.map(({ highWatermark, records }) => [highWatermark, records?.byteLength])),
        at(2),
      );
      await stage.stepOf(ListPartitionReassignments, 0, 'nothing is under way', { topics: [{ name: topic.name, partitionIndexes: [0] }] });
    },
    [1, 1],
  ),
];

/** Played at last on three brokers, the third of which has died for good. */
export const clusterBrokerGoneScenarios = [
  scenario(UnregisterBroker, 'broker 3, which is down', async (stage) => {
    const topic = await clusterTopic(stage, 'a', [[1, 3]]);
    await stage.step('is forgotten', { brokerId: 3 });
    const request = { includeClusterAuthorizedOperations: false, includeFencedBrokers: true };
    await stage.until(DescribeCluster, 2, request, ({ brokers }) => brokers.length === 2);
    await stage.stepOf(DescribeCluster, 2, 'and no fenced broker', request, anyController);
    await stage.step('again', { brokerId: 3 });
    await stage.stepOf(Metadata, 12, 'its replicas stay', named(topic.name), placement);
    const create = (step: string, more: object) => {
      const created = { name: stage.name(step), numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...more };
      return stage.stepOf(CreateTopics, 7, step, { topics: [created], validateOnly: true }, ({ topics }) =>
        topics.map(({ errorCode, errorMessage }) => ({ errorCode, errorMessage })),
      );
    };
    await create('three-replicas', { numPartitions: 1, replicationFactor: 3 });
    await create('two-replicas', { numPartitions: 1, replicationFactor: 2 });
    await create('assigned', { assignments: assigned([1, 3]) });
    await stage.stepOf(AlterPartitionReassignments, 1, 'nothing moves onto it', to(topic.name, [2, 3]));
    await stage.stepOf(AlterPartitionReassignments, 1, 'but off it', to(topic.name, [1, 2]));
    await moved(stage, topic.name, [[1, 2]]);
    await stage.stepOf(Metadata, 12, 'where it is', named(topic.name), placement);
  }),
];
