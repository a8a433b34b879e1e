import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyedTimers } from '../../src/coordinator/keyed-timers.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';

const key = fc.constantFrom('a', 'b');
const command = fc.oneof(
  fc.record({ do: fc.constantFrom('set', 'extend'), key, ms: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ do: fc.constant('cancel'), key, ms: fc.constant(0) }),
  fc.record({ do: fc.constant('wait'), key, ms: fc.integer({ min: 1, max: 15 }) }),
);

test('a timer fires once, at the time that it was last set or extended to, and is never made to fire sooner by extending', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
      const clock = fakeClock();
      const fired: string[] = [];
      const timers = new KeyedTimers(clock, (operation) => void operation());
      const due = new Map<string, number>();
      const expected: string[] = [];
      const fire = (name: string) => () => {
        fired.push(`${name} at ${clock.monotonicMs()}`);
        return null;
      };
      for (const { do: what, key: name, ms } of [...commands, { do: 'wait', key: 'a', ms: 50 }]) {
        const at = clock.monotonicMs() + ms;
        if (what === 'set') timers.set(name, ms, fire(name));
        if (what === 'extend') expect(timers.extend(name, ms)).toBe(at >= (due.get(name) ?? Number.POSITIVE_INFINITY));
        if (what === 'set' || (what === 'extend' && at >= (due.get(name) ?? Number.POSITIVE_INFINITY))) due.set(name, at);
        if (what === 'cancel') timers.cancel(name);
        if (what === 'cancel') due.delete(name);
        if (what !== 'wait') continue;
        await clock.advance(ms);
        for (const [each, dueMs] of [...due]) {
          if (dueMs > at) continue;
          expected.push(`${each} at ${dueMs}`);
          due.delete(each);
        }
        expect([...fired].sort()).toEqual([...expected].sort());
        expect([timers.has('a'), timers.has('b'), clock.pending()]).toEqual([due.has('a'), due.has('b'), due.size]);
      }
    }),
    { numRuns: 150 },
  );
});
