import { beforeEach, expect, test } from 'vitest';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';
import { configOf, TOPIC } from './configs-fixture.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders', { configs: { 'retention.ms': '1234', 'segment.ms': '5678' } });
  client = await on.client();
  return () => on.broker.close();
});

const resource = (configs: Struct[], resourceName = 'orders') => ({ resourceType: TOPIC, resourceName, configs });
const alter = async (version: number, resources: Struct[], validateOnly = false) =>
  (await client.call('AlterConfigs', version, { resources, validateOnly })).responses as Struct[];

test.each([0, 1, 2])('v%i replaces all that is set: what is not named goes back to its default', async (version) => {
  expect(await alter(version, [resource([{ name: 'retention.ms', value: '5000' }])])).toMatchObject([
    { errorCode: 0, resourceName: 'orders' },
  ]);
  expect(await configOf(client, TOPIC, 'orders', 'retention.ms')).toEqual(['5000', 1]);
  expect(await configOf(client, TOPIC, 'orders', 'segment.ms')).toEqual(['604800000', 5]);
});

test('each resource succeeds or fails for itself, and what fails leaves all as it was', async () => {
  const answers = await alter(2, [resource([{ name: 'retention.ms', value: 'soon' }]), resource([], 'nope')]);
  expect(answers.map(({ errorCode }) => errorCode)).toEqual([40, 3]);
  expect(await configOf(client, TOPIC, 'orders', 'segment.ms')).toEqual(['5678', 1]);
});

test('validate only writes nothing', async () => {
  expect(await alter(2, [resource([])], true)).toMatchObject([{ errorCode: 0 }]);
  expect(await configOf(client, TOPIC, 'orders', 'retention.ms')).toEqual(['1234', 1]);
});
