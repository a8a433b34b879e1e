import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  ASSIGNMENT,
  company,
  HEARTBEAT,
  JOIN,
  joinRequest,
  joinsAndWaits,
  LEAVE,
  leaveRequest,
  type Member,
  rebalancing,
  soleMember,
  syncRequest,
} from './group-support.ts';

/** KIP-559: from v5 on the protocol is named. */
const named = (version: number) => (version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {});

const one = scenario(SyncGroup, 'one member', async (stage) => {
  const [member, bare, connect, twice] = await Promise.all([
    soleMember(stage, 'a', 'joined'),
    soleMember(stage, 'b', 'joined'),
    soleMember(stage, 'c', 'joined', null, { protocolType: 'connect' }),
    soleMember(stage, 'd', 'joined'),
  ]);
  const names = named(stage.version);
  await stage.step('the leader assigns', syncRequest(member, names));
  await stage.step('asks again', syncRequest(member, { ...names, assignments: [] }));
  const other = [{ memberId: member.memberId, assignment: Buffer.from('other') }];
  await stage.step('assigns anew, which does not count', syncRequest(member, { ...names, assignments: other }));
  await stage.step('the leader assigns nothing', syncRequest(bare, { ...names, assignments: [] }));
  const ofConnect = stage.version >= 5 ? { protocolType: 'connect', protocolName: 'range' } : {};
  await stage.step('the leader of a connect group assigns nothing', syncRequest(connect, { ...ofConnect, assignments: [] }));
  const assignments = ['first', 'nobody', 'last'].map((text) => ({
    memberId: text === 'nobody' ? 'nobody' : twice.memberId,
    assignment: Buffer.from(text),
  }));
  await stage.step('the leader assigns twice, and to somebody who is not there', syncRequest(twice, { ...names, assignments }));
});

const refused = scenario(SyncGroup, 'what is refused', async (stage) => {
  for (const until of ['joined', 'stable'] as const) {
    const member = await soleMember(stage, until, until);
    const names = named(stage.version);
    const refuses = (what: string, wrong: Partial<Member>, more: object = {}) =>
      stage.step(`${until}: ${what}`, syncRequest({ ...member, ...wrong }, { ...names, ...more }));
    await refuses('an unknown member', { memberId: 'nobody' });
    await refuses('no member id', { memberId: '' });
    await refuses('an old generation', { generationId: 0 });
    await refuses('a future generation', { generationId: 9 });
    await refuses('no generation', { generationId: -1 });
    await refuses('an unknown member of an old generation', { memberId: 'nobody', generationId: 0 });
    if (stage.version >= 3) await refuses('an instance id that does not exist', {}, { groupInstanceId: 'nobody' });
    if (stage.version < 5) continue;
    await refuses('another protocol type', {}, { protocolType: 'connect' });
    await refuses('another protocol', {}, { protocolName: 'other' });
    await refuses('an old generation and another protocol', { generationId: 0 }, { protocolName: 'other' });
    await refuses('no protocol named', {}, { protocolType: null, protocolName: null });
    await refuses('only the type named', {}, { protocolName: null });
    await refuses('only the protocol named', {}, { protocolType: null });
    await refuses('empty names', {}, { protocolType: '', protocolName: '' });
    await refuses('no protocol named by an unknown member', { memberId: 'nobody' }, { protocolType: null, protocolName: null });
  }
});

const withoutGroup = scenario(SyncGroup, 'where there is no group', async (stage) => {
  const names = named(stage.version);
  const member = { groupId: '', memberId: 'nobody', generationId: 1 };
  await stage.step('no group name', syncRequest(member, names));
  const groupId = await stage.group('nowhere');
  await stage.step('a group that does not exist', syncRequest({ ...member, groupId }, names));
  if (stage.version >= 5) {
    await stage.step('no group name, and no protocol', syncRequest(member));
    await stage.step('a group that does not exist, and no protocol', syncRequest({ ...member, groupId }));
  }
  const left = await soleMember(stage, 'left');
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
  await stage.step('a group that is empty', syncRequest(left, names));
});

