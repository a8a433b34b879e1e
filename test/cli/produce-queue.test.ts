import { expect, test } from 'vitest';
import { ProduceQueue, type QueuedRecord } from '../../src/cli/produce-queue.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';

const record = (line: number, bytes = 1): QueuedRecord => ({ key: null, value: Buffer.alloc(bytes), line });
class TooLarge extends Error {}

function queueOf(send: (partition: number, records: readonly QueuedRecord[]) => Promise<void>, partitions = [0]): ProduceQueue {
  return new ProduceQueue({ clock: fakeClock(), partitions, first: 0, send, isTooLarge: (error) => error instanceof TooLarge });
}

test('a batch that the broker finds too large is halved until it passes, in order', async () => {
  const sent: number[] = [];
  const queue = queueOf(async (_, records) => {
    if (records.length > 3) throw new TooLarge();
    sent.push(...records.map(({ line }) => line));
  });
  for (let line = 1; line <= 10; line++) queue.add(record(line), null);
  await queue.drain();
  expect(sent).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(queue).toMatchObject({ written: 10, failure: null });
});

test('after a failure nothing more is sent, and it is known what was written', async () => {
  const sent: number[] = [];
  const queue = queueOf(async (_, records) => {
    if (records.some(({ line }) => line === 1_500)) throw new Error('no');
    sent.push(records.length);
  });
  for (let line = 1; line <= 5_000; line++) queue.add(record(line), null);
  await queue.drain();
  expect(queue.written).toBe(sent.reduce((sum, count) => sum + count, 0));
  expect(queue.failure!.records.some(({ line }) => line === 1_500)).toBe(true);
  expect(queue.written).toBeLessThan(1_500);
});

test('one batch of a partition is on its way at a time, and no more than 16 in all', async () => {
  const busy = new Map<number, number>();
  let most = 0;
  const settle: (() => void)[] = [];
  const queue = queueOf(
    (partition) => {
      busy.set(partition, (busy.get(partition) ?? 0) + 1);
      most = Math.max(
        most,
        [...busy.values()].reduce((sum, count) => sum + count, 0),
      );
      expect(busy.get(partition)).toBe(1);
      return new Promise((resolve) => {
        settle.push(() => {
          busy.set(partition, 0);
          resolve();
        });
      });
    },
    Array.from({ length: 40 }, (_, i) => i),
  );
  for (let line = 1; line <= 400; line++) queue.add(record(line), line % 40);
  const drained = queue.drain();
  while (queue.written < 400) {
    for (const each of settle.splice(0)) each();
    await Promise.resolve();
  }
  await drained;
  expect(most).toBe(16);
});

test('a reader is told to wait when 8 MiB wait, and to go on when they are sent', async () => {
  let settle = () => {};
  const queue = queueOf(
    () =>
      new Promise((resolve) => {
        settle = resolve;
      }),
  );
  const line = 512 * 1024;
  for (let i = 1; i <= 17; i++) queue.add(record(i, line), null);
  let hasRoom = false;
  const room = queue.room().then(() => {
    hasRoom = true;
  });
  await Promise.resolve();
  expect(hasRoom).toBe(false);
  while (!hasRoom) {
    settle();
    await Promise.resolve();
  }
  await room;
  expect(queue.written).toBeGreaterThan(0);
});
