import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { Purgatory } from '../../src/core/purgatory.ts';

function setup() {
  const clock = fakeClock();
  return { clock, purgatory: new Purgatory(clock) };
}

test('a wait whose condition holds already ends at once', () => {
  const { clock, purgatory } = setup();
  const outcomes: boolean[] = [];
  purgatory.watch(
    ['a'],
    1000,
    () => true,
    (ready) => outcomes.push(ready),
  );
  expect(outcomes).toEqual([true]);
  expect([purgatory.size(), purgatory.keyCount(), clock.pending()]).toEqual([0, 0, 0]);
});

test('a wait of no time ends at once, without its condition', () => {
  const { purgatory } = setup();
  const outcomes: boolean[] = [];
  purgatory.watch(
    ['a'],
    0,
    () => false,
    (ready) => outcomes.push(ready),
  );
  expect(outcomes).toEqual([false]);
  expect(purgatory.size()).toBe(0);
});

test('a waiter is asked when one of its keys is woken, and not otherwise', async () => {
  const { clock, purgatory } = setup();
  let asked = 0;
  let holds = false;
  const outcomes: boolean[] = [];
  purgatory.watch(
    ['a', 'b'],
    1000,
    () => {
      asked++;
      return holds;
    },
    (ready) => outcomes.push(ready),
  );
  purgatory.wake('c');
  await clock.advance(500);
  expect(asked).toBe(1); // when it began
  purgatory.wake('b');
  await clock.settle();
  expect([asked, outcomes]).toEqual([2, []]);
  holds = true;
  purgatory.wake('a');
  await clock.settle();
  expect([asked, outcomes]).toEqual([3, [true]]);
  expect([purgatory.size(), purgatory.keyCount(), clock.pending()]).toEqual([0, 0, 0]);
});

test('however many of its keys are woken in one turn, a waiter is asked once', async () => {
  const { clock, purgatory } = setup();
  let asked = 0;
  purgatory.watch(
    ['a', 'b'],
    1000,
    () => {
      asked++;
      return false;
    },
    () => {},
  );
  for (let i = 0; i < 100; i++) for (const key of ['a', 'b']) purgatory.wake(key);
  await clock.settle();
  expect(asked).toBe(2);
});

test('at the deadline a waiter is asked a last time', async () => {
  const { clock, purgatory } = setup();
  let holds = false;
  const outcomes: boolean[] = [];
  purgatory.watch(
    ['a'],
    100,
    () => false,
    (ready) => outcomes.push(ready),
  );
  purgatory.watch(
    ['a'],
    100,
    () => holds,
    (ready) => outcomes.push(ready),
  );
  await clock.advance(99);
  expect(outcomes).toEqual([]);
  holds = true;
  await clock.advance(1);
  expect(outcomes).toEqual([false, true]);
  expect([purgatory.size(), purgatory.keyCount(), clock.pending()]).toEqual([0, 0, 0]);
});

test('a cancelled wait has no outcome, also when it was woken just before', async () => {
  const { clock, purgatory } = setup();
  const outcomes: boolean[] = [];
  let holds = false;
  const waiter = purgatory.watch(
    ['a'],
    100,
    () => holds,
    (ready) => outcomes.push(ready),
  );
  holds = true;
  purgatory.wake('a');
  waiter.cancel();
  waiter.cancel();
  await clock.advance(1000);
  expect(outcomes).toEqual([]);
  expect([purgatory.size(), purgatory.keyCount(), clock.pending()]).toEqual([0, 0, 0]);
});

test('a condition that throws ends the wait, and the other waiters are asked all the same', async () => {
  const { clock, purgatory } = setup();
  let gone = false;
  const outcomes: string[] = [];
  const ready = () => {
    if (gone) throw new Error('the partition is gone');
    return false;
  };
  purgatory.watch(['a'], 1000, ready, (outcome) => outcomes.push(`first ${outcome}`));
  purgatory.watch(
    ['a'],
    1000,
    () => gone,
    (outcome) => outcomes.push(`second ${outcome}`),
  );
  gone = true;
  purgatory.wake('a');
  await clock.settle();
  expect(outcomes).toEqual(['first true', 'second true']);
});

test('a wait that begins while others are told is not asked in that turn for what happened before it', async () => {
  const { clock, purgatory } = setup();
  let asked = 0;
  let holds = false;
  purgatory.watch(
    ['a'],
    1000,
    () => holds,
    () => {
      purgatory.watch(
        ['a'],
        1000,
        () => {
          asked++;
          return false;
        },
        () => {},
      );
    },
  );
  holds = true;
  purgatory.wake('a');
  await clock.settle();
  expect(asked).toBe(1); // when it began
  purgatory.wake('a');
  await clock.settle();
  expect(asked).toBe(2);
});

test('an aborted signal ends a wait with false and leaves nothing behind', async () => {
  const { clock, purgatory } = setup();
  const abort = new AbortController();
  const waiting = purgatory.wait(['a'], 1000, () => false, abort.signal);
  abort.abort();
  expect(await waiting).toBe(false);
  expect(await purgatory.wait(['a'], 1000, () => true, abort.signal)).toBe(false);
  expect([purgatory.size(), purgatory.keyCount(), clock.pending()]).toEqual([0, 0, 0]);
});

test('a signal that outlives its waits keeps no listener of them, however they ended', async () => {
  const { clock, purgatory } = setup();
  const { signal } = new AbortController();
  let holds = false;
  const woken = purgatory.wait(['a'], 1000, () => holds, signal);
  const late = purgatory.wait(['b'], 10, () => false, signal);
  expect(await purgatory.wait(['a'], 1000, () => true, signal)).toBe(true);
  expect(await purgatory.wait(['a'], 0, () => false, signal)).toBe(false);
  holds = true;
  purgatory.wake('a');
  await clock.advance(10);
  expect([await woken, await late]).toEqual([true, false]);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('whatever happens, each waiter ends at most once and in the end no key is left', async () => {
  const action = fc.oneof(
    fc.record({
      kind: fc.constant('watch' as const),
      keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'c')),
      ms: fc.integer({ min: 0, max: 20 }),
    }),
    fc.record({ kind: fc.constant('wake' as const), key: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 5 }) }),
  );
  const run = async (actions: readonly (typeof action extends fc.Arbitrary<infer A> ? A : never)[]) => {
    const { clock, purgatory } = setup();
    const ended: number[] = [];
    const waiters: { cancel(): void }[] = [];
    let now = 0;
    for (const step of actions) {
      if (step.kind === 'watch') {
        const i = waiters.length;
        ended[i] = 0;
        waiters.push(
          purgatory.watch(
            step.keys,
            step.ms,
            () => now % 3 === 0 && now > 0,
            () => ended[i]!++,
          ),
        );
      } else if (step.kind === 'wake') purgatory.wake(step.key);
      else if (step.kind === 'cancel') waiters[step.which % Math.max(waiters.length, 1)]?.cancel();
      else {
        now += step.ms;
        await clock.advance(step.ms);
      }
    }
    await clock.advance(100);
    expect(Math.max(0, ...ended)).toBeLessThanOrEqual(1);
    expect([purgatory.size(), purgatory.keyCount(), clock.pending()]).toEqual([0, 0, 0]);
  };
  await fc.assert(fc.asyncProperty(fc.array(action, { maxLength: 25 }), run), { numRuns: 60 });
});
