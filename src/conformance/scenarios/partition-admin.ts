import { AlterPartitionReassignments, DescribeQuorum, ElectLeaders, UnregisterBroker } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';

const METADATA = '__cluster_metadata';
const PREFERRED = 0;
const UNCLEAN = 1;

/** What this scenario has made. */
const own = (prefix: string) => (response: ResponseOf<typeof ElectLeaders>) => ({
  ...response,
  replicaElectionResults: response.replicaElectionResults.filter(({ topic }) => topic.startsWith(prefix)),
});

export const electLeadersScenarios = [
  scenario(ElectLeaders, 'no time', async (stage) => {
    const { name } = await stage.topic('a');
    const topicPartitions = [name, stage.name('nowhere')].map((topic) => ({ topic, partitions: [0] }));
    for (const timeoutMs of [0, -1]) {
      await stage.step(`${timeoutMs} ms`, { electionType: PREFERRED, topicPartitions, timeoutMs });
      await stage.step(`${timeoutMs} ms, none`, { electionType: PREFERRED, topicPartitions: [], timeoutMs });
      await stage.step(`${timeoutMs} ms, all`, { electionType: PREFERRED, topicPartitions: null, timeoutMs }, own(stage.name('')));
    }
    await stage.step('the most there is', { electionType: PREFERRED, topicPartitions, timeoutMs: 2_147_483_647 });
  }),

  scenario(ElectLeaders, 'where no election is needed', async (stage) => {
    const { name: a } = await stage.topic('a', { partitions: 2 });
    const { name: b } = await stage.topic('b');
    const both = [
      { topic: a, partitions: [1, 0] },
      { topic: b, partitions: [0] },
    ];
    for (const electionType of [PREFERRED, UNCLEAN]) {
      await stage.step(`type ${electionType}`, { electionType, topicPartitions: both });
      await stage.step(`type ${electionType}, all partitions`, { electionType, topicPartitions: null }, own(stage.name('')));
    }
    await stage.step('nothing', { electionType: PREFERRED, topicPartitions: [] });
  }),

  scenario(ElectLeaders, 'of what does not exist', async (stage) => {
    const { name } = await stage.topic('a');
    const of = (topic: string, ...partitions: number[]) => ({ electionType: PREFERRED, topicPartitions: [{ topic, partitions }] });
    await stage.step('a topic', of(stage.name('nowhere'), 0));
    await stage.step('a topic without a name', of('', 0));
    await stage.step('no partition of a topic', of(stage.name('nowhere')));
    await stage.step('partitions', of(name, 0, 7, -1));
    await stage.step('a partition twice', of(name, 0, 0));
    const again = { topic: name, partitions: [0] };
    await stage.step('a topic twice', { electionType: PREFERRED, topicPartitions: [again, again] });
  }),

  scenario(
    ElectLeaders,
    'an election type that does not exist',
    async (stage) => {
      const { name } = await stage.topic('a');
      await stage.step('of a partition', { electionType: 7, topicPartitions: [{ topic: name, partitions: [0] }] });
      await stage.step('of all', { electionType: -1, topicPartitions: null });
    },
    [1, 2],
  ),
];

