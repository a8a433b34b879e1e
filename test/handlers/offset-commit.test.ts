import { expect, test } from 'vitest';
import { offsetCommit } from '../../src/handlers/offset-commit.ts';
import { groupsFixture } from '../coordinator/group/group-fixture.ts';
import { GONE_ID, metadata, ORDERS_ID, sender, versionsOf } from './group-handlers.ts';

const OUTSIDE = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '' };
const partition = (partitionIndex: number, committedMetadata: string | null = '') => ({
  partitionIndex,
  committedOffset: 5,
  committedLeaderEpoch: 3,
  committedMetadata,
});

async function started() {
  const { clock, groups, log } = await groupsFixture();
  return { clock, groups, log, send: sender(offsetCommit, { groups, metadata }) };
}

test.each(versionsOf(offsetCommit))('v%i stores the offset, with its leader epoch from v6 on', async (version) => {
  const { groups, send } = await started();
  const reply = await send(version, { ...OUTSIDE, topics: [{ name: 'orders', topicId: ORDERS_ID, partitions: [partition(1, null)] }] });
  expect(reply.topics).toMatchObject([
    {
      name: version < 10 ? 'orders' : '',
      partitions: [{ partitionIndex: 1, errorCode: 0 }],
      ...(version < 10 ? {} : { topicId: ORDERS_ID }),
    },
  ]);
  expect(await groups.fetchOffsets('g', null)).toMatchObject([
    {
      name: 'orders',
      partitions: [{ partition: 1, committed: { offset: 5, leaderEpoch: version >= 6 ? 3 : -1, metadata: '', topicId: ORDERS_ID } }],
    },
  ]);
});

// In this order: as Apache Kafka 4.4.0 answers.
test('partitions that do not exist are answered first, the others as the group says', async () => {
  const { send } = await started();
  const topics = [
    { name: 'orders', partitions: [partition(0), partition(1, 'x'.repeat(4097)), partition(2)] },
    { name: 'gone', partitions: [partition(0)] },
  ];
  expect((await send(9, { ...OUTSIDE, topics })).topics).toMatchObject([
    {
      name: 'orders',
      partitions: [
        { partitionIndex: 2, errorCode: 3 },
        { partitionIndex: 0, errorCode: 0 },
        { partitionIndex: 1, errorCode: 12 },
      ],
    },
    { name: 'gone', partitions: [{ partitionIndex: 0, errorCode: 3 }] },
  ]);
});

test('v10: a topic id that does not exist is UNKNOWN_TOPIC_ID', async () => {
  const { send } = await started();
  const topics = [GONE_ID, 'AAAAAAAAAAAAAAAAAAAAAA'].map((topicId) => ({ topicId, partitions: [partition(0)] }));
  expect((await send(10, { ...OUTSIDE, topics })).topics).toMatchObject([
    { topicId: GONE_ID, partitions: [{ errorCode: 100 }] },
    { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [{ errorCode: 100 }] },
  ]);
});

test('what is wrong with the sender is told for each partition, in the words of the version', async () => {
  const { send } = await started();
  const request = { ...OUTSIDE, generationIdOrMemberEpoch: 7, topics: [{ name: 'orders', partitions: [partition(0), partition(1)] }] };
  const codes = async (version: number) => (await send(version, request)).topics[0]!.partitions.map(({ errorCode }) => errorCode);
  expect([await codes(8), await codes(9)]).toEqual([
    [22, 22],
    [69, 69],
  ]);
});

test('when no partition exists the group is not asked, and no topics is no error', async () => {
  const { send } = await started();
  const topics = [{ name: 'gone', partitions: [partition(0)] }];
  expect((await send(8, { ...OUTSIDE, generationIdOrMemberEpoch: 7, topics })).topics[0]!.partitions[0]!.errorCode).toBe(3);
  expect((await send(8, { ...OUTSIDE, generationIdOrMemberEpoch: 7, topics: [] })).topics).toEqual([]);
});

test('v1 says when, v2 to v4 for how long', async () => {
  const { clock, groups, send } = await started();
  const stored = async () => (await groups.fetchOffsets('g', null))[0]!.partitions[0]!.committed;
  await send(1, { ...OUTSIDE, topics: [{ name: 'orders', partitions: [{ ...partition(0), commitTimestamp: 1234 }] }] });
  expect(await stored()).toMatchObject({ commitTimestampMs: 1234, expireTimestampMs: -1 });
  await send(3, { ...OUTSIDE, retentionTimeMs: 1000, topics: [{ name: 'orders', partitions: [partition(0)] }] });
  expect(await stored()).toMatchObject({ commitTimestampMs: clock.now(), expireTimestampMs: clock.now() + 1000 });
  await send(2, { ...OUTSIDE, retentionTimeMs: -1, topics: [{ name: 'orders', partitions: [partition(0)] }] });
  expect(await stored()).toMatchObject({ expireTimestampMs: -1 });
});

test('pipelined commits are applied in the order of their requests', async () => {
  const { groups, log, send } = await started();
  log.isHeld = true;
  const topics = (committedOffset: number) => [{ name: 'orders', partitions: [{ ...partition(0), committedOffset }] }];
  const replies = [1, 2, 3].map((offset) => send(8, { ...OUTSIDE, topics: topics(offset) }));
  log.commit();
  await Promise.all(replies);
  expect(await groups.fetchOffsets('g', null)).toMatchObject([{ partitions: [{ committed: { offset: 3 } }] }]);
});
