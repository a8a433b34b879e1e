import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HandlerSpec } from '../../src/handlers/handler.ts';
import { heardOf } from '../../src/handlers/heard-of.ts';
import { HANDLERS } from '../../src/handlers/index.ts';
import { type Ask, UnheardTopics } from '../../src/handlers/unheard-topics.ts';
import { MetadataImage } from '../../src/metadata/image.ts';
import { MetadataFeed } from '../../src/metadata/image-feed.ts';
import { type MetadataStore, UnavailableError } from '../../src/metadata/store.ts';
import { Metadata } from '../../src/protocol/messages/metadata.ts';
import { type ClusterFixture, clusterOf } from '../metadata/cluster-fixture.ts';
import { sender } from './group-handlers.ts';

const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';

/** Broker 1 creates topics; `unheard` is of a broker that hears of nothing until `letHear` is called. */
let cluster: ClusterFixture;
let store: MetadataStore;
let reads: string[];
let feed: MetadataFeed;
let letHear: () => void;
let unheard: UnheardTopics;

beforeEach(async () => {
  cluster = await clusterOf();
  reads = [];
  const heard = new Promise<void>((resolve) => {
    letHear = resolve;
  });
  store = Object.assign(Object.create(cluster.store), {
    get: (key: string) => {
      reads.push(key);
      return cluster.store.get(key);
    },
    watch: async function* (prefix: string, from: number, signal: AbortSignal) {
      await heard;
      yield* cluster.store.watch(prefix, from, signal);
    },
  });
  feed = await MetadataFeed.open(store, { clock: cluster.clock, onError: () => {} });
  unheard = new UnheardTopics({ store, metadata: feed, clock: cluster.clock });
});
afterEach(async () => {
  letHear();
  await feed.close();
  await cluster.close();
});

const look = (...asked: Parameters<Ask>[]) => unheard.look((ask) => asked.forEach((each) => void ask(...each)));
const isOver = async (waiting: Promise<void> | undefined) => {
  let over = false;
  waiting?.then(() => {
    over = true;
  });
  await cluster.clock.advance(0);
  return over;
};

test('a topic that another broker has created is waited for, by name and by id', async () => {
  await cluster.create('orders', { partitions: 2 });
  const { topicId } = cluster.feed.current.topic('orders')!;
  for (const asked of [
    ['orders', undefined, -1],
    [null, topicId, 0],
    ['', topicId, 1],
  ] satisfies Parameters<Ask>[]) {
    const waiting = look(asked);
    expect(await isOver(waiting)).toBe(false);
    if (asked[0] === '') letHear();
    else continue;
    await waiting;
    expect(feed.current.topic('orders')?.partitions).toHaveLength(2);
    expect(look(asked)).toBeUndefined();
  }
});

test('a partition that another broker has added is waited for', async () => {
  await cluster.create('orders', { partitions: 2 });
  letHear();
  await feed.waitFor(cluster.feed.current.revision);
  expect(look(['orders', undefined, 1])).toBeUndefined();
  expect(reads).toEqual([]);
  await look(['orders', undefined, 2]);
  expect(reads).toEqual(['/t/orders']);
});

test('what does not exist is unknown as soon as the store has said so, whatever the image lacks', async () => {
  await cluster.create('orders');
  await look(['nope', undefined, 0], [null, 'BBBBBBBBBBBBBBBBBBBBBA', 0]);
  expect(reads).toEqual(['/t/nope', '/p/BBBBBBBBBBBBBBBBBBBBBA/0']);
});

test('nobody reads the store for a name that no topic can have', () => {
  expect(look(['no spaces', undefined, 0], ['', undefined, 0], [null, ZERO, 0], [undefined, undefined, -1])).toBeUndefined();
});

test('those who name a topic while it is looked for wait together, also once the image shows it: their order stays', async () => {
  await cluster.create('orders');
  const order: number[] = [];
  const first = look(['orders', undefined, 0])?.then(() => order.push(1));
  const second = look(['orders', undefined, 0])?.then(() => order.push(2));
  letHear();
  await Promise.all([first, second]);
  expect(order).toEqual([1, 2]);
  expect(reads).toEqual(['/t/orders']);
});

