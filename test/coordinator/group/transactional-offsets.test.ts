import { expect, test } from 'vitest';
import type { TransactionalCommitRequest } from '../../../src/coordinator/group/offsets.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { type GroupsFixture, groupsFixture, TOPIC_ID } from './group-fixture.ts';

const PRODUCER = 4000;

function inTransaction(offset: number, changes: Partial<TransactionalCommitRequest> = {}): TransactionalCommitRequest {
  const partitions = [{ partition: 0, offset, leaderEpoch: -1, metadata: '', commitTimestampMs: -1 }];
  return {
    ...{ groupId: 'g', memberId: '', groupInstanceId: null, generationId: -1, knowsGroupIdNotFound: false },
    topics: [{ name: 'orders', topicId: TOPIC_ID, partitions }],
    transaction: { producerId: PRODUCER, producerEpoch: 0, verification: 'off' },
    ...changes,
  };
}

function end(fixture: GroupsFixture, commits: boolean, producerId = PRODUCER): Promise<string> {
  const marker = { producerId, producerEpoch: 0, commits, coordinatorEpoch: 0, transactionVersion: 0 };
  return new Promise((resolve) => fixture.groups.endTransaction(0, marker, (error) => resolve(error?.errorName ?? 'NONE')));
}

async function committed(fixture: GroupsFixture, requireStable = false): Promise<number | 'unstable' | undefined> {
  const [topic] = await fixture.groups.fetchOffsets('g', [{ name: 'orders', partitions: [0] }], requireStable);
  const { committed, isUnstable } = topic!.partitions[0]!;
  return isUnstable ? 'unstable' : committed?.offset;
}

const plain = (fixture: GroupsFixture, offset: number) =>
  fixture.groups.commit({
    ...{ groupId: 'g', memberId: '', groupInstanceId: null, generationId: -1, retentionTimeMs: -1, knowsGroupIdNotFound: true },
    topics: inTransaction(offset).topics,
  });

test.each(['at once', 'after a restart in between', 'after a restart at the end'])(
  'an offset that a transaction commits holds when it is committed, and never when it is aborted: %s',
  async (when) => {
    const fixture = await groupsFixture();
    await plain(fixture, 1);
    for (const [offset, commits] of [
      [5, true],
      [9, false],
      [12, true],
    ] as const) {
      const before = await committed(fixture);
      expect((await fixture.groups.commitInTransaction(inTransaction(offset)))[0]!.partitions).toEqual([{ partition: 0, error: 'NONE' }]);
      expect(await committed(fixture)).toBe(before);
      expect(await committed(fixture, true)).toBe('unstable');
      if (when === 'after a restart in between') await fixture.restart();
      expect(await end(fixture, commits)).toBe('NONE');
      if (when === 'after a restart at the end') await fixture.restart();
      expect(await committed(fixture, true)).toBe(commits ? offset : before);
    }
  },
);

test('of two commits the later one in the log holds, whichever transaction ends first', async () => {
  const fixture = await groupsFixture();
  await fixture.groups.commitInTransaction(inTransaction(5));
  await plain(fixture, 7);
  await end(fixture, true);
  expect(await committed(fixture)).toBe(7);
  const other = { producerId: 5000, producerEpoch: 0, verification: 'off' } as const;
  await fixture.groups.commitInTransaction(inTransaction(8));
  await fixture.groups.commitInTransaction(inTransaction(9, { transaction: other }));
  await end(fixture, true, 5000);
  expect(await committed(fixture, true)).toBe('unstable');
  await end(fixture, true);
  expect(await committed(fixture, true)).toBe(9);
  await fixture.restart();
  expect(await committed(fixture, true)).toBe(9);
});

