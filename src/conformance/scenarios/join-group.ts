import { DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, OffsetCommit, SyncGroup } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  ASSIGNMENT,
  COMMIT,
  committed,
  DESCRIBE,
  HEARTBEAT,
  isIn,
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

const describe = (groupId: string) => ({ groups: [groupId], includeAuthorizedOperations: false });

const oneMember = scenario(JoinGroup, 'one member', async (stage) => {
  const group = await stage.group('a');
  let joined = await stage.step('joins', joinRequest(group));
  if (stage.version >= 4) joined = await stage.step('joins with the id it was given', joinRequest(group, { memberId: joined!.memberId }));
  const member = memberOf(group, joined);
  const { memberId } = member;
  await stage.step('joins again before it has synced', joinRequest(group, { memberId }));
  const protocols = [{ name: 'range', metadata: ASSIGNMENT }];
  await stage.step('with other metadata before it has synced', joinRequest(group, { memberId, protocols }));
  await stage.stepOf(SyncGroup, SYNC, 'syncs with the generation before', syncRequest(member));
  await stage.stepOf(SyncGroup, SYNC, 'syncs', syncRequest({ ...member, generationId: 2 }));
  await stage.step('joins again', joinRequest(group, { memberId, protocols }));
  await stage.step('joins again with other metadata', joinRequest(group, { memberId }));
  await stage.step('with another protocol', joinRequest(group, { memberId, protocols: protocolsOf('other') }));
  await stage.step('with two', joinRequest(group, { memberId, protocols: protocolsOf('second', 'first') }));
  await stage.step('with other timeouts', joinRequest(group, { memberId, sessionTimeoutMs: 6000, rebalanceTimeoutMs: 1 }));
  if (stage.version >= 8) await stage.step('with a reason', joinRequest(group, { memberId, reason: 'why not' }));
});

const unusual = scenario(JoinGroup, 'unusual but allowed', async (stage) => {
  const left = await soleMember(stage, 'h');
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
  const { name: topic } = await stage.topic('t');
  const waiting: { finish(): Promise<unknown> }[] = [];
  /** Of those who come in two steps only the second counts. */
  const joins = async (name: string, group: string, more: object) => {
    const given = stage.version < 4 ? '' : (await stage.ask(JoinGroup, stage.version, joinRequest(group, more), name)).memberId;
    waiting.push(await stage.begin(JoinGroup, stage.version, name, joinRequest(group, { ...more, memberId: given }), name));
  };
  await joins('the shortest session', await stage.group('a'), { sessionTimeoutMs: 6000 });
  await joins('the longest session', await stage.group('b'), { sessionTimeoutMs: 1_800_000 });
  await joins('the longest rebalance timeout', await stage.group('c'), { rebalanceTimeoutMs: 2 ** 31 - 1 });
  await joins('metadata of no bytes', await stage.group('d'), { protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] });
  await joins('a protocol without a name', await stage.group('e'), { protocols: protocolsOf('') });
  await joins('no consumers', await stage.group('f'), { protocolType: 'connect', protocols: protocolsOf('sessioned', 'eager') });
  await joins('a group name that is no topic name', await stage.group('/ ü\n"'), {});
  await joins('a group that only kept offsets', await committed(stage, 'g', topic, [0]), { protocolType: 'connect' });
  await joins('a group that others have left, of another type', left.groupId, { protocolType: 'connect', protocols: protocolsOf('eager') });
  for (const { finish } of waiting) await finish();
  await stage.stepOf(DescribeGroups, DESCRIBE, 'its type is that of the new member', describe(left.groupId), ({ groups }) =>
    groups.map(({ protocolType, groupState }) => [protocolType, groupState]),
  );
  if (stage.version < 5) return;
  const empty = joinRequest(await stage.group('i'), { groupInstanceId: '' });
  await stage.step('an empty instance id', empty);
});

const refused = scenario(JoinGroup, 'what is refused', async (stage) => {
  const group = await stage.group('a');
  await stage.step('no group name', joinRequest(''));
  await stage.step('no group name, and a session timeout too short', joinRequest('', { sessionTimeoutMs: 1 }));
  await stage.step('a session timeout too short', joinRequest(group, { sessionTimeoutMs: 5999 }));
  await stage.step('a session timeout too long', joinRequest(group, { sessionTimeoutMs: 1_800_001 }));
  await stage.step('no session timeout', joinRequest(group, { sessionTimeoutMs: 0 }));
  await stage.step('a negative session timeout', joinRequest(group, { sessionTimeoutMs: -1 }));
  await stage.step('a session timeout too short, by a member', joinRequest(group, { sessionTimeoutMs: 5999, memberId: 'nobody' }));
  await stage.step('a member id in a group that does not exist', joinRequest(group, { memberId: 'nobody' }));
  await stage.step('no protocols', joinRequest(group, { protocols: [] }));
  await stage.step('no protocol type', joinRequest(group, { protocolType: '' }));
  await stage.step('neither', joinRequest(group, { protocolType: '', protocols: [] }));
});

