import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import type { Struct } from '../support/interpreter.ts';
import {
  fetchBody,
  firstPartition,
  keptStore,
  type MemoryBroker,
  type MemoryBrokerOptions,
  memoryBroker,
  produceBody,
} from '../support/memory-broker.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { type RawClient, requestFrame } from '../support/raw-client.ts';

type Parts = Readonly<Record<string, string | null>>;
type Values = Readonly<Record<string, number | null>>;

const entityOf = (parts: Parts) => Object.entries(parts).map(([entityType, entityName]) => ({ entityType, entityName }));
/** null: the key is removed. */
const opsOf = (values: Values) => Object.entries(values).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null }));
const entry = (parts: Parts, values: Values) => ({ entity: entityOf(parts), ops: opsOf(values) });

const alter = async (client: RawClient, entries: readonly Struct[], { validateOnly = false, version = 1 } = {}) =>
  (await client.call('AlterClientQuotas', version, { entries, validateOnly })).entries as Struct[];
const set = async (client: RawClient, parts: Parts, values: Values) => {
  expect(await alter(client, [entry(parts, values)])).toMatchObject([{ errorCode: 0 }]);
};
const component = (entityType: string, matchType: number, match: string | null = null) => ({ entityType, matchType, match });
const describeQuotas = (client: RawClient, components: readonly Struct[], strict = false, version = 1) =>
  client.call('DescribeClientQuotas', version, { components, strict });
/** Entities and values, in no order. */
const shown = ({ entries }: Struct) => {
  const flat = (entries as Struct[]).map(({ entity, values }) => [
    (entity as Struct[]).map(({ entityType, entityName }) => `${entityType}:${entityName}`).join(' '),
    Object.fromEntries((values as Struct[]).map(({ key, value }) => [key, value])),
  ]);
  return Object.fromEntries(flat);
};

let on: MemoryBroker;
let client: RawClient;

async function start(options: MemoryBrokerOptions = {}): Promise<void> {
  on = await memoryBroker(options);
  client = await on.client();
}

beforeEach(async () => {
  await start();
  return () => on.broker.close();
});

describe('what is set is described', () => {
  test.each([0, 1])('v%i', async (version) => {
    const result = await alter(client, [entry({ user: 'u', 'client-id': null }, { producer_byte_rate: 1000, request_percentage: 12.5 })], {
      version,
    });
    expect(result).toEqual([{ errorCode: 0, errorMessage: null, entity: entityOf({ 'client-id': null, user: 'u' }) }]);
    const described = await describeQuotas(client, [], false, version);
    expect(described).toMatchObject({ errorCode: 0, errorMessage: '' });
    expect(shown(described)).toEqual({ 'client-id:null user:u': { producer_byte_rate: 1000, request_percentage: 12.5 } });
  });

  test('removing the last key removes the entity, and removing what is not there is no error', async () => {
    await set(client, { user: 'u' }, { producer_byte_rate: 5, consumer_byte_rate: 6 });
    await set(client, { user: 'u' }, { producer_byte_rate: null, request_percentage: null });
    expect(shown(await describeQuotas(client, []))).toEqual({ 'user:u': { consumer_byte_rate: 6 } });
    await set(client, { user: 'u' }, { consumer_byte_rate: null });
    await set(client, { user: 'u' }, { consumer_byte_rate: null });
    expect(shown(await describeQuotas(client, []))).toEqual({});
  });

  test('what is only validated is not set', async () => {
    expect(await alter(client, [entry({ user: 'u' }, { producer_byte_rate: 5 })], { validateOnly: true })).toMatchObject([
      { errorCode: 0 },
    ]);
    expect(await alter(client, [entry({ user: 'u' }, { producer_byte_rate: -5 })], { validateOnly: true })).toMatchObject([
      { errorCode: 42 },
    ]);
    expect(shown(await describeQuotas(client, []))).toEqual({});
  });

  test('each entity of a request succeeds or fails for itself, and one that is named twice is not changed', async () => {
    const result = await alter(client, [
      entry({ user: 'good' }, { producer_byte_rate: 1 }),
      entry({ user: 'half' }, { producer_byte_rate: 1, nonsense: 2 }),
      entry({ user: 'twice' }, { producer_byte_rate: 1 }),
      entry({ ip: 'nowhere' }, { connection_creation_rate: 1 }),
      entry({ user: 'twice' }, { consumer_byte_rate: 1 }),
    ]);
    expect(result.map(({ errorCode, entity }) => [(entity as Struct[])[0]!.entityName, errorCode])).toEqual([
      ['good', 0],
      ['half', 42],
      ['twice', 42],
      ['nowhere', 42],
    ]);
    expect(shown(await describeQuotas(client, []))).toEqual({ 'user:good': { producer_byte_rate: 1 } });
  });

  test('filters', async () => {
    await alter(client, [
      entry({ user: 'u' }, { producer_byte_rate: 1 }),
      entry({ user: 'u', 'client-id': 'c' }, { producer_byte_rate: 2 }),
      entry({ user: 'u', 'client-id': null }, { producer_byte_rate: 3 }),
      entry({ user: null }, { producer_byte_rate: 4 }),
      entry({ 'client-id': 'c' }, { producer_byte_rate: 5 }),
      entry({ ip: null }, { connection_creation_rate: 6 }),
    ]);
    const found = async (components: readonly Struct[], strict = false) =>
      Object.keys(shown(await describeQuotas(client, components, strict))).sort();
    expect(await found([component('user', 0, 'u')])).toEqual(['client-id:c user:u', 'client-id:null user:u', 'user:u']);
    expect(await found([component('user', 0, 'u')], true)).toEqual(['user:u']);
    expect(await found([component('user', 2)], true)).toEqual(['user:null', 'user:u']);
    expect(await found([component('user', 1)])).toEqual(['user:null']);
    expect(await found([component('client-id', 2), component('user', 2)])).toEqual(['client-id:c user:u', 'client-id:null user:u']);
    expect(await found([component('client-id', 1)])).toEqual(['client-id:null user:u']);
    expect(await found([component('ip', 2)])).toEqual(['ip:null']);
    expect(await found([])).toHaveLength(6);
    expect(await found([], true)).toEqual([]);
  });

  test.each<[string, Struct[], number]>([
    ['an empty type', [component('', 0, 'u')], 42],
    ['a type that does not exist', [component('topic', 0, 'u')], 35],
    ['a type twice', [component('user', 0, 'u'), component('user', 1)], 42],
    ['an exact match without a name', [component('user', 0)], 42],
    ['a default match with a name', [component('user', 1, 'u')], 42],
    ['a match that does not exist', [component('user', 3)], 42],
    ['ip beside user', [component('ip', 2), component('user', 2)], 42],
  ])('a filter with %s is refused', async (_, components, errorCode) => {
    expect(await describeQuotas(client, components)).toMatchObject({ errorCode, entries: null });
  });
});

