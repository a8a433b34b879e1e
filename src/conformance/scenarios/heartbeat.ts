import { Heartbeat, JoinGroup, LeaveGroup } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { committed, company, JOIN, joinRequest, joinsAndWaits, LEAVE, leaveRequest, type Member, soleMember } from './group-support.ts';

const states = scenario(Heartbeat, 'in each state', async (stage) => {
  const answers = async (state: string, member: Member) => {
    const step = (what: string, more: object = {}) => stage.step(`${state}: ${what}`, { ...member, ...more });
    await step('the member');
    await step('an unknown member', { memberId: 'nobody' });
    await step('no member id', { memberId: '' });
    await step('an old generation', { generationId: 0 });
    await step('a future generation', { generationId: 9 });
    await step('no generation', { generationId: -1 });
    await step('an unknown member of an old generation', { memberId: 'nobody', generationId: 0 });
    if (stage.version < 3) return;
    await step('an instance id that does not exist', { groupInstanceId: 'nobody' });
    await step('an empty instance id', { groupInstanceId: '' });
  };
  const [joined, member, left] = await Promise.all([soleMember(stage, 'a', 'joined'), soleMember(stage, 'b'), soleMember(stage, 'c')]);
  await answers('completing its rebalance', joined);
  await answers('stable', member);
  await joinsAndWaits(stage, member);
  await answers('preparing a rebalance', member);
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
  await answers('empty', left);
  const { name } = await stage.topic('t');
  await answers('empty, and never had members', { groupId: await committed(stage, 'd', name, [0]), memberId: '', generationId: 0 });
  await answers('no group', { groupId: await stage.group('nowhere'), memberId: 'nobody', generationId: 1 });
  await answers('no group name', { groupId: '', memberId: 'nobody', generationId: 1 });
});

const others = scenario(Heartbeat, 'of those who are not members yet', async (stage) => {
  const member = await soleMember(stage, 'a');
  const given = await stage.ask(JoinGroup, JOIN, joinRequest(member.groupId));
  await stage.step('with an id that was given out', { ...member, memberId: given.memberId });
  await stage.step('the group is not disturbed', member);
  const joining = await joinsAndWaits(stage, member);
  await stage.step('while it joins, of no generation', joining);
  await stage.step('while it joins, of the generation before', { ...joining, generationId: 1 });
});

const statics = scenario(
  Heartbeat,
  'static members',
  async (stage) => {
    const [a, b] = await company(stage, 'a', { a: { groupInstanceId: 'one' }, b: { groupInstanceId: 'two' } });
    const beat = (member: Member, groupInstanceId: string | null, more: object = {}) => ({ ...member, groupInstanceId, ...more });
    await stage.step('as itself', beat(a, 'one'));
    await stage.step('without its instance', beat(a, null));
    await stage.step('as another', beat(a, 'two'));
    await stage.step('as nobody', beat(b, 'three'));
    await stage.step('the instance alone', beat(b, 'two', { memberId: '' }));
    await stage.step('as another, of an old generation', beat(a, 'two', { generationId: 1 }));
    await stage.step('as itself, of an old generation', beat(a, 'one', { generationId: 1 }));
  },
  [3, 4],
);

const silence = scenario(
  Heartbeat,
  'a member that falls silent',
  async (stage) => {
    // The shortest session that Kafka allows; what waits here is Kafka's clock.
    const brief = { sessionTimeoutMs: 6000 };
    const [a, b] = await company(stage, 'a', { a: {}, b: brief });
    await stage.until(Heartbeat, 3, a, ({ errorCode }) => errorCode === 27);
    await stage.step('is out', b);
    await stage.step('the other has to join again', a);
    await stage.stepOf(JoinGroup, JOIN, 'and is alone', joinRequest(a.groupId, { memberId: a.memberId }));
  },
  [4, 4],
);

export const heartbeatScenarios = [states, others, statics, silence];
