import { expect, test } from 'vitest';
import { alterReassignments } from '../../src/metadata/reassignments.ts';
import { admit, type Brokers, brokersOf } from './brokers-fixture.ts';

const MIN_ISR_2 = { 'min.insync.replicas': '2' };

async function move(brokers: Brokers, replicas: readonly number[] | null, allowReplicationFactorChange = true): Promise<string | null> {
  const { feed } = brokers.running.get(1)!;
  const [error] = await alterReassignments({ store: brokers.store, metadata: feed }, [{ topic: 'a', partition: 0, replicas }], {
    allowReplicationFactorChange,
  });
  await brokers.settle();
  return error ? `${error.errorName}: ${error.message}` : null;
}

test('replicas are added first; when they are in sync the others go, and a leader among them hands over', async () => {
  const brokers = await brokersOf([1, 2, 3, 4, 5]);
  await brokers.create('a', [[1, 2]]);
  expect(await move(brokers, [4, 5])).toBeNull();
  const moving = { replicas: [4, 5, 1, 2], adding: [4, 5], removing: [1, 2], isr: [1, 2], leader: 1, leaderEpoch: 0 };
  expect(await brokers.partition('a')).toMatchObject(moving);
  await admit(brokers, 'a', [4]);
  expect(await brokers.partition('a')).toMatchObject({ ...moving, isr: [1, 2, 4] });
  await admit(brokers, 'a', [5]);
  const moved = { replicas: [4, 5], adding: [], removing: [], isr: [4, 5], elr: [], leader: 4, leaderEpoch: 1 };
  expect(await brokers.partition('a')).toMatchObject(moved);
  expect((await brokers.partition('a')).disks.map(({ id }) => id)).toEqual([4, 5]);
  await brokers.close();
});

test('a leader that stays goes on in its epoch; a new order alone is done at once', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[1, 2]]);
  await move(brokers, [3, 1]);
  await admit(brokers, 'a', [3]);
  expect(await brokers.partition('a')).toMatchObject({ replicas: [3, 1], isr: [1, 3], leader: 1, leaderEpoch: 0 });
  expect(await move(brokers, [1, 3])).toBeNull();
  expect(await brokers.partition('a')).toMatchObject({ replicas: [1, 3], adding: [], removing: [], leader: 1 });
  expect(await move(brokers, null)).toMatch(/^NO_REASSIGNMENT_IN_PROGRESS/);
  await brokers.close();
});

test('a reassignment that is taken back leaves the replicas of before', async () => {
  const brokers = await brokersOf([1, 2, 3, 4]);
  await brokers.create('a', [[1, 2]]);
  await move(brokers, [3, 4]);
  await admit(brokers, 'a', [3]);
  expect(await move(brokers, null)).toBeNull();
  expect(await brokers.partition('a')).toMatchObject({ replicas: [1, 2], adding: [], removing: [], isr: [1, 2], leader: 1 });
  await brokers.close();
});

test('another target takes the place of the one under way; who joined for the first and is not in sync goes at once', async () => {
  const brokers = await brokersOf([1, 2, 3, 4]);
  await brokers.create('a', [[1]]);
  await move(brokers, [3]);
  await move(brokers, [4, 2]);
  expect(await brokers.partition('a')).toMatchObject({ replicas: [4, 2, 1], adding: [4, 2], removing: [1] });
  await admit(brokers, 'a', [2, 4]);
  expect(await brokers.partition('a')).toMatchObject({ replicas: [4, 2], isr: [2, 4], leader: 4 });
  await brokers.close();
});

test('it does not end before min ISR of those that stay are in sync: no acknowledged record comes to rest on one disk', async () => {
  const brokers = await brokersOf([1, 2, 3], MIN_ISR_2);
  await brokers.create('a', [[1, 2, 3]]);
  await brokers.expire(brokers.kill(3));
  await brokers.settle();
  await move(brokers, [2, 3]);
  expect(await brokers.partition('a')).toMatchObject({ replicas: [2, 3, 1], removing: [1], isr: [1, 2], leader: 1 });
  await brokers.start(3);
  await admit(brokers, 'a', [3], 2);
  expect(await brokers.partition('a')).toMatchObject({ replicas: [2, 3], removing: [], isr: [2, 3], leader: 2 });
  await brokers.close();
});

test('what cannot be is refused in words of Kafka', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[1, 2]]);
  expect(await move(brokers, [])).toBe('INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes an empty replica list.');
  expect(await move(brokers, [1, 9])).toBe(
    'INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 9, but no such broker is registered.',
  );
  expect(await move(brokers, [1, 1])).toBe(
    'INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes the broker 1 more than once.',
  );
  expect(await move(brokers, [1], false)).toBe('INVALID_REPLICATION_FACTOR: The replication factor is changed from 2 to 1');
  expect(await move(brokers, [2, 3], false)).toBeNull();
  const cluster = { store: brokers.store, metadata: brokers.running.get(1)!.feed };
  const [unknown] = await alterReassignments(cluster, [{ topic: 'b', partition: 0, replicas: [1] }], {
    allowReplicationFactorChange: true,
  });
  expect(unknown?.errorName).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  await brokers.close();
});

test('200 partitions are moved at once, one that is named twice one after the other', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create(
    'a',
    Array.from({ length: 200 }, () => [1]),
  );
  const cluster = { store: brokers.store, metadata: brokers.running.get(1)!.feed };
  const moves = Array.from({ length: 200 }, (_, partition) => ({ topic: 'a', partition, replicas: [2] }));
  const errors = await alterReassignments(cluster, [...moves, { topic: 'a', partition: 7, replicas: null }], {
    allowReplicationFactorChange: true,
  });
  expect(errors).toEqual(new Array(201).fill(null));
  expect(await brokers.partition('a', 199)).toMatchObject({ replicas: [2, 1], adding: [2], removing: [1] });
  await brokers.settle();
  expect(await brokers.partition('a', 7)).toMatchObject({ replicas: [1], adding: [], removing: [] });
  await brokers.close();
});

test('internal topics, and only those, gain replicas as brokers join, up to three, on other racks first', async () => {
  const brokers = await brokersOf([1]);
  await brokers.create('__consumer_offsets', [[1]]);
  await brokers.create('a', [[1]]);
  await brokers.start(2, 'x');
  await brokers.settle();
  expect(await brokers.partition('__consumer_offsets')).toMatchObject({ replicas: [1, 2], adding: [2], isr: [1] });
  await brokers.start(3, 'x');
  await brokers.start(4, 'y');
  await brokers.settle();
  await admit(brokers, '__consumer_offsets', [2]);
  expect(await brokers.partition('__consumer_offsets')).toMatchObject({ replicas: [1, 2, 4], adding: [4], isr: [1, 2] });
  await admit(brokers, '__consumer_offsets', [4]);
  await brokers.settle();
  expect(await brokers.partition('__consumer_offsets')).toMatchObject({ replicas: [1, 2, 4], adding: [], isr: [1, 2, 4] });
  expect(await brokers.partition('a')).toMatchObject({ replicas: [1] });
  await brokers.close();
});
