import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { MAX_QUEUED_WRITES } from '../../src/storage/append-queue.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import { MAX_PREPARATIONS, PreparationSlots } from '../../src/storage/preparation-slots.ts';
import { batchOf, lineOf } from '../support/line-fixture.ts';
import { openStore, orders, read } from '../support/log-fixture.ts';

const LARGE = 50_000_000;
const refused = (errorName: string) => expect.objectContaining({ errorName });
const small = (codecId = 0) => batchOf(codecId, 100);

function fixture(changes: Partial<LogConfig> = {}, slots?: PreparationSlots) {
  const clock = fakeClock();
  const store = openStore(memoryFiles({ clock }), '/data', clock);
  const log = orders(store, changes);
  return { clock, log, ...lineOf(log, clock, changes, slots) };
}

test.each([0, 1, 2, 3, 4])('a small batch (codec %i) is in the log before take returns', (codecId) => {
  const { line, appended } = fixture();
  line.take(small(codecId), () => {});
  expect(appended).toEqual([0]);
});

test.each([1, 2, 3, 4])('one of codec %i that is large when decompressed is prepared while the event loop goes on', async (codecId) => {
  const { line, appended } = fixture({ maxMessageBytes: 5_000_000 });
  let over = false;
  line.take(batchOf(codecId, LARGE), (error) => {
    expect(error).toBeNull();
    over = true;
  });
  expect(appended).toEqual([]);
  let turns = 0;
  for (; !over; turns++) await nextTurn();
  expect(turns).toBeGreaterThan(20);
  expect(appended).toEqual([0]);
});

test('what came behind a large batch stays behind it, and another partition does not wait', async () => {
  const slots = new PreparationSlots();
  const [one, other] = [fixture({}, slots), fixture({}, slots)];
  const order: string[] = [];
  const say = (name: string) => () => void order.push(name);
  const all = [
    one.produce(small()).then(say('before')),
    one.produce(batchOf(1, LARGE)).then(say('large')),
    one.produce(small()).then(say('behind')),
    one.produce(batchOf(4, 1_000_000)).then(say('less large')),
    one.produce(small(2)).then(say('last')),
    other.produce(small()).then(say('other')),
  ];
  expect(one.appended).toEqual([0]);
  expect(one.line.queuedBatches).toBe(4);
  await Promise.all(all);
  expect(order.filter((name) => name !== 'other')).toEqual(['before', 'large', 'behind', 'less large', 'last']);
  expect(order.indexOf('other')).toBeLessThan(order.indexOf('large'));
  expect(one.appended).toEqual([0, 1, 2, 3, 4]);
  expect([one.line.queuedBatches, one.line.queuedBytes]).toEqual([0, 0]);
});

test('bombs and damage fail alone, whatever is before and behind them', async () => {
  const { produce, appended } = fixture();
  const damaged = batchOf(3, 1_000_000);
  damaged.writeUInt8(damaged.at(-5)! ^ 0xff, damaged.byteLength - 5);
  damaged.writeUInt32BE(new BatchView(damaged).computeCrc(), 17);
  const claims = batchOf(4, LARGE); // 1.6 KB
  expect(claims.byteLength).toBeLessThan(20_000);
  const results = await Promise.allSettled(
    [small(), claims, batchOf(4, 101 * 1024 * 1024), small(1), damaged, batchOf(1, 101 * 1024 * 1024), small(), batchOf(2, 200_000)].map(
      produce,
    ),
  );
  const told = results.map((result) => (result.status === 'fulfilled' ? result.value.baseOffset : (result.reason as KafkaError).errorName));
  expect(told).toEqual([0, 1, 'MESSAGE_TOO_LARGE', 2, 'INVALID_RECORD', 'MESSAGE_TOO_LARGE', 3, 4]);
  expect(appended).toEqual([0, 1, 2, 3, 4]);
});

test('a length that lies does not keep a large batch on the event loop', async () => {
  const { line, produce, appended } = fixture();
  const batch = batchOf(1, LARGE);
  batch.writeUInt32LE(100, batch.byteLength - 4); // gzip's length of what was compressed
  batch.writeUInt32BE(new BatchView(batch).computeCrc(), 17);
  const told = expect(produce(batch)).rejects.toEqual(refused('INVALID_RECORD')); // in the end it is damage
  expect(line.queuedBatches).toBe(1);
  const behind = produce(small());
  expect(appended).toEqual([]);
  await told;
  expect((await behind).baseOffset).toBe(0);
});

test('very many records are walked in parts', async () => {
  const { clock, log } = fixture();
  let turns = 0;
  const soon = (fire: () => void) => {
    turns++;
    clock.soon(fire);
  };
  const counting = { ...clock, soon };
  const { produce } = lineOf(log, counting);
  const records = Array.from({ length: 200_000 }, () => ({ timestamp: 1000 }));
  expect((await produce(buildBatch({ records, attributes: 1 }))).count).toBe(200_000);
  expect(turns).toBeGreaterThanOrEqual(9); // 20,000 each
});

