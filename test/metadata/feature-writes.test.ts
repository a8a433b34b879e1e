import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { type FeatureUpdate, type UpgradeType, updateFeatures } from '../../src/metadata/feature-writes.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import type { MetadataStore } from '../../src/metadata/store.ts';

const KEY = '/features';
const SUPPORTED = [
  { name: 'metadata.version', minVersion: 7, maxVersion: 33 },
  { name: 'group.version', minVersion: 0, maxVersion: 3 },
];

/** A store whose cluster has finalized these levels. */
async function storeWith(levels: Readonly<Record<string, number>>): Promise<MetadataStore> {
  const store = openMemoryStore({ clock: fakeClock() });
  await store.txn([], [{ put: KEY, value: Buffer.from(JSON.stringify(levels)) }]);
  return store;
}

async function levelsOf(store: MetadataStore): Promise<Record<string, number>> {
  return JSON.parse(Buffer.from((await store.get(KEY)).kv!.value).toString()) as Record<string, number>;
}

const to = (feature: string, level: number, type: UpgradeType | undefined = 'upgrade'): FeatureUpdate => ({ feature, level, type });

test('levels are raised, lowered and taken away, and last in the store', async () => {
  const store = await storeWith({ 'metadata.version': 29, 'other.version': 4 });
  const { revision } = await updateFeatures(store, [to('metadata.version', 33), to('group.version', 2)], false, SUPPORTED);
  expect(await levelsOf(store)).toEqual({ 'metadata.version': 33, 'group.version': 2, 'other.version': 4 });
  expect((await store.get(KEY)).kv?.rev).toBe(revision);
  await updateFeatures(store, [to('group.version', 1, 'safe downgrade')], false, SUPPORTED);
  expect(await levelsOf(store)).toMatchObject({ 'group.version': 1 });
  await updateFeatures(store, [to('group.version', 0, 'unsafe downgrade')], false, SUPPORTED);
  expect(await levelsOf(store)).toEqual({ 'metadata.version': 33, 'other.version': 4 });
});

test('nothing is written where nothing changes, and where it is only validated', async () => {
  const store = await storeWith({ 'metadata.version': 33, 'group.version': 1 });
  const before = (await store.get(KEY)).rev;
  expect(await updateFeatures(store, [to('metadata.version', 33), to('group.version', 1, 'safe downgrade')], false, SUPPORTED)).toEqual({
    revision: before,
  });
  await updateFeatures(store, [to('group.version', 3)], true, SUPPORTED);
  expect([(await store.get(KEY)).rev, await levelsOf(store)]).toEqual([before, { 'metadata.version': 33, 'group.version': 1 }]);
});

test.each([
  ['a feature that is not supported', to('share.version', 1)],
  ['a feature that is not supported, to level 0', to('share.version', 0)],
  ['one that is finalized, but no longer supported', to('other.version', 4)],
  ['a level beyond the range', to('group.version', 4)],
  ['a level before the range', to('metadata.version', 6, 'unsafe downgrade')],
  ['a negative level', to('group.version', -1, 'safe downgrade')],
  ['a lower level without a downgrade', to('group.version', 1)],
  ['a higher level as a downgrade', to('group.version', 3, 'safe downgrade')],
  ['a lower metadata.version', to('metadata.version', 32, 'safe downgrade')],
  ['a lower metadata.version, unsafely', to('metadata.version', 32, 'unsafe downgrade')],
  ['a type that does not exist', { ...to('group.version', 2), type: undefined }],
])('%s is INVALID_UPDATE_VERSION, and the others of the request are not updated either', async (_, bad) => {
  const levels = { 'metadata.version': 33, 'group.version': 2, 'other.version': 4 };
  const store = await storeWith(levels);
  for (const updates of [[bad], [to('group.version', 3), bad]]) {
    const refusal = updateFeatures(store, updates, false, SUPPORTED);
    await expect(refusal).rejects.toMatchObject({ errorName: 'INVALID_UPDATE_VERSION' });
    await expect(refusal).rejects.toThrow('The update failed for all features since the following feature had an error: ');
  }
  expect(await levelsOf(store)).toEqual(levels);
});

test('of two writers at once, neither undoes what the other did', async () => {
  const store = await storeWith({ 'metadata.version': 29 });
  await Promise.all([
    updateFeatures(store, [to('metadata.version', 33)], false, SUPPORTED),
    updateFeatures(store, [to('group.version', 1)], false, SUPPORTED),
  ]);
  expect(await levelsOf(store)).toEqual({ 'metadata.version': 33, 'group.version': 1 });
});
