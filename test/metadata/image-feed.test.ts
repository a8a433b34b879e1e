import { expect, test, vi } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { MetadataFeed } from '../../src/metadata/image-feed.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import { type Batch, type MetadataStore, UnavailableError } from '../../src/metadata/store.ts';
import { BrokenValueError } from '../../src/metadata/values.ts';
import { clusterOf } from './cluster-fixture.ts';
import { bytes } from './store-conformance.ts';

const config = (name: string, value: string) => ({ put: `/cfg/topic/${name}`, value: bytes(JSON.stringify({ 'retention.ms': value })) });

test('the feed shows at once what the store held before, and later what changes', async () => {
  const cluster = await clusterOf([1]);
  await cluster.create('orders');
  const second = await MetadataFeed.open(cluster.store, { clock: cluster.clock, onError: () => {} });
  expect(second.current.topic('orders')).toEqual(cluster.feed.current.topic('orders'));
  await cluster.create('payments');
  await second.waitFor(cluster.feed.current.revision);
  expect(second.current.topic('payments')).toBeDefined();
  await second.close();
  await cluster.close();
});

test('waitFor resolves when the image shows the revision and the listeners know it, not before', async () => {
  const { store, feed, close } = await clusterOf();
  const heard: number[] = [];
  feed.onChange((image) => heard.push(image.revision));
  const { rev } = await store.txn([], [config('a', '1')]);
  const waiting = feed.waitFor(rev);
  const later = feed.waitFor(rev + 1);
  let laterDone = false;
  void later.then(() => {
    laterDone = true;
  });
  await waiting;
  expect(feed.current.configs({ type: 'topic', name: 'a' }).get('retention.ms')).toBe('1');
  expect(heard).toEqual([rev]);
  expect(laterDone).toBe(false);
  await store.txn([], [config('a', '2')]);
  await later;
  await feed.waitFor(rev - 1);
  await close();
});

test('a listener that was taken away hears nothing more, and one that throws stops nobody', async () => {
  const { feed, txn, errors, close } = await clusterOf();
  const heard: string[] = [];
  const remove = feed.onChange(() => heard.push('removed'));
  feed.onChange(() => {
    throw new Error('bug');
  });
  feed.onChange(() => heard.push('last'));
  remove();
  await txn(config('a', '1'));
  await txn(config('a', '2'));
  expect(heard).toEqual(['last', 'last']);
  expect(errors).toEqual([new Error('bug'), new Error('bug')]);
  await close();
});

test('a feed that fell behind the log reads the whole store again and tells what changed since', async () => {
  const { store, feed, create, errors, close } = await clusterOf([1], 10);
  await create('stays', { partitions: 2 });
  await create('goes');
  const changes = vi.fn();
  feed.onChange((_image, change) => changes(change));
  const { topicId } = feed.current.topic('goes')!;
  const before = feed.current.topic('stays')!;
  // In one go, so that the feed cannot follow.
  void store.txn([], [{ del: '/t/goes' }, { del: `/p/${topicId}/0` }]);
  let last = Promise.resolve({ rev: 0 });
  for (let i = 0; i < 50; i++) last = store.txn([], [config('stays', String(i))]);
  await feed.waitFor((await last).rev);
  expect(changes).toHaveBeenCalledTimes(1);
  expect(changes.mock.calls[0]![0]).toMatchObject({
    deletedTopics: [{ name: 'goes' }],
    createdTopics: [],
    partitions: [],
    configs: [{ type: 'topic', name: 'stays' }],
    brokers: [],
    features: false,
  });
  expect(feed.current.topic('stays')).toBe(before);
  expect(feed.current.configs({ type: 'topic', name: 'stays' }).get('retention.ms')).toBe('49');
  expect(errors).toEqual([]);
  await close();
});

test('a store that does not answer for a while is asked again', async () => {
  const clock = fakeClock();
  const store = openMemoryStore({ clock });
  let failures = 3;
  const flaky: MetadataStore = Object.assign(Object.create(store), {
    watch: (prefix: string, from: number, signal: AbortSignal): AsyncIterable<Batch> => {
      if (failures-- > 0) throw new UnavailableError('disk is busy');
      return store.watch(prefix, from, signal);
    },
  });
  const errors: unknown[] = [];
  const feed = await MetadataFeed.open(flaky, { clock, onError: (error) => errors.push(error) });
  const { rev } = await store.txn([], [config('a', '1')]);
  await clock.advance(200);
  expect(feed.current.revision).toBe(rev - 1);
  await clock.advance(100);
  expect(feed.current.revision).toBe(rev);
  expect(errors).toEqual([]);
  await feed.close();
  await store.close();
  expect(clock.pending()).toBe(0);
});

test('a value that cannot be read stops a running feed with an error, and refuses to start one', async () => {
  const { store, feed, errors, clock } = await clusterOf();
  const shown = feed.current;
  const { rev } = await store.txn([], [{ put: '/cfg/topic/a', value: bytes('nonsense') }]);
  await expect(feed.waitFor(rev)).rejects.toThrow(UnavailableError);
  await expect(feed.waitFor(rev + 1)).rejects.toThrow(UnavailableError);
  expect(errors).toEqual([new BrokenValueError('/cfg/topic/a', 'is not JSON in UTF-8')]);
  expect(feed.current).toBe(shown);
  await expect(MetadataFeed.open(store, { clock, onError: () => {} })).rejects.toThrow('metadata key /cfg/topic/a');
  await feed.close();
  await store.close();
});

test('closing the feed, or the store under it, ends the waiting and leaves nothing behind', async () => {
  for (const first of ['feed', 'store'] as const) {
    const { store, feed, clock } = await clusterOf();
    const waiting = feed.waitFor(1_000);
    const refused = expect(waiting).rejects.toThrow(UnavailableError);
    await (first === 'feed' ? feed : store).close();
    await refused;
    await expect(feed.waitFor(1_000)).rejects.toThrow(UnavailableError);
    await feed.waitFor(1);
    await feed.close();
    await store.close();
    expect(clock.pending()).toBe(0);
  }
});

test('10,000 waits at once are kept, one more is refused', async () => {
  const { feed, close } = await clusterOf();
  const waits = Array.from({ length: 10_000 }, () => feed.waitFor(1_000));
  const settled = Promise.allSettled(waits);
  await expect(feed.waitFor(1_000)).rejects.toThrow(/10000 requests wait/);
  await close();
  expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
});
