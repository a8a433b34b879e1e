import { beforeEach, describe, expect, test } from 'vitest';
import type { Struct } from '../support/interpreter.ts';
import { type MemoryBroker, type MemoryBrokerOptions, memoryBroker } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let client: RawClient;

async function start(configs: MemoryBrokerOptions['configs'] = {}) {
  on = await memoryBroker({ configs });
  await on.broker.createTopic('c');
  await on.broker.createTopic('b', { partitions: 2 });
  await on.broker.createTopic('a', { partitions: 3 });
  client = await on.client();
}

beforeEach(async () => {
  await start();
  return () => on.broker.close();
});

interface Page {
  limit?: number;
  cursor?: [topicName: string, partitionIndex: number] | null;
}

const ask = (names: string[], { limit = 2000, cursor = null }: Page = {}) =>
  client.call('DescribeTopicPartitions', 0, {
    topics: names.map((name) => ({ name })),
    responsePartitionLimit: limit,
    cursor: cursor && { topicName: cursor[0], partitionIndex: cursor[1] },
  });

/** `a: 0 1 2` per topic, then the next cursor. */
function outline({ topics, nextCursor }: Struct): string[] {
  const lines = (topics as Struct[]).map(({ name, errorCode, partitions }) => {
    const indexes = (partitions as Struct[]).map(({ partitionIndex }) => partitionIndex);
    return `${name}:${errorCode === 0 ? '' : ` error ${errorCode}`} ${indexes.join(' ')}`.trim();
  });
  const cursor = nextCursor as Struct | null;
  return cursor ? [...lines, `-> ${cursor.topicName} ${cursor.partitionIndex}`] : lines;
}

test('a topic comes with its id, its partitions, and what the client may do', async () => {
  const reply = await ask(['b']);
  const metadata = await client.call('Metadata', 12, { topics: [{ topicId: 'A'.repeat(22), name: 'b' }], allowAutoTopicCreation: false });
  const partition = {
    errorCode: 0,
    leaderId: 1,
    leaderEpoch: 0,
    replicaNodes: [1],
    isrNodes: [1],
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: [],
  };
  expect(reply).toEqual({
    throttleTimeMs: 0,
    topics: [
      {
        errorCode: 0,
        name: 'b',
        topicId: (metadata.topics as Struct[])[0]!.topicId,
        isInternal: false,
        partitions: [0, 1].map((partitionIndex) => ({ ...partition, partitionIndex })),
        topicAuthorizedOperations: 0xdf8,
      },
    ],
    nextCursor: null,
  });
});

test('topics come sorted by name and each once; an empty list means all', async () => {
  const all = ['a: 0 1 2', 'b: 0 1', 'c: 0'];
  expect(outline(await ask(['c', 'a', 'c', 'b']))).toEqual(all);
  expect(outline(await ask([]))).toEqual(all);
});

test('a topic that does not exist, or cannot, is answered with its error', async () => {
  expect(outline(await ask(['nope', 'a']))).toEqual(['a: 0 1 2', 'nope: error 3']);
  expect(outline(await ask(['a b']))).toEqual(['a b: error 17']);
});

describe('a page', () => {
  test.each<[number, string[]]>([
    [-1, ['a: 0', '-> a 1']],
    [0, ['a: 0', '-> a 1']],
    [1, ['a: 0', '-> a 1']],
    [2, ['a: 0 1', '-> a 2']],
    [3, ['a: 0 1 2', '-> b 0']],
    [4, ['a: 0 1 2', 'b: 0', '-> b 1']],
    [5, ['a: 0 1 2', 'b: 0 1', '-> c 0']],
    [6, ['a: 0 1 2', 'b: 0 1', 'c: 0']],
  ])('of at most %i partitions', async (limit, expected) => {
    expect(outline(await ask(['a', 'b', 'c'], { limit }))).toEqual(expected);
    expect(outline(await ask([], { limit }))).toEqual(expected);
  });

  test('begins at the cursor', async () => {
    expect(outline(await ask([], { cursor: ['a', 2] }))).toEqual(['a: 2', 'b: 0 1', 'c: 0']);
    expect(outline(await ask([], { cursor: ['b', 0], limit: 2 }))).toEqual(['b: 0 1', '-> c 0']);
    expect(outline(await ask([], { cursor: ['aa', 1] }))).toEqual(['b: 0 1', 'c: 0']);
    expect(outline(await ask(['b'], { cursor: ['b', 9] }))).toEqual(['b:']);
  });

  test('is followed by the next, until every partition was told once', async () => {
    const told: string[] = [];
    let cursor: Page['cursor'] = null;
    do {
      const reply = await ask([], { limit: 2, cursor });
      for (const { name, partitions } of reply.topics as Struct[])
        for (const { partitionIndex } of partitions as Struct[]) told.push(`${name} ${partitionIndex}`);
      const next = reply.nextCursor as Struct | null;
      cursor = next && [String(next.topicName), Number(next.partitionIndex)];
    } while (cursor);
    expect(told).toEqual(['a 0', 'a 1', 'a 2', 'b 0', 'b 1', 'c 0']);
  });

  test('has no room for what does not exist to take', async () => {
    expect(outline(await ask(['a', 'aa', 'b'], { limit: 3 }))).toEqual(['a: 0 1 2', '-> aa 0']);
    expect(outline(await ask(['a', 'aa', 'b'], { limit: 4 }))).toEqual(['a: 0 1 2', 'aa: error 3', 'b: 0', '-> b 1']);
  });

  test('is never larger than max.request.partition.size.limit', async () => {
    await on.broker.close();
    await start({ 'max.request.partition.size.limit': '4' });
    expect(outline(await ask([]))).toEqual(['a: 0 1 2', 'b: 0', '-> b 1']);
    expect(outline(await ask([], { limit: 1 }))).toEqual(['a: 0', '-> a 1']);
  });
});

test.each<[string, string[], [string, number]]>([
  ['names none of the topics', ['a', 'c'], ['b', 0]],
  ['names nothing', ['a', 'c'], ['', 0]],
  ['has a negative partition', ['a', 'c'], ['a', -1]],
])('a cursor that %s is refused', async (_, names, cursor) => {
  const reply = await ask(names, { cursor });
  expect(outline(reply)).toEqual(['a: error 42', 'c: error 42']);
  expect(reply.topics).toMatchObject([{ topicAuthorizedOperations: -(2 ** 31) }, { topicAuthorizedOperations: -(2 ** 31) }]);
});
