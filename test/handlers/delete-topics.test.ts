import { beforeEach, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';
let on: MemoryBroker;
let client: RawClient;

async function start(configs: Readonly<Record<string, string>> = {}): Promise<void> {
  on = await memoryBroker({ configs });
  for (const name of ['a', 'b']) await on.broker.createTopic(name, { configs: { 'retention.ms': '1' } });
  client = await on.client();
}
beforeEach(async () => {
  await start();
  return () => on.broker.close();
});

const answers = (reply: Struct) => (reply.responses as Struct[]).map(({ name, errorCode }) => [name, errorCode]);
const remove = (version: number, ...topicNames: string[]) => client.call('DeleteTopics', version, { topicNames, timeoutMs: 1000 });
const names = async () => ((await client.call('Metadata', 9, { topics: null })).topics as Struct[]).map(({ name }) => name).sort();
async function idOf(name: string): Promise<unknown> {
  return ((await client.call('Metadata', 12, { topics: [{ topicId: ZERO, name }] })).topics as Struct[])[0]!.topicId;
}

test.each([0, 1, 2, 3, 4, 5])('v%i deletes by name, each for itself', async (version) => {
  expect(answers(await remove(version, 'nope', 'a'))).toEqual([
    ['nope', 3],
    ['a', 0],
  ]);
  expect(await names()).toEqual(['b']);
});

test('v6 deletes by name or id, and says what is wrong with either', async () => {
  const id = await idOf('a');
  const unknown = 'BBBBBBBBBBBBBBBBBBBBBA';
  const topics = [
    { name: null, topicId: id },
    { name: 'b', topicId: ZERO },
    { name: null, topicId: unknown },
    { name: 'nope', topicId: ZERO },
    { name: 'b', topicId: unknown },
    { name: null, topicId: ZERO },
  ];
  const reply = await client.call('DeleteTopics', 6, { topics, timeoutMs: 1000 });
  expect(reply.responses).toMatchObject([
    { name: 'a', topicId: id, errorCode: 0 },
    { name: 'b', errorCode: 0 },
    { name: null, topicId: unknown, errorCode: 100 },
    { name: 'nope', errorCode: 3 },
    { name: 'b', topicId: unknown, errorCode: 42, errorMessage: 'You may not specify both topic name and topic id.' },
    { name: null, errorCode: 42, errorMessage: 'Neither topic name nor id were specified.' },
  ]);
  expect(await names()).toEqual([]);
});

test('each entry that names nothing is answered, while a name is answered once', async () => {
  const nothing = { name: null, topicId: ZERO };
  const topics = [nothing, { name: 'nope', topicId: ZERO }, nothing, { name: 'nope', topicId: ZERO }];
  expect(answers(await client.call('DeleteTopics', 6, { topics, timeoutMs: 1000 }))).toEqual([
    [null, 42],
    ['nope', 42],
    [null, 42],
  ]);
});

test.each([0, -1])('with %i ms nothing is deleted, and all are answered with REQUEST_TIMED_OUT', async (timeoutMs) => {
  expect(answers(await client.call('DeleteTopics', 5, { topicNames: ['a', 'nope'], timeoutMs }))).toEqual([
    ['a', 7],
    ['nope', 7],
  ]);
  expect(answers(await client.call('DeleteTopics', 5, { topicNames: ['a', 'a'], timeoutMs }))).toEqual([['a', 42]]);
  expect(await names()).toEqual(['a', 'b']);
});

test('a topic that stands in the request twice is answered once and not deleted', async () => {
  const reply = await remove(5, 'a', 'b', 'a');
  expect(answers(reply).sort()).toEqual([
    ['a', 42],
    ['b', 0],
  ]);
  expect(await names()).toEqual(['a']);
});

test.each([
  [2, 42],
  [3, 73],
])('with delete.topic.enable=false v%i answers %i, also for a topic that does not exist', async (version, errorCode) => {
  await on.broker.close();
  await start({ 'delete.topic.enable': 'false' });
  expect(answers(await remove(version, 'a', 'nope'))).toEqual([
    ['a', errorCode],
    ['nope', errorCode],
  ]);
  expect(await names()).toEqual(['a', 'b']);
});

test('its data and configs go with it: a topic of the same name begins anew', async () => {
  await client.call('Produce', 9, produceBody('a', batchBytes({ values: ['old'] })));
  const used = on.files.usedBytes();
  await remove(5, 'a');
  expect(on.files.usedBytes()).toBeLessThan(used);
  expect(on.files.list('/data').filter((name) => name.startsWith('a-'))).toEqual([]);
  await on.broker.createTopic('a');
  expect(firstPartition(await client.call('Fetch', 11, fetchBody([{ topic: 'a' }])))).toMatchObject({ errorCode: 0, highWatermark: 0 });
  const asked = { resources: [{ resourceType: 2, resourceName: 'a', configurationKeys: ['retention.ms'] }] };
  expect((await client.call('DescribeConfigs', 4, asked)).results).toMatchObject([{ configs: [{ value: '604800000' }] }]);
});

test('a disk that refuses to remove the data keeps no topic alive, and keeps nothing else from going', async () => {
  for (const topic of ['a', 'b']) await client.call('Produce', 9, produceBody(topic, batchBytes({ values: ['v'] })));
  const waiting = (await on.client()).call('Fetch', 11, fetchBody([{ topic: 'a', fetchOffset: 1 }], { maxWaitMs: 60_000 }));
  on.files.failNext('rename', 'EACCES', { path: 'a-0' });
  expect(answers(await remove(5, 'a', 'b'))).toEqual([
    ['a', 0],
    ['b', 0],
  ]);
  expect(firstPartition(await waiting)).toMatchObject({ errorCode: 3 });
  expect(on.logged.filter(({ level }) => level === 'warn')).toHaveLength(1);
  expect(on.files.list('/data').some((name) => name.startsWith('b-0'))).toBe(false);
});
