import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GZIP, message, messages, OLD_CODECS, wrapper } from '../../src/conformance/scenarios/legacy-bytes.ts';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { readRecords } from '../../src/protocol/records/walk.ts';
import { MAX_SYNC_PLAIN_BYTES } from '../../src/storage/batch-preparation.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import { batchOf, lineOf } from '../support/line-fixture.ts';
import { openStore, orders, read } from '../support/log-fixture.ts';

const ABC = ['a', 'b', 'c'];
const MAGICS = [0, 1] as const;

function fixture(changes: Partial<LogConfig> = {}) {
  const clock = fakeClock();
  const log = orders(openStore(memoryFiles({ clock }), '/data', clock), changes);
  return { log, ...lineOf(log, clock, changes) };
}

/** Values, by batch. */
async function valuesIn(log: ReturnType<typeof fixture>['log']): Promise<string[][]> {
  const chunk = await read(log, 0, 50_000_000);
  return Array.from(eachBatch(chunk!.bytes), (batch) => readRecords(batch).map(({ value }) => String(value)));
}

test.each(MAGICS)('a small message set of magic %i is in the log as one batch before take returns', async (magic) => {
  const { line, appended, log, produce } = fixture();
  line.take(messages(magic, ABC), () => {});
  for (const codecId of OLD_CODECS) line.take(wrapper(magic, codecId, messages(magic, ABC)), () => {});
  expect(appended).toEqual([0, 3, 6, 9]);
  await produce(batchOf(0, 1));
  expect((await valuesIn(log)).slice(0, 4)).toEqual([ABC, ABC, ABC, ABC]);
});

test('a set without a whole message appends nothing, and fails nobody', async () => {
  const { produce, appended } = fixture();
  for (const nothing of [Buffer.alloc(0), messages(1, ABC).subarray(0, 30), Buffer.alloc(11)])
    expect(await produce(nothing)).toMatchObject({ baseOffset: -1, logAppendTime: -1 });
  expect(appended).toEqual([]);
});

test('many messages are converted while the event loop goes on, and what came behind them stays behind', async () => {
  const { line, produce, appended, log } = fixture({ maxMessageBytes: 50_000_000 });
  const values = Array.from({ length: 300_000 }, (_, i) => `${i}`);
  const set = messages(1, values);
  expect(set.byteLength).toBeGreaterThan(MAX_SYNC_PLAIN_BYTES);
  const plain = produce(set);
  const compressed = produce(wrapper(1, GZIP, set, { offset: 0 }));
  const last = produce(messages(0, ['last']));
  expect([appended, line.queuedBatches]).toEqual([[], 3]);
  let turns = 0;
  let over = false;
  void last.then(() => {
    over = true;
  });
  for (; !over; turns++) await nextTurn();
  expect(turns).toBeGreaterThan(50);
  expect([await plain, await compressed, await last].map(({ baseOffset, count }) => [baseOffset, count])).toEqual([
    [0, 300_000],
    [300_000, 300_000],
    [600_000, 1],
  ]);
  expect((await valuesIn(log))[0]).toEqual(values);
  expect(line.queuedBytes).toBe(0);
});

test('bombs, lies and damage fail alone, whatever is before and behind them', async () => {
  const { produce } = fixture();
  const bomb = messages(1, ['x'.repeat(101 * 1024 * 1024)]);
  const nested = wrapper(1, GZIP, wrapper(1, GZIP, bomb));
  const lie = message({ magic: 1, attributes: 2, value: Buffer.from('ffffffff07', 'hex') }); // snappy of 2 GB in five bytes
  const outcome = async (set: Buffer) => {
    try {
      return (await produce(set)).baseOffset;
    } catch (error) {
      return (error as KafkaError).errorName;
    }
  };
  const sets = [messages(0, ABC), ...OLD_CODECS.map((codecId) => wrapper(1, codecId, bomb)), nested, lie, messages(1, ABC)];
  expect(await Promise.all(sets.map(outcome))).toEqual([
    0,
    'MESSAGE_TOO_LARGE',
    'MESSAGE_TOO_LARGE',
    'MESSAGE_TOO_LARGE',
    'INVALID_RECORD',
    'INVALID_RECORD',
    3,
  ]);
});

test('a set whose line is closed while it is converted fails', async () => {
  const { line, produce, appended } = fixture({ maxMessageBytes: 50_000_000 });
  const waiting = produce(
    messages(
      1,
      Array.from({ length: 100_000 }, () => 'x'),
    ),
  );
  line.close(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  await expect(waiting).rejects.toMatchObject({ errorName: 'NOT_LEADER_OR_FOLLOWER' });
  expect(appended).toEqual([]);
});
