import { beforeEach, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import type { Struct } from '../support/interpreter.ts';
import { firstPartition, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders', { partitions: 2 });
  client = await on.client();
  return () => on.broker.close();
});

const grow = async (version: number, topics: Struct[], validateOnly = false) =>
  (await client.call('CreatePartitions', version, { topics, timeoutMs: 1000, validateOnly })).results as Struct[];
const to = (count: number, more: Struct = {}) => ({ name: 'orders', count, assignments: null, ...more });

test.each([0, 1, 2, 3])('v%i: new partitions can be used as soon as they are answered', async (version) => {
  expect(await grow(version, [to(4)])).toMatchObject([{ name: 'orders', errorCode: 0, errorMessage: null }]);
  const produced = client.call('Produce', 9, produceBody('orders', batchBytes({ values: ['v'] }), { index: 3 }));
  expect(firstPartition(await produced)).toMatchObject({ errorCode: 0, baseOffset: 0 });
});

test.each<[string, Struct, number]>([
  ['as many as there are', to(2), 37],
  ['fewer than there are', to(1), 37],
  ['an unknown topic', to(3, { name: 'nope' }), 3],
  ['very many more', to(10_003, { assignments: [{ brokerIds: [1] }] }), 44],
  ['assignments for another number', to(4, { assignments: [{ brokerIds: [1] }] }), 39],
  ['an assignment to an unknown broker', to(3, { assignments: [{ brokerIds: [7] }] }), 39],
])('%s', async (_what, wanted, errorCode) => {
  expect(await grow(3, [wanted])).toMatchObject([{ name: wanted.name, errorCode, errorMessage: expect.any(String) }]);
});

test('an assignment is taken; validate only writes nothing; twice the same topic is refused once', async () => {
  expect(await grow(3, [to(3, { assignments: [{ brokerIds: [1] }] })])).toMatchObject([{ errorCode: 0 }]);
  expect(await grow(3, [to(9)], true)).toMatchObject([{ errorCode: 0 }]);
  expect(await grow(3, [to(5), to(6)])).toMatchObject([{ name: 'orders', errorCode: 42 }]);
  const { topics } = await client.call('Metadata', 9, { topics: null });
  expect((topics as Struct[])[0]!.partitions).toHaveLength(3);
});

test.each([0, -1])('with %i ms nothing grows, and the answer is REQUEST_TIMED_OUT', async (timeoutMs) => {
  const grown = await client.call('CreatePartitions', 3, { topics: [to(3), to(3, { name: 'nope' })], timeoutMs, validateOnly: false });
  expect(grown.results).toMatchObject([{ errorCode: 7 }, { errorCode: 7 }]);
  const { topics } = await client.call('Metadata', 9, { topics: null });
  expect((topics as Struct[])[0]!.partitions).toHaveLength(2);
});
