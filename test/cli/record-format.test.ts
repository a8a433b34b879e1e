import { expect, test } from 'vitest';
import { type ConsumedRecord, type FormatFlags, parseFormat } from '../../src/cli/record-format.ts';

const record: ConsumedRecord = {
  topic: 'orders',
  partition: 3,
  offset: 42,
  timestamp: 1_700_000_000_123,
  key: Buffer.from('k1'),
  value: Buffer.from('grüße'),
  headers: [
    { key: 'a', value: Buffer.from('1') },
    { key: 'a', value: null },
  ],
};

function printed(flags: Partial<FormatFlags>, change: Partial<ConsumedRecord> = {}): Buffer {
  const parts: Buffer[] = [];
  parseFormat({ format: 'text', nullValue: 'null', ...flags })({ ...record, ...change }, (part) => parts.push(Buffer.from(part)));
  return Buffer.concat(parts);
}

test('text is the value, with --print-key behind the key', () => {
  expect(printed({}).toString()).toBe('grüße\n');
  expect(printed({ printKey: true }).toString()).toBe('k1\tgrüße\n');
  expect(printed({ printKey: true, nullValue: '-' }, { key: null, value: null }).toString()).toBe('-\t-\n');
});

test('text leaves bytes that are no UTF-8 as they are', () => {
  const value = Buffer.from([0, 0xff, 0xc3, 0x28]);
  expect(printed({}, { value })).toEqual(Buffer.concat([value, Buffer.from('\n')]));
});

test('JSON is one line, with null for what is missing', () => {
  expect(printed({ format: 'json' }).toString()).toBe(
    '{"topic":"orders","partition":3,"offset":42,"timestamp":1700000000123,"key":"k1","value":"grüße",' +
      '"headers":[{"key":"a","value":"1"},{"key":"a","value":null}]}\n',
  );
  const empty = printed({ format: 'json' }, { key: null, value: Buffer.alloc(0), timestamp: -1, headers: [] });
  expect(JSON.parse(empty.toString())).toMatchObject({ key: null, value: '', timestamp: null, headers: [] });
});

test('JSON shows bytes that are no UTF-8 as an object, which no string is', () => {
  const value = Buffer.from([0xff, 0xfe]);
  expect(JSON.parse(printed({ format: 'json' }, { value }).toString()).value).toEqual({ base64: '//4=' });
});

test("a template has kcat's letters and escapes, and adds no line feed", () => {
  expect(printed({ format: '%t/%p/%o %T %k=%v|%s %K %S %h %%\\n\\t' }).toString()).toBe(
    'orders/3/42 1700000000123 k1=grüße|grüße 2 7 a=1,a=null %\n\t',
  );
  expect(printed({ format: '%K %S %k' }, { key: null, value: null }).toString()).toBe('-1 -1 null');
});

test.each([{ format: 'xml' }, { format: '%x' }, { format: '%k %' }, { format: 'json', printKey: true }])('%j is refused', (flags) => {
  expect(() => printed(flags)).toThrow(expect.objectContaining({ exitCode: 2 }));
});
