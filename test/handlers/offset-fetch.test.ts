import { expect, test } from 'vitest';
import { offsetFetch } from '../../src/handlers/offset-fetch.ts';
import { groupsFixture } from '../coordinator/group/group-fixture.ts';
import { GONE_ID, metadata, ORDERS_ID, sender, versionsOf } from './group-handlers.ts';

const NOTHING = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 };

async function committed() {
  const fixture = await groupsFixture();
  await fixture.groups.commit({
    groupId: 'g',
    memberId: '',
    groupInstanceId: null,
    generationId: -1,
    retentionTimeMs: -1,
    knowsGroupIdNotFound: true,
    topics: [
      {
        name: 'orders',
        topicId: ORDERS_ID,
        partitions: [{ partition: 0, offset: 5, leaderEpoch: 3, metadata: 'note', commitTimestampMs: -1 }],
      },
    ],
  });
  return { fixture, send: sender(offsetFetch, { groups: fixture.groups, metadata }) };
}

test.each(versionsOf(offsetFetch).filter((version) => version < 8))('v%i fetches what one group has committed', async (version) => {
  const { send } = await committed();
  const topics = [
    { name: 'orders', partitionIndexes: [0, 1, 9] },
    { name: 'gone', partitionIndexes: [0] },
  ];
  const committedLeaderEpoch = version >= 5 ? 3 : -1;
  expect(await send(version, { groupId: 'g', topics })).toMatchObject({
    errorCode: 0,
    topics: [
      {
        name: 'orders',
        partitions: [
          { partitionIndex: 0, committedOffset: 5, committedLeaderEpoch, metadata: 'note', errorCode: 0 },
          { partitionIndex: 1, ...NOTHING },
          { partitionIndex: 9, ...NOTHING },
        ],
      },
      { name: 'gone', partitions: [{ partitionIndex: 0, ...NOTHING }] },
    ],
  });
  expect(await send(version, { groupId: 'g', topics: [] })).toMatchObject({ topics: [], errorCode: 0 });
  if (version < 2) return;
  expect(await send(version, { groupId: 'g', topics: null })).toMatchObject({
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: 5 }] }],
  });
});

test.each([8, 9, 10])('v%i fetches of several groups', async (version) => {
  const { send } = await committed();
  const named = version < 10 ? { name: 'orders' } : { topicId: ORDERS_ID };
  const topics = [{ ...named, partitionIndexes: [0, 1] }];
  const request = {
    groups: [
      { groupId: 'g', topics },
      { groupId: 'other', topics },
      { groupId: 'g', topics: null },
    ],
  };
  const answer = (partitions: object[]) => [{ ...named, partitions }];
  const stored = { partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: 3, metadata: 'note', errorCode: 0 };
  expect((await send(version, request)).groups).toMatchObject([
    { groupId: 'g', errorCode: 0, topics: answer([stored, { partitionIndex: 1, ...NOTHING }]) },
    {
      groupId: 'other',
      errorCode: 0,
      topics: answer([
        { partitionIndex: 0, ...NOTHING },
        { partitionIndex: 1, ...NOTHING },
      ]),
    },
    { groupId: 'g', errorCode: 0, topics: answer([stored]) },
  ]);
});

// In this order: as Apache Kafka 4.4.0 answers.
test('v10: a topic id that does not exist is UNKNOWN_TOPIC_ID, after the others', async () => {
  const { send } = await committed();
  const topics = [GONE_ID, ORDERS_ID].map((topicId) => ({ topicId, partitionIndexes: [0] }));
  expect((await send(10, { groups: [{ groupId: 'g', topics }] })).groups[0]!.topics).toMatchObject([
    { topicId: ORDERS_ID, partitions: [{ committedOffset: 5, errorCode: 0 }] },
    { topicId: GONE_ID, partitions: [{ partitionIndex: 0, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 100 }] },
  ]);
});

test('an error of the group is told for each partition before v2, for the whole after, and for its group from v8 on', async () => {
  const { fixture, send } = await committed();
  fixture.groups.close();
  const topics = [{ name: 'orders', partitionIndexes: [0] }];
  expect((await send(1, { groupId: 'g', topics })).topics).toMatchObject([
    { partitions: [{ committedOffset: -1, metadata: '', errorCode: 15 }] },
  ]);
  expect(await send(7, { groupId: 'g', topics })).toMatchObject({ errorCode: 15, topics: [] });
  expect(await send(8, { groups: [{ groupId: 'g', topics }] })).toMatchObject({ groups: [{ groupId: 'g', errorCode: 15, topics: [] }] });
});

test.each([7, 9])('v%i knows no commit of a topic that was deleted and created anew under its name', async (version) => {
  const { fixture } = await committed();
  const orders = { name: 'orders', topicId: GONE_ID, partitions: [{}, {}] };
  const image = { topic: (name: string) => (name === 'orders' ? orders : undefined), topicById: () => undefined };
  const send = sender(offsetFetch, { groups: fixture.groups, metadata: { current: image } as unknown as typeof metadata });
  const topics = [{ name: 'orders', partitionIndexes: [0] }];
  const expected = [{ name: 'orders', partitions: [{ partitionIndex: 0, ...NOTHING }] }];
  const ask = async (wanted: typeof topics | null) => {
    if (version < 8) return (await send(version, { groupId: 'g', topics: wanted })).topics;
    return (await send(version, { groups: [{ groupId: 'g', topics: wanted }] })).groups[0]!.topics;
  };
  expect(await ask(topics)).toMatchObject(expected);
  expect(await ask(null)).toEqual([]);
});
