import { Heartbeat, JoinGroup, SyncGroup } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { begins, company, HEARTBEAT, isIn, joinRequest, rebalancing, SYNC, soleMember, syncRequest } from './group-support.ts';

/** A rebalance timeout that is waited for. */
const PATIENCE_MS = 1500;

const hungUp = scenario(
  JoinGroup,
  'a member whose client goes away while it waits',
  async (stage) => {
    const brief = { rebalanceTimeoutMs: PATIENCE_MS };
    const a = await soleMember(stage, 'a', 'stable', null, brief);
    const { groupId } = a;
    const b = (await stage.ask(JoinGroup, stage.version, joinRequest(groupId, brief))).memberId;
    stage.learn(a.memberId, 'a');
    stage.learn(b, 'b');
    stage.ask(JoinGroup, stage.version, joinRequest(groupId, { ...brief, memberId: b }), 'gone').catch(() => {});
    await rebalancing(stage, a);
    await stage.hangUp('gone');
    await stage.pause(100);
    await stage.step('the other joins', joinRequest(groupId, { ...brief, memberId: a.memberId }));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'who went away', { groupId, memberId: b, generationId: 2 });
  },
  [9, 9],
);

const silent = scenario(
  JoinGroup,
  'members that do not come back',
  async (stage) => {
    const brief = { rebalanceTimeoutMs: PATIENCE_MS };
    const [a] = await company(stage, 'a', { a: brief, b: brief });
    const { groupId } = a!;
    const third = await begins(stage, 'the third is alone, and leads', groupId, brief, 'third');
    await third.finish();
    await stage.stepOf(Heartbeat, HEARTBEAT, 'who did not come back is out', a!);
    await stage.step('and is told so', joinRequest(groupId, { memberId: a!.memberId }));
  },
  [1, 9],
);

const neverSynced = scenario(
  JoinGroup,
  'a member that never syncs',
  async (stage) => {
    const brief = { rebalanceTimeoutMs: PATIENCE_MS };
    const { groupId, ...member } = await soleMember(stage, 'a', 'joined', null, brief);
    await stage.stepOf(Heartbeat, HEARTBEAT, 'it is a member', { groupId, ...member });
    await isIn(stage, groupId, 'Empty');
    await stage.stepOf(Heartbeat, HEARTBEAT, 'it is none any more', { groupId, ...member });
    await stage.step('it joins again', joinRequest(groupId, { memberId: member.memberId }));
    await stage.step('as somebody new', joinRequest(groupId));

    const [leader, follower] = await company(stage, 'b', { leader: brief, follower: brief }, 'joined');
    await stage.ask(SyncGroup, SYNC, syncRequest(leader));
    await rebalancing(stage, leader);
    await stage.stepOf(Heartbeat, HEARTBEAT, 'a follower that did not', follower);
    await stage.step('the leader is alone', joinRequest(leader.groupId, { memberId: leader.memberId }));
  },
  [9, 9],
);

export const absentMembersScenarios = [hungUp, silent, neverSynced];
