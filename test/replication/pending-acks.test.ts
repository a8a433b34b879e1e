import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { PendingAcks } from '../../src/replication/pending-acks.ts';

function setup() {
  const clock = fakeClock();
  const acks = new PendingAcks(clock);
  const told: string[] = [];
  const add = (name: string, lastOffset: number, timeoutMs = 1_000) =>
    acks.add(lastOffset, timeoutMs, (error) => told.push(error instanceof KafkaError ? `${name} ${error.errorName}` : name));
  return { clock, acks, told, add };
}

test('those before the high watermark are told, in the order of their offsets', () => {
  const { acks, told, add } = setup();
  add('a', 1);
  add('b', 5);
  add('again', 3); // a batch that an idempotent producer repeats
  acks.settle(1, null);
  expect(told).toEqual([]);
  acks.settle(4, null);
  expect(told).toEqual(['a', 'again']);
  acks.settle(6, new KafkaError('NOT_ENOUGH_REPLICAS_AFTER_APPEND'));
  expect(told).toEqual(['a', 'again', 'b NOT_ENOUGH_REPLICAS_AFTER_APPEND']);
  expect(acks.size).toBe(0);
});

test('each is given up at its own time; no time at all means at once', async () => {
  const { clock, told, add } = setup();
  add('late', 1, 300);
  add('soon', 2, 100);
  add('never', 3, Number.POSITIVE_INFINITY);
  add('now', 4, 0);
  expect(told).toEqual(['now REQUEST_TIMED_OUT']);
  await clock.advance(100);
  await clock.advance(199);
  expect(told.slice(1)).toEqual(['soon REQUEST_TIMED_OUT']);
  await clock.advance(1);
  expect(told.slice(2)).toEqual(['late REQUEST_TIMED_OUT']);
});

test('a failure is told to all, once, and leaves no timer', async () => {
  const { clock, acks, told, add } = setup();
  add('a', 1);
  add('b', 2);
  acks.settle(2, null);
  acks.fail(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  expect([told, clock.pending()]).toEqual([['a', 'b NOT_LEADER_OR_FOLLOWER'], 0]);
});

test('who is told may end it all: nobody is told twice', () => {
  const { acks, told, add } = setup();
  acks.add(1, 1_000, () => acks.fail(new KafkaError('NOT_LEADER_OR_FOLLOWER')));
  add('b', 2);
  add('c', 3);
  acks.settle(3, null);
  expect([told, acks.size]).toEqual([['b NOT_LEADER_OR_FOLLOWER', 'c NOT_LEADER_OR_FOLLOWER'], 0]);
});

test('however many wait, one timer waits for them, and the places of those that were told are given back', () => {
  const { clock, acks, add } = setup();
  for (let i = 0; i < 3_000; i++) add(`${i}`, i);
  expect(clock.pending()).toBe(1);
  acks.settle(2_999, null);
  const inside = Reflect.get(acks, 'pending') as unknown[];
  expect([acks.size, inside.length]).toEqual([1, 1]);
});

test('whatever comes in whatever order, each is told once, and not before its time', async () => {
  const step = fc.oneof(
    fc.record({ add: fc.nat(30), timeoutMs: fc.nat(50) }),
    fc.record({ settle: fc.nat(30) }),
    fc.record({ advance: fc.nat(30) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { clock, acks, told, add } = setup();
      const expected = new Map<string, { offset: number; until: number }>();
      let n = 0;
      for (const one of steps) {
        const before = told.length;
        let due: string[] = [];
        const take = (isDue: (entry: { offset: number; until: number }) => boolean, error = '') => {
          due = [...expected].filter(([, entry]) => isDue(entry)).map(([name]) => `${name}${error}`);
          for (const name of due) expected.delete(name.split(' ')[0]!);
        };
        if ('add' in one) {
          const name = `n${n++}`;
          expected.set(name, { offset: one.add, until: clock.monotonicMs() + one.timeoutMs });
          add(name, one.add, one.timeoutMs);
          take(({ until }) => until <= clock.monotonicMs(), ' REQUEST_TIMED_OUT');
        } else if ('settle' in one) {
          acks.settle(one.settle, null);
          take(({ offset }) => offset < one.settle);
        } else {
          await clock.advance(one.advance);
          take(({ until }) => until <= clock.monotonicMs(), ' REQUEST_TIMED_OUT');
        }
        expect(told.slice(before).sort()).toEqual(due.sort());
        expect(acks.size).toBe(expected.size);
      }
    }),
    { numRuns: 50 },
  );
});
