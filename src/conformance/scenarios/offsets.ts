import { OffsetCommit, OffsetFetch } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { soleMember } from './group-support.ts';

interface Topic {
  readonly name: string;
  readonly topicId: string;
}

const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';

const commit = (groupId: string, topic: Topic, offsets: readonly [number, number, (string | null)?][], more: object = {}) => ({
  groupId,
  memberId: '',
  topics: [
    {
      ...topic,
      partitions: offsets.map(([partitionIndex, committedOffset, committedMetadata = '']) => ({
        partitionIndex,
        committedOffset,
        committedMetadata,
      })),
    },
  ],
  ...more,
});

const fetch = (groupId: string, topics: (Topic & { partitionIndexes: number[] })[] | null, more: object = {}) => ({
  groupId,
  topics,
  groups: [{ groupId, topics }],
  ...more,
});

export const offsetCommitScenarios = [
  scenario(OffsetCommit, 'without members', async (stage) => {
    const topic = await stage.topic('a', { partitions: 2 });
    const groupId = await stage.group('a');
    await stage.step(
      'two partitions',
      commit(groupId, topic, [
        [0, 5, 'note'],
        [1, 6, null],
      ]),
    );
    await stage.step('a later offset', commit(groupId, topic, [[0, 9]]));
    await stage.step('an earlier offset', commit(groupId, topic, [[0, 2]]));
    await stage.step('a negative offset', commit(groupId, topic, [[0, -5]]));
    await stage.step('metadata as long as it may be', commit(groupId, topic, [[0, 3, 'm'.repeat(4096)]]));
    await stage.step(
      'metadata too long',
      commit(groupId, topic, [
        [0, 4, 'm'.repeat(4097)],
        [1, 7],
      ]),
    );
    await stage.step(
      'a partition that does not exist',
      commit(groupId, topic, [
        [0, 4],
        [9, 4],
      ]),
    );
    await stage.step('a topic that does not exist', commit(groupId, { name: stage.name('nowhere'), topicId: UNKNOWN_ID }, [[0, 4]]));
    await stage.step('no topics', { groupId, memberId: '', topics: [] });
    await stage.step('no group name', commit('', topic, [[0, 4]]));
    if (stage.version >= 6) {
      const partitions = [{ partitionIndex: 1, committedOffset: 8, committedLeaderEpoch: 3, committedMetadata: '' }];
      await stage.step('with a leader epoch', { groupId, memberId: '', topics: [{ ...topic, partitions }] });
    }
    await stage.stepOf(OffsetFetch, 7, 'what is committed', fetch(groupId, null));
  }),

  scenario(
    OffsetCommit,
    'by members',
    async (stage) => {
      const topic = await stage.topic('a');
      const joined = await soleMember(stage, 'a', 'joined');
      const by = (member: typeof joined, more: object = {}) =>
        commit(member.groupId, topic, [[0, 5]], { memberId: member.memberId, generationIdOrMemberEpoch: member.generationId, ...more });
      await stage.step('before the assignment', by(joined));
      const member = await soleMember(stage, 'b');
      await stage.step('by the member', by(member));
      await stage.step('by nobody', by(member, { memberId: '', generationIdOrMemberEpoch: -1 }));
      await stage.step('by an unknown member', by(member, { memberId: 'nobody' }));
      await stage.step('an old generation', by(member, { generationIdOrMemberEpoch: 0 }));
      await stage.step('a future generation', by(member, { generationIdOrMemberEpoch: 9 }));
      await stage.step('a generation, in a group that does not exist', by({ ...member, groupId: await stage.group('nowhere') }));
      if (stage.version >= 7) await stage.step('an instance id that does not exist', by(member, { groupInstanceId: 'nobody' }));
    },
    [1, 10],
  ),
];

export const offsetFetchScenarios = [
  scenario(OffsetFetch, 'committed offsets', async (stage) => {
    const a = await stage.topic('a', { partitions: 3 });
    const b = await stage.topic('b');
    const groupId = await stage.group('a');
    await stage.ask(
      OffsetCommit,
      7,
      commit(groupId, a, [
        [0, 5, 'note'],
        [1, 6],
      ]),
    );
    await stage.ask(OffsetCommit, 7, commit(groupId, b, [[0, 7]]));
    await stage.step('some', fetch(groupId, [{ ...a, partitionIndexes: [1, 2, 9] }]));
    await stage.step(
      'two topics',
      fetch(groupId, [
        { ...b, partitionIndexes: [0] },
        { ...a, partitionIndexes: [0] },
      ]),
    );
    await stage.step(
      'a topic that does not exist',
      fetch(groupId, [{ name: stage.name('nowhere'), topicId: UNKNOWN_ID, partitionIndexes: [0] }]),
    );
    await stage.step('no topics', fetch(groupId, []));
    await stage.step('no group name', fetch('', [{ ...a, partitionIndexes: [0] }]));
    if (stage.version >= 2) await stage.step('all', fetch(groupId, null));
    if (stage.version >= 7) await stage.step('stable ones', fetch(groupId, null, { requireStable: true }));
    if (stage.version < 8) return;
    const none = await stage.group('b');
    await stage.step('two groups', {
      groups: [
        { groupId: none, topics: null },
        { groupId, topics: [{ ...a, partitionIndexes: [0] }] },
      ],
    });
    await stage.step('no groups', { groups: [] });
    if (stage.version < 9) return;
    await stage.step('by a member that does not exist', { groups: [{ groupId, memberId: 'nobody', memberEpoch: 3, topics: null }] });
    const member = await soleMember(stage, 'c');
    await stage.step('by a classic member', {
      groups: [{ groupId: member.groupId, memberId: member.memberId, memberEpoch: member.generationId, topics: null }],
    });
  }),

  scenario(OffsetFetch, 'a group that was never there', async (stage) => {
    const topic = await stage.topic('a');
    const groupId = await stage.group('a');
    const topics = [{ ...topic, partitionIndexes: [0, 1] }];
    await stage.step('one topic', fetch(groupId, topics));
    if (stage.version >= 2) await stage.step('all topics', fetch(groupId, null));
    await stage.step('no topics', fetch(groupId, []));
  }),
];
