import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError, INT64_SATURATED, Reader, sizeOf, uvarintSize, Writer, ZERO_UUID } from '../../src/protocol/wire.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const reading = (text: string): Reader => new Reader(hex(text));
function written(write: (writer: Writer) => void): string {
  const writer = new Writer();
  write(writer);
  return writer.finish().toString('hex');
}

describe('fixed sizes', () => {
  test.each<['bool' | 'int8' | 'int16' | 'uint16' | 'int32' | 'float64', string, number | boolean]>([
    ['bool', '00', false],
    ['bool', '01', true],
    ['int8', '80', -128],
    ['int8', '7f', 127],
    ['int16', '8001', -32767],
    ['int16', '7ffe', 32766],
    ['uint16', '8001', 32769],
    ['int32', '80000001', -(2 ** 31) + 1],
    ['int32', '7ffffffe', 2 ** 31 - 2],
    ['float64', '3ff8000000000000', 1.5],
  ])('%s is big-endian: %s', (type, bytes, value) => {
    expect(reading(bytes)[type]()).toBe(value);
    expect(written((writer) => writer[type](value as never))).toBe(bytes);
  });

  test('any byte but 0 is true', () => {
    expect(reading('ff').bool()).toBe(true);
  });
});

describe('int64', () => {
  test.each([
    ['0000000000000000', 0],
    ['ffffffffffffffff', -1],
    ['00000000ffffffff', 2 ** 32 - 1],
    ['ffffffff00000000', -(2 ** 32)],
    ['fffffffeffffffff', -(2 ** 32) - 1],
    ['001fffffffffffff', 2 ** 53 - 1],
    ['ffe0000000000001', -(2 ** 53) + 1],
  ])('%s is %d', (bytes, value) => {
    expect(reading(bytes).int64()).toBe(value);
    expect(written((writer) => writer.int64(value))).toBe(bytes);
  });

  test.each(['0020000000000000', '0020000000000001', 'ffe0000000000000', '7fffffffffffffff', '8000000000000000'])(
    '%s, beyond 2^53 - 1, is refused, or saturates where the field says so',
    (bytes) => {
      expect(() => reading(bytes).int64()).toThrow(DecodeError);
      expect(Math.abs(reading(bytes).int64Saturating())).toBe(INT64_SATURATED);
    },
  );

  test('every safe integer is written as Java writes it', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const expected = Buffer.alloc(8);
        expected.writeBigInt64BE(BigInt(value));
        expect(written((writer) => writer.int64(value))).toBe(expected.toString('hex'));
        expect(new Reader(expected).int64()).toBe(value);
      }),
    );
  });

  test('the saturated ends stand for Long.MAX_VALUE and Long.MIN_VALUE, and come back as such', () => {
    expect(INT64_SATURATED).toBe(2 ** 53 - 1);
    for (const [bytes, value] of [
      ['7fffffffffffffff', INT64_SATURATED],
      ['8000000000000000', -INT64_SATURATED],
    ] as const) {
      expect(reading(bytes).int64Saturating()).toBe(value);
      expect(written((writer) => writer.int64Saturating(value))).toBe(bytes);
    }
    expect(written((writer) => writer.int64Saturating(INT64_SATURATED - 1))).toBe('001ffffffffffffe');
    expect(written((writer) => writer.int64Saturating(-1))).toBe('ffffffffffffffff');
  });
});

describe('uvarint', () => {
  test.each([
    ['00', 0],
    ['7f', 127],
    ['8001', 128],
    ['ff7f', 16383],
    ['808001', 16384],
    ['ffffffff07', 2 ** 31 - 1],
  ])('%s is %d', (bytes, value) => {
    expect(reading(bytes).uvarint()).toBe(value);
    expect(written((writer) => writer.uvarint(value))).toBe(bytes);
    expect(uvarintSize(value)).toBe(bytes.length / 2);
  });

  test.each([
    ['8080808008', -(2 ** 31)],
    ['ffffffff0f', -1],
    ['ffffffff7f', -1],
    ['8080808010', 0],
  ])('%s is %d: the bits of an int32, as in Kafka', (bytes, value) => {
    expect(reading(bytes).uvarint()).toBe(value);
  });

  test.each(['808080808001', 'ffffffffffffffffff01'])('%s, longer than 5 bytes, is refused', (bytes) => {
    expect(() => reading(bytes).uvarint()).toThrow(DecodeError);
  });
});

