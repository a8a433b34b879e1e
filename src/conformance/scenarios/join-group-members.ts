import { DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  ASSIGNMENT,
  begins,
  company,
  DESCRIBE,
  HEARTBEAT,
  hasMembers,
  joinRequest,
  LEAVE,
  leaveRequest,
  memberOf,
  protocolsOf,
  rebalancing,
  SUBSCRIPTION,
  SYNC,
  soleMember,
  syncRequest,
} from './group-support.ts';

const two = scenario(JoinGroup, 'two members', async (stage) => {
  const first = await soleMember(stage, 'a');
  stage.learn(first.memberId, 'first');
  const { groupId } = first;
  const protocols = ['roundrobin', 'range'].map((name) => ({ name, metadata: SUBSCRIPTION }));
  const second = await begins(stage, 'the second has joined', groupId, { protocols }, 'second');
  await rebalancing(stage, first);
  await stage.stepOf(Heartbeat, HEARTBEAT, 'the first is told to rejoin', first);
  const again = await stage.step('the first has rejoined', joinRequest(groupId, { memberId: first.memberId }));
  const b = memberOf(groupId, await second.finish());
  const a = memberOf(groupId, again);
  const waiting = await stage.begin(SyncGroup, SYNC, 'the second is assigned', syncRequest(b, { assignments: [] }), 'second');
  await stage.pause(30);
  await stage.stepOf(Heartbeat, HEARTBEAT, 'heartbeat while syncing', a);
  const assignments = [a, b].map((member, i) => ({ memberId: member.memberId, assignment: Buffer.of(i) }));
  await stage.stepOf(SyncGroup, SYNC, 'the first is assigned', syncRequest(a, { assignments }));
  await waiting.finish();
  await stage.step('a follower that joins again', joinRequest(groupId, { protocols, memberId: b.memberId }));
  await stage.stepOf(LeaveGroup, LEAVE, 'the second leaves', leaveRequest(b));
  await rebalancing(stage, a);
  await stage.stepOf(Heartbeat, HEARTBEAT, 'the first is told again', a);
  await stage.step('the first is alone', joinRequest(groupId, { memberId: a.memberId }));
});

const three = scenario(JoinGroup, 'three members', async (stage) => {
  const first = await soleMember(stage, 'a');
  const { groupId, memberId } = first;
  const said = (name: string) => ({ protocols: [{ name: 'range', metadata: Buffer.from(name) }] });
  const second = await begins(stage, 'the second', groupId, said('second'), 'second');
  await hasMembers(stage, groupId, 2);
  const third = await begins(stage, 'the third', groupId, said('third'), 'third');
  await hasMembers(stage, groupId, 3);
  const answer = await stage.ask(JoinGroup, stage.version, joinRequest(groupId, { memberId }));
  const [b, c] = [await second.finish(), await third.finish()];
  const a = memberOf(groupId, answer);
  for (const [joined, name] of [
    [answer, 'a'],
    [b, 'b'],
    [c, 'c'],
  ] as const)
    stage.learn(joined?.memberId ?? '', name);
  await stage.step('the leader asks again before it syncs', joinRequest(groupId, { memberId }));
  await stage.step('a follower asks again before it syncs', joinRequest(groupId, { ...said('third'), memberId: c!.memberId }));
  const assignments = [a, memberOf(groupId, b), memberOf(groupId, c)].map(({ memberId: id }, i) => ({
    memberId: id,
    assignment: Buffer.of(i),
  }));
  await stage.stepOf(SyncGroup, SYNC, 'the leader syncs', syncRequest(a, { assignments }));
  await stage.stepOf(SyncGroup, SYNC, 'a follower syncs', syncRequest(memberOf(groupId, b), { assignments: [] }));
  await stage.step('a follower joins again', joinRequest(groupId, { ...said('second'), memberId: b!.memberId }));
});

const votes = scenario(JoinGroup, 'which protocol is chosen', async (stage) => {
  const likings: Readonly<Record<string, readonly (readonly string[])[]>> = {
    'all like the same': [
      ['x', 'y'],
      ['x', 'y'],
      ['x', 'y'],
    ],
    'two against one': [
      ['x', 'y'],
      ['y', 'x'],
      ['y', 'x'],
    ],
    'the only one in common': [
      ['x', 'y'],
      ['x', 'z'],
      ['z', 'x'],
    ],
    'votes count only among those in common': [
      ['p', 'x', 'y'],
      ['p', 'y', 'x'],
      ['y', 'x'],
    ],
    'one each': [
      ['x', 'y', 'z'],
      ['y', 'z', 'x'],
      ['z', 'x', 'y'],
    ],
    'one each, the last first': [
      ['z', 'x', 'y'],
      ['y', 'z', 'x'],
      ['x', 'y', 'z'],
    ],
    'one each, of words': [
      ['roundrobin', 'range'],
      ['range', 'roundrobin'],
    ],
    'one each, of other words': [
      ['range', 'cooperative-sticky'],
      ['cooperative-sticky', 'range'],
    ],
  };
  const groups = await Promise.all(
    Object.entries(likings).map(async ([own, liked]) => {
      const said = liked.map((names, i) => [`m${i}`, { protocols: protocolsOf(...names) }] as const);
      return [own, await company(stage, own, Object.fromEntries(said))] as const;
    }),
  );
  for (const [own, members] of groups) {
    const { groupId, memberId, said } = members.at(-1)!;
    await stage.step(own, joinRequest(groupId, { ...said, memberId }));
  }
});

