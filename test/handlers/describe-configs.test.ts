import { beforeEach, expect, test } from 'vitest';
import { brokerConfig } from '../../src/config.ts';
import { describeConfigs } from '../../src/handlers/describe-configs.ts';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';
import { BROKER, TOPIC } from './configs-fixture.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker({ configs: { 'log.retention.ms': '3600000' } });
  await on.broker.createTopic('orders', { configs: { 'cleanup.policy': 'compact' } });
  client = await on.client();
  return () => on.broker.close();
});

async function describe(
  version: number,
  resourceType: number,
  resourceName: string,
  configurationKeys: string[] | null,
  more: Struct = {},
): Promise<Struct> {
  const reply = await client.call('DescribeConfigs', version, { resources: [{ resourceType, resourceName, configurationKeys }], ...more });
  return (reply.results as Struct[])[0]!;
}
const configs = (result: Struct) => result.configs as Struct[];

test.each([0, 1, 2, 3, 4])('v%i tells a topic what is set for it and what comes from elsewhere', async (version) => {
  const result = await describe(version, TOPIC, 'orders', ['cleanup.policy', 'retention.ms', 'segment.bytes']);
  const by = new Map(configs(result).map((config) => [config.name, config]));
  expect([by.get('cleanup.policy')!.value, by.get('retention.ms')!.value, by.get('segment.bytes')!.value]).toEqual([
    'compact',
    '3600000',
    '1073741824',
  ]);
  if (version >= 1)
    expect([...by.values()].map(({ name, configSource }) => [name, configSource]).sort()).toEqual([
      ['cleanup.policy', 1],
      ['retention.ms', 4],
      ['segment.bytes', 5],
    ]);
  if (version >= 3) expect([by.get('cleanup.policy')!.configType, by.get('retention.ms')!.configType]).toEqual([7, 5]);
});

test.each([null, []])('asked for no keys (%o) it tells all', async (keys) => {
  expect(configs(await describe(4, TOPIC, 'orders', keys)).length).toBeGreaterThan(25);
  expect(configs(await describe(4, BROKER, '1', keys)).length).toBeGreaterThan(100);
});

test('only the keys that are asked for and exist', async () => {
  expect(configs(await describe(4, TOPIC, 'orders', ['nope', 'retention.ms'])).map(({ name }) => name)).toEqual(['retention.ms']);
});

test('synonyms and documentation come when they are asked for, the most specific first', async () => {
  const [quiet] = configs(await describe(4, TOPIC, 'orders', ['cleanup.policy']));
  expect([quiet!.synonyms, quiet!.documentation]).toEqual([[], null]);
  const [told] = configs(await describe(4, TOPIC, 'orders', ['cleanup.policy'], { includeSynonyms: true, includeDocumentation: true }));
  expect(told!.synonyms).toEqual([
    { name: 'cleanup.policy', value: 'compact', source: 1 },
    { name: 'log.cleanup.policy', value: 'delete', source: 5 },
  ]);
  expect(told!.documentation).toEqual(expect.any(String));
});

test.each<[string, number, string, number]>([
  ['a topic that does not exist', TOPIC, 'nope', 3],
  ['another broker', BROKER, '2', 42],
  ['a broker that is no number', BROKER, 'one', 42],
])('%s', async (_what, type, name, errorCode) => {
  expect(await describe(4, type, name, null)).toMatchObject({ errorCode, resourceType: type, resourceName: name, configs: [] });
});

test.each(['+1', '01'])('a broker is its number, however it is written: %s', async (name) => {
  expect(await describe(4, BROKER, name, ['num.partitions'])).toMatchObject({ errorCode: 0, resourceName: name });
});

test('a request of a few bytes for each resource does not get configs without end', async () => {
  const needs = { config: () => brokerConfig(), nodeId: 1, clock: on.clock, metadata: undefined as never };
  const resource = { resourceType: BROKER, resourceName: '1', configurationKeys: null };
  const request = { resources: new Array(4000).fill(resource), includeSynonyms: false, includeDocumentation: false };
  const answer = await describeConfigs.make(needs).handle(request, undefined as never);
  const { results } = answer as unknown as { results: { errorCode: number; configs: unknown[] }[] };
  expect(results.reduce((sum, { configs: each }) => sum + each.length, 0)).toBeLessThan(501_000);
  expect([results.length, results[0]!.errorCode, results.at(-1)!.errorCode]).toEqual([4000, 0, 42]);
});
