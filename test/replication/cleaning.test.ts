import { afterEach, beforeEach, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { readRecords } from '../../src/protocol/records/walk.ts';
import { fetchBody, firstPartition, keptStore, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import type { RawClient } from '../support/raw-client.ts';

const HOUR = 3_600_000;
const BACKOFF_MS = 15_000;
/** Every batch that is a second later than the first of its segment begins another, so that few records make many segments. */
const TABLE = { 'cleanup.policy': 'compact', 'segment.ms': 1 };

let on: MemoryBroker;
let client: RawClient;
/** Of the next record. */
let timestamp: number;

beforeEach(async () => {
  await begin({});
});
afterEach(() => on.broker.close());

async function begin(more: Parameters<typeof memoryBroker>[0]): Promise<void> {
  await on?.broker.close();
  on = await memoryBroker({ ...more, configs: { 'connections.max.idle.ms': `${99 * HOUR}`, ...more?.configs } });
  client = await on.client();
  timestamp = on.clock.now() - HOUR;
}

async function put(topic: string, key: string, value: string | null, at = client): Promise<void> {
  const reply = await at.call('Produce', 9, produceBody(topic, batchBytes({ key, values: [value], timestamp })));
  expect(firstPartition(reply)).toMatchObject({ errorCode: 0 });
  timestamp += 1000;
}
/** `key=value@offset` of all records, read as a consumer does. */
async function records(topic: string, from = 0, at = client): Promise<string[]> {
  const text = (field: Buffer | null) => field?.toString() ?? 'null';
  const all: string[] = [];
  for (let fetchOffset = from, isEnd = false; !isEnd; ) {
    const { errorCode, records: bytes } = firstPartition(await at.call('Fetch', 11, fetchBody([{ topic, fetchOffset }])));
    expect(errorCode).toBe(0);
    isEnd = true;
    for (const batch of eachBatch((bytes as Buffer | null) ?? Buffer.alloc(0))) {
      for (const { offset, key, value } of readRecords(batch)) all.push(`${text(key)}=${text(value)}@${offset}`);
      fetchOffset = batch.lastOffset + 1;
      isEnd = false;
    }
  }
  return all;
}
async function alter(topic: string, name: string, value: string): Promise<void> {
  const resources = [{ resourceType: 2, resourceName: topic, configs: [{ name, configOperation: 0, value }] }];
  await client.call('IncrementalAlterConfigs', 1, { resources, validateOnly: false });
}
const checkpoint = () => on.files.read('/data/cleaner-offset-checkpoint')?.toString();

test('a compacted topic ends at its last values, at their offsets, within log.cleaner.backoff.ms; the active segment stays', async () => {
  await on.broker.createTopic('table', { configs: TABLE });
  for (const [key, value] of ['a1', 'b1', 'a2', 'c1', 'b2', 'a3', 'b3']) await put('table', key!, value!);
  await on.clock.advance(BACKOFF_MS);
  expect(await records('table')).toEqual(['c=1@3', 'b=2@4', 'a=3@5', 'b=3@6']);
  expect(checkpoint()).toBe('0\n1\ntable 0 6\n');
  const line = on.logged.find(({ message }) => message === 'a log was compacted');
  expect(line).toMatchObject({
    level: 'info',
    fields: { topic: 'table', partition: 0, messagesBefore: 6, messagesAfter: 3, firstDirtyOffset: 6 },
  });
});

test('a topic of another policy is left alone, until the policy is changed', async () => {
  await on.broker.createTopic('events', { configs: { 'segment.ms': 1 } });
  for (const value of ['1', '2', '3']) await put('events', 'a', value);
  await on.clock.advance(2 * BACKOFF_MS);
  expect(await records('events')).toHaveLength(3);
  await alter('events', 'cleanup.policy', 'compact');
  await on.clock.advance(BACKOFF_MS);
  expect(await records('events')).toEqual(['a=2@1', 'a=3@2']);
});

test('what a start finds is compacted too, though nobody has used it since; what is compacted is not done again', async () => {
  const { clock } = on;
  const openStore = keptStore(clock);
  await begin({ clock, openStore, configs: { 'log.cleaner.enable': 'false' } });
  await on.broker.createTopic('table', { configs: TABLE });
  for (const value of ['1', '2', '3']) await put('table', 'a', value);
  await on.clock.advance(2 * BACKOFF_MS);
  expect(await records('table')).toHaveLength(3); // it was switched off
  for (const expected of [1, 0]) {
    await begin({ clock, openStore, files: on.files });
    await on.clock.advance(BACKOFF_MS);
    expect(on.logged.filter(({ message }) => message === 'a log was compacted')).toHaveLength(expected);
    expect(await records('table')).toEqual(['a=2@1', 'a=3@2']);
  }
});

test('min.cleanable.dirty.ratio decides, and max.compaction.lag.ms over it', async () => {
  await on.broker.createTopic('table', { configs: { ...TABLE, 'min.cleanable.dirty.ratio': '1' } });
  for (const value of ['1', '2', '3']) await put('table', 'a', value);
  await on.clock.advance(2 * BACKOFF_MS);
  expect(await records('table')).toHaveLength(3);
  await alter('table', 'max.compaction.lag.ms', '1000');
  await on.clock.advance(BACKOFF_MS);
  expect(await records('table')).toHaveLength(2);
});

test('min.compaction.lag.ms keeps young records, and a clock that jumps ahead makes none of them old', async () => {
  await on.broker.createTopic('table', {
    configs: { ...TABLE, 'min.compaction.lag.ms': `${10 * HOUR}`, 'min.cleanable.dirty.ratio': '0' },
  });
  for (const value of ['1', '2', '3']) await put('table', 'a', value);
  await on.clock.advance(BACKOFF_MS);
  on.clock.jump(365 * 24 * HOUR);
  await on.clock.advance(HOUR / 2);
  expect(await records('table')).toHaveLength(3);
  on.clock.jump(-365 * 24 * HOUR);
  await on.clock.advance(8 * HOUR);
  expect(await records('table')).toHaveLength(3);
  await on.clock.advance(HOUR);
  expect(await records('table')).toHaveLength(2);
});

test('a tombstone stays for delete.retention.ms from its first compaction on, whatever the clock jumps to', async () => {
  await on.broker.createTopic('table', { configs: { ...TABLE, 'delete.retention.ms': 2 * HOUR, 'min.cleanable.dirty.ratio': '0' } });
  await put('table', 'a', '1');
  await put('table', 'a', null);
  await put('table', 'b', '1');
  await on.clock.advance(BACKOFF_MS);
  expect(await records('table')).toEqual(['a=null@1', 'b=1@2']);
  on.clock.jump(365 * 24 * HOUR);
  await put('table', 'b', '2');
  await on.clock.advance(HOUR / 2);
  expect(await records('table')).toEqual(['a=null@1', 'b=1@2', 'b=2@3']);
  on.clock.jump(-365 * 24 * HOUR);
  await on.clock.advance(2 * HOUR);
  await put('table', 'b', '3');
  await on.clock.advance(BACKOFF_MS);
  expect(await records('table')).toEqual(['b=2@3', 'b=3@4']);
});

test('compact,delete: the last values stay until retention takes them', async () => {
  await on.broker.createTopic('both', { configs: { ...TABLE, 'cleanup.policy': 'compact,delete', 'retention.ms': 2 * HOUR } });
  for (const [key, value] of ['a1', 'b1', 'a2']) await put('both', key!, value!);
  timestamp = on.clock.now() + HOUR / 2;
  await put('both', 'b', '2');
  await on.clock.advance(BACKOFF_MS);
  expect(await records('both')).toEqual(['b=1@1', 'a=2@2', 'b=2@3']);
  await on.clock.advance(HOUR);
  expect(firstPartition(await client.call('Fetch', 11, fetchBody([{ topic: 'both' }])))).toMatchObject({ errorCode: 1 });
  expect(await records('both', 3)).toEqual(['b=2@3']);
});

test('log.cleaner.io.max.bytes.per.second holds compaction back, from the next one on when it is altered', async () => {
  await on.broker.createTopic('table', { configs: TABLE });
  for (const [key, value] of ['a1', 'b1', 'a2', 'c1', 'b2', 'a3', 'b3']) await put('table', key!, value!);
  const configs = [{ name: 'log.cleaner.io.max.bytes.per.second', configOperation: 0, value: '20' }];
  await client.call('IncrementalAlterConfigs', 1, { resources: [{ resourceType: 4, resourceName: '', configs }], validateOnly: false });
  await on.clock.advance(BACKOFF_MS);
  expect(await records('table')).toHaveLength(7);
  await on.clock.advance(120_000);
  expect(await records('table')).toHaveLength(4);
  expect(on.logged.map(({ message }) => message)).toContain('a log is being compacted');
  const line = on.logged.find(({ message }) => message === 'a log was compacted');
  expect((line!.fields as { durationMs: number }).durationMs).toBeGreaterThan((6 * 70 * 1000) / 20);
});

test('more keys than log.cleaner.dedupe.buffer.size has room for are compacted part by part, without a pause', async () => {
  await begin({ configs: { 'log.cleaner.dedupe.buffer.size': '128' } }); // of 24 bytes each
  await on.broker.createTopic('table', { configs: { ...TABLE, 'min.cleanable.dirty.ratio': '0' } });
  for (let round = 1; round <= 3; round++) for (let key = 0; key < 20; key++) await put('table', `k${key}`, `${round}`);
  await on.clock.advance(BACKOFF_MS);
  for (let i = 0; i < 10; i++) await on.clock.advance(10);
  expect(on.logged.filter(({ message }) => message === 'a log was compacted').length).toBeGreaterThan(10);
  expect(checkpoint()).toBe('0\n1\ntable 0 59\n');
  const left = await records('table');
  expect(left.filter((record) => record.includes('=3@'))).toHaveLength(20);
  expect(left).toHaveLength(20 + 1); // what the active segment replaces
});

test('__consumer_offsets goes the same way', async () => {
  const configs = {
    'offsets.topic.segment.bytes': '1048576',
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': '1',
  };
  await begin({ configs });
  await on.broker.createTopic('orders');
  await client.call('FindCoordinator', 3, { key: 'g', keyType: 0 });
  await on.clock.advance(1_000);
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: 'x'.repeat(4000) }];
  const commit = {
    groupId: 'g',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    topics: [{ name: 'orders', partitions }],
  };
  for (let i = 0; i < 700; i++) await client.call('OffsetCommit', 8, commit);
  await on.clock.advance(BACKOFF_MS);
  expect(on.logged.filter(({ message }) => message === 'a log was compacted').at(-1)!.fields).toMatchObject({
    topic: '__consumer_offsets',
  });
  expect((await records('__consumer_offsets')).length).toBeLessThan(300);
  expect(checkpoint()).toMatch(/^0\n1\n__consumer_offsets 0 [1-9]\d*\n$/);
});

