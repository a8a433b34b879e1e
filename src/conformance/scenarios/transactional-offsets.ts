import { AddOffsetsToTxn, DeleteGroups, OffsetCommit, OffsetDelete, OffsetFetch, TxnOffsetCommit } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { type Member, soleMember } from './group-support.ts';
import { commit, fetch, offsetsOf, type Topic, UNKNOWN_ID } from './offset-support.ts';
import { end, isSettled, isTold, type Producer, producer } from './transaction-support.ts';

const KNOWS_ABORTABLE_SINCE = 4;
const isKnown = (version: number) => (response: ResponseOf<typeof TxnOffsetCommit>) =>
  isTold(
    response.topics.flatMap((topic) => topic.partitions.map(({ errorCode }) => errorCode)),
    version >= KNOWS_ABORTABLE_SINCE,
  );

export const txnOffsetCommitScenarios = [
  scenario(
    TxnOffsetCommit,
    'offsets that hold when the transaction does',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      const groupId = await stage.group('g');
      for (const committed of [true, false]) {
        const who = await producer(stage, committed ? 't' : 'u');
        const commit = (offset: number, partition = 0) => ({ ...who, groupId, topics: [offsetsOf(topic, [partition, offset, 'x'])] });
        if (stage.version < 5) await stage.once(`${committed}: a group that it has not`, commit(1), isKnown(stage.version));
        if (stage.version < 5) await stage.until(AddOffsetsToTxn, 3, { ...who, groupId }, isSettled);
        await stage.step(`${committed}: once`, commit(committed ? 5 : 9));
        await stage.step(`${committed}: a partition that does not exist`, commit(5, 7));
        const stored = { groups: [{ groupId, topics: [{ name: topic.name, partitionIndexes: [0] }] }] };
        await stage.stepOf(OffsetFetch, 8, `${committed}: stored`, { ...stored, requireStable: false });
        await stage.stepOf(OffsetFetch, 8, `${committed}: stored, and stable`, { ...stored, requireStable: true });
        await end(stage, who, committed);
        const isStable = ({ groups }: { groups: readonly { topics: readonly { partitions: readonly { errorCode: number }[] }[] }[] }) =>
          groups[0]?.topics[0]?.partitions[0]?.errorCode === 0;
        await stage.until(OffsetFetch, 8, { ...stored, requireStable: true }, isStable as never);
        await stage.stepOf(OffsetFetch, 8, `${committed}: when it has ended`, { ...stored, requireStable: true });
      }
    },
    [0, 6],
    { oneAtATime: true },
  ),

  scenario(
    TxnOffsetCommit,
    'refused',
    async (stage) => {
      const topic = await stage.topic('a');
      const groupId = await stage.group('g');
      const who = await producer(stage);
      await stage.until(AddOffsetsToTxn, 3, { ...who, groupId }, isSettled);
      const commit = { ...who, groupId, topics: [offsetsOf(topic, [0, 1])] };
      if (stage.version >= 3)
        await stage.step('a generation of no group', { ...commit, memberId: 'stranger', generationIdOrMemberEpoch: 1 });
      await stage.step('one that is good', commit);
      await stage.step('a later epoch', { ...commit, producerEpoch: who.producerEpoch + 1 });
      await stage.step('an earlier epoch', { ...commit, producerEpoch: who.producerEpoch - 1 });
      await stage.step('another producer', { ...commit, producerId: who.producerId + 1000 });
      await stage.step('an id of nobody', { ...commit, transactionalId: await stage.transactionalId('nobody') });
      await stage.step('no id', { ...commit, transactionalId: '' });
      await stage.step('no group', { ...commit, groupId: '' });
      await stage.step('no topics', { ...commit, topics: [] });
      await stage.step('metadata that is too long', { ...commit, topics: [offsetsOf(topic, [0, 1, 'x'.repeat(4097)])] });
      await stage.step('a topic that does not exist', {
        ...commit,
        topics: [offsetsOf({ name: stage.name('none'), topicId: UNKNOWN_ID }, [0, 1])],
      });
      if (stage.version < 3) return;
      await stage.step('a member that is none', { ...commit, memberId: 'stranger', generationIdOrMemberEpoch: 1 });
      await stage.step('a generation and no member', { ...commit, generationIdOrMemberEpoch: 3 });
    },
    [0, 6],
    { oneAtATime: true },
  ),

  scenario(
    TxnOffsetCommit,
    'by members',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage);
      const member = await soleMember(stage, 'm');
      const stationary = await soleMember(stage, 's', 'stable', 'i');
      const joined = await soleMember(stage, 'j', 'joined');
      for (const { groupId } of [member, stationary, joined]) await stage.until(AddOffsetsToTxn, 3, { ...who, groupId }, isSettled);
      const as = ({ generationId, groupId, memberId }: Member, changes: object = {}) => ({
        ...who,
        ...{ groupId, memberId, generationIdOrMemberEpoch: generationId },
        topics: [offsetsOf(topic, [0, 3])],
        ...changes,
      });
      await stage.step('a member', as(member));
      await stage.step('an earlier generation', as(member, { generationIdOrMemberEpoch: 0 }));
      await stage.step('a later generation', as(member, { generationIdOrMemberEpoch: 2 }));
      await stage.step('no generation', as(member, { generationIdOrMemberEpoch: -1 }));
      await stage.step('another member', as(member, { memberId: 'stranger' }));
      await stage.step('no member', as(member, { memberId: '' }));
      await stage.step('neither', as(member, { memberId: '', generationIdOrMemberEpoch: -1 }));
      await stage.step('an instance that is none', as(member, { groupInstanceId: 'nobody' }));
      await stage.step('a static member', as(stationary, { groupInstanceId: 'i' }));
      await stage.step('a static member, by another id', as(stationary, { groupInstanceId: 'i', memberId: 'stranger' }));
      await stage.step('a static member, by its id alone', as(stationary));
      await stage.step('while the group rebalances', as(joined));
    },
    [3, 6],
    { oneAtATime: true },
  ),

  scenario(
    TxnOffsetCommit,
    'by a producer that is fenced',
    async (stage) => {
      const topic = await stage.topic('a');
      const groupId = await stage.group('g');
      const old = await producer(stage);
      await stage.until(AddOffsetsToTxn, 3, { ...old, groupId }, isSettled);
      await producer(stage);
      await stage.step('it', { ...old, groupId, topics: [offsetsOf(topic, [0, 1])] });
      await stage.stepOf(OffsetFetch, 8, 'stored', stored(groupId, topic, true));
    },
    [0, 6],
    { oneAtATime: true },
  ),
];

