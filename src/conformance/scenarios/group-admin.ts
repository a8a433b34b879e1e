import {
  DeleteGroups,
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  ListGroups,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  SyncGroup,
} from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { joinRequest, type Member, rebalancing, soleMember } from './group-support.ts';

/** Versions around the API in question that both Kafkas speak. */
const COMMIT = 8;
const FETCH = 8;
const JOIN = 5;
const LEAVE = 4;
const DESCRIBE = 5;

/** Commits offset 5 for partitions of a topic, as somebody outside the group. */
async function committed<Q, R>(stage: Stage<Q, R>, own: string, topic: string, partitions: readonly number[]): Promise<string> {
  const groupId = await stage.group(own);
  const topics = [
    { name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, committedOffset: 5, committedMetadata: '' })) },
  ];
  const answer = await stage.ask(OffsetCommit, COMMIT, { groupId, memberId: '', topics });
  const failed = answer.topics.flatMap((each) => each.partitions).find(({ errorCode }) => errorCode !== 0);
  if (failed) throw new Error(`no commit of ${groupId}: error ${failed.errorCode}`);
  return groupId;
}

const leaveRequest = ({ groupId, memberId }: Member) => ({ groupId, members: [{ memberId }] });
/** A subscription to one topic: ConsumerProtocolSubscription v0. */
const subscriptionTo = (topic: string) =>
  Buffer.concat([Buffer.of(0, 0, 0, 0, 0, 1, 0, topic.length), Buffer.from(topic), Buffer.of(255, 255, 255, 255)]);

export const describeGroupsScenarios = [
  scenario(DescribeGroups, 'in each state', async (stage) => {
    const describe = (...groups: string[]) => ({ groups, includeAuthorizedOperations: false });
    const member = await soleMember(stage, 'a', 'joined');
    await stage.step('completing its rebalance', describe(member.groupId));
    const stable = await soleMember(stage, 'b');
    await stage.step('stable', describe(stable.groupId));
    await stage.begin(JoinGroup, 3, 'a second joins', joinRequest(stable.groupId), 'second');
    await rebalancing(stage, stable);
    const named = ({ groups }: ResponseOf<typeof DescribeGroups>) =>
      groups.map(({ members, ...group }) => ({
        ...group,
        members: members.map(({ clientId, memberMetadata }) => ({ clientId, memberMetadata })),
      }));
    await stage.step('preparing a rebalance', describe(stable.groupId), named);
    const left = await soleMember(stage, 'c');
    await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
    await stage.step('empty', describe(left.groupId));
    const { name } = await stage.topic('t');
    await stage.step('that only keeps offsets', describe(await committed(stage, 'd', name, [0])));
    await stage.step('that does not exist', describe(await stage.group('nowhere')));
    await stage.step('without a name', describe(''));
    await stage.step('none', describe());
    await stage.step(
      'one twice',
      describe(left.groupId, left.groupId),
      ({ groups }) => new Set(groups.map(({ groupState }) => groupState)).size,
    );
  }),

  scenario(
    DescribeGroups,
    'with what the client may do',
    async (stage) => {
      const describe = (...groups: string[]) => ({ groups, includeAuthorizedOperations: true });
      const { groupId } = await soleMember(stage, 'a', 'stable', 'static');
      await stage.step('a group with a static member', describe(groupId));
      await stage.step('one that does not exist', describe(await stage.group('nowhere')));
    },
    [3, 6],
  ),
];

export const listGroupsScenarios = [
  scenario(ListGroups, 'in each state', async (stage) => {
    const own = ({ groups, ...rest }: ResponseOf<typeof ListGroups>) => ({
      ...rest,
      groups: groups.filter(({ groupId }) => groupId.startsWith(stage.name(''))),
    });
    await soleMember(stage, 'completing', 'joined');
    await soleMember(stage, 'stable');
    await stage.ask(LeaveGroup, LEAVE, leaveRequest(await soleMember(stage, 'empty')));
    const { name } = await stage.topic('t');
    await committed(stage, 'offsets', name, [0]);
    await stage.step('all', {}, own);
    if (stage.version < 4) return;
    for (const states of [['Stable'], ['Empty', 'CompletingRebalance'], ['sTABLE'], ['Dead'], ['nonsense'], ['nonsense', 'Empty']])
      await stage.step(`in state ${states}`, { statesFilter: states }, own);
    if (stage.version < 5) return;
    for (const types of [['classic'], ['CLASSIC'], ['consumer'], ['classic', 'consumer'], ['share'], ['nonsense']])
      await stage.step(`of type ${types}`, { typesFilter: types }, own);
    await stage.step('of a type and in a state', { typesFilter: ['classic'], statesFilter: ['Stable'] }, own);
  }),
];