const changes = scenario(JoinGroup, 'a member that comes with other metadata', async (stage) => {
  const [leader, follower] = await company(stage, 'a', { a: {}, b: {} });
  const { groupId } = leader!;
  const changed = { protocols: [{ name: 'range', metadata: ASSIGNMENT }] };
  await stage.step('the follower with the same', joinRequest(groupId, { memberId: follower.memberId }));
  await stage.stepOf(Heartbeat, HEARTBEAT, 'the leader is not disturbed', leader);
  const waiting = await stage.begin(
    JoinGroup,
    stage.version,
    'the follower with other metadata',
    joinRequest(groupId, { ...changed, memberId: follower.memberId }),
    follower.on,
  );
  await rebalancing(stage, leader);
  await stage.step('the leader sees it', joinRequest(groupId, { memberId: leader.memberId }));
  await waiting.finish();

  const sync = await stage.begin(
    SyncGroup,
    SYNC,
    'a follower that waits for its share',
    syncRequest({ ...follower, generationId: 3 }, { assignments: [] }),
    follower.on,
  );
  await stage.pause(30);
  const again = await stage.begin(
    JoinGroup,
    stage.version,
    'the leader with other metadata before it has synced',
    joinRequest(groupId, { ...changed, memberId: leader.memberId }),
    leader.on,
  );
  await sync.finish();
  await stage.stepOf(Heartbeat, HEARTBEAT, 'the follower is told', { ...follower, generationId: 3 });
  await stage.step('the follower joins again', joinRequest(groupId, { ...changed, memberId: follower.memberId }));
  await again.finish();
  await stage.step('the leader again, at once', joinRequest(groupId, { ...changed, memberId: leader.memberId }));
});

const inCommon = scenario(JoinGroup, 'a member that comes with other protocols', async (stage) => {
  const both = { protocols: protocolsOf('x', 'y') };
  const [a, b] = await company(stage, 'a', { a: both, b: both });
  const { groupId } = a;
  const comes = (name: string, ...protocols: string[]) =>
    stage.step(name, joinRequest(groupId, { memberId: b.memberId, protocols: protocolsOf(...protocols) }));
  await comes('none in common', 'z');
  await comes('none at all');
  await stage.stepOf(Heartbeat, HEARTBEAT, 'the leader is not disturbed', a);
  const said = joinRequest(groupId, { memberId: b.memberId, protocols: protocolsOf('y', 'z') });
  const waiting = await stage.begin(JoinGroup, stage.version, 'one that was not chosen', said, b.on);
  await rebalancing(stage, a);
  await comes('one that the other has, but not this one any more', 'x');
  await stage.step('the leader with both', joinRequest(groupId, { ...both, memberId: a.memberId }));
  await waiting.finish();
});

const repeated = scenario(JoinGroup, 'what is asked again while it waits', async (stage) => {
  const [a, b] = await company(stage, 'a', { a: {}, b: {} }, 'joined');
  const { groupId } = a;
  const nothing = syncRequest(b, { assignments: [] });
  const waiting = await stage.begin(SyncGroup, SYNC, 'a share that was waited for', nothing, b.on);
  await stage.pause(30);
  await stage.step('a join while the share is waited for', joinRequest(groupId, { memberId: b.memberId }));
  const assignments = [a, b].map(({ memberId }) => ({ memberId, assignment: Buffer.from('share') }));
  await stage.stepOf(SyncGroup, SYNC, 'the leader', syncRequest(a, { assignments }));
  await waiting.finish();
  const said = (text: string) =>
    joinRequest(groupId, { memberId: b.memberId, protocols: [{ name: 'range', metadata: Buffer.from(text) }] });
  stage.ask(JoinGroup, stage.version, said('first'), b.on).catch(() => {}); // Apache Kafka never answers it
  await rebalancing(stage, a);
  const last = await stage.begin(JoinGroup, stage.version, 'what was said last counts', said('last'), 'again');
  await stage.pause(300);
  await stage.step('the leader hears of it', joinRequest(groupId, { memberId: a.memberId }));
  await last.finish();
});

const leaving = scenario(JoinGroup, 'members that leave while others join', async (stage) => {
  const [a, b, c] = await company(stage, 'a', { a: {}, b: {}, c: {} });
  const { groupId } = a!;
  const joining = await stage.begin(
    JoinGroup,
    stage.version,
    'joins and is removed',
    joinRequest(groupId, { memberId: b!.memberId, protocols: [{ name: 'range', metadata: ASSIGNMENT }] }),
    b!.on,
  );
  await rebalancing(stage, a!);
  const first = await stage.begin(
    JoinGroup,
    stage.version,
    'joins and waits for the last',
    joinRequest(groupId, { memberId: a!.memberId }),
    a!.on,
  );
  await stage.pause(30);
  await stage.stepOf(LeaveGroup, LEAVE, 'one that waits is removed', leaveRequest(b!));
  await joining.finish();
  await stage.stepOf(DescribeGroups, DESCRIBE, 'two are left', { groups: [groupId], includeAuthorizedOperations: false }, ({ groups }) =>
    groups.map(({ groupState, members }) => [groupState, members.length]),
  );
  await stage.stepOf(LeaveGroup, LEAVE, 'the last one leaves', leaveRequest(c!));
  await first.finish();
});

export const joinGroupMembersScenarios = [two, three, votes, changes, inCommon, repeated, leaving];
