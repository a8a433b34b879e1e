import {
  DeleteRecords,
  DescribeConfigs,
  DescribeGroups,
  DescribeLogDirs,
  Fetch,
  FindCoordinator,
  Heartbeat,
  IncrementalAlterConfigs,
  InitProducerId,
  JoinGroup,
  LeaveGroup,
  ListOffsets,
  OffsetCommit,
  OffsetFetch,
  OffsetForLeaderEpoch,
  Produce,
  SyncGroup,
} from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { at, clusterTopic, coordinatorOf } from './cluster-support.ts';
import { joinRequest, syncRequest } from './group-support.ts';

const BROKER = 4;
const hello = batchBytes({ values: ['hello'] });

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

const produceTo = (topic: Topic, acks = -1, timeoutMs = 5000) => ({
  acks,
  timeoutMs,
  topicData: [{ ...topic, partitionData: [{ index: 0, records: hello }] }],
});
const fetchOf = (topic: Topic, more: object = {}, request: object = {}) => ({
  maxWaitMs: 0,
  minBytes: 0,
  topics: [
    {
      topic: topic.name,
      topicId: topic.topicId,
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_048_576, ...more }],
    },
  ],
  forgottenTopicsData: [],
  ...request,
});

/** Played on three brokers that are all there. */
export const clusterReplicasScenarios = [
  scenario(
    Produce,
    'at a follower, and at a broker without the partition',
    async (stage) => {
      const topic = await clusterTopic(stage, 'a', [[1, 2]]);
      await stage.step('at the leader', produceTo(topic));
      for (const id of [2, 3]) await stage.stepOf(Produce, stage.version, `at broker ${id}`, produceTo(topic), undefined, at(id));
    },
    [3, 13],
  ),

  scenario(
    Produce,
    'min.insync.replicas on three brokers',
    async (stage) => {
      const all = await clusterTopic(stage, 'all', [[1, 2, 3]], { 'min.insync.replicas': '3' });
      await stage.step('as many as there are', produceTo(all));
      const more = await clusterTopic(stage, 'more', [[1, 2]], { 'min.insync.replicas': '3' });
      await stage.step('more than there are replicas', produceTo(more));
      await stage.step('which acks=1 does not ask for', produceTo(more, 1));
    },
    [9, 9],
  ),

  scenario(
    Fetch,
    'at a follower, and at a broker without the partition',
    async (stage) => {
      const topic = await clusterTopic(stage, 'a', [[1, 2]]);
      await stage.ask(Produce, 9, produceTo(topic), at(1));
      const read = (response: { responses: readonly { partitions: readonly { highWatermark: number }[] }[] }) =>
        response.responses[0]?.partitions[0]?.highWatermark === 1;
      await stage.until(Fetch, 11, fetchOf(topic), read, at(1));
      await stage.step('at the leader', fetchOf(topic));
      await stage.stepOf(Fetch, stage.version, 'at a broker without it', fetchOf(topic), undefined, at(3));
      if (stage.version < 11) {
        await stage.stepOf(Fetch, stage.version, 'at the follower', fetchOf(topic), undefined, at(2));
        return;
      }
      // KIP-392: the follower knows that the record is committed once it has asked for more.
      await stage.until(Fetch, 11, fetchOf(topic), read, at(2));
      await stage.stepOf(Fetch, stage.version, 'at the follower', fetchOf(topic), undefined, at(2));
      await stage.stepOf(
        Fetch,
        stage.version,
        'at the follower, from beyond its end',
        fetchOf(topic, { fetchOffset: 9 }),
        undefined,
        at(2),
      );
    },
    [4, 18],
  ),

  // KIP-392: each broker is in a rack of its own.
  scenario(
    Fetch,
    'sent to the rack of the consumer',
    async (stage) => {
      const topic = await clusterTopic(stage, 'a', [[1, 2]]);
      await stage.ask(Produce, 9, produceTo(topic), at(1));
      const has = (response: ResponseOf<typeof Fetch>) => response.responses[0]?.partitions[0]?.highWatermark === 1;
      for (const id of [1, 2]) await stage.until(Fetch, 11, fetchOf(topic), has, at(id));
      for (const rackId of ['rack-a', 'rack-b', 'rack-c', 'nowhere', '']) {
        await stage.step(`from "${rackId}"`, fetchOf(topic, {}, { rackId }));
        await stage.stepOf(Fetch, stage.version, `from "${rackId}", at the follower`, fetchOf(topic, {}, { rackId }), undefined, at(2));
      }
      await stage.step('from beyond the end', fetchOf(topic, { fetchOffset: 2 }, { rackId: 'rack-b' }));
      await stage.step('from the end', fetchOf(topic, { fetchOffset: 1 }, { rackId: 'rack-b' }));
    },
    [11, 18],
  ),

  scenario(
    ListOffsets,
    'at a follower, and at a broker without the partition',
    async (stage) => {
      const { name } = await clusterTopic(stage, 'a', [[1, 2]]);
      for (const timestamp of [-1, -2, 0]) {
        const request = { replicaId: -1, topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }] };
        for (const id of [1, 2, 3])
          await stage.stepOf(ListOffsets, stage.version, `${timestamp} at broker ${id}`, request, undefined, at(id));
      }
    },
    [1, 11],
  ),

  scenario(
    OffsetForLeaderEpoch,
    'at a follower, and at a broker without the partition',
    async (stage) => {
      const { name } = await clusterTopic(stage, 'a', [[1, 2]]);
      const request = { topics: [{ topic: name, partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }] };
      for (const id of [1, 2, 3]) await stage.stepOf(OffsetForLeaderEpoch, stage.version, `at broker ${id}`, request, undefined, at(id));
    },
    [2, 4],
  ),

  scenario(DeleteRecords, 'at the leader, and elsewhere', async (stage) => {
    const topic = await clusterTopic(stage, 'a', [[1, 2, 3]]);
    await stage.ask(Produce, 9, produceTo(topic), at(1));
    const request = { topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset: -1 }] }], timeoutMs: 10_000 };
    for (const id of [2, 1]) await stage.stepOf(DeleteRecords, stage.version, `at broker ${id}`, request, undefined, at(id));
  }),

  scenario(
    DescribeLogDirs,
    'of each broker',
    async (stage) => {
      const topic = await clusterTopic(stage, 'a', [[1, 2]]);
      await stage.ask(Produce, 9, produceTo(topic), at(1));
      const request = { topics: [{ topic: topic.name, partitions: [0] }] };
      const measured = ({ results }: ResponseOf<typeof DescribeLogDirs>) =>
        results[0]?.topics[0]?.partitions[0]?.partitionSize === hello.byteLength;
      await stage.until(DescribeLogDirs, 2, request, measured, at(2));
      for (const id of [1, 2, 3])
        await stage.stepOf(
          DescribeLogDirs,
          stage.version,
          `broker ${id}`,
          request,
          ({ results }) => results.map(({ errorCode, topics }) => ({ errorCode, topics })),
          at(id),
        );
    },
    [1, 5],
  ),

  scenario(FindCoordinator, 'is the same for every broker', async (stage) => {
    const group = stage.name('group');
    const { coordinator } = await coordinatorOf(stage, group);
    const request = { key: group, keyType: 0, coordinatorKeys: [group] };
    for (const id of [1, 2, 3]) {
      await stage.stepOf(
        FindCoordinator,
        stage.version,
        `asked of broker ${id}`,
        request,
        (response) => {
          const found = response.coordinators[0] ?? response;
          return { errorCode: found.errorCode, isTheOne: found.nodeId === coordinator, host: found.host, hasPort: found.port > 0 };
        },
        at(id),
      );
    }
  }),

  scenario(
    JoinGroup,
    'asked of another broker than the coordinator',
    async (stage) => {
      const group = stage.name('group');
      const on = at((await coordinatorOf(stage, group)).other);
      const member = { groupId: group, memberId: 'nobody', generationId: 1 };
      await stage.stepOf(JoinGroup, stage.version, 'JoinGroup', joinRequest(group), undefined, on);
      await stage.stepOf(SyncGroup, 3, 'SyncGroup', syncRequest(member), undefined, on);
      await stage.stepOf(Heartbeat, 3, 'Heartbeat', member, undefined, on);
      await stage.stepOf(LeaveGroup, 3, 'LeaveGroup', { groupId: group, members: [{ memberId: 'nobody' }] }, undefined, on);
      await stage.stepOf(DescribeGroups, 5, 'DescribeGroups', { groups: [group] }, undefined, on);
      const { name } = await clusterTopic(stage, 'a', [[1]]);
      const commit = {
        groupId: group,
        topics: [{ name, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }],
      };
      await stage.stepOf(OffsetCommit, 8, 'OffsetCommit', commit, undefined, on);
      await stage.stepOf(OffsetFetch, 8, 'OffsetFetch', { groups: [{ groupId: group, topics: null }] }, undefined, on);
    },
    [5, 5],
  ),

  scenario(
    DescribeConfigs,
    'of other brokers',
    async (stage) => {
      const ask = (resourceName: string) => ({
        resources: [{ resourceType: BROKER, resourceName, configurationKeys: ['num.partitions'] }],
      });
      await stage.step('itself', ask('1'));
      await stage.step('another one', ask('2'));
      await stage.step('an unknown one', ask('9'));
    },
    [1, 4],
  ),

  scenario(IncrementalAlterConfigs, 'of other brokers', async (stage) => {
    const set = (resourceName: string) => ({
      resources: [{ resourceType: BROKER, resourceName, configs: [{ name: 'log.cleaner.threads', configOperation: 0, value: '1' }] }],
      validateOnly: true,
    });
    await stage.step('another one', set('2'));
    await stage.step('an unknown one', set('9'));
  }),

  scenario(
    InitProducerId,
    'at each broker another one',
    async (stage) => {
      const seen = new Set<number>();
      for (const id of [1, 2, 3]) {
        const request = { transactionalId: null, transactionTimeoutMs: 60_000 };
        const reply = await stage.until(InitProducerId, stage.version, request, ({ errorCode }) => errorCode === 0, at(id));
        seen.add(reply?.producerId ?? -1);
      }
      await stage.stepOf(
        InitProducerId,
        stage.version,
        'and no two the same',
        { transactionalId: null, transactionTimeoutMs: 60_000 },
        (reply) => ({
          errorCode: reply.errorCode,
          different: seen.size,
        }),
      );
    },
    [4, 4],
  ),
];
