import { CreateTopics, DeleteTopics, OffsetCommit, OffsetFetch } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { soleMember } from './group-support.ts';
import { commit, fetch, NO_ID, UNKNOWN_ID } from './offset-support.ts';

const COMMIT = 7;
const DELETE_TOPICS = 5;

const committedOffsets = scenario(OffsetFetch, 'committed offsets', async (stage) => {
  const a = await stage.topic('a', { partitions: 3 });
  const b = await stage.topic('b');
  const groupId = await stage.group('a');
  const offsets = [[0, 5, 'note'] as const, [1, 6] as const];
  await stage.ask(OffsetCommit, COMMIT, commit(groupId, a, offsets));
  await stage.ask(OffsetCommit, COMMIT, commit(groupId, b, [[0, 7]]));
  const some = (name: string, ...topics: NonNullable<Parameters<typeof fetch>[1]>) => stage.step(name, fetch(groupId, topics));
  await some('some', { ...a, partitionIndexes: [1, 2, 9] });
  await some('two topics', { ...b, partitionIndexes: [0] }, { ...a, partitionIndexes: [0] });
  await some('a topic that does not exist', { name: stage.name('nowhere'), topicId: UNKNOWN_ID, partitionIndexes: [0] });
  await some('one that exists and one that does not', { name: stage.name('nowhere'), topicId: UNKNOWN_ID, partitionIndexes: [0, 1] }, { ...a, partitionIndexes: [0] }); // biome-ignore format: one line
  await some('neither name nor id', { name: '', topicId: NO_ID, partitionIndexes: [0] });
  await some('a negative partition', { ...a, partitionIndexes: [-1] });
  await some('a partition twice', { ...a, partitionIndexes: [0, 0] });
  await some('a topic twice', { ...a, partitionIndexes: [0] }, { ...a, partitionIndexes: [1] });
  await some('no partitions', { ...a, partitionIndexes: [] });
  await some('no topics');
  await stage.step('no group name', fetch('', [{ ...a, partitionIndexes: [0] }]));
  if (stage.version >= 2) await stage.step('all', fetch(groupId, null));
  if (stage.version >= 7) await stage.step('stable ones', fetch(groupId, null, { requireStable: true }));
  if (stage.version >= 7)
    await stage.step('some stable ones', fetch(groupId, [{ ...a, partitionIndexes: [0, 2] }], { requireStable: true }));
});

const severalGroups = scenario(
  OffsetFetch,
  'several groups',
  async (stage) => {
    const topic = await stage.topic('a', { partitions: 2 });
    const [a, none] = [await stage.group('a'), await stage.group('b')];
    const { groupId: c } = await soleMember(stage, 'c');
    await stage.ask(OffsetCommit, COMMIT, commit(a, topic, [[0, 5]]));
    const topics = [{ ...topic, partitionIndexes: [0] }];
    await stage.step('three', {
      groups: [
        { groupId: none, topics: null },
        { groupId: a, topics },
        { groupId: c, topics: null },
      ],
    });
    await stage.step('none', { groups: [] });
    await stage.step('one twice', { groups: [a, a].map((groupId) => ({ groupId, topics })) });
    await stage.step('one twice, differently', {
      groups: [
        { groupId: a, topics },
        { groupId: a, topics: null },
      ],
    });
    await stage.step('with one that has no name', { groups: [a, ''].map((groupId) => ({ groupId, topics })) });
    await stage.step('all of them without topics', { groups: [a, none].map((groupId) => ({ groupId, topics: [] })) });
    await stage.step('stable ones', { groups: [a, none].map((groupId) => ({ groupId, topics })), requireStable: true });
  },
  [8, 10],
);

const byMembers = scenario(
  OffsetFetch,
  'by members',
  async (stage) => {
    const topic = await stage.topic('a');
    const topics = [{ ...topic, partitionIndexes: [0] }];
    const groupId = await stage.group('a');
    await stage.ask(OffsetCommit, COMMIT, commit(groupId, topic, [[0, 5]]));
    const nowhere = await stage.group('nowhere');
    const by = (name: string, group: string, memberId: string | null, memberEpoch: number) =>
      stage.step(name, { groups: [{ groupId: group, memberId, memberEpoch, topics }] });
    await by('one that does not exist', groupId, 'nobody', 3);
    await by('one that does not exist, of no epoch', groupId, 'nobody', -1);
    await by('an epoch of nobody', groupId, null, 3);
    await by('without a name', groupId, '', -1);
    await by('of a group that does not exist', nowhere, 'nobody', 3);
    await by('an epoch of nobody, of a group that does not exist', nowhere, null, 3);
    const { memberId, generationId, ...member } = await soleMember(stage, 'c');
    await by('a classic member', member.groupId, memberId, generationId);
    await by('a classic member of another epoch', member.groupId, memberId, generationId + 1);
    await by('nobody, of a classic group', member.groupId, 'nobody', generationId);
    await by('an epoch alone, of a classic group', member.groupId, null, 9);
    await stage.step('everything, by one that does not exist', { groups: [{ groupId, memberId: 'nobody', memberEpoch: 3, topics: null }] });
  },
  [9, 10],
);

const neverThere = scenario(OffsetFetch, 'a group that was never there', async (stage) => {
  const topic = await stage.topic('a');
  const groupId = await stage.group('a');
  const topics = [{ ...topic, partitionIndexes: [0, 1] }];
  await stage.step('one topic', fetch(groupId, topics));
  if (stage.version >= 2) await stage.step('all topics', fetch(groupId, null));
  await stage.step('no topics', fetch(groupId, []));
});

const deletedTopic = scenario(
  OffsetFetch,
  'a topic that is deleted and comes again',
  async (stage) => {
    const topic = await stage.topic('goes');
    const other = await stage.topic('stays');
    const groupId = await stage.group('a');
    for (const each of [topic, other]) await stage.ask(OffsetCommit, COMMIT, commit(groupId, each, [[0, 5]]));
    const all = fetch(groupId, null);
    const some = fetch(
      groupId,
      [topic, other].map((each) => ({ ...each, partitionIndexes: [0] })),
    );
    await stage.step('before', some);
    await stage.ask(DeleteTopics, DELETE_TOPICS, { topicNames: [topic.name], timeoutMs: 10_000 });
    const isGone = (text: string) => !text.includes(topic.name) && !text.includes(topic.topicId);
    await stage.eventually('when it is deleted', all, (response) => isGone(JSON.stringify(response)));
    await stage.step('named', some);
    await stage.ask(CreateTopics, 7, {
      topics: [{ name: topic.name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    });
    await stage.ready(topic.name);
    await stage.step('when it is there again', all);
    await stage.step('named as it was', some);
  },
  [2, 10],
);

export const offsetFetchScenarios = [committedOffsets, severalGroups, byMembers, neverThere, deletedTopic];
