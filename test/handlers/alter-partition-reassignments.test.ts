import { expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { alterPartitionReassignments } from '../../src/handlers/alter-partition-reassignments.ts';
import { sender } from './group-handlers.ts';
import { metadata, scriptedAdmin } from './partition-admin-fixture.ts';

// The answers are those of Apache Kafka 4.4.0.
const started = (errors: Readonly<Record<string, KafkaError>> = {}) => {
  const partitionAdmin = scriptedAdmin(errors);
  return { partitionAdmin, send: sender(alterPartitionReassignments, { metadata, partitionAdmin, clock: fakeClock() }) };
};

test.each([
  [0, true], // the factor does not stand in v0
  [1, false],
])('v%i: replicas move, or with null come back', async (version, allowReplicationFactorChange) => {
  const { partitionAdmin, send } = started();
  const partitions = [
    { partitionIndex: 1, replicas: [2, 3] },
    { partitionIndex: 0, replicas: null },
  ];
  const reply = await send(version, { allowReplicationFactorChange: false, topics: [{ name: 'orders', partitions }] });
  const reassignments = partitions.map(({ partitionIndex, replicas }) => ({ topic: 'orders', partition: partitionIndex, replicas }));
  expect(partitionAdmin.asked).toEqual([{ reassignments, allowReplicationFactorChange }]);
  const answers = [1, 0].map((partitionIndex) => ({ partitionIndex, errorCode: 0, errorMessage: null }));
  expect(reply).toMatchObject({
    allowReplicationFactorChange,
    errorCode: 0,
    errorMessage: null,
    responses: [{ name: 'orders', partitions: answers }],
  });
});

test('each partition is answered for itself; an error that only says its name comes without words', async () => {
  const { send } = started({
    'orders-0': new KafkaError('NO_REASSIGNMENT_IN_PROGRESS'),
    'orders-2': new KafkaError('INVALID_REPLICA_ASSIGNMENT', 'no such broker'),
  });
  const of = (...indexes: number[]) => indexes.map((partitionIndex) => ({ partitionIndex, replicas: null }));
  const topics = [
    { name: 'orders', partitions: of(0, 9, 2) },
    { name: 'nope', partitions: of(0) },
    { name: 'users', partitions: [] },
  ];
  expect((await send(1, { topics })).responses).toEqual([
    {
      name: 'orders',
      partitions: [
        { partitionIndex: 0, errorCode: 85, errorMessage: null },
        { partitionIndex: 9, errorCode: 3, errorMessage: 'Unable to find partition orders:9.' },
        { partitionIndex: 2, errorCode: 39, errorMessage: 'no such broker' },
      ],
    },
    { name: 'nope', partitions: [{ partitionIndex: 0, errorCode: 3, errorMessage: 'Unable to find a topic named nope.' }] },
    { name: 'users', partitions: [] },
  ]);
});

test('a request for nothing is answered with the empty message of Kafka', async () => {
  expect(await started().send(1, { topics: [] })).toMatchObject({ errorCode: 0, errorMessage: '', responses: [] });
});

test.each([0, -1])('with %i ms nothing moves: REQUEST_TIMED_OUT, for the request and for each partition', async (timeoutMs) => {
  const { partitionAdmin, send } = started();
  const topics = [{ name: 'orders', partitions: [{ partitionIndex: 1, replicas: [2] }] }];
  const refused = { errorCode: 7, responses: [{ name: 'orders', partitions: [{ partitionIndex: 1, errorCode: 7 }] }] };
  expect(await send(1, { topics, timeoutMs })).toMatchObject(refused);
  expect(await send(1, { topics: [], timeoutMs })).toMatchObject({ errorCode: 0, responses: [] });
  expect(partitionAdmin.asked).toEqual([]);
});
