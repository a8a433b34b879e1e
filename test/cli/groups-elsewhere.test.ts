import { expect, onTestFinished, test } from 'vitest';
import { encode, type Struct } from '../support/interpreter.ts';
import { kafkaMessages } from '../support/schema-files.ts';
import { runCaptured } from './captured.ts';
import { type ScriptedApi, scriptedCluster } from './scripted-cluster.ts';

const MESSAGES = kafkaMessages('api');
const GROUP_ID_NOT_FOUND = 69;
const UNKNOWN_MEMBER_ID = 25;
const UNSUPPORTED_VERSION = 35;
const EARLIEST = -2n;
const COORDINATOR = { key: 10, version: 0, answer: () => ({ errorCode: 0, nodeId: 1, host: 'nowhere.invalid', port: 1 }) };

/** One broker, which answers what is given. */
async function run(words: string, apis: Readonly<Record<string, ScriptedApi>>) {
  const { addresses, close } = await scriptedCluster(1, { FindCoordinator: COORDINATOR, ...apis });
  onTestFinished(close);
  const { exitCode, out, err } = await runCaptured([...words.split(' '), '--bootstrap-server', addresses[0]!]);
  return { exitCode, out, err: err.replaceAll(addresses[0]!, 'it') };
}

const described = (version: number, group: Struct): ScriptedApi => ({
  key: 15,
  version,
  answer: () => ({
    groups: [{ errorCode: 0, errorMessage: null, groupId: 'g', protocolType: '', protocolData: '', members: [], ...group }],
  }),
});
const notFound = described(6, { errorCode: GROUP_ID_NOT_FOUND, errorMessage: 'no such', groupState: 'Dead', authorizedOperations: 0 });
const listed = (version: number, groups: Struct[]): ScriptedApi => ({ key: 16, version, answer: () => ({ errorCode: 0, groups }) });

test('a broker that calls a missing group Dead has no such group', async () => {
  const apis = { DescribeGroups: described(0, { groupState: 'Dead' }), ListGroups: listed(0, []) };
  expect(await run('groups describe g', apis)).toEqual({
    exitCode: 1,
    out: '',
    err: 'minikafka: there is no group "g" at it; "minikafka groups list" shows those that exist\n',
  });
});

test('a broker that has ConsumerGroupDescribe turned off has no such group, either', async () => {
  const group = { errorCode: UNSUPPORTED_VERSION, errorMessage: null, groupId: 'g', groupState: '', groupEpoch: 0, assignmentEpoch: 0 };
  const ConsumerGroupDescribe: ScriptedApi = {
    key: 69,
    version: 0,
    answer: () => ({ groups: [{ ...group, assignorName: '', members: [], authorizedOperations: 0 }] }),
  };
  const apis = {
    DescribeGroups: described(5, { groupState: 'Dead', authorizedOperations: 0 }),
    ConsumerGroupDescribe,
    ListGroups: listed(4, []),
  };
  expect((await run('groups describe g', apis)).err).toMatch(/^minikafka: there is no group "g" at it; /);
});

test('a broker that does not know states lists groups without them, and is not asked for some', async () => {
  const apis = { ListGroups: listed(2, [{ groupId: 'g', protocolType: 'consumer' }]) };
  expect(await run('groups list', apis)).toEqual({ exitCode: 0, out: 'g\t-\tconsumer\t-\n', err: '' });
  expect(await run('groups list --state Empty', apis)).toEqual({
    exitCode: 1,
    out: '',
    err: 'minikafka: the broker is older than Kafka 2.6 and lists no states; leave out --state\n',
  });
});

test('a group of the KIP-848 protocol is described with what its members own now', async () => {
  const own = (partitions: number[]) => ({ topicPartitions: [{ topicId: Buffer.alloc(16), topicName: 'orders', partitions }] });
  const member = {
    memberId: 'm',
    instanceId: null,
    rackId: null,
    memberEpoch: 3,
    clientId: 'app',
    clientHost: '/10.0.0.7',
    subscribedTopicNames: ['orders'],
    subscribedTopicRegex: null,
    assignment: own([0, 2]),
    targetAssignment: own([0]),
    memberType: 1,
  };
  const group = { errorCode: 0, errorMessage: null, groupId: 'g', groupState: 'Reconciling', groupEpoch: 3, assignmentEpoch: 3 };
  const ConsumerGroupDescribe: ScriptedApi = {
    key: 69,
    version: 1,
    answer: () => ({ groups: [{ ...group, assignorName: 'uniform', members: [member], authorizedOperations: 0 }] }),
  };
  const apis = { DescribeGroups: notFound, ConsumerGroupDescribe };
  expect((await run('groups describe g --members', apis)).out).toBe('g\tm\t/10.0.0.7\tapp\t2\torders:0,2\n');
  expect((await run('groups describe g --state', apis)).out).toBe('g\tnowhere.invalid:1 (1)\tuniform\tReconciling\tconsumer\t1\n');
});