describe('uuid', () => {
  test('16 bytes are 22 characters of base64url, as Kafka prints them', () => {
    const bytes = '000102030405060708090a0b0c0dfeff';
    const text = 'AAECAwQFBgcICQoLDA3-_w';
    expect(reading(bytes).uuid()).toBe(text);
    expect(written((writer) => writer.uuid(text))).toBe(bytes);
  });

  test('the one that stands for "none" is all zero', () => {
    expect(ZERO_UUID).toBe('A'.repeat(22));
    expect(reading('00'.repeat(16)).uuid()).toBe(ZERO_UUID);
    expect(written((writer) => writer.uuid(ZERO_UUID))).toBe('00'.repeat(16));
  });

  test.each(['', 'AAAA', 'A'.repeat(21), 'A'.repeat(23), '!'.repeat(22), '00000000-0000-0000-0000-000000000000'])(
    '"%s" is refused',
    (text) => {
      expect(() => new Writer().uuid(text)).toThrow(TypeError);
    },
  );
});

describe('strings and bytes', () => {
  test.each<[string, string | null, string, string]>([
    ['null', null, 'ffff', '00'],
    ['empty', '', '0000', '01'],
    ['ASCII', 'hi', '00026869', '036869'],
    ['beyond ASCII', 'é\u{1f980}', '0006c3a9f09fa680', '07c3a9f09fa680'],
  ])('a string that is %s', (_, value, plain, compact) => {
    expect(reading(plain).nullableString()).toBe(value);
    expect(reading(compact).nullableCompactString()).toBe(value);
    expect(written((writer) => writer.nullableString(value))).toBe(plain);
    expect(written((writer) => writer.nullableCompactString(value))).toBe(compact);
  });

  test.each<[string, string | null, string, string]>([
    ['null', null, 'ffffffff', '00'],
    ['empty', '', '00000000', '01'],
    ['some', 'abcd', '00000002abcd', '03abcd'],
  ])('bytes that are %s', (_, value, plain, compact) => {
    const bytes = value === null ? null : hex(value);
    expect(reading(plain).nullableByteString()).toEqual(bytes);
    expect(reading(compact).nullableCompactByteString()).toEqual(bytes);
    expect(written((writer) => writer.nullableByteString(bytes))).toBe(plain);
    expect(written((writer) => writer.nullableCompactByteString(bytes))).toBe(compact);
  });

  test('any length below 0 is null, as in Kafka', () => {
    expect(reading('fffe').nullableString()).toBeNull();
    expect(reading('fffffffe').nullableByteString()).toBeNull();
    expect(reading('ffffffff0f').nullableCompactString()).toBeNull();
    expect(reading('ffffffff0f').nullableCompactByteString()).toBeNull();
  });

  test('a compact string is no longer than others can be', () => {
    const ofBytes = (prefix: string, length: number) => reading(prefix + '61'.repeat(length)).compactString();
    expect(ofBytes('808002', 0x7fff)).toHaveLength(0x7fff);
    expect(() => ofBytes('818002', 0x8000)).toThrow(DecodeError);
  });

  test('null where null is not allowed is refused', () => {
    expect(() => reading('ffff').string()).toThrow(DecodeError);
    expect(() => reading('00').compactString()).toThrow(DecodeError);
    expect(() => reading('ffffffff').byteString()).toThrow(DecodeError);
    expect(() => reading('00').compactByteString()).toThrow(DecodeError);
    expect(() => reading('fffe').string()).toThrow(DecodeError);
    expect(() => reading('fffffffe').byteString()).toThrow(DecodeError);
  });

  test('a string is at most 32,767 bytes where its length has 16 bits', () => {
    expect(written((writer) => writer.string('é'.repeat(16383)))).toHaveLength(2 * (2 + 32766));
    expect(() => new Writer().string('é'.repeat(16384))).toThrow(RangeError);
    expect(written((writer) => writer.compactString('é'.repeat(16384)))).toHaveLength(2 * (3 + 32768));
  });

  test('bytes are read as a view of the frame', () => {
    const frame = hex('00000002abcd');
    const bytes = new Reader(frame).byteString();
    frame[4] = 0x11;
    expect(bytes.toString('hex')).toBe('11cd');
  });

  test.each([
    ['string', (r: Reader) => r.string(), '7fff41'],
    ['compact string', (r: Reader) => r.compactString(), 'feff0141'],
    ['bytes', (r: Reader) => r.byteString(), '7fffffff41'],
    ['compact bytes', (r: Reader) => r.compactByteString(), '808080800841'],
  ])('a %s longer than what is left is refused, although the memory goes on behind the frame', (_, read, text) => {
    const chunk = Buffer.concat([hex(text), Buffer.alloc(40_000)]);
    expect(() => read(new Reader(chunk.subarray(0, text.length / 2)))).toThrow(/wanted at \d+, 1 left/);
  });
});

