import { DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  committed,
  company,
  DESCRIBE,
  HEARTBEAT,
  JOIN,
  joinRequest,
  joinsAndWaits,
  rebalancing,
  SYNC,
  soleMember,
  syncRequest,
} from './group-support.ts';

const describe = (groupId: string) => ({ groups: [groupId], includeAuthorizedOperations: false });

const oneByOne = scenario(
  LeaveGroup,
  'one at a time',
  async (stage) => {
    const member = await soleMember(stage, 'a');
    const { groupId } = member;
    await stage.step('an unknown member', { groupId, memberId: 'nobody' });
    await stage.step('no member id', { groupId, memberId: '' });
    await stage.step('the member', member);
    await stage.step('again', member);
    await stage.stepOf(DescribeGroups, DESCRIBE, 'nobody is left', describe(groupId));
    await stage.step('a group that does not exist', { groupId: await stage.group('nowhere'), memberId: 'nobody' });
    await stage.step('no group name', { groupId: '', memberId: 'nobody' });
    const given = await stage.ask(JoinGroup, JOIN, joinRequest(groupId));
    await stage.step('who was only given an id', { groupId, memberId: given.memberId });
    await stage.step('who was only given an id, again', { groupId, memberId: given.memberId });
    const fixed = await soleMember(stage, 'b', 'stable', 'instance');
    await stage.step('a static member', fixed);
    const joined = await soleMember(stage, 'c', 'joined');
    await stage.step('before the assignment', joined);
    const { name } = await stage.topic('t');
    await stage.step('a group that only keeps offsets', { groupId: await committed(stage, 'd', name, [0]), memberId: 'nobody' });
  },
  [0, 2],
);

const several = scenario(
  LeaveGroup,
  'several at a time',
  async (stage) => {
    const { groupId, memberId } = await soleMember(stage, 'a');
    const leave = (...members: { memberId: string; groupInstanceId?: string | null; reason?: string }[]) => ({ groupId, members });
    await stage.step('an unknown member', leave({ memberId: 'nobody' }));
    await stage.step('an unknown instance', leave({ memberId: '', groupInstanceId: 'nobody' }));
    await stage.step('an empty instance', leave({ memberId: '', groupInstanceId: '' }));
    await stage.step('neither member nor instance', leave({ memberId: '' }));
    await stage.step('the member by an unknown instance', leave({ memberId, groupInstanceId: 'nobody' }));
    await stage.step('nobody', leave());
    await stage.step('an unknown member twice', leave({ memberId: 'nobody' }, { memberId: 'nobody' }));
    await stage.step('an unknown member and the member', leave({ memberId: 'nobody' }, { memberId, reason: 'enough '.repeat(100) }));
    await stage.step('again', leave({ memberId }));
    const { memberId: twice } = await soleMember(stage, 'a');
    await stage.step('the member twice', leave({ memberId: twice }, { memberId: twice }));
    const given = await stage.ask(JoinGroup, JOIN, joinRequest(groupId));
    await stage.step('who was only given an id', leave({ memberId: given.memberId }));
    const other = await stage.ask(JoinGroup, JOIN, joinRequest(groupId));
    await stage.step('who was only given an id, with an instance', leave({ memberId: other.memberId, groupInstanceId: 'nobody' }));
    const { name } = await stage.topic('t');
    const simple = await committed(stage, 'd', name, [0]);
    await stage.step('a group that only keeps offsets', { groupId: simple, members: [{ memberId: 'nobody' }] });
    const nowhere = await stage.group('nowhere');
    await stage.step('a group that does not exist', { groupId: nowhere, members: [{ memberId: 'nobody' }, { memberId: '' }] });
    await stage.step('nobody, of a group that does not exist', { groupId: nowhere, members: [] });
    await stage.step('no group name', { groupId: '', members: [{ memberId: 'nobody' }] });
  },
  [3, 5],
);

