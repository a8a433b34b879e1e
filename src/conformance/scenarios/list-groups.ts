import { DeleteGroups, LeaveGroup, ListGroups } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';
import { committed, joinsAndWaits, LEAVE, leaveRequest, soleMember } from './group-support.ts';

const STATES = [
  ['Stable'],
  ['PreparingRebalance'],
  ['CompletingRebalance'],
  ['Empty'],
  ['Empty', 'CompletingRebalance'],
  ['sTABLE'],
  ['STABLE', 'Stable', 'empty'],
  ['Dead'],
  ['nonsense'],
  ['nonsense', 'Empty'],
  [''],
  [' Stable '],
  // Of the newer group protocols.
  ['Assigning'],
  ['Reconciling'],
  ['NotReady'],
];

const TYPES = [
  ['classic'],
  ['CLASSIC'],
  ['Classic', 'classic'],
  [' classic'],
  ['consumer'],
  ['classic', 'consumer'],
  ['share'],
  ['streams'],
  ['nonsense'],
  ['nonsense', 'classic'],
  [''],
];

const all = scenario(ListGroups, 'in each state', async (stage) => {
  const own = ({ groups, ...rest }: ResponseOf<typeof ListGroups>) => ({
    ...rest,
    groups: groups.filter(({ groupId }) => groupId.startsWith(stage.name(''))),
  });
  const [preparing, left] = await Promise.all([
    soleMember(stage, 'preparing'),
    soleMember(stage, 'empty'),
    soleMember(stage, 'completing', 'joined'),
    soleMember(stage, 'stable'),
    soleMember(stage, 'connect', 'stable', null, { protocolType: 'connect' }),
  ]);
  await joinsAndWaits(stage, preparing);
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
  const { name } = await stage.topic('t');
  await committed(stage, 'offsets', name, [0]);
  const deleted = await committed(stage, 'deleted', name, [0]);
  await stage.ask(DeleteGroups, 2, { groupsNames: [deleted] });
  await stage.step('all', {}, own);
  if (stage.version < 4) return;
  for (const states of STATES) await stage.step(`in state ${JSON.stringify(states)}`, { statesFilter: states }, own);
  if (stage.version < 5) return;
  for (const types of TYPES) await stage.step(`of type ${JSON.stringify(types)}`, { typesFilter: types }, own);
  await stage.step('of a type and in a state', { typesFilter: ['classic'], statesFilter: ['Stable'] }, own);
  await stage.step('of another type and in a state', { typesFilter: ['consumer'], statesFilter: ['Stable'] }, own);
  await stage.step('of a type and in no state', { typesFilter: ['classic'], statesFilter: ['nonsense'] }, own);
});

export const listGroupsScenarios = [all];
