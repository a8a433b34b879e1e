import { expect, test } from 'vitest';
import { LineSplitter } from '../../src/cli/line-splitter.ts';
import { parseHeaders, parseLine, parseLineRules } from '../../src/cli/record-lines.ts';
import { parseStart, resolveStart } from '../../src/cli/record-start.ts';

function split(text: string, chunkBytes: number): string[] {
  const splitter = new LineSplitter();
  const bytes = Buffer.from(text, 'latin1');
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) lines.push(...splitter.push(bytes.subarray(at, at + chunkBytes)));
  const last = splitter.end();
  return [...lines, ...(last ? [last] : [])].map((line) => line.toString('latin1'));
}

test.each([1, 2, 3, 100])('lines end with a line feed, after a carriage return or not, in chunks of %i bytes', (chunkBytes) => {
  expect(split('one\ntwo\r\n\n\xff\0\rx\nlast\r', chunkBytes)).toEqual(['one', 'two', '', '\xff\0\rx', 'last\r']);
  expect(split('', chunkBytes)).toEqual([]);
  expect(split('a\n', chunkBytes)).toEqual(['a']);
});

test('a line of the longest size passes, one byte more is refused with its number', () => {
  const splitter = new LineSplitter(1024 * 1024);
  const longest = Buffer.alloc(1024 * 1024, 'x');
  const [line] = splitter.push(Buffer.concat([longest, Buffer.from('\n')]));
  expect(line!.equals(longest)).toBe(true); // toEqual looks at each of a million bytes
  expect([...splitter.push(longest)]).toEqual([]);
  expect(() => [...splitter.push(Buffer.from('x'))]).toThrow('line 2 is longer than 1 MiB');
});

test('the first separator parts key and value; a line without one is refused with its number', () => {
  const rules = parseLineRules({ keySeparator: '\\t', nullValue: '-' });
  expect(parseLine(Buffer.from('k\tv\tw'), 1, rules)).toEqual({ key: Buffer.from('k'), value: Buffer.from('v\tw') });
  expect(parseLine(Buffer.from('-\t-'), 1, rules)).toEqual({ key: null, value: null });
  expect(parseLine(Buffer.from('\t'), 1, rules)).toEqual({ key: Buffer.alloc(0), value: Buffer.alloc(0) });
  expect(() => parseLine(Buffer.from('kv'), 7, rules)).toThrow('line 7 has no key separator "\\t"');
});

test('a header is name=value; a name may come again', () => {
  expect(parseHeaders(['a=1', 'b=', 'a=x=y'])).toEqual(
    new Map([
      ['a', ['1', 'x=y']],
      ['b', ['']],
    ]),
  );
  for (const wrong of ['a', '=1']) expect(() => parseHeaders([wrong])).toThrow(expect.objectContaining({ exitCode: 2 }));
});

test('a start is found in the range that a partition has', () => {
  const range = [10, 20] as const;
  expect(resolveStart(parseStart({}), ...range)).toBe(20);
  expect(resolveStart(parseStart({ fromBeginning: true }), ...range)).toBe(10);
  expect(resolveStart(parseStart({ offset: '-3' }), ...range)).toBe(17);
  expect(resolveStart(parseStart({ offset: '-30' }), ...range)).toBe(10);
  expect(resolveStart(parseStart({ offset: '20', partition: 0 }), ...range)).toBe(20);
  for (const offset of ['9', '21']) expect(resolveStart(parseStart({ offset, partition: 0 }), ...range)).toBe('out of range');
});

test.each([
  { offset: '5' },
  { offset: 'x', partition: 0 },
  { offset: '1', partition: 0, fromBeginning: true },
  { group: 'g', partition: 0 },
  { group: 'g', offset: 'latest' },
  { group: '' },
])('%j is refused', (flags) => {
  expect(() => parseStart(flags)).toThrow(expect.objectContaining({ exitCode: 2 }));
});
