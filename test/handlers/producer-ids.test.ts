import { expect, test } from 'vitest';
import { ProducerIds } from '../../src/handlers/producer-ids.ts';
import { UnavailableError } from '../../src/metadata/store.ts';
import { clusterOf } from '../metadata/cluster-fixture.ts';

test('ids come in blocks of 1000, so that the store is asked once in a thousand', async () => {
  const { store, close } = await clusterOf();
  const before = (await store.get('/')).rev;
  const ids = new ProducerIds(store);
  const given = await Promise.all(Array.from({ length: 1000 }, () => ids.next()));
  expect(new Set(given).size).toBe(1000);
  expect((await store.get('/')).rev - before).toBe(1);
  await ids.next();
  expect((await store.get('/')).rev - before).toBe(2);
  await close();
});

test('two brokers of one cluster never give the same id', async () => {
  const { store, close } = await clusterOf();
  const [one, two] = [new ProducerIds(store), new ProducerIds(store)];
  const given = await Promise.all(Array.from({ length: 2500 }, (_, i) => (i % 2 ? one : two).next()));
  expect(new Set(given).size).toBe(2500);
  await close();
});

test('a store that cannot be reached fails those who ask now, not those who ask later', async () => {
  const { store, close } = await clusterOf();
  let down = true;
  const flaky: typeof store = Object.assign(Object.create(store), {
    get: (key: string) => (down ? Promise.reject(new UnavailableError('down')) : store.get(key)),
  });
  const ids = new ProducerIds(flaky);
  const failed = await Promise.allSettled([ids.next(), ids.next()]);
  expect(failed.map((each) => each.status === 'rejected' && each.reason.errorName)).toEqual(['KAFKA_STORAGE_ERROR', 'KAFKA_STORAGE_ERROR']);
  down = false;
  expect(await ids.next()).toBeGreaterThanOrEqual(0);
  await close();
});
