import { expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import {
  checkCounts,
  checkIncrease,
  checkReplicas,
  checkTopicAssignments,
  checkTopicIsNew,
  checkTopicName,
  checkTotalPartitions,
  isValidTopicName,
} from '../../src/metadata/topic-rules.ts';
import { clusterOf } from './cluster-fixture.ts';

/** The messages here are those in the class files of Apache Kafka 4.4.0. */
const refusal = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof KafkaError) return `${error.errorName}: ${error.message}`;
    throw error;
  }
  return 'none';
};

test('topic names have 1 to 249 letters, digits, dots, underscores, and hyphens', () => {
  const letters = (n: number) => 'x'.repeat(n);
  for (const name of ['a', 'A.b_c-9', '...', '._', '-', letters(249)]) {
    expect(refusal(() => checkTopicName(name))).toBe('none');
    expect(isValidTopicName(name)).toBe(true);
  }
  const invalid = 'INVALID_TOPIC_EXCEPTION: Topic name is invalid: ';
  expect(refusal(() => checkTopicName(''))).toBe(`${invalid}the empty string is not allowed`);
  expect(refusal(() => checkTopicName('.'))).toBe(`${invalid}'.' is not allowed`);
  expect(refusal(() => checkTopicName('..'))).toBe(`${invalid}'..' is not allowed`);
  expect(refusal(() => checkTopicName(letters(250)))).toBe(
    `${invalid}the length of '${letters(250)}' is longer than the max allowed length 249`,
  );
  for (const name of ['a b', 'a/b', 'ä', 'a\n', '\n', 'a,b', 'a\0']) {
    expect(refusal(() => checkTopicName(name))).toBe(
      `${invalid}'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`,
    );
    expect(isValidTopicName(name)).toBe(false);
  }
});

test('a topic that exists, or one that differs from an existing one in dots and underscores alone, is refused', async () => {
  const { feed, create, close } = await clusterOf();
  await create('a.b_c');
  const check = (name: string) => refusal(() => checkTopicIsNew(feed.current, name));
  expect(check('a.b_c')).toBe("TOPIC_ALREADY_EXISTS: Topic 'a.b_c' already exists.");
  for (const name of ['a_b_c', 'a.b.c', 'a_b.c']) {
    expect(check(name)).toBe(`INVALID_TOPIC_EXCEPTION: Topic '${name}' collides with existing topic: a.b_c`);
  }
  for (const name of ['a-b-c', 'a.b_d', 'abc', 'a.b_']) expect(check(name)).toBe('none');
  await close();
});

test('counts are positive or -1, and -1 beside a manual assignment', () => {
  const check = (partitions: number, replicationFactor: number, manual = false) =>
    refusal(() => checkCounts({ partitions, replicationFactor, assignments: manual ? [{ partition: 0, replicas: [1] }] : [] }));
  for (const [p, r] of [
    [1, 1],
    [-1, -1],
    [-1, 3],
    [6, -1],
  ] as const) {
    expect(check(p, r)).toBe('none');
  }
  for (const r of [0, -2])
    expect(check(0, r)).toBe('INVALID_REPLICATION_FACTOR: Replication factor must be larger than 0, or -1 to use the default value.');
  for (const p of [0, -2]) expect(check(p, 1)).toBe('INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.');
  const manual = 'INVALID_REQUEST: A manual partition assignment was specified, but';
  expect(check(-1, -1, true)).toBe('none');
  expect(check(1, 1, true)).toBe(`${manual} replication factor was not set to -1.`);
  expect(check(1, -1, true)).toBe(`${manual} numPartitions was not set to -1.`);
});

test('one request creates at most 10,000 partitions, counting defaults and manual assignments', () => {
  const counts = (partitions: number) => ({ partitions, replicationFactor: -1 });
  const manual = { ...counts(-1), assignments: [{ partition: 0, replicas: [1] }] };
  expect(refusal(() => checkTotalPartitions([counts(9_996), counts(-1), manual, counts(-5)], 3))).toBe('none');
  const excessive = 'POLICY_VIOLATION: Excessively large number of partitions per request.';
  expect(refusal(() => checkTotalPartitions([counts(9_997), counts(-1), manual], 3))).toBe(excessive);
  expect(refusal(() => checkTotalPartitions([counts(2 ** 31 - 1)], 1))).toBe(excessive);
});

test('a manual assignment names registered brokers once each, and partitions from 0 without gaps', async () => {
  const { feed, leases, store, close } = await clusterOf([1, 2, 3]);
  await leases.get(3)!.revoke();
  await feed.waitFor((await store.get('/')).rev);
  const check = (...partitions: [number, number[]][]) =>
    refusal(() =>
      checkTopicAssignments(
        feed.current,
        partitions.map(([partition, replicas]) => ({ partition, replicas })),
      ),
    );
  expect(
    checkTopicAssignments(feed.current, [
      { partition: 1, replicas: [2, 3] },
      { partition: 0, replicas: [1, 2] },
    ]),
  ).toEqual([
    [1, 2],
    [2, 3],
  ]);
  const invalid = 'INVALID_REPLICA_ASSIGNMENT: ';
  const includes = `${invalid}The manual partition assignment includes`;
  expect(check([0, [1]], [0, [2]])).toBe(`${invalid}Found multiple manual partition assignments for partition 0`);
  expect(check([0, [1]], [2, [2]])).toBe(`${invalid}partitions should be a consecutive 0-based integer sequence`);
  expect(check([1, [1]])).toBe(`${invalid}partitions should be a consecutive 0-based integer sequence`);
  expect(check([0, []])).toBe(`${includes} an empty replica list.`);
  expect(check([0, [1, 9]])).toBe(`${includes} broker 9, but no such broker is registered.`);
  expect(check([0, [2, 1, 2]])).toBe(`${includes} the broker 2 more than once.`);
  expect(check([0, [1]], [1, [1, 2]])).toBe(
    `${includes} a partition with 2 replica(s), but this is not consistent with previous partitions, which have 1 replica(s).`,
  );
  expect(check([0, [3]])).toBe(
    `${invalid}All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled shutdown.`,
  );
  expect(refusal(() => checkReplicas(feed.current, 4, [1, 2], 2))).toBe('none');
  await close();
});

test('partitions can only become more, by at most 10,000, with an assignment for each or for none', () => {
  const check = (count: number, assignments?: number) => refusal(() => checkIncrease('t', 3, count, assignments));
  expect(checkIncrease('t', 3, 5, undefined)).toBe(2);
  expect(checkIncrease('t', 3, 5, 2)).toBe(2);
  expect(check(3)).toBe('INVALID_PARTITIONS: Topic already has 3 partition(s).');
  expect(check(2)).toBe('INVALID_PARTITIONS: The topic t currently has 3 partition(s); 2 would not be an increase.');
  expect(check(-1)).toBe('INVALID_PARTITIONS: The topic t currently has 3 partition(s); -1 would not be an increase.');
  expect(check(5, 1)).toBe(
    'INVALID_REPLICA_ASSIGNMENT: Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.',
  );
  expect(check(5, 0)).toContain('but only 0 assignment(s)');
  expect(check(10_003)).toBe('none');
  expect(check(10_004)).toBe('POLICY_VIOLATION: Excessively large number of additional partitions per request.');
});
