import { JoinGroup, LeaveGroup, OffsetCommit, OffsetFetch } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { company, JOIN, joinRequest, joinsAndWaits, LEAVE, leaveRequest, type Member, soleMember } from './group-support.ts';
import { commit, fetch, NO_ID, offsetsOf, UNKNOWN_ID } from './offset-support.ts';

const FETCH = 7;

const withoutMembers = scenario(OffsetCommit, 'without members', async (stage) => {
  const topic = await stage.topic('a', { partitions: 2 });
  const groupId = await stage.group('a');
  const step = (name: string, ...offsets: Parameters<typeof commit>[2]) => stage.step(name, commit(groupId, topic, offsets));
  await step('two partitions', [0, 5, 'note'], [1, 6, null]);
  await step('a later offset', [0, 9]);
  await step('an earlier offset', [0, 2]);
  await step('a negative offset', [0, -5]);
  await step('metadata as long as it may be', [0, 3, 'm'.repeat(4096)]);
  await step('metadata too long', [0, 4, 'm'.repeat(4097)], [1, 7]);
  await step('metadata whose characters have several bytes', [0, 3, 'ü€'.repeat(2048)]);
  await step('metadata too long, of pairs of surrogates', [0, 4, '\u{1f680}'.repeat(2049)]);
  await step('a partition that does not exist', [0, 4], [9, 4]);
  await step('a negative partition', [0, 4], [-1, 4]);
  await step('the greatest offset', [0, Number.MAX_SAFE_INTEGER]);
  await stage.step('no topics', { groupId, memberId: '', topics: [] });
  await stage.step('no partitions', commit(groupId, topic, []));
  if (stage.version >= 6) {
    const partitions = [{ partitionIndex: 1, committedOffset: 8, committedLeaderEpoch: 3, committedMetadata: '' }];
    await stage.step('with a leader epoch', { groupId, memberId: '', topics: [{ ...topic, partitions }] });
  }
  await stage.stepOf(OffsetFetch, FETCH, 'what is committed', fetch(groupId, null));
});

const withoutName = scenario(
  OffsetCommit,
  'without a group name',
  async (stage) => {
    const topic = await stage.topic('a');
    await stage.step('an offset', commit('', topic, [[0, 4]]));
    await stage.stepOf(OffsetFetch, FETCH, 'what is committed', fetch('', [{ ...topic, partitionIndexes: [0] }]));
  },
  OffsetCommit.versions,
  { onlyAlone: true },
);

const topics = scenario(OffsetCommit, 'topics that do not exist, or are named twice', async (stage) => {
  const topic = await stage.topic('a', { partitions: 2 });
  const groupId = await stage.group('a');
  const nowhere = { name: stage.name('nowhere'), topicId: UNKNOWN_ID };
  await stage.step('a topic that does not exist', commit(groupId, nowhere, [[0, 4]]));
  await stage.stepOf(OffsetFetch, FETCH, 'it makes no group', fetch(groupId, null));
  await stage.step('neither name nor id', commit(groupId, { name: '', topicId: NO_ID }, [[0, 4]]));
  await stage.step('with one that does', {
    groupId,
    memberId: '',
    topics: [offsetsOf(nowhere, [0, 4], [1, 4]), offsetsOf(topic, [0, 4], [7, 4])],
  });
  await stage.step(
    'in a group that would refuse it',
    commit(groupId, nowhere, [[0, 4]], { memberId: 'nobody', generationIdOrMemberEpoch: 3 }),
  );
  await stage.step('a partition twice', commit(groupId, topic, [[0, 1], [0, 2]])); // biome-ignore format: pairs
  await stage.step('a topic twice', { groupId, memberId: '', topics: [offsetsOf(topic, [0, 3]), offsetsOf(topic, [1, 4])] });
  await stage.stepOf(OffsetFetch, FETCH, 'what is committed', fetch(groupId, null));
});

const times = scenario(
  OffsetCommit,
  'with times of its own',
  async (stage) => {
    const topic = await stage.topic('a');
    const groupId = await stage.group('a');
    const day = 24 * 3_600_000;
    for (const retentionTimeMs of [-1, 0, day, Number.MAX_SAFE_INTEGER])
      await stage.step(`retention ${retentionTimeMs}`, commit(groupId, topic, [[0, 4]], { retentionTimeMs }));
    await stage.step('and for what does not exist', commit(groupId, topic, [[0, 4], [5, 4]], { retentionTimeMs: day })); // biome-ignore format: pairs
    await stage.stepOf(OffsetFetch, FETCH, 'what is committed', fetch(groupId, null));
    if (stage.version > 1) return;
    for (const commitTimestamp of [-1, 0, 1_600_000_000_000]) {
      const partitions = [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '', commitTimestamp }];
      await stage.step(`committed at ${commitTimestamp}`, { groupId, memberId: '', topics: [{ ...topic, partitions }] });
    }
  },
  [1, 4],
);

