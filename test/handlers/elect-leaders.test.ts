import { expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { electLeaders } from '../../src/handlers/elect-leaders.ts';
import { sender } from './group-handlers.ts';
import { metadata, scriptedAdmin } from './partition-admin-fixture.ts';

// The answers are those of Apache Kafka 4.4.0.
const NOT_NEEDED = new KafkaError('ELECTION_NOT_NEEDED');
const started = (errors: Readonly<Record<string, KafkaError>> = {}) => {
  const partitionAdmin = scriptedAdmin(errors);
  return { partitionAdmin, send: sender(electLeaders, { metadata, partitionAdmin, clock: fakeClock() }) };
};

test.each([
  [0, 1, 'preferred'], // the type does not stand in v0
  [1, 0, 'preferred'],
  [2, 1, 'unclean'],
])('v%i with type %i elects: %s', async (version, electionType, type) => {
  const { partitionAdmin, send } = started();
  const reply = await send(version, { electionType, topicPartitions: [{ topic: 'orders', partitions: [2, 0] }] });
  expect(partitionAdmin.asked).toEqual([
    {
      type,
      partitions: [
        { topic: 'orders', partition: 2 },
        { topic: 'orders', partition: 0 },
      ],
    },
  ]);
  const partitionResult = [2, 0].map((partitionId) => ({ partitionId, errorCode: 0, errorMessage: null }));
  expect(reply).toMatchObject({ errorCode: 0, replicaElectionResults: [{ topic: 'orders', partitionResult }] });
});

test('each partition is answered where it stands in the request, also what does not exist and what stands there twice', async () => {
  const { partitionAdmin, send } = started({ 'orders-0': NOT_NEEDED, 'orders-1': new KafkaError('PREFERRED_LEADER_NOT_AVAILABLE') });
  const topicPartitions = [
    { topic: 'orders', partitions: [0, 9, 1, 0] },
    { topic: 'nope', partitions: [1] },
    { topic: '', partitions: [] },
  ];
  const { replicaElectionResults } = await send(0, { topicPartitions });
  const notNeeded = { partitionId: 0, errorCode: 84, errorMessage: 'Leader election not needed for topic partition.' };
  expect(replicaElectionResults).toEqual([
    {
      topic: 'orders',
      partitionResult: [
        notNeeded,
        { partitionId: 9, errorCode: 3, errorMessage: 'No such partition as orders-9' },
        { partitionId: 1, errorCode: 80, errorMessage: 'The preferred leader was not available.' },
        notNeeded,
      ],
    },
    { topic: 'nope', partitionResult: [{ partitionId: 1, errorCode: 3, errorMessage: 'No such topic as nope' }] },
    { topic: '', partitionResult: [] },
  ]);
  expect(partitionAdmin.asked).toHaveLength(3);
});

test('null means all partitions; those that need no election are left out, their topics are not', async () => {
  const unavailable = new KafkaError('ELIGIBLE_LEADERS_NOT_AVAILABLE');
  const { send } = started({ 'orders-0': NOT_NEEDED, 'orders-2': unavailable, 'users-0': NOT_NEEDED });
  expect((await send(2, { electionType: 1, topicPartitions: null })).replicaElectionResults).toEqual([
    {
      topic: 'orders',
      partitionResult: [
        { partitionId: 1, errorCode: 0, errorMessage: null },
        { partitionId: 2, errorCode: 83, errorMessage: 'Eligible topic partition leaders are not available.' },
      ],
    },
    { topic: 'users', partitionResult: [] },
  ]);
});

test('a type that does not exist is refused, for all that is asked for', async () => {
  const { partitionAdmin, send } = started();
  const refused = { partitionId: 0, errorCode: 42, errorMessage: 'Unknown election type 7' };
  expect(await send(1, { electionType: 7, topicPartitions: [{ topic: 'orders', partitions: [0] }] })).toMatchObject({
    errorCode: 42,
    replicaElectionResults: [{ topic: 'orders', partitionResult: [refused] }],
  });
  expect(await send(2, { electionType: 7, topicPartitions: null })).toMatchObject({ errorCode: 42, replicaElectionResults: [] });
  expect(partitionAdmin.asked).toEqual([]);
});

test.each([0, -1])('with %i ms nobody is elected: REQUEST_TIMED_OUT, for the request and for each partition', async (timeoutMs) => {
  const { partitionAdmin, send } = started();
  const reply = await send(2, { electionType: 0, topicPartitions: [{ topic: 'orders', partitions: [1] }], timeoutMs });
  expect(reply).toMatchObject({
    errorCode: 7,
    replicaElectionResults: [{ topic: 'orders', partitionResult: [{ partitionId: 1, errorCode: 7 }] }],
  });
  expect(await send(2, { electionType: 0, topicPartitions: null, timeoutMs })).toMatchObject({ errorCode: 7, replicaElectionResults: [] });
  expect(await send(2, { electionType: 0, topicPartitions: [], timeoutMs })).toMatchObject({ errorCode: 0 });
  expect(partitionAdmin.asked).toEqual([]);
});
