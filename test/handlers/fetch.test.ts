import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import type { Services } from '../../src/handlers/services.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, firstPartition, keptStore, type MemoryBroker, memoryBroker, produceBody } from '../support/memory-broker.ts';
import type { RawClient } from '../support/raw-client.ts';

let on: MemoryBroker;
let consumer: RawClient;
let producer: RawClient;

beforeEach(async () => {
  on = await memoryBroker();
  await on.broker.createTopic('orders', { partitions: 3 });
  [consumer, producer] = [await on.client(), await on.client()];
  return () => on.broker.close();
});

const batch = (value = 'v') => batchBytes({ values: [value] });
async function produce(records: Buffer = batch(), index = 0, topic = 'orders'): Promise<void> {
  expect(firstPartition(await producer.call('Produce', 9, produceBody(topic, records, { index })))).toMatchObject({ errorCode: 0 });
}
const records = (partition: Struct) => partition.records as Buffer;
/** Base offsets of the batches, read from the bytes themselves. */
function baseOffsets(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.byteLength; at += 12 + bytes.readInt32BE(at + 8)) offsets.push(Number(bytes.readBigInt64BE(at)));
  return offsets;
}
const partitionsOf = (reply: Struct) => (reply.responses as Struct[]).flatMap((topic) => topic.partitions as Struct[]);
/** Whether the promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await on.clock.settle();
  return settled;
}
async function topicId(name: string): Promise<string> {
  const reply = await producer.call('Metadata', 12, { topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', name }] });
  return (reply.topics as Struct[])[0]!.topicId as string;
}

describe('reading', () => {
  test.each([4, 5, 6, 7, 8, 9, 10, 11, 12])(
    'v%i gives the batches as they were produced, with their offsets and our leader epoch',
    async (version) => {
      await produce(batch('one'));
      await produce(batch('two'));
      const partition = firstPartition(await consumer.call('Fetch', version, fetchBody([{ topic: 'orders' }])));
      expect(partition).toMatchObject({ errorCode: 0, highWatermark: 2, lastStableOffset: 2, abortedTransactions: null });
      expect(baseOffsets(records(partition))).toEqual([0, 1]);
      // Bytes 12-15 are the leader epoch; from the magic on, the batch is what the producer sent.
      const sent = batch('one');
      expect(records(partition).readInt32BE(12)).toBe(0);
      expect(records(partition).subarray(16, sent.byteLength).equals(sent.subarray(16))).toBe(true);
    },
  );

  test.each([13, 15, 18])('v%i names topics by id', async (version) => {
    await produce();
    const id = await topicId('orders');
    const reply = await consumer.call('Fetch', version, fetchBody([{ topicId: id }]));
    expect(reply.responses).toMatchObject([{ topicId: id }]);
    expect(baseOffsets(records(firstPartition(reply)))).toEqual([0]);
  });

  test('an offset inside a batch gives the whole batch; at the end there is nothing, and that is no null', async () => {
    await produce(batchBytes({ values: ['a', 'b', 'c'] }));
    const inside = firstPartition(await consumer.call('Fetch', 11, fetchBody([{ topic: 'orders', fetchOffset: 2 }])));
    expect(baseOffsets(records(inside))).toEqual([0]);
    const end = firstPartition(await consumer.call('Fetch', 11, fetchBody([{ topic: 'orders', fetchOffset: 3 }])));
    expect(end).toMatchObject({ errorCode: 0, highWatermark: 3 });
    expect(records(end)).toHaveLength(0);
  });

  test('read_committed is told an empty list of aborted transactions, read_uncommitted none', async () => {
    await produce();
    const committed = firstPartition(await consumer.call('Fetch', 11, fetchBody([{ topic: 'orders' }], { isolationLevel: 1 })));
    expect(committed.abortedTransactions).toEqual([]);
  });

  test('a topic that is named several times is answered entry by entry, in the order of the request', async () => {
    for (const index of [0, 1, 2]) await produce(batch(), index);
    await on.broker.createTopic('other');
    await produce(batch(), 0, 'other');
    const wanted = [
      { topic: 'orders', partition: 2 },
      { topic: 'other', partition: 0 },
      { topic: 'orders', partition: 0 },
      { topic: 'orders', partition: 1 },
      { topic: 'orders', partition: 2 },
    ];
    const reply = await consumer.call('Fetch', 11, fetchBody(wanted));
    const answered = (reply.responses as Struct[]).flatMap((topic) =>
      (topic.partitions as Struct[]).map((partition) => ({ topic: topic.topic, partition: partition.partitionIndex })),
    );
    expect(answered).toEqual(wanted);
    expect(partitionsOf(reply).every((partition) => records(partition).byteLength > 0)).toBe(true);
  });
});

describe('errors of single partitions', () => {
  test.each<[string, number, Struct & { topic?: string; topicId?: string }, number]>([
    ['UNKNOWN_TOPIC_OR_PARTITION for a topic', 11, { topic: 'nope' }, 3],
    ['UNKNOWN_TOPIC_OR_PARTITION for a partition', 11, { topic: 'orders', partition: 3 }, 3],
    ['UNKNOWN_TOPIC_OR_PARTITION for a negative partition', 11, { topic: 'orders', partition: -1 }, 3],
    ['UNKNOWN_TOPIC_ID', 13, { topicId: 'BBBBBBBBBBBBBBBBBBBBBA' }, 100],
    ['OFFSET_OUT_OF_RANGE behind the end', 11, { topic: 'orders', fetchOffset: 2 }, 1],
    ['OFFSET_OUT_OF_RANGE before the start', 11, { topic: 'orders', fetchOffset: -1 }, 1],
    ['UNKNOWN_LEADER_EPOCH', 11, { topic: 'orders', currentLeaderEpoch: 1 }, 75],
  ])('%s, at once although the fetch could wait', async (_name, version, wanted, errorCode) => {
    await produce();
    const reply = consumer.call('Fetch', version, fetchBody([wanted], { maxWaitMs: 60_000, minBytes: 1 }));
    expect(await isSettled(reply)).toBe(true);
    expect(firstPartition(await reply)).toMatchObject({ errorCode });
  });

  test('an old leader epoch is FENCED_LEADER_EPOCH: a broker that starts anew leads in the next one', async () => {
    const files = memoryFiles();
    const openStore = keptStore();
    const first = await memoryBroker({ files, openStore });
    await first.broker.createTopic('orders');
    await first.broker.close();
    const second = await memoryBroker({ files, openStore });
    const client = await second.client();
    const fetched = async (currentLeaderEpoch: number) =>
      firstPartition(await client.call('Fetch', 12, fetchBody([{ topic: 'orders', currentLeaderEpoch }])));
    expect(await fetched(0)).toMatchObject({ errorCode: 74 });
    expect(await fetched(1)).toMatchObject({ errorCode: 0 });
    expect(await fetched(2)).toMatchObject({ errorCode: 75 });
    await second.broker.close();
  });

  test('out of range is answered with the offsets there are, which platformatic recovers by', async () => {
    await produce();
    const partition = firstPartition(await consumer.call('Fetch', 12, fetchBody([{ topic: 'orders', fetchOffset: 99 }])));
    expect(partition).toMatchObject({ errorCode: 1, highWatermark: 1, logStartOffset: 0, lastStableOffset: 1 });
    expect(records(partition)).toHaveLength(0);
  });

  test('one bad partition does not keep the others from answering; what does not exist comes last', async () => {
    await produce();
    const reply = await consumer.call('Fetch', 11, fetchBody([{ topic: 'nope' }, { topic: 'orders' }]));
    expect(partitionsOf(reply)).toMatchObject([{ errorCode: 0, highWatermark: 1 }, { errorCode: 3 }]);
  });

  test('a fetcher whose last epoch is unknown here is out of range (KIP-595)', async () => {
    await produce();
    const partition = firstPartition(
      await consumer.call('Fetch', 12, fetchBody([{ topic: 'orders', fetchOffset: 1, lastFetchedEpoch: 5 }])),
    );
    expect(partition).toMatchObject({ errorCode: 1 });
    const known = firstPartition(await consumer.call('Fetch', 12, fetchBody([{ topic: 'orders', fetchOffset: 0, lastFetchedEpoch: 0 }])));
    expect(known).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: -1 } });
  });

  test('a fetcher that has more of an epoch than there is learns where it ends (KIP-595)', async () => {
    await produce();
    const partition = firstPartition(
      await consumer.call('Fetch', 12, fetchBody([{ topic: 'orders', fetchOffset: 7, lastFetchedEpoch: 0 }])),
    );
    expect(partition).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: 0, endOffset: 1 } });
    expect(records(partition)).toHaveLength(0);
  });

  test.each([
    [5, 6],
    [6, 56],
  ])('v%i answers a disk that cannot be read with %i (KIP-112)', async (version, errorCode) => {
    await produce(batchBytes({ values: ['x'.repeat(200_000)] }));
    on.files.failNext('read', 'EINVAL', { path: 'orders-0' }); // an EIO would be of the whole disk
    expect(firstPartition(await consumer.call('Fetch', version, fetchBody([{ topic: 'orders' }])))).toMatchObject({ errorCode });
    expect(firstPartition(await consumer.call('Fetch', version, fetchBody([{ topic: 'orders' }])))).toMatchObject({ errorCode: 0 });
  });

  // As Apache Kafka answers a replica that the partition does not have.
  test.each([
    [-1, 6],
    [0, 75],
  ])('a replica that names no broker epoch, in leader epoch %i: %i', async (currentLeaderEpoch, errorCode) => {
    const body = fetchBody([{ topic: 'orders', currentLeaderEpoch }], { replicaId: 2 });
    const reply = await consumer.call('Fetch', 12, body);
    expect(reply.errorCode).toBe(0);
    expect(firstPartition(reply)).toMatchObject({ errorCode, highWatermark: -1 });
  });

  test('an isolation level that does not exist is refused; before v13 each partition tells', async () => {
    const body = fetchBody([{ topic: 'orders' }], { isolationLevel: 2 });
    expect(firstPartition(await consumer.call('Fetch', 4, body))).toMatchObject({ errorCode: 42, highWatermark: -1 });
    expect(await consumer.call('Fetch', 12, body)).toMatchObject({ errorCode: 42, responses: [{ partitions: [{ errorCode: 42 }] }] });
    expect(await consumer.call('Fetch', 13, body)).toMatchObject({ errorCode: 42, responses: [] });
  });
});

describe('waiting', () => {
  const waiting = (more: Struct = {}, offset = 0) =>
    fetchBody([{ topic: 'orders', fetchOffset: offset }], { maxWaitMs: 500, minBytes: 1, ...more });

  test('what does not exist is no reason not to wait for what does (seen at Apache Kafka); alone it is answered at once', async () => {
    const patient = { maxWaitMs: 60_000, minBytes: 1 };
    const reply = consumer.call('Fetch', 11, fetchBody([{ topic: 'nope' }, { topic: 'orders' }], patient));
    expect(await isSettled(reply)).toBe(false);
    await produce();
    expect(await isSettled(reply)).toBe(true);
    expect(partitionsOf(await reply)).toMatchObject([{ errorCode: 0, highWatermark: 1 }, { errorCode: 3 }]);
    const alone = consumer.call('Fetch', 11, fetchBody([{ topic: 'nope' }], patient));
    expect(await isSettled(alone)).toBe(true);
  });

  test('a fetch at the end is answered when something is produced', async () => {
    const reply = consumer.call('Fetch', 11, waiting());
    expect(await isSettled(reply)).toBe(false);
    await produce();
    expect(await isSettled(reply)).toBe(true);
    expect(baseOffsets(records(firstPartition(await reply)))).toEqual([0]);
  });

  test('it is answered with nothing when its time is over, not before', async () => {
    const reply = consumer.call('Fetch', 11, waiting());
    await on.clock.advance(499);
    expect(await isSettled(reply)).toBe(false);
    await on.clock.advance(1);
    expect(firstPartition(await reply)).toMatchObject({ errorCode: 0, highWatermark: 0 });
    expect(records(firstPartition(await reply))).toHaveLength(0);
  });

  test('it waits until its min bytes are there, over all its partitions', async () => {
    const bytes = batch().byteLength;
    const both = [
      { topic: 'orders', partition: 0 },
      { topic: 'orders', partition: 1 },
    ];
    const reply = consumer.call('Fetch', 11, fetchBody(both, { maxWaitMs: 10_000, minBytes: 2 * bytes + 1 }));
    await produce(batch(), 0);
    await produce(batch(), 1);
    expect(await isSettled(reply)).toBe(false);
    await produce(batch(), 0);
    expect(await isSettled(reply)).toBe(true);
    expect(partitionsOf(await reply).map((partition) => baseOffsets(records(partition)))).toEqual([[0, 1], [0]]);
  });

  test('min bytes beyond what the reply may hold count as what it may hold', async () => {
    const reply = consumer.call('Fetch', 11, waiting({ maxWaitMs: 10_000, minBytes: 2 ** 30, maxBytes: 50 }));
    expect(await isSettled(reply)).toBe(false);
    await produce();
    expect(await isSettled(reply)).toBe(true);
  });

  test.each<[string, Struct]>([
    ['no time to wait', { maxWaitMs: 0 }],
    ['min bytes of 0', { minBytes: 0 }],
    ['no partitions', { topics: [] }],
  ])('with %s it is answered at once', async (_what, more) => {
    expect(await isSettled(consumer.call('Fetch', 11, waiting(more)))).toBe(true);
  });

  test('what was there already is answered at once', async () => {
    await produce();
    expect(await isSettled(consumer.call('Fetch', 11, waiting({ maxWaitMs: 60_000 })))).toBe(true);
  });

  test('the deletion of its topic ends the wait with an error', async () => {
    const reply = consumer.call('Fetch', 11, waiting({ maxWaitMs: 60_000 }));
    await on.clock.settle();
    await producer.call('DeleteTopics', 4, { topicNames: ['orders'], timeoutMs: 1000 });
    expect(await isSettled(reply)).toBe(true);
    expect(firstPartition(await reply)).toMatchObject({ errorCode: 3 });
  });

  test('a fetcher by id is told of the deletion, and gets nothing of a new topic of that name', async () => {
    const id = await topicId('orders');
    const body = fetchBody([{ topicId: id }], { maxWaitMs: 60_000, sessionEpoch: 0 });
    const { sessionId } = await consumer.call('Fetch', 13, { ...body, maxWaitMs: 0 });
    const reply = consumer.call('Fetch', 13, { ...body, topics: [], sessionId, sessionEpoch: 1 });
    await on.clock.settle();
    await producer.call('DeleteTopics', 4, { topicNames: ['orders'], timeoutMs: 1000 });
    expect(firstPartition(await reply)).toMatchObject({ errorCode: 3 });
    await on.broker.createTopic('orders');
    await produce();
    expect(firstPartition(await consumer.call('Fetch', 13, body))).toMatchObject({ errorCode: 100 });
  });

  test('in a session, a topic that was created anew under the same name is INCONSISTENT_TOPIC_ID', async () => {
    const first = await consumer.call('Fetch', 13, fetchBody([{ topicId: await topicId('orders') }], { sessionEpoch: 0 }));
    await producer.call('DeleteTopics', 4, { topicNames: ['orders'], timeoutMs: 1000 });
    await on.broker.createTopic('orders');
    await produce();
    const next = fetchBody([], { sessionId: first.sessionId as number, sessionEpoch: 1, maxWaitMs: 60_000 });
    expect(firstPartition(await consumer.call('Fetch', 13, next))).toMatchObject({ errorCode: 103 });
  });

  test('nothing polls, and nothing is left: one timer while it waits, none of it afterwards', async () => {
    const idle = on.clock.pending();
    const reply = consumer.call('Fetch', 11, waiting({ maxWaitMs: 60_000 }));
    await on.clock.settle();
    expect(on.clock.pending()).toBe(idle + 1);
    await produce();
    await reply;
    expect(on.clock.pending()).toBe(idle);
    const second = await on.client();
    second.call('Fetch', 11, waiting({ maxWaitMs: 60_000 }, 1));
    await on.clock.settle();
    await second.close();
    await on.clock.settle();
    expect(on.clock.pending()).toBe(idle);
  });
});

describe('the budget', () => {
  const big = () => batchBytes({ values: ['x'.repeat(1000)] });
  const size = big().byteLength;
  const all = (partitionMaxBytes = 2 ** 20) => [0, 1, 2].map((partition) => ({ topic: 'orders', partition, partitionMaxBytes }));
  const sizes = (reply: Struct) => partitionsOf(reply).map((partition) => records(partition).byteLength);

  beforeEach(async () => {
    for (const index of [0, 1, 2]) for (let i = 0; i < 3; i++) await produce(big(), index);
  });

  test('the first partition that has records gives a whole batch, however little is asked for', async () => {
    expect(sizes(await consumer.call('Fetch', 11, fetchBody(all(1), { maxBytes: 1 })))).toEqual([size, 0, 0]);
    expect(sizes(await consumer.call('Fetch', 11, fetchBody(all(0), { maxBytes: 0 })))).toEqual([size, 0, 0]);
  });

  test('an empty partition before it does not use that up', async () => {
    const [first, ...rest] = all(1);
    expect(sizes(await consumer.call('Fetch', 11, fetchBody([{ ...first!, fetchOffset: 3 }, ...rest], { maxBytes: 1 })))).toEqual([
      0,
      size,
      0,
    ]);
  });

  test('later partitions give whole batches within what is left', async () => {
    expect(sizes(await consumer.call('Fetch', 11, fetchBody(all(), { maxBytes: 5 * size })))).toEqual([3 * size, 2 * size, 0]);
    expect(sizes(await consumer.call('Fetch', 11, fetchBody(all(), { maxBytes: 4 * size - 1 })))).toEqual([3 * size, 0, 0]);
  });

  test('each partition stays within its own max bytes', async () => {
    expect(sizes(await consumer.call('Fetch', 11, fetchBody(all(2 * size + 10))))).toEqual([2 * size, 2 * size, 2 * size]);
  });

  test('each fetch has a budget of its own', async () => {
    const asked = fetchBody(all(), { maxBytes: 3 * size });
    const replies = await Promise.all([1, 2, 3].map(() => consumer.call('Fetch', 11, asked)));
    expect(replies.map(sizes)).toEqual(Array.from({ length: 3 }, () => [3 * size, 0, 0]));
  });

  test('fetch.max.bytes of the broker bounds what a client may ask for', async () => {
    await on.broker.close();
    on = await memoryBroker({ configs: { 'fetch.max.bytes': '2500' } });
    await on.broker.createTopic('orders', { partitions: 3 });
    [consumer, producer] = [await on.client(), await on.client()];
    for (const index of [0, 1, 2]) for (let i = 0; i < 3; i++) await produce(big(), index);
    expect(sizes(await consumer.call('Fetch', 11, fetchBody(all(), { maxBytes: 2 ** 30 })))).toEqual([2 * size, 0, 0]);
  });

  test('with a session, the partition that gave records is served last the next time', async () => {
    const first = await consumer.call('Fetch', 11, fetchBody(all(), { maxBytes: size, sessionEpoch: 0 }));
    expect(sizes(first)).toEqual([size, 0, 0]);
    const { sessionId } = first;
    const next = async (epoch: number) => {
      const reply = await consumer.call(
        'Fetch',
        11,
        fetchBody([], { maxBytes: size, sessionId: sessionId as number, sessionEpoch: epoch }),
      );
      return partitionsOf(reply).map(({ partitionIndex }) => partitionIndex);
    };
    const served = [await next(1), await next(2), await next(3)].map((partitions) => partitions[0]);
    expect(new Set(served).size).toBe(3);
  });
});

describe('sessions on the wire', () => {
  test.each<[string, Struct, number]>([
    ['an unknown session', { sessionId: 7, sessionEpoch: 1 }, 70],
    ['a session epoch without an id', { sessionId: 0, sessionEpoch: 5 }, 70],
  ])('%s is a top-level error without partitions', async (_what, more, errorCode) => {
    expect(await consumer.call('Fetch', 11, fetchBody([{ topic: 'orders' }], more))).toMatchObject({
      errorCode,
      sessionId: 0,
      responses: [],
    });
  });

  test('an incremental fetch lists what changed, and waits when nothing did', async () => {
    const first = await consumer.call(
      'Fetch',
      11,
      fetchBody([{ topic: 'orders' }, { topic: 'orders', partition: 1 }], { sessionEpoch: 0 }),
    );
    expect(partitionsOf(first)).toHaveLength(2);
    const sessionId = first.sessionId as number;
    expect(sessionId).toBeGreaterThan(0);
    const reply = consumer.call('Fetch', 11, fetchBody([], { sessionId, sessionEpoch: 1, maxWaitMs: 60_000 }));
    expect(await isSettled(reply)).toBe(false); // an empty answer at once would be a busy loop
    await produce(batch(), 1);
    expect(partitionsOf(await reply)).toMatchObject([{ partitionIndex: 1, highWatermark: 1 }]);
    expect(await consumer.call('Fetch', 11, fetchBody([], { sessionId, sessionEpoch: 5 }))).toMatchObject({ errorCode: 71, sessionId: 0 });
    expect(await consumer.call('Fetch', 13, fetchBody([], { sessionId, sessionEpoch: 2 }))).toMatchObject({ errorCode: 106 });
  });

  test('a topic id that becomes known while the session stands is served then', async () => {
    const id = await topicId('orders');
    const unknown = 'BBBBBBBBBBBBBBBBBBBBBA';
    const first = await consumer.call('Fetch', 13, fetchBody([{ topicId: unknown }, { topicId: id }], { sessionEpoch: 0 }));
    expect(partitionsOf(first)).toMatchObject([{ errorCode: 0 }, { errorCode: 100 }]);
    const again = await consumer.call('Fetch', 13, fetchBody([], { sessionId: first.sessionId as number, sessionEpoch: 1 }));
    expect(partitionsOf(again)).toMatchObject([{ errorCode: 100 }]);
  });
});

test('a topic that is deleted while its bytes are being read is an error of its partition, and the broker goes on', async () => {
  const held: (() => void)[] = [];
  let holding = false;
  const soon = (fire: () => void) => void (holding ? held.push(fire) : setImmediate(fire));
  const slow = await memoryBroker({ files: memoryFiles({ clock: { soon } }) });
  await slow.broker.createTopic('orders');
  const client = await slow.client();
  const large = batchBytes({ values: ['x'.repeat(500_000)] }); // so large that it is read through the thread pool
  await client.call('Produce', 9, produceBody('orders', large));
  holding = true;
  const reply = client.call('Fetch', 11, fetchBody([{ topic: 'orders' }]));
  await slow.clock.settle();
  expect(held).toHaveLength(1);
  const admin = await slow.client();
  await admin.call('DeleteTopics', 4, { topicNames: ['orders'], timeoutMs: 1000 });
  holding = false;
  for (const fire of held) fire();
  expect(firstPartition(await reply)).toMatchObject({ errorCode: 3 });
  expect((await admin.call('Metadata', 9, { topics: null })).topics).toEqual([]);
  await slow.broker.close();
});

test('a session is answered without a look at partitions that have nothing new, also while another always has', async () => {
  await on.broker.close();
  let services: Services | undefined;
  on = await memoryBroker({ observe: (all) => (services = all) });
  await on.broker.createTopic('orders', { partitions: 3 });
  [consumer, producer] = [await on.client(), await on.client()];
  const all = [0, 1, 2].map((partition) => ({ topic: 'orders', partition }));
  const { sessionId } = await consumer.call('Fetch', 11, fetchBody(all, { sessionEpoch: 0 }));
  const looked: number[] = [];
  const { replicas } = services!;
  const find = replicas.replica.bind(replicas);
  replicas.replica = (topic, index) => {
    looked.push(index);
    return find(topic, index);
  };
  for (let epoch = 1; epoch <= 3; epoch++) {
    await produce();
    looked.length = 0;
    const reply = await consumer.call(
      'Fetch',
      11,
      fetchBody([{ topic: 'orders', fetchOffset: epoch - 1 }], { sessionId, sessionEpoch: epoch, maxWaitMs: 500 }),
    );
    expect(baseOffsets(records(firstPartition(reply)))).toEqual([epoch - 1]);
    expect([...new Set(looked)].sort()).toEqual(epoch === 1 ? [0, 1, 2] : [0]);
  }
  // What rests is told of all the same when it changes.
  const waits = consumer.call(
    'Fetch',
    11,
    fetchBody([{ topic: 'orders', fetchOffset: 3 }], { sessionId, sessionEpoch: 4, maxWaitMs: 500 }),
  );
  await on.clock.settle();
  await produce(batch(), 2);
  expect(partitionsOf(await waits)).toMatchObject([{ partitionIndex: 2, highWatermark: 1 }]);
});
