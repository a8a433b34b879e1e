import { expect, test } from 'vitest';
import { KafkaError } from '../../../src/core/errors.ts';
import { fetchedOffset, groupsFixture, stableGroup, TOPIC_ID, watch } from './group-fixture.ts';

const FROM_OUTSIDE = { memberId: '', generationId: -1 };
/** ConsumerProtocolSubscription v0 of topic "t", v1 of "t" and "u": as consumers write them. */
const SUBSCRIBED_TO_T = Buffer.from('0000000000010001' + '74' + 'ffffffff', 'hex');
const SUBSCRIBED_TO_T_AND_U = Buffer.from('0001000000020001' + '74' + '0001' + '75' + 'ffffffff' + '00000000', 'hex');

const range = (metadata: Buffer) => ({ protocols: [{ name: 'range', metadata }] });
const errorOf = async (promise: Promise<unknown>) => (await promise.catch((error: KafkaError) => error.errorName)) ?? 'NONE';
const partitions = (count: number) => Array.from({ length: count }, (_, partition) => partition);

test('a stable group is described with what its members told each other', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client({ clientHost: '/10.0.0.7' }), fixture.client({ groupInstanceId: 'static', memberId: '' })];
  await stableGroup(fixture, [a, b]);
  const { members, ...group } = await fixture.groups.describe('g');
  expect(group).toEqual({ state: 'Stable', protocolType: 'consumer', protocolName: 'range' });
  expect(members).toEqual([
    {
      memberId: a.memberId,
      groupInstanceId: null,
      clientId: 'client',
      clientHost: '/10.0.0.7',
      metadata: Buffer.from('subscription'),
      assignment: Buffer.from('share0'),
    },
    expect.objectContaining({ memberId: b.memberId, groupInstanceId: 'static', assignment: Buffer.from('share1') }),
  ]);
});

test('while a group rebalances its members are named with what they have been assigned, and what they will agree on is not', async () => {
  const fixture = await groupsFixture();
  const [a, b] = [fixture.client(), fixture.client()];
  await stableGroup(fixture, [a]);
  await b.join();
  expect(await fixture.groups.describe('g')).toMatchObject({
    state: 'PreparingRebalance',
    protocolType: 'consumer',
    protocolName: '',
    members: [
      { memberId: a.memberId, metadata: Buffer.alloc(0), assignment: Buffer.from('share0') },
      { memberId: b.memberId, metadata: Buffer.alloc(0), assignment: Buffer.alloc(0) },
    ],
  });
});

test('a group that only keeps offsets is Empty and of no type; one that is not there is not found', async () => {
  const fixture = await groupsFixture();
  fixture.client().commit(1, FROM_OUTSIDE);
  expect(await fixture.groups.describe('g')).toEqual({ state: 'Empty', protocolType: '', protocolName: '', members: [] });
  expect(await errorOf(fixture.groups.describe('other'))).toBe('GROUP_ID_NOT_FOUND');
});

test('what a description shows is in the log', async () => {
  const fixture = await groupsFixture();
  fixture.client().commit(1, FROM_OUTSIDE);
  fixture.log.isHeld = true;
  fixture.client().commit(2, FROM_OUTSIDE);
  const described = watch(fixture.groups.describe('g'));
  await fixture.clock.settle();
  expect(described.reply).toBeUndefined();
  fixture.log.commit();
  await fixture.clock.settle();
  expect(described.reply).toBeDefined();
});

test('groups are listed with their state, those of every partition', async () => {
  const fixture = await groupsFixture();
  await stableGroup(fixture, [fixture.client()]);
  fixture.client({ groupId: 'simple' }).commit(1, FROM_OUTSIDE);
  const joining = fixture.client({ groupId: 'joining' });
  await joining.join();
  await fixture.clock.advance(1);
  const listed = await fixture.groups.list();
  expect(listed.toSorted((x, y) => (x.groupId < y.groupId ? -1 : 1))).toEqual([
    { groupId: 'g', protocolType: 'consumer', state: 'Stable' },
    { groupId: 'joining', protocolType: 'consumer', state: 'CompletingRebalance' },
    { groupId: 'simple', protocolType: '', state: 'Empty' },
  ]);
});

test('a partition that cannot be loaded fails the listing', async () => {
  const fixture = await groupsFixture({}, false);
  fixture.log.replayGate = new Promise(() => {});
  const listing = watch(fixture.groups.list());
  await fixture.clock.advance(1_000);
  expect(listing.reply).toBe('COORDINATOR_LOAD_IN_PROGRESS');
});

test('a group without members is deleted with its offsets, for good', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  a.commit(42);
  await a.leave();
  expect(await errorOf(fixture.groups.deleteGroup('g'))).toBe('NONE');
  for (const when of ['now', 'after a restart']) {
    expect([when, await fixture.groups.list(), await fetchedOffset(fixture)]).toEqual([when, [], undefined]);
    await fixture.restart();
  }
  expect(await errorOf(fixture.groups.deleteGroup('g'))).toBe('GROUP_ID_NOT_FOUND');
});

