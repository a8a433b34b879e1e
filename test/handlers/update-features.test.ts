import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import { memoryBroker } from '../support/memory-broker.ts';

const CLIENT = { clientSoftwareName: 'raw', clientSoftwareVersion: '1.0' };
const ELR = 'eligible.leader.replicas.version';

const one = (feature: string, maxVersionLevel: number, more: object = {}) => ({
  featureUpdates: [{ feature, maxVersionLevel, allowDowngrade: false, upgradeType: 1, ...more }],
});

test.each([0, 1, 2])('v%i: a level that it has already is answered with success, for each feature before v2', async (version) => {
  const on = await memoryBroker();
  const reply = await (await on.client()).call('UpdateFeatures', version, one('metadata.version', 33));
  expect(reply).toMatchObject({ errorCode: 0, errorMessage: null });
  const each = [{ feature: 'metadata.version', errorCode: 0, errorMessage: 'NONE' }];
  expect(reply.results).toEqual(version < 2 ? each : []);
  await on.broker.close();
});

test.each([0, 1, 2])('v%i: what cannot be updated is one error for the whole request', async (version) => {
  const on = await memoryBroker();
  const client = await on.client();
  const downgrade = { allowDowngrade: true, upgradeType: 2 };
  for (const body of [
    one('no.such.feature', 1),
    one('transaction.version', 1),
    one('metadata.version', 34),
    one('metadata.version', 32, downgrade),
    one('metadata.version', 32),
    one(ELR, 0, downgrade),
  ]) {
    const reply = await client.call('UpdateFeatures', version, body);
    expect(reply).toMatchObject({
      errorCode: 95,
      errorMessage: expect.stringMatching(
        /^The update failed for all features since .*(Invalid update version|Unsupported metadata.version downgrade)/,
      ),
    });
    expect(reply.results).toEqual([]);
  }
  await on.broker.close();
});

test.each([0, 4, -1])('upgrade type %i does not exist', async (upgradeType) => {
  const on = await memoryBroker();
  expect(await (await on.client()).call('UpdateFeatures', 1, one('metadata.version', 33, { upgradeType }))).toMatchObject({
    errorCode: 95,
  });
  await on.broker.close();
});

test('the cluster of an older broker is raised to a newer metadata.version, and ApiVersions says so at once', async () => {
  const clock = fakeClock();
  const store = openMemoryStore({ clock });
  const first = await memoryBroker({ clock, openStore: async () => store });
  const client = await first.client();
  const put = { put: '/features', value: Buffer.from(JSON.stringify({ 'metadata.version': 29, [ELR]: 1 })) };
  await store.txn([], [put]);
  const finalized = async (on: typeof client) => {
    const reply = await on.call('ApiVersions', 4, CLIENT);
    const levels = (reply.finalizedFeatures as { name: string; maxVersionLevel: number }[]).map((each) => [
      each.name,
      each.maxVersionLevel,
    ]);
    return { epoch: reply.finalizedFeaturesEpoch as number, levels: Object.fromEntries(levels) as Record<string, number> };
  };
  const before = await finalized(client);
  expect(await client.call('UpdateFeatures', 1, { ...one('metadata.version', 33), validateOnly: true })).toMatchObject({ errorCode: 0 });
  expect((await finalized(client)).levels).toEqual({ 'metadata.version': 29, [ELR]: 1 });
  expect(await client.call('UpdateFeatures', 2, one('metadata.version', 33))).toMatchObject({ errorCode: 0 });
  const after = await finalized(client);
  expect(after.levels).toEqual({ 'metadata.version': 33, [ELR]: 1 });
  expect(after.epoch).toBeGreaterThan(before.epoch);
  await first.broker.close();
});
