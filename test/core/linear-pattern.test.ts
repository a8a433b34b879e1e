import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinearPattern } from '../../src/core/linear-pattern.ts';

/** Patterns whose meaning is the same in JavaScript. */
const pattern = fc.letrec<{ node: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '[a-c]', '\\w', '\\d', '\\.', '^', '$', ''),
    tie('node').map((inner) => `(${inner})`),
    tie('node').map((inner) => `(?:${inner})`),
  ),
  node: fc.oneof(
    { depthSize: 'small' },
    tie('atom'),
    fc.tuple(tie('atom'), tie('node')).map(([a, b]) => a + b),
    fc.tuple(tie('atom'), tie('node')).map(([a, b]) => `${a}|${b}`),
    fc.tuple(tie('atom'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{2,}', '*?')).map(([a, times]) => `(?:${a})${times}`),
  ),
})).node;

test('a pattern matches what JavaScript says that it does', () => {
  fc.assert(
    fc.property(
      pattern,
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '1'), maxLength: 8 }), { minLength: 5, maxLength: 5 }),
      (source, texts) => {
        const expected = new RegExp(`^(?:${source})$`);
        const ours = new LinearPattern(source);
        for (const text of texts) expect(`${text} ${ours.matches(text)}`).toBe(`${text} ${expected.test(text)}`);
      },
    ),
    { numRuns: 500 },
  );
});

test.each(['(', ')', 'a)', '[', '[b-a]', '*', 'a**', 'a{2}{3}', '\\q', 'a{1001}', '(?i)a', '[[:alpha:]]', '\\'])(
  '%s is no pattern',
  (source) => {
    expect(() => new LinearPattern(source)).toThrow(SyntaxError);
  },
);

test('what would take JavaScript for ever does not', () => {
  expect(new LinearPattern('(a+)+b').matches('a'.repeat(5_000))).toBe(false);
});

test('a pattern has a limit', () => {
  expect(() => new LinearPattern('((a{100}){100}){100}')).toThrow('too large');
  expect(() => new LinearPattern(`${'('.repeat(101)}${')'.repeat(101)}`)).toThrow('too deeply');
});