test('a clock that jumps ahead expires no offsets of a group before the new time has stood for an hour', async () => {
  const configs = { 'offsets.topic.num.partitions': '1', 'offsets.topic.replication.factor': '1', 'offsets.retention.minutes': '120' };
  await begin({ configs });
  await on.broker.createTopic('orders');
  await client.call('FindCoordinator', 3, { key: 'g', keyType: 0 });
  await on.clock.advance(1_000);
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedLeaderEpoch: -1, committedMetadata: null }];
  const commit = {
    groupId: 'g',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    topics: [{ name: 'orders', partitions }],
  };
  await client.call('OffsetCommit', 8, commit);
  const committed = async () => {
    const reply = await client.call('OffsetFetch', 7, {
      groupId: 'g',
      topics: [{ name: 'orders', partitionIndexes: [0] }],
      requireStable: false,
    });
    return (reply as { topics: { partitions: { committedOffset: number }[] }[] }).topics[0]!.partitions[0]!.committedOffset;
  };
  expect(await committed()).toBe(7);
  on.clock.jump(365 * 24 * HOUR);
  await on.clock.advance(HOUR - 60_000);
  expect(await committed()).toBe(7);
  await on.clock.advance(HOUR / 2);
  expect(await committed()).toBe(-1);
});

test('a start long after the last run, by a clock that may be wrong, deletes nothing before its time has stood for an hour', async () => {
  const { clock: before } = on;
  const openStore = keptStore(before);
  const configs = { 'log.retention.check.interval.ms': '1000' };
  await begin({ clock: before, openStore, configs });
  await on.broker.createTopic('events');
  await put('events', 'a', '1');
  await before.advance(60_000);
  await on.broker.close();
  const clock = fakeClock(before.now() + 365 * 24 * HOUR);
  on = await memoryBroker({ clock, files: on.files, openStore, configs });
  const isThere = () => on.files.list('/data/events-0').includes('00000000000000000000.log');
  await clock.advance(HOUR - 60_000);
  expect(isThere()).toBe(true);
  await clock.advance(2 * 60_000);
  expect(isThere()).toBe(false);
});

test('every replica compacts its own log, the leader and those that follow', async () => {
  const cluster = await MemoryCluster.start(3, { 'default.replication.factor': '3', 'min.insync.replicas': '2' });
  try {
    await cluster.nodes.get(1)!.broker!.createTopic('table', { configs: TABLE });
    await cluster.clock.settle();
    const { leader } = await cluster.partition('table');
    timestamp = cluster.clock.now() - HOUR;
    const writer = await cluster.client(leader);
    for (const value of ['1', '2', '3', '4']) await put('table', 'a', value, writer);
    await cluster.clock.advance(BACKOFF_MS + 5_000);
    for (const id of [1, 2, 3]) {
      expect(await records('table', 0, await cluster.client(id))).toEqual(['a=3@2', 'a=4@3']);
      expect(cluster.nodes.get(id)!.files.read('/data/cleaner-offset-checkpoint')?.toString()).toBe('0\n1\ntable 0 3\n');
    }
  } finally {
    await cluster.close();
  }
});
