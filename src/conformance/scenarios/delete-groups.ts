import { DeleteGroups, DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, OffsetFetch } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { committed, DESCRIBE, JOIN, joinRequest, joinsAndWaits, LEAVE, leaveRequest, soleMember } from './group-support.ts';

/** Versions around the API in question that both Kafkas speak. */
const FETCH = 8;

const GROUP_ID_NOT_FOUND = 69;

const withAndWithout = scenario(DeleteGroups, 'with and without members', async (stage) => {
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
  await stage.step('none', { groupsNames: [] });
  // Somebody may have committed for a group without a name: here it counts that it may be deleted like any other.
  await stage.step('without a name', { groupsNames: [''] }, ({ results }) =>
    results.map(({ errorCode, ...result }) => ({ ...result, errorCode: errorCode === 0 ? GROUP_ID_NOT_FOUND : errorCode })),
  );
  const twice = await committed(stage, 'twice', name, [0]);
  await stage.step('one twice', { groupsNames: [twice, twice] });
  await stage.step('one that does not exist twice', { groupsNames: [twice, twice] });
  const kept = await soleMember(stage, 'c');
  const goes = await committed(stage, 'goes', name, [0, 1]);
  await stage.step('one that may go and one that may not', { groupsNames: [kept.groupId, goes] });
});

const whileJoining = scenario(DeleteGroups, 'while somebody joins', async (stage) => {
  const groupId = await stage.group('a');
  const given = await stage.ask(JoinGroup, JOIN, joinRequest(groupId));
  await stage.step('that has given an id to a client', { groupsNames: [groupId] });
  await stage.stepOf(JoinGroup, JOIN, 'the client comes with its id', joinRequest(groupId, { memberId: given.memberId }));
  const joined = await soleMember(stage, 'b', 'joined');
  await stage.step('that completes its rebalance', { groupsNames: [joined.groupId] });
  const stable = await soleMember(stage, 'c');
  await joinsAndWaits(stage, stable);
  await stage.step('that prepares a rebalance', { groupsNames: [stable.groupId] });
});

const anew = scenario(DeleteGroups, 'a group that comes again', async (stage) => {
  const left = await soleMember(stage, 'a');
  const { groupId } = left;
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
  await stage.step('once', { groupsNames: [groupId] });
  await stage.stepOf(Heartbeat, 3, 'its member', left);
  await stage.stepOf(LeaveGroup, 2, 'its member leaves', left);
  await stage.stepOf(JoinGroup, 3, 'its generations begin anew', joinRequest(groupId, { protocolType: 'connect' }));
  await stage.step('with a member', { groupsNames: [groupId] });
});

export const deleteGroupsScenarios = [withAndWithout, whileJoining, anew];