const leftBehind = scenario(JoinGroup, 'what a refused join leaves', async (stage) => {
  const group = await stage.group('a');
  await stage.step('no protocols', joinRequest(group, { protocols: [] }));
  await stage.stepOf(DescribeGroups, DESCRIBE, 'an empty group', describe(group));
  const other = await stage.group('b');
  await stage.step('a session timeout too short', joinRequest(other, { sessionTimeoutMs: 1 }));
  await stage.step('an unknown member', joinRequest(other, { memberId: 'nobody' }));
  await stage.stepOf(DescribeGroups, DESCRIBE, 'no group', describe(other));
  if (stage.version < 4) return;
  const third = await stage.group('c');
  const { memberId } = await stage.ask(JoinGroup, stage.version, joinRequest(third));
  await stage.stepOf(LeaveGroup, LEAVE, 'an id is given back', leaveRequest({ groupId: third, memberId, generationId: -1 }));
  await stage.stepOf(DescribeGroups, DESCRIBE, 'a group of nobody', describe(third));
});

const refusedByMembers = scenario(JoinGroup, 'what a group with members refuses', async (stage) => {
  const [joined, stable, left] = await Promise.all([
    soleMember(stage, 'joined', 'joined'),
    soleMember(stage, 'stable'),
    soleMember(stage, 'left'),
  ]);
  for (const [until, { groupId, memberId }] of Object.entries({ joined, stable })) {
    const refuses = (what: string, more: object) => stage.step(`${until}: ${what}`, joinRequest(groupId, more));
    await refuses('another protocol type', { protocolType: 'connect' });
    await refuses('no protocol in common', { protocols: protocolsOf('other', 'third') });
    await refuses('no protocols', { protocols: [] });
    await refuses('no protocol type', { protocolType: '' });
    await refuses('an unknown member id', { memberId: 'nobody' });
    await refuses('an unknown member id, and another protocol type', { memberId: 'nobody', protocolType: 'connect' });
    await refuses('a protocol type of another case', { protocolType: 'Consumer' });
    await refuses('the member itself with another protocol type', { memberId, protocolType: 'connect' });
    await refuses('the member itself with no protocols', { memberId, protocols: [] });
  }
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
  await stage.step('empty: a member id', joinRequest(left.groupId, { memberId: left.memberId }));
  await stage.step('empty: no protocols', joinRequest(left.groupId, { protocols: [] }));
});

const givenAnId = scenario(
  JoinGroup,
  'an id is given out first',
  async (stage) => {
    const group = await stage.group('a');
    const given = await stage.step('the id', joinRequest(group));
    const other = await stage.step('another one', joinRequest(group));
    const member = memberOf(group, given);
    await stage.stepOf(Heartbeat, HEARTBEAT, 'it is no member yet: heartbeat', member);
    await stage.stepOf(SyncGroup, SYNC, 'it is no member yet: sync', syncRequest(member));
    await stage.stepOf(SyncGroup, SYNC, 'it is no member yet: sync of generation 0', syncRequest({ ...member, generationId: 0 }));
    const topic = await stage.topic('t');
    const topics = [{ ...topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }];
    const commit = { groupId: group, memberId: member.memberId, generationIdOrMemberEpoch: 0, topics };
    await stage.stepOf(OffsetCommit, COMMIT, 'it is no member yet: commit', commit);
    await isIn(stage, group, 'Empty');
    await stage.stepOf(DescribeGroups, DESCRIBE, 'the group has nobody', describe(group));
    await stage.step('with an id that was not given', joinRequest(group, { memberId: 'nobody' }));
    await stage.step('with no protocols', joinRequest(group, { memberId: member.memberId, protocols: [] }));
    await stage.stepOf(LeaveGroup, LEAVE, 'the other does not come', leaveRequest(memberOf(group, other)));
    await stage.step('the other comes after all', joinRequest(group, { memberId: other!.memberId }));
    const joined = await stage.step('with the id', joinRequest(group, { memberId: member.memberId }));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'now it is a member', memberOf(group, joined));
  },
  [4, 9],
);

const pendingIds = scenario(
  JoinGroup,
  'who was given an id is waited for',
  async (stage) => {
    const first = await soleMember(stage, 'a');
    const { groupId, memberId } = first;
    const given = await stage.step('a second is given an id', joinRequest(groupId));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'which alone begins no rebalance', first);
    const again = await stage.begin(JoinGroup, stage.version, 'the first has joined again', joinRequest(groupId, { memberId }), 'first');
    await rebalancing(stage, first);
    await stage.stepOf(DescribeGroups, DESCRIBE, 'the group waits', describe(groupId), ({ groups }) =>
      groups.map(({ groupState, members }) => [groupState, members.length]),
    );
    const second = await stage.step('the second has joined', joinRequest(groupId, { memberId: given!.memberId }));
    await again.finish();
    await stage.stepOf(Heartbeat, HEARTBEAT, 'of the second', memberOf(groupId, second));

    const alone = await soleMember(stage, 'b');
    const id = (await stage.ask(JoinGroup, stage.version, joinRequest(alone.groupId))).memberId;
    const waiting = await stage.begin(
      JoinGroup,
      stage.version,
      'answered when the other gives its id back',
      joinRequest(alone.groupId, { memberId: alone.memberId }),
      'alone',
    );
    await rebalancing(stage, alone);
    await stage.stepOf(LeaveGroup, LEAVE, 'the id is given back', { groupId: alone.groupId, members: [{ memberId: id }] });
    await waiting.finish();
  },
  [4, 9],
);

export const joinGroupScenarios = [oneMember, unusual, refused, leftBehind, refusedByMembers, givenAnId, pendingIds];