test('who owns most stands first, what nobody owns last, and of a topic that is gone the end is unknown', async () => {
  const assignment = MESSAGES.get('ConsumerProtocolAssignment')!;
  const member = (memberId: string, topic: string, partitions: number[]) => ({
    memberId,
    clientId: 'app',
    clientHost: '/10.0.0.7',
    memberMetadata: Buffer.alloc(0),
    memberAssignment: Buffer.concat([
      Buffer.alloc(2),
      encode(assignment, 0, { assignedPartitions: [{ topic, partitions }], userData: null }),
    ]),
  });
  const committed = (name: string, offset: bigint) => ({
    name,
    partitions: [{ partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1, metadata: '', errorCode: 0 }],
  });
  const apis: Record<string, ScriptedApi> = {
    DescribeGroups: described(0, {
      groupState: 'Stable',
      protocolType: 'consumer',
      members: [member('less', 't', [0]), member('more', 'u', [2, 1])],
    }),
    OffsetFetch: {
      key: 9,
      version: 5,
      answer: () => ({ topics: [committed('v', 1n), committed('t', 4n), committed('a', 2n)], errorCode: 0 }),
    },
  };
  const { out } = await run('groups describe g', apis);
  expect(out.split('\n')).toEqual([
    'g\tu\t1\t-\t-\t-\tmore\t/10.0.0.7\tapp',
    'g\tu\t2\t-\t-\t-\tmore\t/10.0.0.7\tapp',
    'g\tt\t0\t4\t-\t-\tless\t/10.0.0.7\tapp',
    'g\ta\t0\t2\t-\t-\t-\t-\t-',
    'g\tv\t0\t1\t-\t-\t-\t-\t-',
    '',
  ]);
});

test('a group that is none of consumers is not said to be missing', async () => {
  const ListGroups = listed(5, [{ groupId: 'g', protocolType: 'share', groupState: 'Stable', groupType: 'share' }]);
  for (const words of ['groups describe g', 'groups reset-offsets g --topic t --to-latest']) {
    expect(await run(words, { DescribeGroups: notFound, ListGroups })).toEqual({
      exitCode: 1,
      out: '',
      err: 'minikafka: group "g" is of type share; only groups of consumers have what this is about\n',
    });
  }
  expect(await run('groups describe --state', { ListGroups })).toEqual({ exitCode: 0, out: '', err: '' });
});

test('a member that joins between the plan and the commit is told of, and nothing else is said to be done', async () => {
  const at = (name: string, partition: Struct) => ({ topics: [{ name, partitions: [{ partitionIndex: 0, errorCode: 0, ...partition }] }] });
  const partition = { errorCode: 0, partitionIndex: 0, leaderId: 1, leaderEpoch: 0, replicaNodes: [1], isrNodes: [1], offlineReplicas: [] };
  const topic = { errorCode: 0, name: 't', isInternal: false, partitions: [partition] };
  const apis: Record<string, ScriptedApi> = {
    Metadata: {
      key: 3,
      version: 7,
      answer: () => ({
        brokers: [{ nodeId: 1, host: 'nowhere.invalid', port: 1, rack: null }],
        clusterId: null,
        controllerId: 1,
        topics: [topic],
      }),
    },
    DescribeGroups: described(0, { groupState: 'Empty' }),
    OffsetFetch: { key: 9, version: 5, answer: () => ({ topics: [], errorCode: 0 }) },
    ListOffsets: {
      key: 2,
      version: 2,
      answer: (_, { topics }) => {
        const asked = (topics as { partitions: { timestamp: bigint }[] }[])[0]!.partitions[0]!.timestamp;
        return at('t', { timestamp: -1n, offset: BigInt(asked) === EARLIEST ? 3n : 9n });
      },
    },
    OffsetCommit: { key: 8, version: 7, answer: () => at('t', { errorCode: UNKNOWN_MEMBER_ID }) },
  };
  expect(await run('groups reset-offsets g --topic t --to-earliest', apis)).toMatchObject({ exitCode: 0, out: 'g\tt\t0\t-\t3\n' });
  expect(await run('groups reset-offsets g --topic t --to-earliest --execute', apis)).toEqual({
    exitCode: 1,
    out: '',
    err: 'minikafka: the offsets of group "g" were not reset: a member has just joined it; stop its members first\n',
  });
});