const stored = (groupId: string, { name }: Topic, requireStable: boolean) => ({
  groups: [{ groupId, topics: [{ name, partitionIndexes: [0] }] }],
  requireStable,
});

export const pendingOffsetsScenarios = [
  scenario(
    OffsetFetch,
    'of a transaction under way',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      const groupId = await stage.group('g');
      const [who, other] = [await producer(stage, 't'), await producer(stage, 'u')];
      for (const each of [who, other]) await stage.until(AddOffsetsToTxn, 3, { ...each, groupId }, isSettled);
      await stage.ask(OffsetCommit, 7, commit(groupId, topic, [[0, 1], [1, 1]])); // biome-ignore format: one line
      const inTransaction = (by: Producer, partition: number, offset: number) =>
        stage.ask(TxnOffsetCommit, 3, { ...by, groupId, topics: [offsetsOf(topic, [partition, offset, 'pending'])] });
      await inTransaction(who, 0, 5);
      await inTransaction(other, 0, 6);
      await inTransaction(who, 2, 7);
      const some = { ...topic, partitionIndexes: [0, 1, 2] };
      const see = async (name: string) => {
        await stage.step(`${name}: some`, fetch(groupId, [some]));
        await stage.step(`${name}: some, stable`, fetch(groupId, [some], { requireStable: true }));
        await stage.step(`${name}: all, stable`, fetch(groupId, null, { requireStable: true }));
      };
      await see('two open');
      await end(stage, who, true);
      await settled(stage, groupId, topic, 2);
      await see('one committed');
      await stage.ask(OffsetCommit, 7, commit(groupId, topic, [[0, 9]]));
      await see('committed meanwhile');
      await end(stage, other, false);
      await settled(stage, groupId, topic, 0);
      await see('the other aborted');
    },
    [7, 10],
  ),

  scenario(
    OffsetDelete,
    'of a transaction under way',
    async (stage) => {
      const { groupId, topic, who } = await pendingBesideCommitted(stage);
      await stage.step('it', { groupId, topics: [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }] });
      await stage.stepOf(OffsetFetch, 8, 'what is left', stored(groupId, topic, false));
      await stage.stepOf(OffsetFetch, 8, 'what is left, and stable', stored(groupId, topic, true));
      await end(stage, who, true);
      await settled(stage, groupId, topic, 0);
      await stage.stepOf(OffsetFetch, 8, 'when it is committed', stored(groupId, topic, true));
    },
    [0, 0],
  ),

  scenario(
    DeleteGroups,
    'of a transaction under way',
    async (stage) => {
      const { groupId, topic, who } = await pendingBesideCommitted(stage);
      await stage.step('it', { groupsNames: [groupId] });
      await stage.stepOf(OffsetFetch, 8, 'what is left', stored(groupId, topic, true));
      await end(stage, who, true);
      await settled(stage, groupId, topic, 0);
      await stage.stepOf(OffsetFetch, 8, 'when it is committed', stored(groupId, topic, true));
    },
    [0, 2],
  ),
];

/** A group with an offset of a partition, and another one of it in a transaction under way. */
async function pendingBesideCommitted<Q, R>(stage: Stage<Q, R>) {
  const topic = await stage.topic('a');
  const groupId = await stage.group('g');
  const who = await producer(stage);
  await stage.until(AddOffsetsToTxn, 3, { ...who, groupId }, isSettled);
  await stage.ask(OffsetCommit, 7, commit(groupId, topic, [[0, 1]]));
  await stage.ask(TxnOffsetCommit, 3, { ...who, groupId, topics: [offsetsOf(topic, [0, 5])] });
  return { groupId, topic, who };
}

/** Waits until nothing of a partition's offset is pending. */
async function settled<Q, R>(stage: Stage<Q, R>, groupId: string, { name }: Topic, partition: number): Promise<void> {
  const asked = { groups: [{ groupId, topics: [{ name, partitionIndexes: [partition] }] }], requireStable: true };
  const isStable = ({ groups }: ResponseOf<typeof OffsetFetch>) => groups[0]?.topics[0]?.partitions[0]?.errorCode === 0;
  await stage.until(OffsetFetch, 8, asked, isStable);
}
