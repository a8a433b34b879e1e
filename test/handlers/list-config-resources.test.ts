import { beforeEach, expect, test } from 'vitest';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

const TOPIC = 2;
const BROKER = 4;
const CLIENT_METRICS = 16;
const GROUP = 32;

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('b');
  await on.broker.createTopic('a');
  client = await on.client();
  return () => on.broker.close();
});

async function list(version: number, ...resourceTypes: number[]): Promise<[unknown, unknown[]]> {
  const { errorCode, configResources } = await client.call('ListConfigResources', version, { resourceTypes });
  return [errorCode, (configResources as Struct[]).map(({ resourceType, resourceName }) => `${resourceType} ${resourceName}`).sort()];
}

test('v0 lists client metrics, and there are none', async () => {
  expect(await list(0)).toEqual([0, []]);
});

test('v1 lists the types that are asked for, each resource once', async () => {
  expect(await list(1, TOPIC)).toEqual([0, ['2 a', '2 b']]);
  expect(await list(1, BROKER)).toEqual([0, ['4 1']]);
  expect(await list(1, BROKER, TOPIC, BROKER)).toEqual([0, ['2 a', '2 b', '4 1']]);
  expect(await list(1, CLIENT_METRICS, GROUP)).toEqual([0, []]);
});

test('v1 lists all types when it is asked for none', async () => {
  expect(await list(1)).toEqual([0, ['2 a', '2 b', '4 1']]);
});

test.each([0, 1, 99])('v1 does not know resource type %i', async (type) => {
  expect(await list(1, BROKER, type)).toEqual([35, []]);
});