const statics = scenario(
  LeaveGroup,
  'static members',
  async (stage) => {
    const fixed = await soleMember(stage, 'b', 'stable', 'instance');
    const { groupId, memberId } = fixed;
    const leave = (...members: [string, string | null][]) => ({
      groupId,
      members: members.map(([id, groupInstanceId]) => ({ memberId: id, groupInstanceId })),
    });
    await stage.step('by a wrong id', leave(['nobody', 'instance']));
    await stage.step('by another instance', leave([memberId, 'other']));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'it is still there', fixed);
    await stage.step('by its instance id', leave(['', 'instance']));
    await stage.step('by its instance id, again', leave(['', 'instance']));
    const names = ['a', 'b', 'c', 'd'];
    const members = await company(stage, 'c', Object.fromEntries(names.map((name) => [name, { groupInstanceId: name }])));
    const [a, b, c] = members;
    const all = [
      [a.memberId, 'a'],
      ['', 'b'],
      [c!.memberId, null],
      ['nobody', 'd'],
      ['', 'e'],
      [b.memberId, 'a'],
    ].map(([id, groupInstanceId]) => ({ memberId: id!, groupInstanceId }));
    await stage.step('several, right and wrong', { groupId: a.groupId, members: all });
    await stage.stepOf(DescribeGroups, DESCRIBE, 'one is left', describe(a.groupId), ({ groups }) =>
      groups.map(({ groupState, members }) => [groupState, members.map(({ groupInstanceId }) => groupInstanceId)]),
    );
    const twice = ['', ''].map((id) => ({ memberId: id, groupInstanceId: 'd' }));
    await stage.step('the last one twice', { groupId: a.groupId, members: twice });
    await stage.stepOf(DescribeGroups, DESCRIBE, 'nobody is left', describe(a.groupId));
  },
  [3, 5],
);

const whatFollows = scenario(LeaveGroup, 'what follows from it', async (stage) => {
  const leave = ({ groupId, memberId }: { groupId: string; memberId: string }) => ({ groupId, memberId, members: [{ memberId }] });
  const [[a, b], [c, d], sole, stays] = await Promise.all([
    company(stage, 'a', { a: {}, b: {} }),
    company(stage, 'b', { c: {}, d: {} }, 'joined'),
    soleMember(stage, 'c'),
    soleMember(stage, 'd'),
  ]);
  await stage.step('the leader of two', leave(a));
  await stage.stepOf(Heartbeat, HEARTBEAT, 'the other has to join again', b);
  await stage.stepOf(JoinGroup, JOIN, 'and leads', joinRequest(b.groupId, { memberId: b.memberId }));
  await stage.step('the last one', leave(b));
  await stage.stepOf(DescribeGroups, DESCRIBE, 'nobody is left', describe(b.groupId));

  // Apache Kafka never answers it.
  stage.ask(SyncGroup, SYNC, syncRequest(d, { assignments: [] }), d.on).catch(() => {});
  await stage.pause(30);
  await stage.step('while it waits for its share', leave(d));
  await stage.stepOf(Heartbeat, HEARTBEAT, 'the leader has to join again', c);

  const joining = await joinsAndWaits(stage, sole);
  await stage.step('the one that the other waits for', leave(sole));
  await stage.until(DescribeGroups, DESCRIBE, describe(sole.groupId), ({ groups }) => groups[0]!.groupState === 'CompletingRebalance');
  await stage.stepOf(Heartbeat, HEARTBEAT, 'which is alone now', { ...joining, generationId: 2 });

  const goes = await joinsAndWaits(stage, stays);
  await stage.step('one that joins', leave(goes));
  await rebalancing(stage, stays);
  await stage.stepOf(JoinGroup, JOIN, 'who stayed is alone', joinRequest(stays.groupId, { memberId: stays.memberId }));
});

export const leaveGroupScenarios = [oneByOne, several, statics, whatFollows];