export const alterPartitionReassignmentsScenarios = [
  scenario(AlterPartitionReassignments, 'no time', async (stage) => {
    const { name } = await stage.topic('a');
    const topics = [name, stage.name('nowhere')].map((each) => ({ name: each, partitions: [{ partitionIndex: 0, replicas: [1] }] }));
    for (const timeoutMs of [0, -1]) {
      await stage.step(`${timeoutMs} ms`, { topics, timeoutMs });
      await stage.step(`${timeoutMs} ms, none`, { topics: [], timeoutMs });
    }
    await stage.step('the most there is', { topics, timeoutMs: 2_147_483_647 });
  }),

  scenario(AlterPartitionReassignments, 'to other brokers', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 3 });
    const to = (...replicas: (number[] | null)[]) => ({
      topics: [{ name, partitions: replicas.map((each, partitionIndex) => ({ partitionIndex, replicas: each })) }],
    });
    await stage.step('one that is, one that is not', to([1], [9], [1]));
    await stage.step('one that is, and one that is not, of one partition', to([1, 9]));
    await stage.step('all cancelled', to(null, null, null));
    await stage.step('of every kind', to([1], [], null));
    await stage.step('of every kind, with the replication factor held', { ...to([1], [1, 9], null), allowReplicationFactorChange: false });
    const partition = { partitionIndex: 0, replicas: [1] };
    await stage.step('a partition twice', { topics: [{ name, partitions: [partition, partition] }] });
  }),

  scenario(AlterPartitionReassignments, 'to where they are', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    const topics = [{ name, partitions: [1, 0].map((partitionIndex) => ({ partitionIndex, replicas: [1] })) }];
    await stage.step('two partitions', { topics });
    await stage.step('with the replication factor held', { topics, allowReplicationFactorChange: false });
    await stage.step('no topics', { topics: [] });
    await stage.step('no partitions', { topics: [{ name, partitions: [] }] });
    await stage.step('a topic twice', { topics: [...topics, ...topics] });
  }),

  scenario(AlterPartitionReassignments, 'what is refused', async (stage) => {
    const { name } = await stage.topic('a');
    const to = (replicas: number[] | null, partitionIndex = 0, topic = name) => ({
      topics: [{ name: topic, partitions: [{ partitionIndex, replicas }] }],
    });
    await stage.step('nothing to cancel', to(null));
    await stage.step('no replicas', to([]));
    await stage.step('an unknown broker', to([9]));
    await stage.step('a negative broker', to([-1]));
    await stage.step('a broker twice', to([1, 1]));
    await stage.step('a partition that does not exist', to([1], 7));
    await stage.step('a topic that does not exist', to([1], 0, stage.name('nowhere')));
    await stage.step('a topic without a name', to([1], 0, ''));
    await stage.step('two, one of them refused', {
      topics: [
        {
          name,
          partitions: [
            { partitionIndex: 0, replicas: [1] },
            { partitionIndex: 1, replicas: [1] },
          ],
        },
      ],
    });
  }),
];

export const describeQuorumScenarios = [
  scenario(DescribeQuorum, 'of the metadata', async (stage) => {
    const topics = [{ topicName: METADATA, partitions: [{ partitionIndex: 0 }] }];
    await stage.step('who decides', { topics }, (response) => ({
      ...response,
      topics: response.topics.map((topic) => ({
        ...topic,
        // What is in the log, and who has read how much of it when, is each broker's own.
        partitions: topic.partitions.map(({ leaderEpoch, highWatermark, currentVoters, ...partition }) => ({
          ...partition,
          hasEpoch: leaderEpoch >= 0,
          hasWatermark: highWatermark > 0,
          currentVoters: currentVoters.map(({ replicaId, replicaDirectoryId }) => ({ replicaId, replicaDirectoryId })),
        })),
      })),
      nodes: response.nodes.map(({ nodeId, listeners }) => ({ nodeId, listeners: listeners.length })),
    }));
  }),

  scenario(DescribeQuorum, 'of anything else', async (stage) => {
    const of = (...topics: [string, ...number[]][]) => ({
      topics: topics.map(([topicName, ...partitions]) => ({
        topicName,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
      })),
    });
    const { name } = await stage.topic('a');
    await stage.step('another topic', of([name, 0]));
    await stage.step('another partition', of([METADATA, 1]));
    await stage.step('another partition beside it', of([METADATA, 0, 1]));
    await stage.step('another topic beside it', of([METADATA, 0], [name, 0]));
    await stage.step('no partition', of([METADATA]));
    await stage.step('nothing', of());
  }),
];

export const unregisterBrokerScenarios = [
  scenario(UnregisterBroker, 'brokers that there are not', async (stage) => {
    await stage.step('an unknown one', { brokerId: 9 });
    await stage.step('a negative one', { brokerId: -1 });
  }),
];
