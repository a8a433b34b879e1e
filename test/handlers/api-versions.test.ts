import { beforeEach, expect, test } from 'vitest';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';
import { advertisedVersions, kafkaMessages } from '../support/schema-files.ts';

let on: MemoryBroker;
let client: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  client = await on.client();
  return () => on.broker.close();
});

const SOFTWARE = { clientSoftwareName: 'raw', clientSoftwareVersion: '1.0' };
const ranges = (reply: Struct) =>
  (reply.apiKeys as Struct[]).map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion] as const);

test.each([0, 1, 2, 3, 4, 5])(
  'v%i lists the same APIs, each up to the newest version of Apache Kafka 4.4.0, in the order of their keys',
  async (version) => {
    const reply = await client.call('ApiVersions', version, SOFTWARE);
    expect(reply.errorCode).toBe(0);
    const kafka = advertisedVersions();
    const listed = ranges(reply);
    expect(listed.map(([key]) => key)).toEqual([...listed.map(([key]) => key)].sort((a, b) => Number(a) - Number(b)));
    for (const [key, , max] of listed) expect([key, max]).toEqual([key, kafka.get(key as number)![1]]);
  },
);

test('versions that Apache Kafka 3.9.1 had are there from the first on', async () => {
  const listed = new Map(ranges(await client.call('ApiVersions', 0)).map(([key, min]) => [key, min]));
  const requests = [...kafkaMessages('api').values()].filter(({ name }) => name.endsWith('Request'));
  for (const { apiKey, versions } of requests) if (listed.has(apiKey)) expect([apiKey, listed.get(apiKey)]).toEqual([apiKey, versions[0]]);
});

test('what is listed is served, at its first and at its last version', async () => {
  const reply = await client.call('ApiVersions', 0);
  const requests = new Map(
    [...kafkaMessages('api').values()].filter(({ name }) => name.endsWith('Request')).map((each) => [each.apiKey, each.name]),
  );
  for (const [key, min, max] of ranges(reply)) {
    const api = requests.get(key as number)!.replace(/Request$/, '');
    for (const version of [min, max] as number[]) {
      const each = await on.client();
      // Acks that are answered, and a group id that no JoinGroup waits for.
      await expect(each.call(api, version, { acks: 1, groupId: '' }), `${api} v${version}`).resolves.toBeDefined();
      await each.close();
    }
  }
});

test.each(['', 'has space', '-dash', 'dash-', 'ünicode'])(
  'the client name "%s" is INVALID_REQUEST, and the connection stays (KIP-511)',
  async (clientSoftwareName) => {
    expect(await client.call('ApiVersions', 3, { ...SOFTWARE, clientSoftwareName })).toMatchObject({ errorCode: 42 });
    expect(await client.call('ApiVersions', 3, { ...SOFTWARE, clientSoftwareVersion: clientSoftwareName })).toMatchObject({
      errorCode: 42,
    });
    expect(await client.call('ApiVersions', 3, { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.4.0' })).toMatchObject({
      errorCode: 0,
    });
  },
);

test('the features that are built are finalized, at an epoch that is not negative', async () => {
  const reply = await client.call('ApiVersions', 4, SOFTWARE);
  expect(reply.supportedFeatures).toEqual([
    { name: 'metadata.version', minVersion: 7, maxVersion: 33 },
    { name: 'eligible.leader.replicas.version', minVersion: 1, maxVersion: 1 },
    { name: 'transaction.version', minVersion: 0, maxVersion: 2 },
  ]);
  expect(reply.finalizedFeatures).toEqual([
    { name: 'metadata.version', maxVersionLevel: 33, minVersionLevel: 33 },
    { name: 'eligible.leader.replicas.version', maxVersionLevel: 1, minVersionLevel: 1 },
    { name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 },
  ]);
  expect(reply.finalizedFeaturesEpoch).toBeGreaterThanOrEqual(0);
});