test('a reader of a plain Uint8Array that lies inside a larger buffer stays inside', () => {
  const inside = new Uint8Array([0xff, 1, 2, 0xff]).subarray(1, 3);
  const two = new Reader(inside);
  expect([two.int16(), two.left()]).toEqual([0x0102, 0]);
  expect(() => two.int8()).toThrow(DecodeError);
});

describe('the writer', () => {
  test('keeps everything in order while its blocks grow, whatever is written', () => {
    const piece = fc.oneof(
      fc.record({ kind: fc.constant('int32' as const), value: fc.integer() }),
      fc.record({ kind: fc.constant('string' as const), value: fc.string({ unit: 'grapheme', maxLength: 300 }) }),
      fc.record({
        kind: fc.constant('bytes' as const),
        value: fc.constantFrom(0, 1, 700, 1023, 1024, 5000).map((n) => new Uint8Array(n).fill(n)),
      }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 0, max: 600 }), (pieces, firstBlockBytes) => {
        const writer = new Writer(firstBlockBytes);
        const expected: Uint8Array[] = [];
        for (const { kind, value } of pieces) {
          if (kind === 'int32') {
            writer.int32(value);
            const bytes = Buffer.alloc(4);
            bytes.writeInt32BE(value);
            expected.push(bytes);
          } else {
            const bytes = Buffer.from(value as string);
            if (kind === 'bytes') writer.byteString(value);
            else writer.compactByteString(bytes);
            const length = Buffer.alloc(4);
            length.writeInt32BE(bytes.byteLength);
            const short = bytes.byteLength + 1;
            const compact = short < 128 ? [short] : short < 16384 ? [(short & 127) | 128, short >> 7] : [];
            expected.push(kind === 'bytes' ? length : Buffer.from(compact), bytes);
          }
        }
        const whole = Buffer.concat(expected);
        expect(writer.size()).toBe(whole.byteLength);
        expect(Buffer.concat(writer.chunks()).equals(whole)).toBe(true);
      }),
    );
  });

  test('large byte fields are handed on, not copied; small ones are copied', () => {
    const large = Buffer.alloc(1024, 1);
    const small = Buffer.alloc(1023, 2);
    const writer = new Writer();
    writer.int8(1);
    writer.byteString([large, small, large]);
    writer.int8(2);
    const chunks = writer.chunks();
    expect(chunks.filter((chunk) => chunk === large)).toHaveLength(2);
    large.fill(9);
    small.fill(9);
    const whole = Buffer.concat(chunks);
    expect(whole.byteLength).toBe(1 + 4 + 3071 + 1);
    expect(whole.subarray(5, 5 + 1024).every((byte) => byte === 9)).toBe(true);
    expect(whole.subarray(5 + 1024, 5 + 2047).every((byte) => byte === 2)).toBe(true);
  });

  test('a string longer than the largest block gets a block of its size', () => {
    const text = 'x'.repeat(300_000);
    expect(written((writer) => writer.compactString(text))).toBe(`e1a712${Buffer.from(text).toString('hex')}`);
  });

  test('without writing anything it gives nothing', () => {
    expect(new Writer().chunks()).toEqual([]);
    expect(new Writer().finish()).toHaveLength(0);
    expect(new Writer().size()).toBe(0);
  });

  test('the size of bytes in several chunks is their sum', () => {
    expect(sizeOf([])).toBe(0);
    expect(sizeOf(Buffer.alloc(3))).toBe(3);
    expect(sizeOf([Buffer.alloc(3), new Uint8Array(4)])).toBe(7);
  });
});
