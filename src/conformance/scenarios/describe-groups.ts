import { DescribeGroups, JoinGroup, LeaveGroup } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';
import {
  ASSIGNMENT,
  committed,
  company,
  isIn,
  JOIN,
  joinRequest,
  joinsAndWaits,
  LEAVE,
  leaveRequest,
  protocolsOf,
  soleMember,
} from './group-support.ts';

const describe = (...groups: string[]) => ({ groups, includeAuthorizedOperations: false });

/** Without the ids of members, for those of which only one side has seen an id before. */
const unnamed = ({ groups, ...rest }: ResponseOf<typeof DescribeGroups>) => ({
  ...rest,
  groups: groups.map(({ members, ...group }) => ({ ...group, members: members.map(({ memberId, ...member }) => member) })),
});

const states = scenario(DescribeGroups, 'in each state', async (stage) => {
  const [member, stable, left] = await Promise.all([soleMember(stage, 'a', 'joined'), soleMember(stage, 'b'), soleMember(stage, 'c')]);
  await stage.step('completing its first rebalance', describe(member.groupId));
  await stage.step('stable', describe(stable.groupId));
  const { groupId } = await joinsAndWaits(stage, stable);
  await stage.step('preparing a rebalance', describe(groupId), ({ groups }) =>
    groups.map(({ members, ...group }) => ({
      ...group,
      members: members.map(({ clientId, clientHost, memberMetadata }) => ({ clientId, clientHost, memberMetadata })),
    })),
  );
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
  await stage.step('empty', describe(left.groupId));
  const { name } = await stage.topic('t');
  await stage.step('that only keeps offsets', describe(await committed(stage, 'd', name, [0])));
  const pending = await stage.group('e');
  await stage.ask(JoinGroup, JOIN, joinRequest(pending));
  await isIn(stage, pending, 'Empty');
  await stage.step('that has given out an id', describe(pending));
  await stage.step('that does not exist', describe(await stage.group('nowhere')));
  // Others may have left a group without a name, or have it right now: then there is no error.
  await stage.step('without a name', describe(''), ({ groups, ...rest }) => ({ ...rest, groups: groups.map(({ groupId: id }) => id) }));
  await stage.step('none', describe());
});

const members = scenario(DescribeGroups, 'with several members', async (stage) => {
  const said = (name: string) => ({ protocols: protocolsOf('range', name) });
  const connect = { protocolType: 'connect', protocols: protocolsOf('sessioned', 'eager') };
  const [[a, b], joined, [worker], left] = await Promise.all([
    company(stage, 'a', { a: said('x'), b: said('y'), c: { ...said('z'), groupInstanceId: 'static' } }),
    company(stage, 'b', { d: said('x'), e: said('y'), f: {} }, 'joined'),
    company(stage, 'c', { g: connect, h: connect }),
    soleMember(stage, 'd', 'stable', null, connect),
  ]);
  const { groupId } = a;
  await stage.step('stable', describe(groupId));
  const changed = { protocols: [{ name: 'range', metadata: ASSIGNMENT }] };
  stage.ask(JoinGroup, JOIN, joinRequest(groupId, { ...changed, memberId: b.memberId }), b.on).catch(() => {});
  await stage.until(DescribeGroups, stage.version, describe(groupId), ({ groups }) => groups[0]!.groupState === 'PreparingRebalance');
  await stage.step('preparing the next generation', describe(groupId));
  await stage.step('completing', describe(joined[0].groupId));
  await stage.step('no consumers', describe(worker.groupId));
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
  await stage.step('no consumers, when they are gone', describe(left.groupId));
});

const manyNames = scenario(DescribeGroups, 'several at a time', async (stage) => {
  const { groupId } = await soleMember(stage, 'a');
  const nowhere = await stage.group('nowhere');
  await stage.step('one that exists and one that does not', describe(groupId, nowhere), unnamed);
  await stage.step('one twice', describe(groupId, groupId), unnamed);
  await stage.step('one that does not exist twice', describe(nowhere, nowhere), unnamed);
  await stage.step('a hundred that do not exist', describe(...Array.from({ length: 100 }, (_, i) => stage.name(`n${i}`))));
});

const operations = scenario(
  DescribeGroups,
  'with what the client may do',
  async (stage) => {
    const asked = (...groups: string[]) => ({ groups, includeAuthorizedOperations: true });
    const [{ groupId }, left] = await Promise.all([soleMember(stage, 'a', 'stable', 'static'), soleMember(stage, 'b')]);
    await stage.step('a group with a static member', asked(groupId));
    await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
    await stage.step('an empty one', asked(left.groupId));
    await stage.step('one that does not exist', asked(await stage.group('nowhere')));
    await stage.step('none', asked());
  },
  [3, 6],
);

export const describeGroupsScenarios = [states, members, manyNames, operations];