test('misses are bounded: beyond 1000 at once, and 500 a second, topics are unknown without a read', async () => {
  const missing = (from: number, count: number) => Array.from({ length: count }, (_, i): Parameters<Ask> => [`t${from + i}`, undefined, 0]);
  await look(...missing(0, 1001));
  expect(reads).toHaveLength(1000);
  expect(look(['other', undefined, 0])).toBeUndefined();
  await cluster.clock.advance(1000);
  await look(...missing(2000, 700));
  expect(reads).toHaveLength(1500);
});

test('hits are not counted among the misses', async () => {
  await cluster.create('orders');
  const metadata = { current: MetadataImage.empty, waitFor: async () => {} } as unknown as MetadataFeed;
  unheard = new UnheardTopics({ store, metadata, clock: cluster.clock });
  for (let i = 0; i < 1100; i++) await look(['orders', undefined, 0]);
  await look(['other', undefined, 0]);
  expect(reads).toHaveLength(1101);
});

test.each([
  ['does not answer', () => new Promise<never>(() => {})],
  ['is not available', () => Promise.reject(new UnavailableError('away'))],
])('while the store %s nobody waits longer than two seconds', async (_, get) => {
  store.get = get;
  const waiting = look(['orders', undefined, 0]);
  expect(waiting).toBeDefined();
  await cluster.clock.advance(2_000);
  expect(await isOver(waiting)).toBe(true);
});

test('a store that answers nothing is asked 1000 things at most, however long that goes on', async () => {
  let open = 0;
  store.get = () => {
    open++;
    return new Promise<never>(() => {});
  };
  for (let second = 0; second < 10; second++) {
    look(...Array.from({ length: 700 }, (_, i): Parameters<Ask> => [`t${second}-${i}`, undefined, 0]));
    await cluster.clock.advance(1_000);
  }
  expect(open).toBe(1_000);
});

test('a broker whose image stays behind answers after two seconds', async () => {
  await cluster.create('orders');
  const waiting = look(['orders', undefined, 0]);
  await cluster.clock.advance(1_999);
  expect(await isOver(waiting)).toBe(false);
  await cluster.clock.advance(1);
  expect(await isOver(waiting)).toBe(true);
});

test('a handler is called at once when all is known, else when it has been heard of', async () => {
  const called: string[] = [];
  const spec: HandlerSpec<typeof Metadata, unknown> = {
    api: Metadata,
    versions: [0, 13],
    make: () => ({
      handle: ({ topics }) => {
        called.push(`${topics?.map(({ name }) => name)}: ${feed.current.topicCount}`);
        return { brokers: [], topics: [] };
      },
      refuse: () => ({ brokers: [], topics: [] }),
    }),
  };
  const wrapped = heardOf(spec, ({ topics }, ask) => topics?.forEach(({ name, topicId }) => void ask(name, topicId, -1)));
  const send = sender(wrapped, { unheardTopics: unheard });
  await cluster.create('orders');
  const named = (name: string) => ({ topics: [{ name, topicId: ZERO }], allowAutoTopicCreation: false });
  const waiting = send(12, named('orders'));
  await cluster.clock.advance(0);
  expect(called).toEqual([]);
  letHear();
  await waiting;
  await send(12, named('orders'));
  expect(called).toEqual(['orders: 1', 'orders: 1']);
});

test('every API that names topics looks for those it has not heard of, but CreateTopics, which asks the store itself, DescribeLogDirs, which leaves them out, and DescribeQuorum, whose topic is none', () => {
  const namesTopics = HANDLERS.filter(({ api }) =>
    Object.keys(api.request.fields).some((field) => /^(topics|topicNames|topicData|topicPartitions|resources)$/.test(field)),
  );
  const without = namesTopics.filter(({ make }) => !make.toString().includes('unheardTopics')).map(({ api }) => api.name);
  expect(without.sort()).toEqual(['CreateTopics', 'DescribeLogDirs', 'DescribeQuorum']);
});
