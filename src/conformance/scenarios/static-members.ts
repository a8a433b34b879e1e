import { DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, OffsetCommit, SyncGroup } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  ASSIGNMENT,
  COMMIT,
  company,
  DESCRIBE,
  HEARTBEAT,
  joinRequest,
  LEAVE,
  leaveRequest,
  memberOf,
  protocolsOf,
  rebalancing,
  SYNC,
  soleMember,
  syncRequest,
} from './group-support.ts';

/** KIP-345. */
const STATIC: readonly [number, number] = [5, 9];

const describe = (groupId: string) => ({ groups: [groupId], includeAuthorizedOperations: false });

const alone = scenario(
  JoinGroup,
  'a static member',
  async (stage) => {
    const group = await stage.group('a');
    const groupInstanceId = 'instance';
    const first = await stage.step('joins', joinRequest(group, { groupInstanceId }));
    const member = memberOf(group, first);
    await stage.stepOf(SyncGroup, SYNC, 'syncs', syncRequest(member, { groupInstanceId }));
    await stage.step('joins again with its id', joinRequest(group, { groupInstanceId, memberId: member.memberId }));
    await stage.stepOf(SyncGroup, SYNC, 'syncs again', syncRequest({ ...member, generationId: 2 }, { groupInstanceId }));
    const second = await stage.step('comes back without its id', joinRequest(group, { groupInstanceId }));
    const back = memberOf(group, second);
    await stage.stepOf(SyncGroup, SYNC, 'keeps its share', syncRequest(back, { groupInstanceId, assignments: [] }));
    await stage.step('with the id from before', joinRequest(group, { groupInstanceId, memberId: member.memberId }));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'the id from before is fenced', { ...member, groupInstanceId });
    await stage.stepOf(Heartbeat, HEARTBEAT, 'and unknown without the instance', member);
    await stage.stepOf(Heartbeat, HEARTBEAT, 'the new id is not', { ...back, groupInstanceId });
    await stage.stepOf(Heartbeat, HEARTBEAT, 'nor without the instance', back);
    await stage.stepOf(SyncGroup, SYNC, 'a sync with the id from before', syncRequest(member, { groupInstanceId }));
    const topics = [{ ...(await stage.topic('t')), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }];
    const commit = { groupId: group, generationIdOrMemberEpoch: 2, groupInstanceId, topics };
    await stage.stepOf(OffsetCommit, COMMIT, 'a commit with the id from before', { ...commit, memberId: member.memberId });
    await stage.stepOf(OffsetCommit, COMMIT, 'a commit with the new id', { ...commit, memberId: back.memberId });
    await stage.step('another instance with that member id', joinRequest(group, { groupInstanceId: 'other', memberId: back.memberId }));
    await stage.step('without the instance, with that member id', joinRequest(group, { memberId: back.memberId }));
    await stage.step('an unknown instance with an unknown member id', joinRequest(group, { groupInstanceId: 'other', memberId: 'nobody' }));
    await stage.step('with no protocol in common', joinRequest(group, { groupInstanceId, protocols: protocolsOf('other') }));
    await stage.stepOf(DescribeGroups, DESCRIBE, 'one member', describe(group), ({ groups }) => groups[0]!.members.length);
  },
  STATIC,
);

const another = scenario(
  JoinGroup,
  'a static member joins the others',
  async (stage) => {
    const first = await soleMember(stage, 'a', 'stable', 'one');
    stage.learn(first.memberId, 'one');
    const { groupId, memberId } = first;
    const second = await stage.begin(JoinGroup, stage.version, 'the second', joinRequest(groupId, { groupInstanceId: 'two' }), 'two');
    await rebalancing(stage, first);
    await stage.step('as the second, with the id of the first', joinRequest(groupId, { groupInstanceId: 'two', memberId }));
    await stage.step('as somebody else, with the id of the first', joinRequest(groupId, { groupInstanceId: 'three', memberId }));
    await stage.step('the first', joinRequest(groupId, { groupInstanceId: 'one', memberId }));
    await second.finish();
    const given = await stage.ask(JoinGroup, stage.version, joinRequest(groupId));
    const mixed = (groupInstanceId: string) => joinRequest(groupId, { groupInstanceId, memberId: given.memberId });
    await stage.step('as the first, with an id that was given out', mixed('one'));
    await stage.step('as somebody else, with an id that was given out', mixed('four'));
  },
  STATIC,
);

const leader = scenario(
  JoinGroup,
  'a static leader comes back',
  async (stage) => {
    const [a, b] = await company(stage, 'a', { a: { groupInstanceId: 'one' }, b: { groupInstanceId: 'two' } });
    const { groupId } = a;
    const back = await stage.step('and leads', joinRequest(groupId, { groupInstanceId: 'one' }));
    const now = memberOf(groupId, back);
    await stage.stepOf(Heartbeat, HEARTBEAT, 'the other is not disturbed', { ...b, groupInstanceId: 'two' });
    await stage.stepOf(SyncGroup, SYNC, 'its share is what it was', syncRequest(now, { groupInstanceId: 'one', assignments: [] }));
    await stage.stepOf(DescribeGroups, DESCRIBE, 'two members', describe(groupId));
    const again = await stage.begin(
      JoinGroup,
      stage.version,
      'with its new id it begins a rebalance',
      joinRequest(groupId, { groupInstanceId: 'one', memberId: now.memberId }),
      a.on,
    );
    await rebalancing(stage, b);
    await stage.step('for the other, too', joinRequest(groupId, { groupInstanceId: 'two', memberId: b.memberId }));
    await again.finish();
  },
  STATIC,
);

