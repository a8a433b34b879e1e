import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SharedMap } from '../../src/metadata/shared-map.ts';

test('any sequence of edits leaves what a Map would hold, and every map before it as it was', () => {
  const edit = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'aa', '__proto__', 'ü'), fc.option(fc.nat(9), { nil: undefined })));
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
      const model = new Map<string, number>();
      let map = SharedMap.empty<number>();
      const history: [SharedMap<number>, Map<string, number>][] = [];
      for (const steps of edits) {
        const next = map.edit();
        for (const [key, value] of steps) {
          if (value === undefined) next.delete(key);
          else next.set(key, value);
          if (value === undefined) model.delete(key);
          else model.set(key, value);
          expect(next.get(key)).toBe(value);
        }
        map = next.done();
        history.push([map, new Map(model)]);
      }
      for (const [then, expected] of history) {
        expect(new Map(then.entries())).toEqual(expected);
        expect([...then.values()].sort()).toEqual([...expected.values()].sort());
        expect(then.size).toBe(expected.size);
        for (const key of ['a', 'b', 'x']) expect(then.get(key)).toBe(expected.get(key));
      }
    }),
  );
});

test('an edit without changes gives the same map', () => {
  const edit = SharedMap.empty<number>().edit();
  edit.set('a', 1);
  const map = edit.done();
  const none = map.edit();
  none.delete('b');
  expect(none.get('a')).toBe(1);
  expect(none.done()).toBe(map);
});