export const deleteGroupsScenarios = [
  scenario(DeleteGroups, 'with and without members', async (stage) => {
    const { name } = await stage.topic('t', { partitions: 2 });
    const a = await committed(stage, 'a', name, [0, 1]);
    await stage.step('one that keeps offsets', { groupsNames: [a] });
    await stage.stepOf(OffsetFetch, FETCH, 'its offsets are gone', { groups: [{ groupId: a, topics: null }] });
    await stage.stepOf(DescribeGroups, DESCRIBE, 'it is gone', { groups: [a], includeAuthorizedOperations: false });
    await stage.step('once more', { groupsNames: [a] });
    const stable = await soleMember(stage, 'b');
    await stage.step('one with a member', { groupsNames: [stable.groupId] });
    await stage.stepOf(Heartbeat, 3, 'its member is still there', stable);
    await stage.ask(LeaveGroup, LEAVE, leaveRequest(stable));
    await stage.step('when the member has left', { groupsNames: [stable.groupId] });
    const again = await committed(stage, 'a', name, [0]);
    await stage.step('several', { groupsNames: [again, await stage.group('nowhere'), stable.groupId] });
    await stage.step('without a name', { groupsNames: [''] });
    await stage.step('none', { groupsNames: [] });
    const twice = await committed(stage, 'twice', name, [0]);
    await stage.step('one twice', { groupsNames: [twice, twice] });
  }),

  scenario(DeleteGroups, 'while somebody joins', async (stage) => {
    const groupId = await stage.group('a');
    await stage.ask(JoinGroup, JOIN, joinRequest(groupId));
    await stage.step('that has given an id to a client', { groupsNames: [groupId] });
    const joined = await soleMember(stage, 'b', 'joined');
    await stage.step('that completes its rebalance', { groupsNames: [joined.groupId] });
  }),
];

export const offsetDeleteScenarios = [
  scenario(OffsetDelete, 'without members', async (stage) => {
    const { name } = await stage.topic('t', { partitions: 3 });
    const groupId = await committed(stage, 'a', name, [0, 1, 2]);
    const of = (topic: string, ...indexes: number[]) => ({
      name: topic,
      partitions: indexes.map((partitionIndex) => ({ partitionIndex })),
    });
    const fetch = { groups: [{ groupId, topics: null }] };
    await stage.step('one partition', { groupId, topics: [of(name, 1)] });
    await stage.stepOf(OffsetFetch, FETCH, 'the others are left', fetch);
    await stage.step('one without a commit', { groupId, topics: [of(name, 1)] });
    await stage.step('one that does not exist, and one that does', { groupId, topics: [of(name, 7, 0)] });
    await stage.step('a topic that does not exist', { groupId, topics: [of(stage.name('nowhere'), 0, 1)] });
    await stage.step('no partitions', { groupId, topics: [of(name)] });
    await stage.step('no topics', { groupId, topics: [] });
    await stage.stepOf(OffsetFetch, FETCH, 'one is left', fetch);
    const nowhere = await stage.group('nowhere');
    await stage.step('of a group that does not exist', { groupId: nowhere, topics: [of(name, 0)] });
    await stage.step('of a group without a name', { groupId: '', topics: [of(name, 0)] });
    await stage.step('neither group nor topic exist', { groupId: nowhere, topics: [of(stage.name('nowhere'), 0)] });
  }),

  scenario(OffsetDelete, 'with members', async (stage) => {
    const [{ name: used }, { name: left }] = [await stage.topic('t'), await stage.topic('u')];
    const member = async (own: string, more: object): Promise<string> => {
      const groupId = await committed(stage, own, used, [0]);
      await committed(stage, own, left, [0]);
      const joined = await stage.ask(JoinGroup, 3, joinRequest(groupId, more));
      const { memberId, generationId } = joined;
      const assignments = [{ memberId, assignment: Buffer.alloc(0) }];
      await stage.ask(SyncGroup, 3, { groupId, memberId, generationId, assignments });
      return groupId;
    };
    const topics = [used, left].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }));
    const protocols = [{ name: 'range', metadata: subscriptionTo(used) }];
    await stage.step('of consumers, of a topic that is in use and one that is not', { groupId: await member('a', { protocols }), topics });
    const garbled = [{ name: 'range', metadata: Buffer.of(1, 2, 3) }];
    await stage.step('of consumers that say nothing sensible', { groupId: await member('b', { protocols: garbled }), topics });
    await stage.step('of members that are no consumers', { groupId: await member('c', { protocolType: 'connect', protocols }), topics });
  }),
];