const follower = scenario(
  JoinGroup,
  'a static follower comes back',
  async (stage) => {
    const both = { protocols: protocolsOf('x', 'y') };
    const [a, b] = await company(stage, 'a', { a: { ...both, groupInstanceId: 'one' }, b: { ...both, groupInstanceId: 'two' } });
    const { groupId } = a;
    const joins = (more: object) => joinRequest(groupId, { ...both, groupInstanceId: 'two', ...more });
    const back = await stage.step('as it was', joins({}));
    const now = memberOf(groupId, back);
    await stage.stepOf(Heartbeat, HEARTBEAT, 'the leader is not disturbed', a);
    await stage.stepOf(SyncGroup, SYNC, 'its share is what it was', syncRequest(now, { groupInstanceId: 'two', assignments: [] }));
    const metadata = Buffer.from('other metadata');
    await stage.step('with other metadata', joins({ protocols: ['x', 'y'].map((name) => ({ name, metadata })) }));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'the leader is not disturbed by that', a);
    const changed = await stage.begin(
      JoinGroup,
      stage.version,
      'with another protocol alone',
      joins({ protocols: protocolsOf('y') }),
      b.on,
    );
    await rebalancing(stage, a);
    await stage.step('the leader joins, too', joinRequest(groupId, { ...both, groupInstanceId: 'one', memberId: a.memberId }));
    const last = memberOf(groupId, await changed.finish());
    await stage.stepOf(Heartbeat, HEARTBEAT, 'of the last id', { ...last, groupInstanceId: 'two' });
  },
  STATIC,
);

const midway = scenario(
  JoinGroup,
  'a static member comes back during a rebalance',
  async (stage) => {
    const [a, b] = await company(stage, 'a', { a: { groupInstanceId: 'one' }, b: { groupInstanceId: 'two' } }, 'joined');
    const { groupId } = a;
    const joins = (groupInstanceId: string, memberId = '') => joinRequest(groupId, { groupInstanceId, memberId });
    const sync = await stage.begin(
      SyncGroup,
      SYNC,
      'the sync of who is replaced',
      syncRequest(b, { groupInstanceId: 'two', assignments: [] }),
      b.on,
    );
    await stage.pause(30);
    const replaced = await stage.begin(JoinGroup, stage.version, 'the join of who is replaced once more', joins('two'), 'second');
    await sync.finish();
    await rebalancing(stage, a);
    const third = await stage.begin(JoinGroup, stage.version, 'the third of that name', joins('two'), 'third');
    await replaced.finish();
    const led = await stage.step('the leader joins', joins('one', a.memberId));
    const now = memberOf(groupId, await third.finish());
    const assignments = [{ memberId: now.memberId, assignment: ASSIGNMENT }];
    const synced = syncRequest(memberOf(groupId, led), { groupInstanceId: 'one', assignments });
    await stage.stepOf(SyncGroup, SYNC, 'the leader assigns', synced, ({ errorCode }) => errorCode);
    await stage.stepOf(SyncGroup, SYNC, 'the third is assigned', syncRequest(now, { groupInstanceId: 'two', assignments: [] }));
  },
  STATIC,
);

const away = scenario(
  JoinGroup,
  'a static member that is away keeps its place',
  async (stage) => {
    const brief = { rebalanceTimeoutMs: 1500 };
    const [a, b, c] = await company(stage, 'a', {
      a: { ...brief, groupInstanceId: 'one' },
      b: { ...brief, groupInstanceId: 'two' },
      c: brief,
    });
    const { groupId } = a;
    const said = { ...brief, groupInstanceId: 'two', memberId: b.memberId, protocols: [{ name: 'range', metadata: ASSIGNMENT }] };
    await stage.step('who joins in time leads, for itself and for the other', joinRequest(groupId, said));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'the one that was away is behind', { ...a, groupInstanceId: 'one' });
    await stage.stepOf(Heartbeat, HEARTBEAT, 'one without an instance is out', c!);
  },
  STATIC,
);

const removed = scenario(
  JoinGroup,
  'static members that are removed',
  async (stage) => {
    const [a, b] = await company(stage, 'a', { a: { groupInstanceId: 'one' }, b: { groupInstanceId: 'two' } });
    const { groupId } = a;
    const byInstance = (...ids: string[]) => ({ groupId, members: ids.map((groupInstanceId) => ({ memberId: '', groupInstanceId })) });
    await stage.stepOf(LeaveGroup, LEAVE, 'by their instances', byInstance('one', 'two', 'three'));
    await stage.step('the old id', joinRequest(groupId, { groupInstanceId: 'one', memberId: a.memberId }));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'a heartbeat', { ...b, groupInstanceId: 'two' });
    const back = await stage.step('comes back as somebody new', joinRequest(groupId, { groupInstanceId: 'one' }));
    await stage.stepOf(LeaveGroup, LEAVE, 'by its member id alone', leaveRequest(memberOf(groupId, back)));
    await stage.stepOf(DescribeGroups, DESCRIBE, 'nobody is left', describe(groupId));
  },
  STATIC,
);

export const staticMembersScenarios = [alone, another, leader, follower, midway, away, removed];
