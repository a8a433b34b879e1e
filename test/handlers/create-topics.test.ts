import { beforeEach, describe, expect, test } from 'vitest';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker({ configs: { 'num.partitions': '4' } });
  client = await on.client();
  return () => on.broker.close();
});

const topic = (name: string, more: Struct = {}) => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});
const create = async (version: number, topics: Struct[], more: Struct = {}) =>
  (await client.call('CreateTopics', version, { topics, timeoutMs: 1000, validateOnly: false, ...more })).topics as Struct[];
const names = async () => ((await client.call('Metadata', 9, { topics: null })).topics as Struct[]).map(({ name }) => name).sort();

test.each([0, 1, 2, 3, 4, 5, 6, 7])('v%i: a topic can be used as soon as it is answered', async (version) => {
  expect(await create(version, [topic('orders', { numPartitions: 2 })])).toMatchObject([
    { name: 'orders', errorCode: 0, errorMessage: version === 0 ? '' : null },
  ]);
  const [created] = (await client.call('Metadata', 12, { topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', name: 'orders' }] }))
    .topics as Struct[];
  expect(created).toMatchObject({ errorCode: 0, partitions: [{ leaderId: 1 }, { leaderId: 1 }] });
});

test('v5 and above answer counts and all configs, v7 the id (KIP-525, KIP-516)', async () => {
  const [answered] = await create(7, [
    topic('orders', { numPartitions: -1, replicationFactor: -1, configs: [{ name: 'retention.ms', value: '5000' }] }),
  ]);
  expect(answered).toMatchObject({ numPartitions: 4, replicationFactor: 1, topicConfigErrorCode: 0 });
  const configs = answered!.configs as Struct[];
  expect(configs.length).toBeGreaterThan(25);
  expect(configs.find(({ name }) => name === 'retention.ms')).toMatchObject({ value: '5000', configSource: 1, readOnly: false });
  expect(configs.find(({ name }) => name === 'cleanup.policy')).toMatchObject({ value: 'delete', configSource: 5 });
  const [seen] = (await client.call('Metadata', 12, { topics: [{ topicId: answered!.topicId, name: null }] })).topics as Struct[];
  expect(seen).toMatchObject({ name: 'orders', errorCode: 0 });
});

test('of several faults the first is told: the name, whether it is taken, the configs, the counts', async () => {
  await create(5, [topic('taken')]);
  const faulty = { configs: [{ name: 'nope', value: '1' }], numPartitions: 0 };
  const answered = await create(5, [topic('a b', faulty), topic('taken', faulty), topic('x', faulty), topic('y', { numPartitions: 0 })]);
  expect(answered.map(({ errorCode }) => errorCode)).toEqual([17, 36, 40, 37]);
});

test('with no time at all nothing is created, and all are answered with REQUEST_TIMED_OUT', async () => {
  for (const timeoutMs of [0, -1]) {
    const answered = await create(5, [topic('a'), topic('b'), topic('b')], { timeoutMs });
    expect(answered.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['a', 7],
      ['b', 7],
      ['b', 7],
    ]);
    expect(await create(5, [topic('b'), topic('b')], { timeoutMs })).toMatchObject([{ name: 'b', errorCode: 42 }]);
    expect(await create(5, [], { timeoutMs })).toEqual([]);
  }
  expect(await names()).toEqual([]);
});

test('a topic that stands in the request twice does not count among its partitions', async () => {
  const large = topic('large', { numPartitions: 9_000 });
  expect(await create(5, [large, large, topic('x')], { validateOnly: true })).toMatchObject([
    { name: 'large', errorCode: 42 },
    { name: 'x', errorCode: 0 },
  ]);
});

describe('what is refused', () => {
  test.each<[string, Struct, number]>([
    ['a name that is not legal', topic('no spaces'), 17],
    ["Kafka's metadata log", topic('__cluster_metadata'), 42],
    ['no partitions', topic('x', { numPartitions: 0 }), 37],
    ['fewer partitions than none', topic('x', { numPartitions: -2 }), 37],
    ['no replicas', topic('x', { replicationFactor: 0 }), 38],
    ['more replicas than brokers', topic('x', { replicationFactor: 2 }), 38],
    ['a config that does not exist', topic('x', { configs: [{ name: 'nope', value: '1' }] }), 40],
    ['a config value that is not one', topic('x', { configs: [{ name: 'retention.ms', value: 'soon' }] }), 40],
    ['counts beside an assignment', topic('x', { assignments: [{ partitionIndex: 0, brokerIds: [1] }] }), 42],
    [
      'an unknown broker',
      topic('x', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [9] }] }),
      39,
    ],
    [
      'a gap in an assignment',
      topic('x', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] }),
      39,
    ],
  ])('%s', async (_what, wanted, errorCode) => {
    const [answered] = await create(7, [wanted]);
    expect(answered).toMatchObject({ name: wanted.name, errorCode, numPartitions: -1, replicationFactor: -1 });
    expect(answered!.errorMessage).toEqual(expect.any(String));
    expect(await names()).toEqual([]);
  });

  test('a topic that exists, in the words of Kafka', async () => {
    await create(5, [topic('orders')]);
    expect(await create(5, [topic('orders')])).toMatchObject([{ errorCode: 36, errorMessage: "Topic 'orders' already exists." }]);
  });

  test('a topic that stands in the request twice is answered once and not created; the others are', async () => {
    const answered = await create(5, [topic('twice'), topic('once'), topic('twice')]);
    expect(answered.map(({ name, errorCode }) => [name, errorCode]).sort()).toEqual([
      ['once', 0],
      ['twice', 42],
    ]);
    expect(await names()).toEqual(['once']);
  });

  test('more than 10,000 partitions in one request, counted or assigned', async () => {
    const many = Array.from({ length: 10_001 }, (_, partitionIndex) => ({ partitionIndex, brokerIds: [1] }));
    const assigned = topic('x', { numPartitions: -1, replicationFactor: -1, assignments: many });
    expect(await create(7, [topic('small'), topic('x', { numPartitions: 10_000 })])).toMatchObject([{ errorCode: 44 }, { errorCode: 44 }]);
    expect(await create(7, [assigned])).toMatchObject([{ errorCode: 44 }]);
    expect(await names()).toEqual([]);
  });
});

test('an assignment is taken as it is', async () => {
  const assignments = [1, 0].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] }));
  expect(await create(5, [topic('x', { numPartitions: -1, replicationFactor: -1, assignments })])).toMatchObject([
    { errorCode: 0, numPartitions: 2 },
  ]);
});

test('validate only makes all checks and writes nothing', async () => {
  const answered = await create(7, [topic('orders'), topic('no spaces')], { validateOnly: true });
  expect(answered).toMatchObject([{ errorCode: 0, numPartitions: 1 }, { errorCode: 17 }]);
  expect(await names()).toEqual([]);
});
