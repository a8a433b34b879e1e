import { expect, test } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { inSlices } from '../../src/handlers/in-slices.ts';

/** A clock that `work` moves on, and that counts how often the loop was let go. */
function working() {
  let nowMs = 0;
  let turns = 0;
  const clock = {
    monotonicMs: () => nowMs,
    soon(fire: () => void) {
      turns++;
      setImmediate(fire);
    },
  } as Clock;
  return { clock, work: (ms: number) => void (nowMs += ms), turns: () => turns };
}

test('everything is done in order, and the loop is let go after each 20 ms of work', async () => {
  const { clock, work, turns } = working();
  const done: number[] = [];
  const items = Array.from({ length: 100 }, (_, i) => i);
  await inSlices(clock, items, (item) => {
    done.push(item);
    work(5);
  });
  expect(done).toEqual(items);
  expect(turns()).toBe(25);
});

test('an item that waits is waited for before the next begins', async () => {
  const { clock } = working();
  const steps: string[] = [];
  await inSlices(clock, ['a', 'b'], async (item) => {
    steps.push(`${item} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    steps.push(`${item} ends`);
  });
  expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('short work is done without letting the loop go, and what an item throws ends it', async () => {
  const { clock, work, turns } = working();
  const done: number[] = [];
  const failing = inSlices(clock, [1, 2, 3], (item) => {
    work(1);
    if (item === 2) throw new Error('no');
    done.push(item);
  });
  await expect(failing).rejects.toThrow('no');
  expect([done, turns()]).toEqual([[1], 0]);
});