test('a commit is there only once its marker is committed', async () => {
  const fixture = await groupsFixture();
  await fixture.groups.commitInTransaction(inTransaction(5));
  fixture.log.isHeld = true;
  const ended = end(fixture, true);
  const fetched = committed(fixture);
  fixture.log.fail(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  expect(await ended).toBe('NOT_COORDINATOR');
  await expect(fetched).rejects.toMatchObject({ errorName: 'NOT_COORDINATOR' });
});

test('a marker that the log refuses is told as it was refused', async () => {
  const fixture = await groupsFixture();
  fixture.log.refusal = new KafkaError('TRANSACTION_COORDINATOR_FENCED');
  expect(await end(fixture, true)).toBe('TRANSACTION_COORDINATOR_FENCED');
});

test('a deleted group does not come back with the end of a transaction, nor after a restart', async () => {
  const fixture = await groupsFixture();
  await plain(fixture, 1);
  await fixture.groups.commitInTransaction(inTransaction(5));
  await fixture.groups.deleteGroup('g');
  await end(fixture, true);
  expect([await committed(fixture, true), await fixture.groups.list()]).toEqual([undefined, []]);
  await fixture.restart();
  expect([await committed(fixture, true), await fixture.groups.list()]).toEqual([undefined, []]);
});

test('a deleted offset does not come back with the end of a transaction, nor after a restart', async () => {
  const fixture = await groupsFixture();
  await plain(fixture, 1);
  await fixture.groups.commitInTransaction(inTransaction(5));
  const others = inTransaction(6, { topics: [{ ...inTransaction(6).topics[0]!, name: 'users' }] });
  await fixture.groups.commitInTransaction(others);
  const [topic, other] = ['orders', 'users'].map((name) => ({ name, partitions: [0] }));
  await fixture.groups.deleteOffsets('g', [topic!, other!]);
  await fixture.restart();
  await end(fixture, true);
  const found = await fixture.groups.fetchOffsets('g', [topic!, other!]);
  expect(found.map(({ partitions }) => partitions[0]!.committed)).toEqual([undefined, undefined]);
});

test('a group that has nothing but a pending commit goes when that is aborted', async () => {
  const fixture = await groupsFixture();
  await fixture.groups.commitInTransaction(inTransaction(5));
  expect((await fixture.groups.list()).map(({ groupId }) => groupId)).toEqual(['g']);
  await end(fixture, false);
  expect(await fixture.groups.list()).toEqual([]);
});

test('a commit of a member that is none any more is refused (KIP-447), one that names no member is not', async () => {
  const fixture = await groupsFixture();
  const client = fixture.client({ requireKnownMemberId: false });
  await client.send().reply;
  await fixture.clock.advance(0);
  const { generationId, memberId } = client;
  const errorOf = (changes: Partial<TransactionalCommitRequest>) =>
    fixture.groups.commitInTransaction(inTransaction(5, changes)).then(
      () => 'NONE',
      (error: KafkaError) => error.errorName,
    );
  expect(await errorOf({ memberId: 'stranger', generationId })).toBe('UNKNOWN_MEMBER_ID');
  expect(await errorOf({ memberId, generationId: generationId + 1 })).toBe('ILLEGAL_GENERATION');
  expect(await errorOf({ memberId, generationId })).toBe('NONE');
  expect(await errorOf({})).toBe('NONE');
});

test.each([
  [false, 'ILLEGAL_GENERATION'],
  [true, 'GROUP_ID_NOT_FOUND'],
] as const)(
  'a commit of a member of no group is refused: one that knows the error for it (%s) is told %s',
  async (knowsGroupIdNotFound, error) => {
    const { groups } = await groupsFixture();
    const refused = groups.commitInTransaction(inTransaction(5, { memberId: 'm', generationId: 1, knowsGroupIdNotFound }));
    await expect(refused).rejects.toMatchObject({ errorName: error });
  },
);

test('an offset with a pending commit behind it does not expire', async () => {
  const fixture = await groupsFixture();
  await plain(fixture, 1);
  await fixture.groups.commitInTransaction(inTransaction(5));
  await fixture.clock.advance(604_800_000 + 600_000);
  expect(await committed(fixture)).toBe(1);
  await end(fixture, false);
  await fixture.clock.advance(600_000);
  expect(await committed(fixture)).toBe(undefined);
});
