import { LeaveGroup, OffsetDelete, OffsetFetch } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { committed, joinsAndWaits, LEAVE, leaveRequest, soleMember, subscriptionTo } from './group-support.ts';

const FETCH = 8;

const of = (topic: string, ...indexes: number[]) => ({
  name: topic,
  partitions: indexes.map((partitionIndex) => ({ partitionIndex })),
});

const withoutMembers = scenario(OffsetDelete, 'without members', async (stage) => {
  const { name } = await stage.topic('t', { partitions: 3 });
  const groupId = await committed(stage, 'a', name, [0, 1, 2]);
  const fetch = { groups: [{ groupId, topics: null }] };
  await stage.step('one partition', { groupId, topics: [of(name, 1)] });
  await stage.stepOf(OffsetFetch, FETCH, 'the others are left', fetch);
  await stage.step('one without a commit', { groupId, topics: [of(name, 1)] });
  await stage.step('one that does not exist, and one that does', { groupId, topics: [of(name, 7, 0)] });
  await stage.step('a negative one', { groupId, topics: [of(name, -1)] });
  await stage.step('a topic that does not exist', { groupId, topics: [of(stage.name('nowhere'), 0, 1)] });
  await stage.step('a topic without a name', { groupId, topics: [of('', 0)] });
  await stage.step('no partitions', { groupId, topics: [of(name)] });
  await stage.step('no topics', { groupId, topics: [] });
  await stage.stepOf(OffsetFetch, FETCH, 'one is left', fetch);
  const nowhere = await stage.group('nowhere');
  await stage.step('of a group that does not exist', { groupId: nowhere, topics: [of(name, 0)] });
  await stage.step('of a group without a name', { groupId: '', topics: [of(name, 0)] });
  await stage.step('neither group nor topic exist', { groupId: nowhere, topics: [of(stage.name('nowhere'), 0)] });
  await stage.step('no topics, of a group that does not exist', { groupId: nowhere, topics: [] });
  await stage.step('no topics, of a group without a name', { groupId: '', topics: [] });
  await stage.step('the last one', { groupId, topics: [of(name, 2)] });
  await stage.step('when there is nothing left of the group', { groupId, topics: [of(name, 2)] });
});

const twice = scenario(OffsetDelete, 'what is named twice', async (stage) => {
  const { name } = await stage.topic('t', { partitions: 3 });
  const groupId = await committed(stage, 'a', name, [0, 1, 2]);
  await stage.step('a partition that does not exist', { groupId, topics: [of(name, 9, 9)] });
  await stage.step('a partition', { groupId, topics: [of(name, 0, 0)] });
  await stage.step('a topic, and what does not exist of it', { groupId, topics: [of(name, 0, 8), of(name, 9), of(name, 0)] });
  await stage.step('a topic, and what does not exist elsewhere', {
    groupId,
    topics: [of(name, 0), of(stage.name('nowhere'), 0), of(name, 0)],
  });
  await stage.step('a topic', { groupId, topics: [of(name, 1), of(name, 2)] });
  await stage.stepOf(OffsetFetch, FETCH, 'what is left', { groups: [{ groupId, topics: null }] });
});

const withMembers = scenario(OffsetDelete, 'with members', async (stage) => {
  const [{ name: used }, { name: left }] = [await stage.topic('t'), await stage.topic('u')];
  const topics = [of(used, 0), of(left, 0)];
  const both = async (own: string) => {
    await committed(stage, own, used, [0]);
    await committed(stage, own, left, [0]);
  };
  const member = async (own: string, more: object, until: 'joined' | 'stable' = 'stable') => {
    await both(own);
    return soleMember(stage as Stage, own, until, null, more);
  };
  const protocols = [{ name: 'range', metadata: subscriptionTo(used) }];
  const ofGroup = async (name: string, { groupId }: { groupId: string }) => stage.step(name, { groupId, topics });
  const stable = await member('a', { protocols });
  await ofGroup('of consumers, of a topic that is in use and one that is not', stable);
  await ofGroup('once more', stable);
  await stage.step('the one in use and a partition that does not exist', {
    groupId: stable.groupId,
    topics: [of(used, 0, 9), of(left, 9)],
  });
  const garbled = [{ name: 'range', metadata: Buffer.of(1, 2, 3) }];
  await ofGroup('of consumers that say nothing sensible', await member('b', { protocols: garbled }));
  await ofGroup('of members that are no consumers', await member('c', { protocolType: 'connect', protocols }));
  await ofGroup('of consumers that have not synced', await member('d', { protocols }, 'joined'));
  const preparing = await member('e', { protocols });
  await joinsAndWaits(stage, preparing);
  await ofGroup('of consumers while another joins', preparing);
  const gone = await member('f', { protocols });
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(gone));
  await ofGroup('of consumers that have left', gone);
  const workers = await member('g', { protocolType: 'connect', protocols });
  await stage.ask(LeaveGroup, LEAVE, leaveRequest(workers));
  await ofGroup('of others that have left', workers);
});

export const offsetDeleteScenarios = [withoutMembers, twice, withMembers];
