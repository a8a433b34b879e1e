import { beforeEach, describe, expect, test } from 'vitest';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';
const UNKNOWN = 'BBBBBBBBBBBBBBBBBBBBBA';
let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('b', { partitions: 2 });
  await on.broker.createTopic('a');
  client = await on.client();
  return () => on.broker.close();
});

const named = (...names: (string | null)[]) => names.map((name) => ({ topicId: ZERO, name }));
const namesIn = (reply: Struct) => (reply.topics as Struct[]).map(({ name }) => name);
const errorsIn = (reply: Struct) => (reply.topics as Struct[]).map(({ errorCode }) => errorCode);
const ask = (version: number, topics: Struct[] | null, more: Struct = {}) =>
  client.call('Metadata', version, { topics, allowAutoTopicCreation: false, ...more });

test('in v0 an empty list means all topics; from v1 on null does, and an empty list none', async () => {
  expect(namesIn(await ask(0, [])).sort()).toEqual(['a', 'b']);
  for (let version = 1; version <= 13; version++) {
    expect(namesIn(await ask(version, null)).sort()).toEqual(['a', 'b']);
    expect(namesIn(await ask(version, []))).toEqual([]);
  }
});

test.each([0, 1, 5, 9, 13])('v%i answers every topic that is asked for once, in the order of the request', async (version) => {
  const reply = await ask(version, named('b', 'nope', 'a', 'b'), { allowAutoTopicCreation: false });
  expect(namesIn(reply)).toEqual(['b', 'nope', 'a']);
  if (version >= 4) expect(errorsIn(reply)).toEqual([0, 3, 0]);
});

test('partitions come with their leader, replicas and epoch', async () => {
  const reply = await ask(9, named('b'));
  const partition = { errorCode: 0, leaderId: 1, leaderEpoch: 0, replicaNodes: [1], isrNodes: [1], offlineReplicas: [] };
  expect((reply.topics as Struct[])[0]!.partitions).toEqual([0, 1].map((partitionIndex) => ({ ...partition, partitionIndex })));
});

test('the cluster has an id that stays, a controller among its brokers, and never no broker', async () => {
  const reply = await ask(9, []);
  expect(reply).toMatchObject({ brokers: [{ nodeId: 1, host: 'broker', port: 9092 }], controllerId: 1 });
  expect(reply.clusterId).toMatch(/^[\w-]{22}$/);
  expect((await ask(9, [])).clusterId).toBe(reply.clusterId);
});

describe('by id', () => {
  test('a topic is found by its id, which v10 and above tell; an unknown id has no name and UNKNOWN_TOPIC_ID', async () => {
    const [topic] = (await ask(10, named('a'))).topics as Struct[];
    expect(topic!.topicId).not.toBe(ZERO);
    const reply = await ask(12, [
      { topicId: topic!.topicId, name: null },
      { topicId: UNKNOWN, name: null },
    ]);
    expect(reply.topics).toMatchObject([
      { name: 'a', errorCode: 0 },
      { name: null, errorCode: 100, topicId: UNKNOWN },
    ]);
  });
});

describe('creation on demand', () => {
  const invalid = ['', '.', '..', 'no spaces', 'ü', 'x'.repeat(250)];

  test.each(['no', 'yes'])('an invalid name is INVALID_TOPIC_EXCEPTION, whether creation is allowed: %s', async (allowed) => {
    expect(errorsIn(await ask(9, named(...invalid), { allowAutoTopicCreation: allowed === 'yes' }))).toEqual(invalid.map(() => 17));
  });

  test('happens before the answer, with the defaults of the broker', async () => {
    await client.call('IncrementalAlterConfigs', 1, { resources: [], validateOnly: false });
    const reply = await ask(9, named('new'), { allowAutoTopicCreation: true });
    expect(reply.topics).toMatchObject([{ name: 'new', errorCode: 0, partitions: [{ partitionIndex: 0, leaderId: 1, errorCode: 0 }] }]);
  });

  test('always in versions that cannot say no', async () => {
    expect(errorsIn(await client.call('Metadata', 3, { topics: named('new') }))).toEqual([0]);
  });

  test('does not happen when the client, or the broker, does not want it', async () => {
    expect(errorsIn(await ask(9, named('new'), { allowAutoTopicCreation: false }))).toEqual([3]);
    await on.broker.close();
    on = await memoryBroker({ configs: { 'auto.create.topics.enable': 'false', 'num.partitions': '3' } });
    client = await on.client();
    expect(errorsIn(await ask(9, named('new'), { allowAutoTopicCreation: true }))).toEqual([3]);
    expect(namesIn(await ask(9, null))).toEqual([]);
  });

  test('a topic that many ask for at once, and that an admin creates meanwhile, is created once', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => on.client()));
    const body = { topics: named('new'), allowAutoTopicCreation: true };
    const created = on.broker.createTopic('new').then(
      () => null,
      (error) => error,
    );
    const replies = await Promise.all(clients.flatMap((each) => [each.call('Metadata', 12, body), each.call('Metadata', 12, body)]));
    expect(replies.flatMap(errorsIn)).toEqual(replies.map(() => 0));
    expect(new Set(replies.map((reply) => (reply.topics as Struct[])[0]!.topicId)).size).toBe(1);
    const failure = await created;
    if (failure) expect(failure).toMatchObject({ errorName: 'TOPIC_ALREADY_EXISTS' });
  });

  test('a name that differs from another in dots and underscores alone is refused', async () => {
    await on.broker.createTopic('x.y');
    expect(errorsIn(await ask(9, named('x_y'), { allowAutoTopicCreation: true }))).toEqual([17]);
  });

  test('the topic of offsets has the settings of its own, and is internal', async () => {
    const reply = await ask(9, named('__consumer_offsets'), { allowAutoTopicCreation: true });
    const [topic] = reply.topics as Struct[];
    expect(topic).toMatchObject({ errorCode: 0, isInternal: true });
    expect(topic!.partitions).toHaveLength(50);
  });
});

test('authorized operations are told when asked for, else the value that says nothing', async () => {
  const none = -(2 ** 31);
  const reply = await ask(8, named('a'), { includeClusterAuthorizedOperations: true, includeTopicAuthorizedOperations: true });
  expect(reply).toMatchObject({ clusterAuthorizedOperations: 0x1fa0, topics: [{ topicAuthorizedOperations: 0xdf8 }] });
  expect(await ask(8, named('a'))).toMatchObject({ clusterAuthorizedOperations: none, topics: [{ topicAuthorizedOperations: none }] });
});