test('a large batch to be compressed anew holds its place too', async () => {
  const { produce, appended, log } = fixture({ compression: { codecId: 1, level: 9 } });
  const all = [produce(batchOf(0, 900_000)), produce(small()), produce(batchOf(4, 500_000)), produce(small(1))];
  expect(appended).toEqual([]);
  expect((await Promise.all(all)).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2, 3]);
  const chunk = await read(log, 0);
  expect(chunk!.bytes.byteLength).toBeLessThan(10_000);
});

test('a batch that its producer repeats is known, also while the first one is in work', async () => {
  const { produce, appended } = fixture({ compression: { codecId: 4, level: 3 } });
  const batch = (valueBytes: number) => batchOf(1, valueBytes, { producerId: 7, producerEpoch: 0, baseSequence: 0 });
  const offsets = await Promise.all([produce(batch(500_000)), produce(batch(500_000)), produce(batch(10))]);
  expect(offsets.map(({ baseOffset }) => baseOffset)).toEqual([0, 0, 0]);
  expect(appended).toEqual([0, 0, 0]);
  await expect(produce(batchOf(1, 500_000, { producerId: 7, producerEpoch: 0, baseSequence: 9 }))).rejects.toEqual(
    refused('OUT_OF_ORDER_SEQUENCE_NUMBER'),
  );
});

test('a repeated batch is answered without being compressed again', async () => {
  const levels: (number | undefined)[] = [];
  const level = {
    codecId: 1,
    get level() {
      levels.push(undefined);
      return undefined;
    },
  };
  const { produce } = fixture({ compression: level });
  for (const valueBytes of [10, 500_000]) {
    const batch = () => batchOf(0, valueBytes, { producerId: valueBytes, producerEpoch: 0, baseSequence: 0 });
    await produce(batch());
    const before = levels.length;
    expect(before).toBeGreaterThan(0);
    await produce(batch());
    expect(levels.length).toBe(before);
  }
});

test('closing tells everything once: what waits at once, what is in work when it is over', async () => {
  const { line, log } = fixture();
  const told: string[] = [];
  const take = (name: string, batch: Buffer) => line.take(batch, (error) => void told.push(`${name} ${(error as KafkaError).errorName}`));
  take('in work', batchOf(1, LARGE));
  take('waiting', small());
  line.close(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  expect(told).toEqual(['waiting NOT_LEADER_OR_FOLLOWER']);
  take('late', small());
  while (told.length < 3) await nextTurn();
  for (let i = 0; i < 20; i++) await nextTurn();
  expect(told.slice(1)).toEqual(['late NOT_LEADER_OR_FOLLOWER', 'in work NOT_LEADER_OR_FOLLOWER']);
  expect([log.logEndOffset, line.queuedBatches, line.queuedBytes]).toEqual([0, 0, 0]);
});

test('a log that refuses when a batch is ready fails that batch once', async () => {
  const { produce, log } = fixture();
  const all = [produce(batchOf(1, 1_000_000)), produce(small())];
  log.abandon();
  const results = await Promise.allSettled(all);
  expect(results.map((result) => result.status === 'rejected' && result.reason.errorName)).toEqual([
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNKNOWN_TOPIC_OR_PARTITION',
  ]);
});

test('what waits is bounded', async () => {
  const { line } = fixture();
  const batch = small();
  line.take(batchOf(1, LARGE), () => {});
  const told: unknown[] = [];
  for (let i = 0; i < MAX_QUEUED_WRITES; i++) line.take(batch, () => {});
  line.take(batch, (error) => told.push(error));
  expect(told).toEqual([refused('KAFKA_STORAGE_ERROR')]);
  line.close(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
});

test('so are the bytes that wait', () => {
  const { line } = fixture();
  line.take(batchOf(1, LARGE), () => {});
  const told: unknown[] = [];
  const batch = Buffer.alloc(100 * 1024 * 1024);
  for (let i = 0; i < 3; i++) line.take(batch, (error) => told.push(error));
  expect(told).toEqual([refused('KAFKA_STORAGE_ERROR')]);
  line.close(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
});

test('no more than a few batches are prepared at once, in the order of asking', () => {
  const slots = new PreparationSlots();
  const begun: number[] = [];
  const giveBacks: (() => void)[] = [];
  for (let i = 0; i < MAX_PREPARATIONS + 3; i++) {
    slots.take((giveBack) => {
      begun.push(i);
      giveBacks.push(giveBack);
    });
  }
  expect(begun).toHaveLength(MAX_PREPARATIONS);
  for (let i = 0; i < giveBacks.length; i++) giveBacks[i]!();
  expect(begun).toEqual(Array.from({ length: MAX_PREPARATIONS + 3 }, (_, i) => i));
});
