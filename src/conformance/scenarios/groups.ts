import { FindCoordinator, Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { ASSIGNMENT, joinRequest, type Member, rebalancing, SUBSCRIPTION, soleMember, syncRequest } from './group-support.ts';

const memberOf = (groupId: string, joined: { memberId: string; generationId: number } | null): Member => ({
  groupId,
  memberId: joined?.memberId ?? '',
  generationId: joined?.generationId ?? -1,
});

export const findCoordinatorScenarios = [
  scenario(FindCoordinator, 'of a group', async (stage) => {
    const group = await stage.group('a');
    const request = (keyType: number, ...keys: string[]) => ({ key: keys[0] ?? '', coordinatorKeys: keys, keyType });
    await stage.step('one', request(0, group));
    await stage.step('without a name', request(0, ''));
    if (stage.version >= 1) await stage.step('a key type that does not exist', request(9, group));
    if (stage.version < 4) return;
    await stage.step('three', request(0, stage.name('c'), group, ''));
    await stage.step('one twice', request(0, group, group));
    await stage.step('none', request(0));
    await stage.step('of a share group, with a key that is none', request(2, group));
  }),

  scenario(
    FindCoordinator,
    'of a transactional id',
    async (stage) => {
      const key = stage.name('t');
      await stage.step(
        'refused, for there are no transactions',
        { key, coordinatorKeys: [key], keyType: 1 },
        ({ errorCode, coordinators }) => {
          const code = stage.version < 4 ? errorCode : (coordinators[0]?.errorCode ?? -1);
          // Apache Kafka creates its internal topic when it is first asked.
          return { errorCode: code === 15 ? 0 : code };
        },
      );
    },
    [1, 6],
  ),
];

export const joinGroupScenarios = [
  scenario(JoinGroup, 'one member', async (stage) => {
    const group = await stage.group('a');
    let joined = await stage.step('joins', joinRequest(group));
    if (stage.version >= 4)
      joined = await stage.step('joins with the id it was given', joinRequest(group, { memberId: joined?.memberId ?? '' }));
    const member = memberOf(group, joined);
    await stage.stepOf(SyncGroup, 3, 'syncs', syncRequest(member));
    await stage.step('joins again', joinRequest(group, { memberId: member.memberId }));
    await stage.step(
      'joins again with other metadata',
      joinRequest(group, { memberId: member.memberId, protocols: [{ name: 'range', metadata: ASSIGNMENT }] }),
    );
  }),

  scenario(JoinGroup, 'two members', async (stage) => {
    const first = await soleMember(stage, 'a');
    const { groupId } = first;
    const protocols = ['roundrobin', 'range'].map((name) => ({ name, metadata: SUBSCRIPTION }));
    let memberId = '';
    if (stage.version >= 4) memberId = (await stage.step('the second is given an id', joinRequest(groupId, { protocols })))?.memberId ?? '';
    const second = await stage.begin(
      JoinGroup,
      stage.version,
      'the second has joined',
      joinRequest(groupId, { protocols, memberId }),
      'second',
    );
    await rebalancing(stage, first);
    await stage.stepOf(Heartbeat, 3, 'the first is told to rejoin', first);
    const again = await stage.step('the first has rejoined', joinRequest(groupId, { memberId: first.memberId }));
    const b = memberOf(groupId, await second.finish());
    const a = memberOf(groupId, again);
    const waiting = await stage.begin(SyncGroup, 3, 'the second is assigned', syncRequest(b, { assignments: [] }), 'second');
    await stage.pause(30);
    await stage.stepOf(Heartbeat, 3, 'heartbeat while syncing', a);
    const assignments = [a, b].map((member, i) => ({ memberId: member.memberId, assignment: Buffer.of(i) }));
    await stage.stepOf(SyncGroup, 3, 'the first is assigned', syncRequest(a, { assignments }));
    await waiting.finish();
    await stage.step('a follower that joins again', joinRequest(groupId, { protocols, memberId: b.memberId }));
    await stage.stepOf(LeaveGroup, 1, 'the second leaves', b);
    await rebalancing(stage, a);
    await stage.stepOf(Heartbeat, 3, 'the first is told again', a);
    await stage.step('the first is alone', joinRequest(groupId, { memberId: a.memberId }));
  }),

  scenario(JoinGroup, 'what is refused', async (stage) => {
    const group = await stage.group('a');
    await stage.step('no group name', joinRequest(''));
    await stage.step('a session timeout too short', joinRequest(group, { sessionTimeoutMs: 5999 }));
    await stage.step('a session timeout too long', joinRequest(group, { sessionTimeoutMs: 1_800_001 }));
    await stage.step('no protocols', joinRequest(group, { protocols: [] }));
    await stage.step('no protocol type', joinRequest(group, { protocolType: '' }));
    await stage.step('a member id in a group that does not exist', joinRequest(group, { memberId: 'nobody' }));
    const { groupId } = await soleMember(stage, 'b');
    await stage.step('another protocol type', joinRequest(groupId, { protocolType: 'connect' }));
    await stage.step('no protocol in common', joinRequest(groupId, { protocols: [{ name: 'other', metadata: SUBSCRIPTION }] }));
    await stage.step('an unknown member id', joinRequest(groupId, { memberId: 'nobody' }));
  }),

  scenario(
    JoinGroup,
    'a static member',
    async (stage) => {
      const group = await stage.group('a');
      const groupInstanceId = 'instance';
      const first = await stage.step('joins', joinRequest(group, { groupInstanceId }));
      const member = memberOf(group, first);
      await stage.stepOf(SyncGroup, 3, 'syncs', syncRequest(member, { groupInstanceId }));
      const second = await stage.step('comes back without its id', joinRequest(group, { groupInstanceId }));
      await stage.step('with the id from before', joinRequest(group, { groupInstanceId, memberId: member.memberId }));
      await stage.stepOf(Heartbeat, 3, 'the id from before is fenced', { ...member, groupInstanceId });
      await stage.stepOf(Heartbeat, 3, 'the new id is not', { ...memberOf(group, second), groupInstanceId });
      await stage.step(
        'another instance id with that member id',
        joinRequest(group, { groupInstanceId: 'other', memberId: second?.memberId ?? '' }),
      );
    },
    [5, 9],
  ),
];

export const syncGroupScenarios = [
  scenario(SyncGroup, 'one member', async (stage) => {
    const member = await soleMember(stage, 'a', 'joined');
    const named = stage.version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {};
    await stage.step('the leader assigns', syncRequest(member, named));
    await stage.step('asks again', syncRequest(member, { ...named, assignments: [] }));
    const bare = await soleMember(stage, 'b', 'joined');
    await stage.step('the leader assigns nothing', syncRequest(bare, { ...named, assignments: [] }));
  }),

  scenario(SyncGroup, 'what is refused', async (stage) => {
    const member = await soleMember(stage, 'a', 'joined');
    const named = stage.version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {};
    const sync = (wrong: Partial<Member>, more: object = {}) => syncRequest({ ...member, ...wrong }, { ...named, ...more });
    await stage.step('no group name', sync({ groupId: '' }));
    await stage.step('a group that does not exist', sync({ groupId: await stage.group('nowhere') }));
    await stage.step('an unknown member', sync({ memberId: 'nobody' }));
    await stage.step('an old generation', sync({ generationId: 0 }));
    await stage.step('a future generation', sync({ generationId: 9 }));
    if (stage.version >= 3) await stage.step('an instance id that does not exist', sync({}, { groupInstanceId: 'nobody' }));
    if (stage.version < 5) return;
    await stage.step('another protocol type', sync({}, { protocolType: 'connect' }));
    await stage.step('another protocol', sync({}, { protocolName: 'other' }));
    await stage.step('no protocol named', sync({}, { protocolType: null, protocolName: null }));
  }),
];

export const heartbeatScenarios = [
  scenario(Heartbeat, 'all', async (stage) => {
    const joined = await soleMember(stage, 'a', 'joined');
    await stage.step('before the assignment', joined);
    const member = await soleMember(stage, 'b');
    await stage.step('in a stable group', member);
    await stage.step('no group name', { ...member, groupId: '' });
    await stage.step('a group that does not exist', { ...member, groupId: await stage.group('nowhere') });
    await stage.step('an unknown member', { ...member, memberId: 'nobody' });
    await stage.step('an old generation', { ...member, generationId: 0 });
    await stage.step('a future generation', { ...member, generationId: 9 });
    if (stage.version >= 3) await stage.step('an instance id that does not exist', { ...member, groupInstanceId: 'nobody' });
    await stage.ask(LeaveGroup, 1, member);
    await stage.step('after leaving', member);
  }),
];

export const leaveGroupScenarios = [
  scenario(
    LeaveGroup,
    'one at a time',
    async (stage) => {
      const member = await soleMember(stage, 'a');
      await stage.step('an unknown member', { groupId: member.groupId, memberId: 'nobody' });
      await stage.step('the member', member);
      await stage.step('again', member);
      await stage.step('a group that does not exist', { groupId: await stage.group('nowhere'), memberId: 'nobody' });
      await stage.step('no group name', { groupId: '', memberId: 'nobody' });
    },
    [0, 2],
  ),

  scenario(
    LeaveGroup,
    'several at a time',
    async (stage) => {
      const { groupId, memberId } = await soleMember(stage, 'a');
      const leave = (...members: { memberId: string; groupInstanceId?: string | null }[]) => ({ groupId, members });
      await stage.step('an unknown member', leave({ memberId: 'nobody' }));
      await stage.step('an unknown instance', leave({ memberId: '', groupInstanceId: 'nobody' }));
      await stage.step('nobody', leave());
      await stage.step('an unknown member and the member', leave({ memberId: 'nobody' }, { memberId }));
      await stage.step('again', leave({ memberId }));
      const fixed = await soleMember(stage, 'b', 'stable', 'instance');
      const leaveFixed = (id: string) => ({ groupId: fixed.groupId, members: [{ memberId: id, groupInstanceId: 'instance' }] });
      await stage.step('a static member by a wrong id', leaveFixed('nobody'));
      await stage.step('a static member by its instance id', leaveFixed(''));
      await stage.step('a group that does not exist', { groupId: await stage.group('nowhere'), members: [{ memberId: 'nobody' }] });
      await stage.step('no group name', { groupId: '', members: [{ memberId: 'nobody' }] });
    },
    [3, 5],
  ),
];