const company3 = scenario(SyncGroup, 'members that wait for their share', async (stage) => {
  const names = named(stage.version);
  const [a, b, c] = await company(stage, 'a', { a: {}, b: {}, c: {} }, 'joined');
  const nothing = { ...names, assignments: [] };
  const waiting = await stage.begin(SyncGroup, stage.version, 'one that waits', syncRequest(b, nothing), b.on);
  await stage.pause(30);
  await stage.stepOf(Heartbeat, HEARTBEAT, 'its heartbeat meanwhile', b);
  const assignments = [a, b].map(({ memberId }, i) => ({ memberId, assignment: Buffer.from(`share ${i}`) }));
  await stage.step('the leader', syncRequest(a, { ...names, assignments }));
  await waiting.finish();
  await stage.step('one that asks again', syncRequest(b, nothing));
  const own = [{ memberId: c!.memberId, assignment: ASSIGNMENT }];
  await stage.step('one that the leader left out, and that assigns itself something', syncRequest(c!, { ...names, assignments: own }));
});

const interrupted = scenario(SyncGroup, 'a rebalance in between', async (stage) => {
  const nothing = { ...named(stage.version), assignments: [] };
  const [[a, b], [c, d]] = await Promise.all([
    company(stage, 'a', { a: {}, b: {} }, 'joined'),
    company(stage, 'b', { c: {}, d: {} }, 'joined'),
  ]);
  const waiting = await stage.begin(SyncGroup, stage.version, 'one that waits when another joins', syncRequest(b, nothing), b.on);
  await stage.pause(30);
  await joinsAndWaits(stage, a);
  await waiting.finish();
  await stage.step('the leader is told, too', syncRequest(a, nothing));
  await stage.step('an old generation', syncRequest({ ...a, generationId: 1 }, nothing));
  await stage.step('an unknown member', syncRequest({ ...a, memberId: 'nobody' }, nothing));

  const left = await stage.begin(SyncGroup, stage.version, 'one that waits when the leader leaves', syncRequest(d, nothing), d.on);
  await stage.pause(30);
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(c));
  await left.finish();
  await rebalancing(stage, d);
  await stage.stepOf(JoinGroup, JOIN, 'it leads now', joinRequest(d.groupId, { memberId: d.memberId }));
});

/** Beyond max.message.bytes: a batch of the coordinator's log does not hold it. */
const TOO_LARGE_BYTES = 1_100_000;

const tooLarge = scenario(
  SyncGroup,
  'a share that is too large',
  async (stage) => {
    const names = named(stage.version);
    const member = await soleMember(stage, 'a', 'joined');
    const assignments = [{ memberId: member.memberId, assignment: Buffer.alloc(TOO_LARGE_BYTES) }];
    await stage.step('the leader', syncRequest(member, { ...names, assignments }));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'it has to join again', member);
    await stage.stepOf(JoinGroup, JOIN, 'it joins again', joinRequest(member.groupId, { memberId: member.memberId }));
    await stage.step('with less', syncRequest({ ...member, generationId: 2 }, names));
    const protocols = [{ name: 'range', metadata: Buffer.alloc(TOO_LARGE_BYTES) }];
    const wordy = await soleMember(stage, 'b', 'joined', null, { protocols });
    await stage.step('the share of one who said too much', syncRequest(wordy, names));
    await stage.stepOf(Heartbeat, HEARTBEAT, 'who said too much has to join again', wordy);
  },
  [5, 5],
);

const fenced = scenario(
  SyncGroup,
  'static members',
  async (stage) => {
    const names = named(stage.version);
    const [a, b] = await company(stage, 'a', { a: { groupInstanceId: 'one' }, b: { groupInstanceId: 'two' } }, 'joined');
    await stage.step('as another', syncRequest(a, { ...names, groupInstanceId: 'two' }));
    await stage.step('as nobody', syncRequest(a, { ...names, groupInstanceId: 'three' }));
    await stage.step('as another, of an old generation', syncRequest({ ...a, generationId: 1 }, { ...names, groupInstanceId: 'two' }));
    const assignments = [a, b].map(({ memberId }) => ({ memberId, assignment: ASSIGNMENT }));
    await stage.step('the leader', syncRequest(a, { ...names, groupInstanceId: 'one', assignments }));
    await stage.step('the other without its instance', syncRequest(b, { ...names, assignments: [] }));
    await stage.step('as another, once stable', syncRequest(b, { ...names, groupInstanceId: 'one' }));
  },
  [3, 5],
);

export const syncGroupScenarios = [one, refused, withoutGroup, company3, interrupted, tooLarge, fenced];