const RECORDS = batchBytes({ values: ['a'.repeat(5000)] });
const produce = (to: RawClient, acks = -1, clientId = 'raw') => to.call('Produce', 9, produceBody('orders', RECORDS, { acks }), clientId);
const PRODUCE_BYTES = requestFrame('Produce', 9, 0, produceBody('orders', RECORDS)).byteLength;
/** With this rate one request more than fills ten seconds, so that a client has to wait for half a second. */
const HALF_A_SECOND = Math.round(PRODUCE_BYTES / 10.5);
const fetch = (from: RawClient, fetchOffset: number, more: Struct = {}, clientId = 'raw') =>
  from.call(
    'Fetch',
    12,
    fetchBody([{ topic: 'orders', fetchOffset, lastFetchedEpoch: -1, logStartOffset: -1 }], { clusterId: null, ...more }),
    clientId,
  );

describe('producers', () => {
  test('a batch beyond the rate is written, and the next request has to wait', async () => {
    await on.broker.createTopic('orders');
    await set(client, { 'client-id': 'raw' }, { producer_byte_rate: HALF_A_SECOND });
    const reply = await produce(client);
    // (rate - quota) / quota of the ten seconds that the first samples stand for
    expect(reply.throttleTimeMs).toBe(Math.round(((PRODUCE_BYTES / 10 - HALF_A_SECOND) / HALF_A_SECOND) * 10_000));
    expect(firstPartition(reply)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    const next = client.call('ApiVersions', 0);
    await on.clock.advance(400);
    expect(client.answered).toHaveLength(2);
    await on.clock.advance(200);
    expect(await next).toMatchObject({ errorCode: 0 });
  });

  test('bytes that a patient client gets in keep to the rate: after a first burst, those of its quota', async () => {
    await on.broker.createTopic('orders');
    const admin = await on.client();
    await set(admin, { 'client-id': 'raw' }, { producer_byte_rate: PRODUCE_BYTES });
    let sent = 0;
    let waitMs = 0;
    const startMs = on.clock.monotonicMs();
    while (on.clock.monotonicMs() - startMs < 120_000) {
      const producing = produce(client);
      await on.clock.settle();
      const { throttleTimeMs } = await producing;
      sent++;
      waitMs = Number(throttleTimeMs);
      await on.clock.advance(Math.max(waitMs, 1));
    }
    expect(sent).toBeGreaterThan(100);
    expect(sent).toBeLessThan(140);
  }, 30_000);

  test('others are not slowed down, and neither is the client once its quota is gone', async () => {
    await on.broker.createTopic('orders');
    const other = await on.client();
    await set(other, { 'client-id': 'slow' }, { producer_byte_rate: 1 });
    expect(await produce(other, -1, 'fast')).toMatchObject({ throttleTimeMs: 0 });
    await set(other, { 'client-id': 'slow' }, { producer_byte_rate: null });
    expect(await produce(client, -1, 'slow')).toMatchObject({ throttleTimeMs: 0 });
  });

  test('all users are ANONYMOUS', async () => {
    await on.broker.createTopic('orders');
    await set(client, { user: 'alice' }, { producer_byte_rate: 1 });
    expect(await produce(client)).toMatchObject({ throttleTimeMs: 0 });
    const other = await on.client();
    await set(other, { user: 'ANONYMOUS' }, { producer_byte_rate: 1 });
    expect((await produce(client)).throttleTimeMs).toBeGreaterThan(1_000_000);
  });
});

describe('consumers', () => {
  const withRecords = async (consumer_byte_rate: number) => {
    await on.broker.createTopic('orders');
    for (let i = 0; i < 4; i++) await produce(client);
    await set(await on.client(), { 'client-id': 'raw' }, { consumer_byte_rate });
  };

  test('a fetch beyond the rate is answered at once, with nothing, and the same again when the client has waited', async () => {
    await withRecords(1000);
    expect(firstPartition(await fetch(client, 0, { maxBytes: 6000 })).records).toHaveProperty('byteLength', RECORDS.byteLength);
    const throttled = await fetch(client, 1, { maxBytes: 6000 });
    expect(throttled).toMatchObject({ errorCode: 0, sessionId: 0, responses: [] });
    expect(throttled.throttleTimeMs).toBeGreaterThan(0);
    const again = fetch(client, 1, { maxBytes: 6000 });
    await on.clock.advance(11_000);
    expect(firstPartition(await again)).toMatchObject({ errorCode: 0 });
    expect(firstPartition(await again).records).toHaveProperty('byteLength', RECORDS.byteLength);
  });

  test('no more is given than a window allows', async () => {
    await withRecords(1500);
    const reply = await fetch(client, 0);
    expect(firstPartition(reply).records).toHaveProperty('byteLength', 2 * RECORDS.byteLength); // 15,000 bytes
    expect(reply.throttleTimeMs).toBe(0);
  });

  test('no session begins with a throttled fetch; one that has begun goes on behind it, and leaves nothing out', async () => {
    await withRecords(1000);
    const session = { sessionEpoch: 0, maxBytes: 6000 };
    const begun = await fetch(client, 0, session);
    const sessionId = Number(begun.sessionId);
    expect(sessionId).toBeGreaterThan(0);
    const throttled = await fetch(client, 1, { ...session, sessionId, sessionEpoch: 1 });
    expect(throttled).toMatchObject({ errorCode: 0, sessionId, responses: [] });
    await on.clock.advance(11_000);
    const next = await client.call('Fetch', 12, fetchBody([], { clusterId: null, sessionId, sessionEpoch: 2, maxBytes: 6000 }));
    expect(next).toMatchObject({ errorCode: 0, sessionId, throttleTimeMs: 0 });
    expect(firstPartition(next).records).toHaveProperty('byteLength', RECORDS.byteLength);

    const other = await on.client();
    expect(await fetch(other, 0, session)).toMatchObject({ sessionId: 0, responses: [] });
  });
});

describe('controller_mutation_rate', () => {
  const limited = async () => {
    await set(await on.client(), { 'client-id': 'raw' }, { controller_mutation_rate: 1 }); // eleven at hand
    const created = await client.call('CreateTopics', 6, topicsOf({ a: 12 }));
    expect(created).toMatchObject({ throttleTimeMs: 0, topics: [{ errorCode: 0 }] }); // one is owed now
  };
  const topicsOf = (partitions: Readonly<Record<string, number>>) => ({
    topics: Object.entries(partitions).map(([name, numPartitions]) => ({
      name,
      numPartitions,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    })),
    timeoutMs: 1000,
    validateOnly: false,
  });

  test('newer clients are refused what is too much, and told when to come again', async () => {
    await limited();
    const refused = await client.call('CreateTopics', 6, topicsOf({ b: 1 }));
    expect(refused).toMatchObject({ throttleTimeMs: 1000, topics: [{ name: 'b', errorCode: 89 }] });
    const deleting = client.call('DeleteTopics', 5, { topicNames: ['a'], timeoutMs: 1000 });
    await on.clock.advance(1000);
    expect(await deleting).toMatchObject({ throttleTimeMs: 0, responses: [{ name: 'a', errorCode: 0 }] });
    const growing = { topics: [{ name: 'a', count: 13, assignments: null }], timeoutMs: 1000, validateOnly: false };
    expect(await client.call('CreatePartitions', 3, growing)).toMatchObject({ throttleTimeMs: 0, results: [{ errorCode: 3 }] });
    expect(await client.call('DeleteTopics', 5, { topicNames: ['a'], timeoutMs: 1000 })).toMatchObject({ responses: [{ errorCode: 3 }] });
  });

  test('new partitions count', async () => {
    await limited();
    const other = await on.client();
    const growing = { topics: [{ name: 'a', count: 13, assignments: null }], timeoutMs: 1000, validateOnly: false };
    expect(await client.call('CreatePartitions', 3, growing)).toMatchObject({ throttleTimeMs: 1000, results: [{ errorCode: 89 }] });
    expect(await other.call('CreatePartitions', 2, growing)).toMatchObject({ throttleTimeMs: 2000, results: [{ errorCode: 0 }] });
  });

  test('older clients get what they ask for, and wait for it', async () => {
    await limited();
    expect(await client.call('CreateTopics', 5, topicsOf({ b: 1, c: 1 }))).toMatchObject({
      throttleTimeMs: 3000,
      topics: [{ errorCode: 0 }, { errorCode: 0 }],
    });
    const other = await on.client();
    expect(await other.call('DeleteTopics', 4, { topicNames: ['b'], timeoutMs: 1000 })).toMatchObject({
      throttleTimeMs: 4000,
      responses: [{ errorCode: 0 }],
    });
  });
});

test('connections from one address beyond its rate are not served', async () => {
  await set(client, { ip: null }, { connection_creation_rate: 1 });
  const clients = await Promise.all(Array.from({ length: 11 }, () => on.client()));
  const answers = clients.map((each) =>
    each.call('ApiVersions', 0).then(
      () => true,
      () => false,
    ),
  );
  await on.clock.advance(1000);
  expect(await Promise.all(answers)).toEqual([...Array(10).fill(true), false]);
});

test('quotas survive a restart', async () => {
  const openStore = keptStore();
  await on.broker.close();
  await start({ openStore });
  await set(client, { 'client-id': 'raw' }, { producer_byte_rate: 1 });
  const { files } = on;
  await on.broker.close();
  await start({ openStore, files });
  expect(shown(await describeQuotas(client, []))).toEqual({ 'client-id:raw': { producer_byte_rate: 1 } });
  await on.broker.createTopic('orders');
  expect((await produce(client)).throttleTimeMs).toBeGreaterThan(1_000_000);
});

describe('a cluster', () => {
  let cluster: MemoryCluster;
  beforeEach(async () => {
    cluster = await MemoryCluster.start(2);
    return () => cluster.close();
  });

  test('all brokers know and enforce what was set at one, and changes of different keys at once are both made', async () => {
    const [one, two] = [await cluster.client(1), await cluster.client(2)];
    await Promise.all([
      set(one, { 'client-id': 'raw' }, { producer_byte_rate: 100 }),
      set(two, { 'client-id': 'raw' }, { controller_mutation_rate: 0.001 }),
    ]);
    await cluster.clock.settle();
    for (const each of [one, two]) {
      expect(shown(await describeQuotas(each, []))).toEqual({
        'client-id:raw': { producer_byte_rate: 100, controller_mutation_rate: 0.001 },
      });
    }
    const topics = ['a', 'b'].map((name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }));
    const created = await two.call('CreateTopics', 6, { topics, timeoutMs: 1000, validateOnly: false });
    expect((created.topics as Struct[]).map(({ errorCode }) => errorCode)).toEqual([0, 89]);
  });

  test('followers replicate whatever consumers may fetch', async () => {
    const one = await cluster.client(1);
    await set(one, { 'client-id': null }, { consumer_byte_rate: 1, request_percentage: 1e-6 });
    await set(one, { user: null }, { consumer_byte_rate: 1, request_percentage: 1e-6 });
    await cluster.nodes.get(1)!.broker!.createTopic('orders');
    const topics = [
      { name: 'orders', numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }], configs: [] },
    ];
    await one.call('DeleteTopics', 4, { topicNames: ['orders'], timeoutMs: 1000 }, 'admin');
    const other = await cluster.client(1);
    const creating = other.call('CreateTopics', 5, { topics, timeoutMs: 1000, validateOnly: false }, 'admin');
    await cluster.clock.advance(2000);
    await creating;
    await cluster.clock.advance(2000);
    const producing = (await cluster.client(1)).call('Produce', 9, produceBody('orders', RECORDS, { acks: -1 }), 'p');
    await cluster.clock.advance(5000);
    expect(firstPartition(await producing)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });
});
