import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import type { Struct } from '../support/interpreter.ts';
import { firstPartition, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';
import { BROKER, configOf, TOPIC } from './configs-fixture.ts';

const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const;
let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders');
  client = await on.client();
  return () => on.broker.close();
});

const change = (name: string, configOperation: number, value: string | null) => ({ name, configOperation, value });
async function alter(resources: Struct[], validateOnly = false, version = 1): Promise<Struct[]> {
  return (await client.call('IncrementalAlterConfigs', version, { resources, validateOnly })).responses as Struct[];
}
const ofTopic = (...configs: Struct[]) => ({ resourceType: TOPIC, resourceName: 'orders', configs });
const ofBroker = (resourceName: string, ...configs: Struct[]) => ({ resourceType: BROKER, resourceName, configs });
const produce = async (bytes: number) =>
  firstPartition(await client.call('Produce', 9, produceBody('orders', batchBytes({ values: ['x'.repeat(bytes)] })))).errorCode;

test.each([0, 1])('v%i sets, deletes, appends and subtracts', async (version) => {
  const step = (...configs: Struct[]) => alter([ofTopic(...configs)], false, version);
  expect(await step(change('retention.ms', SET, '5000'), change('cleanup.policy', APPEND, 'compact'))).toMatchObject([
    { errorCode: 0, resourceName: 'orders' },
  ]);
  expect(await configOf(client, TOPIC, 'orders', 'retention.ms')).toEqual(['5000', 1]);
  expect(await configOf(client, TOPIC, 'orders', 'cleanup.policy')).toEqual(['delete,compact', 1]);
  await step(change('cleanup.policy', SUBTRACT, 'delete'), change('retention.ms', DELETE, null));
  expect(await configOf(client, TOPIC, 'orders', 'cleanup.policy')).toEqual(['compact', 1]);
  expect(await configOf(client, TOPIC, 'orders', 'retention.ms')).toEqual(['604800000', 5]);
});

describe('a change takes effect at once', () => {
  test('of a topic', async () => {
    expect(await produce(5_000)).toBe(0);
    await alter([ofTopic(change('max.message.bytes', SET, '1000'))]);
    expect(await produce(5_000)).toBe(10);
    await alter([ofTopic(change('max.message.bytes', DELETE, null))]);
    expect(await produce(5_000)).toBe(0);
  });

  test.each(['1', ''])('of broker "%s": its topics inherit it', async (name) => {
    expect(await produce(5_000)).toBe(0);
    expect(await alter([ofBroker(name, change('message.max.bytes', SET, '1000'))])).toMatchObject([{ errorCode: 0 }]);
    expect(await produce(5_000)).toBe(10);
    expect(await configOf(client, TOPIC, 'orders', 'max.message.bytes')).toEqual(['1000', name === '' ? 3 : 2]);
    await alter([ofTopic(change('max.message.bytes', SET, '2000000'))]);
    expect(await produce(5_000)).toBe(0);
  });

  test('of max.connections', async () => {
    await alter([ofBroker('1', change('max.connections', SET, '1'))]);
    const refused = await on.client();
    await refused.closed;
    await alter([ofBroker('1', change('max.connections', DELETE, null))]);
    await (await on.client()).call('ApiVersions', 0);
  });
});

test.each<[string, Struct, number]>([
  ['a value that is not one', ofTopic(change('retention.ms', SET, 'soon')), 40],
  ['an unknown key', ofTopic(change('nope', SET, '1')), 40],
  ['appending to what is no list', ofTopic(change('retention.ms', APPEND, '1')), 40],
  ['an operation that there is not', ofTopic(change('retention.ms', 9, '1')), 42],
  ['a topic that does not exist', { resourceType: TOPIC, resourceName: 'nope', configs: [change('retention.ms', SET, '1')] }, 3],
  ['another broker', ofBroker('2', change('message.max.bytes', SET, '1000')), 42],
  ['a broker key that cannot change while it runs', ofBroker('1', change('node.id', SET, '2')), 42],
])('%s costs an error, not the connection, and nothing is written', async (_what, resource, errorCode) => {
  const answers = await alter([resource, ofTopicB()]);
  expect(answers[0]).toMatchObject({ resourceType: resource.resourceType, resourceName: resource.resourceName });
  expect(answers[0]!.errorCode).toBe(errorCode);
  expect(answers[0]!.errorMessage).toEqual(expect.any(String));
  expect(answers[1]).toMatchObject({ errorCode: 3 });
  expect(await configOf(client, TOPIC, 'orders', 'retention.ms')).toEqual(['604800000', 5]);
});
const ofTopicB = () => ({ resourceType: TOPIC, resourceName: 'b', configs: [] });

test('one bad change spoils its resource, not the others', async () => {
  await on.broker.createTopic('b');
  const good = { ...ofTopicB(), configs: [change('retention.ms', SET, '7000')] };
  const answers = await alter([ofTopic(change('retention.ms', SET, '5000'), change('nope', SET, '1')), good]);
  expect(answers.map(({ errorCode }) => errorCode)).toEqual([40, 0]);
  expect(await configOf(client, TOPIC, 'orders', 'retention.ms')).toEqual(['604800000', 5]);
  expect(await configOf(client, TOPIC, 'b', 'retention.ms')).toEqual(['7000', 1]);
});

test('validate only checks and writes nothing; a resource that stands there twice is refused both times', async () => {
  const five = ofTopic(change('retention.ms', SET, '5000'));
  expect(await alter([five], true)).toMatchObject([{ errorCode: 0 }]);
  expect(await alter([ofTopic(change('retention.ms', SET, 'soon'))], true)).toMatchObject([{ errorCode: 40 }]);
  expect(await alter([five, five])).toMatchObject([{ errorCode: 42 }, { errorCode: 42 }]);
  expect(await configOf(client, TOPIC, 'orders', 'retention.ms')).toEqual(['604800000', 5]);
});

test('two clients that change the same topic at once both succeed, and no change is lost', async () => {
  const [one, two] = [await on.client(), await on.client()];
  const send = (by: RawClient, name: string) =>
    by.call('IncrementalAlterConfigs', 1, { resources: [ofTopic(change(name, SET, '5000'))], validateOnly: false });
  const keys = [
    'retention.ms',
    'segment.ms',
    'delete.retention.ms',
    'file.delete.delay.ms',
    'max.compaction.lag.ms',
    'min.compaction.lag.ms',
  ];
  const replies = await Promise.all(keys.map((key, i) => send(i % 2 ? one : two, key)));
  for (const reply of replies) expect(reply.responses).toMatchObject([{ errorCode: 0 }]);
  for (const key of keys) expect(await configOf(client, TOPIC, 'orders', key)).toEqual(['5000', 1]);
});