const epochs = scenario(
  OffsetCommit,
  'leader epochs',
  async (stage) => {
    const topic = await stage.topic('a');
    const groupId = await stage.group('a');
    for (const committedLeaderEpoch of [0, 7, 3, -1, -2]) {
      const partitions = [{ partitionIndex: 0, committedOffset: 4, committedLeaderEpoch, committedMetadata: '' }];
      await stage.step(`${committedLeaderEpoch}`, { groupId, memberId: '', topics: [{ ...topic, partitions }] });
      await stage.stepOf(OffsetFetch, FETCH, `${committedLeaderEpoch} is committed`, fetch(groupId, null));
    }
  },
  [6, 10],
);

const byMembers = scenario(
  OffsetCommit,
  'by members',
  async (stage) => {
    const topic = await stage.topic('a');
    const by = (member: Member, more: object = {}) =>
      commit(member.groupId, topic, [[0, 5]], { memberId: member.memberId, generationIdOrMemberEpoch: member.generationId, ...more });
    const answers = async (state: string, member: Member) => {
      const step = (what: string, more: object = {}) => stage.step(`${state}: ${what}`, by(member, more));
      await step('the member');
      await step('nobody', { memberId: '', generationIdOrMemberEpoch: -1 });
      await step('nobody, of a generation', { memberId: '' });
      await step('the member, of no generation', { generationIdOrMemberEpoch: -1 });
      await step('an unknown member', { memberId: 'nobody' });
      await step('an unknown member of no generation', { memberId: 'nobody', generationIdOrMemberEpoch: -1 });
      await step('an old generation', { generationIdOrMemberEpoch: 0 });
      await step('a future generation', { generationIdOrMemberEpoch: 9 });
      if (stage.version < 7) return;
      await step('an instance id that does not exist', { groupInstanceId: 'nobody' });
      await step('nobody, with an instance id', { memberId: '', generationIdOrMemberEpoch: -1, groupInstanceId: 'nobody' });
    };
    const [joined, member, left] = await Promise.all([soleMember(stage, 'a', 'joined'), soleMember(stage, 'b'), soleMember(stage, 'c')]);
    await answers('completing its rebalance', joined);
    await answers('stable', member);
    const joining = await joinsAndWaits(stage, member);
    await answers('preparing a rebalance', member);
    await stage.step('preparing a rebalance: one that joins', by(joining, { generationIdOrMemberEpoch: 1 }));
    await stage.ask(LeaveGroup, LEAVE, leaveRequest(left));
    await answers('empty', left);
    const pending = await stage.group('d');
    const { memberId } = await stage.ask(JoinGroup, JOIN, joinRequest(pending));
    await answers('with an id that was given out', { groupId: pending, memberId, generationId: 0 });
    for (const generationId of [0, 1, -1, -2]) {
      const groupId = await stage.group(`nowhere ${generationId}`);
      await stage.step(`no group: generation ${generationId}`, by({ groupId, memberId: 'nobody', generationId }));
      await stage.step(`no group: generation ${generationId} of nobody`, by({ groupId, memberId: '', generationId }));
    }
  },
  [1, 10],
);

const tooLarge = scenario(
  OffsetCommit,
  'more than one write holds',
  async (stage) => {
    const topic = await stage.topic('a');
    const groupId = await stage.group('a');
    const metadata = 'm'.repeat(4096);
    const offsets = Array.from({ length: 300 }, (_, i) => [0, i, metadata] as const);
    await stage.step('of one partition', commit(groupId, topic, offsets), ({ topics: answered }) => [
      ...new Set(answered.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))),
    ]);
    await stage.stepOf(OffsetFetch, FETCH, 'what is committed', fetch(groupId, null));
    await stage.step('of the others nothing is lost', commit(groupId, topic, [[0, 5]]));
    await stage.stepOf(OffsetFetch, FETCH, 'what is committed now', fetch(groupId, null));
  },
  [10, 10],
);

const statics = scenario(
  OffsetCommit,
  'by static members',
  async (stage) => {
    const topic = await stage.topic('a');
    const [a, b] = await company(stage, 'a', { a: { groupInstanceId: 'one' }, b: { groupInstanceId: 'two' } });
    const by = (name: string, member: Member, groupInstanceId: string | null, more: object = {}) =>
      stage.step(
        name,
        commit(a.groupId, topic, [[0, 5]], {
          memberId: member.memberId,
          generationIdOrMemberEpoch: member.generationId,
          groupInstanceId,
          ...more,
        }),
      );
    await by('as itself', a, 'one');
    await by('without its instance', a, null);
    await by('as another', b, 'one');
    await by('as nobody', b, 'three');
    await by('the instance alone', b, 'two', { memberId: '' });
    await by('as another, of an old generation', b, 'one', { generationIdOrMemberEpoch: 1 });
    await by('as itself, of an old generation', b, 'two', { generationIdOrMemberEpoch: 1 });
  },
  [7, 10],
);

export const offsetCommitScenarios = [withoutMembers, withoutName, topics, times, epochs, byMembers, tooLarge, statics];