test('a group with members is not deleted, nor one that somebody is joining', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client();
  await stableGroup(fixture, [a]);
  a.commit(42);
  expect(await errorOf(fixture.groups.deleteGroup('g'))).toBe('NON_EMPTY_GROUP');
  const b = fixture.client({ groupId: 'joining' });
  await b.join();
  expect(await errorOf(fixture.groups.deleteGroup('joining'))).toBe('NON_EMPTY_GROUP');
  expect([a.heartbeat(), await fetchedOffset(fixture)]).toEqual(['NONE', 42]);
});

test('a deletion that is lost deletes nothing', async () => {
  const fixture = await groupsFixture();
  fixture.client().commit(42, FROM_OUTSIDE);
  await fixture.clock.settle();
  fixture.log.isHeld = true;
  const deleted = watch(errorOf(fixture.groups.deleteGroup('g')));
  fixture.log.fail(new KafkaError('KAFKA_STORAGE_ERROR'));
  await fixture.clock.settle();
  expect(deleted.reply).toBe('NOT_COORDINATOR');
  await fixture.groups.load(0);
  expect(await fetchedOffset(fixture)).toBe(42);
});

test('a group with very many offsets is deleted in several writes; who commits in between keeps what is left', async () => {
  const fixture = await groupsFixture();
  const name = 'n'.repeat(249);
  const many = partitions(3_000).map((partition) => ({ partition, offset: 1, leaderEpoch: -1, metadata: '', commitTimestampMs: -1 }));
  fixture.client().commit(1, { ...FROM_OUTSIDE, topics: [{ name, topicId: TOPIC_ID, partitions: many }] });
  await fixture.clock.settle();
  fixture.log.isHeld = true;
  const deleted = watch(errorOf(fixture.groups.deleteGroup('g')));
  await fixture.client({ requireKnownMemberId: false }).join(); // alive: its rebalance has begun
  await fixture.clock.settle();
  fixture.log.commit();
  await fixture.clock.settle();
  expect(deleted.reply).toBe('NON_EMPTY_GROUP');
  const [left] = await fixture.groups.fetchOffsets('g', null);
  expect(left!.partitions.length).toBeGreaterThan(0);
  expect(left!.partitions.length).toBeLessThan(3_000);

  await fixture.clock.advance(60_000); // the one that joined is gone
  expect(await errorOf(fixture.groups.deleteGroup('g'))).toBe('NONE');
  expect(await fixture.groups.fetchOffsets('g', null)).toEqual([]);
});

test('offsets are deleted, except of topics that the members are subscribed to', async () => {
  const fixture = await groupsFixture();
  const a = fixture.client(range(SUBSCRIBED_TO_T_AND_U));
  await stableGroup(fixture, [a]);
  const at = (name: string) => ({
    name,
    topicId: TOPIC_ID,
    partitions: [{ partition: 0, offset: 7, leaderEpoch: -1, metadata: '', commitTimestampMs: -1 }],
  });
  a.commit(7, { topics: [at('t'), at('u'), at('old')] });
  const named = ['t', 'u', 'old', 'never'].map((name) => ({ name, partitions: [0] }));
  expect((await fixture.groups.deleteOffsets('g', named)).map(({ name, partitions: [one] }) => [name, one!.error])).toEqual([
    ['t', 'GROUP_SUBSCRIBED_TO_TOPIC'],
    ['u', 'GROUP_SUBSCRIBED_TO_TOPIC'],
    ['old', 'NONE'],
    ['never', 'NONE'],
  ]);
  await fixture.restart();
  expect((await fixture.groups.fetchOffsets('g', null)).map(({ name }) => name)).toEqual(['t', 'u']);
});

test('of a group whose members nobody understands no offset is deleted', async () => {
  const fixture = await groupsFixture();
  const garbled = fixture.client(range(Buffer.from('0000000000ff', 'hex')));
  await stableGroup(fixture, [garbled]);
  const topics = [{ name: 't', partitions: [0] }];
  expect(await fixture.groups.deleteOffsets('g', topics)).toMatchObject([{ partitions: [{ error: 'GROUP_SUBSCRIBED_TO_TOPIC' }] }]);
  const connect = fixture.client({ groupId: 'connect', protocolType: 'connect' });
  await stableGroup(fixture, [connect]);
  expect(await errorOf(fixture.groups.deleteOffsets('connect', topics))).toBe('NON_EMPTY_GROUP');
  expect(await errorOf(fixture.groups.deleteOffsets('other', topics))).toBe('GROUP_ID_NOT_FOUND');
  expect(await errorOf(fixture.groups.deleteOffsets('', topics))).toBe('INVALID_GROUP_ID');
});

test('the subscription of consumers is read in the version that they wrote it in', async () => {
  for (const [metadata, error] of [
    [SUBSCRIBED_TO_T, 'NONE'],
    [SUBSCRIBED_TO_T_AND_U, 'GROUP_SUBSCRIBED_TO_TOPIC'],
  ] as const) {
    const fixture = await groupsFixture();
    await stableGroup(fixture, [fixture.client(range(metadata))]);
    expect(await fixture.groups.deleteOffsets('g', [{ name: 'u', partitions: [3] }])).toEqual([
      { name: 'u', partitions: [{ partition: 3, error }] },
    ]);
  }
});
