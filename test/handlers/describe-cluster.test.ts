import { beforeEach, expect, test } from 'vitest';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker({ configs: { 'broker.rack': 'r1' } });
  client = await on.client();
  return () => on.broker.close();
});

test.each([0, 1, 2])('v%i tells cluster id, controller and brokers, as Metadata does', async (version) => {
  const reply = await client.call('DescribeCluster', version, { endpointType: 1 });
  expect(reply).toMatchObject({ errorCode: 0, errorMessage: null, controllerId: 1, clusterAuthorizedOperations: -(2 ** 31) });
  expect(reply.brokers).toMatchObject([{ brokerId: 1, host: 'broker', port: 9092, rack: 'r1' }]);
  expect(reply.clusterId).toBe((await client.call('Metadata', 9, { topics: [] })).clusterId);
});

test('authorized operations come when they are asked for', async () => {
  const reply = await client.call('DescribeCluster', 0, { includeClusterAuthorizedOperations: true });
  expect(reply.clusterAuthorizedOperations).toBe(0x1fa0);
});

test.each([
  [2, 114], // MISMATCHED_ENDPOINT_TYPE (KIP-919)
  [9, 115], // UNSUPPORTED_ENDPOINT_TYPE
])('endpoints of type %i are refused with %i', async (endpointType, errorCode) => {
  expect(await client.call('DescribeCluster', 1, { endpointType })).toMatchObject({ errorCode, brokers: [] });
});
