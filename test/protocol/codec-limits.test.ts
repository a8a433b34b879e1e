import { describe, expect, test } from 'vitest';
import { compile, decodeBody } from '../../src/protocol/codec.ts';
import { readApiKey, readResponseHeader, readRestOfHeader } from '../../src/protocol/frame.ts';
import { APIS, Metadata } from '../../src/protocol/messages/index.ts';
import {
  type AnyField,
  array,
  bool,
  bytes,
  type Fields,
  int8,
  int64,
  type Message,
  message,
  string,
  struct,
  uuid,
} from '../../src/protocol/schema.ts';
import { DecodeError, MAX_ELEMENTS, Reader } from '../../src/protocol/wire.ts';
import { prng } from '../support/prng.ts';
import { declaredMessages } from '../support/schema-declared.ts';
import { type DeclaredFrame, declaredFrames, goldenFrames } from '../support/schema-golden.ts';

const frames = declaredFrames(goldenFrames());
const SEED = Number(process.env.FUZZ_SEED ?? 20260101);
const MUTANTS_PER_FRAME = 60;

/** Decodes header and body. @returns what went wrong, or null */
function failure(frame: DeclaredFrame, bytes: Uint8Array): unknown {
  try {
    const reader = new Reader(bytes);
    if (frame.kind === 'request') {
      readApiKey(reader);
      readRestOfHeader(reader, frame.flexibleHeader);
    } else readResponseHeader(reader, frame.flexibleHeader);
    compile(frame.message, frame.version).decode(reader);
    expect(reader.at).toBeLessThanOrEqual(bytes.byteLength);
    return null;
  } catch (error) {
    return error;
  }
}

describe.each(APIS)('a golden frame of $name', ({ name }) => {
  const own = frames.filter(({ apiName }) => apiName === name);

  test('is refused with a DecodeError wherever it is cut off', () => {
    for (const frame of own) {
      for (let length = 0; length < frame.bytes.byteLength; length++) {
        // What lies behind the cut is in the same memory, as with frames cut out of one chunk of a socket.
        const error = failure(frame, frame.bytes.subarray(0, length));
        if (!(error instanceof DecodeError)) expect.fail(`${frame.label} cut at ${length}: ${String(error)}`);
      }
    }
  });

  test('is decoded or refused with a DecodeError, whatever its bytes are changed to', () => {
    let refused = 0;
    own.forEach((frame, index) => {
      const next = prng(SEED + index);
      const random = (below: number): number => Math.floor(next() * below);
      for (let round = 0; round < MUTANTS_PER_FRAME; round++) {
        const mutant = mutated(frame.bytes, random);
        const error = failure(frame, mutant);
        if (error instanceof DecodeError) refused++;
        else if (error) expect.fail(`FUZZ_SEED=${SEED}, ${frame.label} as ${mutant.toString('hex')}: ${String(error)}`);
      }
    });
    expect(refused).toBeGreaterThan(0);
  });
});

/** What fuzzers like to find: the ends of 8, 16 and 32 bits, and the longest uvarints. */
const EVIL = [
  '00',
  'ff',
  '7f',
  '80',
  '7fff',
  'ffff',
  '7fffffff',
  '80000000',
  'ffffffff',
  'ffffffff07',
  'ffffffff0f',
  'ffffffff7f',
  'ffffffffffff',
];

function mutated(original: Buffer, random: (below: number) => number): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const at = random(bytes.byteLength + 1);
    const evil = Buffer.from(EVIL[random(EVIL.length)]!, 'hex');
    const kind = random(4);
    if (kind === 0 && at < bytes.byteLength) bytes[at]! ^= 1 << random(8);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), evil, bytes.subarray(at + evil.byteLength)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), evil, bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(8))]);
  }
  return bytes;
}

/** A message of one array, at version 0 inflexible and at version 1 flexible. */
function arrayMessage(field: AnyField): Message {
  return message<Fields>({ name: 'Test', versions: [0, 1], flexibleFrom: 1, fields: { list: field } });
}

const uvarintOf = (value: number): Buffer => {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
};
const int32Of = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

test.each<[string, AnyField, number, number]>([
  ['int8', array(int8), 1, 1],
  ['int64', array(int64), 8, 8],
  ['uuid', array(uuid), 16, 16],
  ['string', array(string), 2, 1],
  ['struct', array({ id: uuid, name: string, flags: array(bool), later: int8.since(2), extra: int64.since(1).tag(0) }), 22, 19],
  ['bytes', array(bytes), 4, 1],
  ['arrays in structs', array({ ids: array(int64) }), 4, 2],
  ['structs that may be null, in structs', array({ inner: struct({ id: uuid }).nullable() }), 1, 2],
  ['struct in a struct', array({ inner: struct({ id: uuid }) }), 16, 18],
])('an array of %s is refused before its first element when the bytes left cannot hold its count', (_, field, plain, compact) => {
  for (const [version, smallest] of [plain, compact].entries()) {
    for (const count of [1, 3, 100]) {
      const room = Buffer.alloc(count * smallest - 1, 0xff); // decoding any element of this would say something else
      const bytes = Buffer.concat([version === 0 ? int32Of(count) : uvarintOf(count + 1), room]);
      expect(() => decodeBody(arrayMessage(field), version, bytes)).toThrow(`array of ${count} elements`);
    }
  }
});

test('an array that exactly fills the bytes left is decoded', () => {
  expect(decodeBody(arrayMessage(array(uuid)), 0, Buffer.concat([int32Of(2), Buffer.alloc(32)]))).toEqual({
    list: ['AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAA'],
  });
});

test.each([
  ['int32 count of 2^31 - 1', 8, '7fffffff', 'array of 2147483647 elements'],
  ['uvarint count of 2^31 - 2', 9, 'ffffffff07', 'array of 2147483646 elements'],
  ['uvarint count of 2^31 - 1', 9, '8080808008', 'array of 2147483647 elements'],
  ['uvarint that does not end', 9, '8080808080808080', 'longer than 5 bytes'],
])('a forged %s is refused at once', (_, version, count, text) => {
  const forged = Buffer.concat([Buffer.from(count, 'hex'), Buffer.alloc(64)]);
  const before = process.memoryUsage().heapUsed;
  expect(() => decodeBody(Metadata.request, version, forged)).toThrow(DecodeError);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * 1024 * 1024); // 2^31 elements would be 16 GB
  expect(() => decodeBody(Metadata.request, version, forged)).toThrow(text);
});

test('no declared array has elements of no bytes, whose count nothing would bound', async () => {
  const unbounded: string[] = [];
  const visit = (path: string, fields: Fields, version: number, flexible: boolean): void => {
    for (const [name, { type, from, to }] of Object.entries(fields)) {
      if (version < from || version > to) continue;
      const element = type.kind === 'array' ? type.of.type : type;
      if (element.kind !== 'struct') continue;
      const present = Object.values(element.fields).filter((inner) => inner.from <= version && version <= inner.to);
      if (type.kind === 'array' && !flexible && present.length === 0) unbounded.push(`${path}.${name} v${version}`);
      visit(`${path}.${name}`, element.fields, version, flexible);
    }
  };
  for (const { message: each } of await declaredMessages()) {
    for (let version = each.versions[0]; version <= each.versions[1]; version++) {
      visit(each.name, each.fields, version, version >= each.flexibleFrom);
    }
  }
  expect(unbounded).toEqual([]);
});

describe(`one message has at most ${MAX_ELEMENTS} array elements`, () => {
  const bytesOf = (...counts: number[]): Buffer =>
    Buffer.concat(counts.flatMap((count) => [int32Of(count), Buffer.alloc(Math.max(count, 0))]));
  const two = message({ name: 'Two', versions: [0, 0], flexibleFrom: 99, fields: { a: array(int8).nullable(), b: array(int8) } });

  test('in one array', () => {
    expect(decodeBody(two, 0, bytesOf(0, MAX_ELEMENTS)).b.length).toBe(MAX_ELEMENTS);
    expect(() => decodeBody(two, 0, bytesOf(0, MAX_ELEMENTS + 1))).toThrow(DecodeError);
  });

  test('in several arrays together', () => {
    expect(decodeBody(two, 0, bytesOf(1, MAX_ELEMENTS - 1)).b.length).toBe(MAX_ELEMENTS - 1);
    expect(() => decodeBody(two, 0, bytesOf(1, MAX_ELEMENTS))).toThrow(`more than ${MAX_ELEMENTS}`);
  });

  test('and null arrays do not make room for more', () => {
    expect(() => decodeBody(two, 0, bytesOf(-1, MAX_ELEMENTS + 1))).toThrow(`more than ${MAX_ELEMENTS}`);
  });
});

describe('a tag section', () => {
  const tagged = message({
    name: 'Tagged',
    versions: [0, 0],
    flexibleFrom: 0,
    fields: { plain: int8, name: string.nullable().default(null).tag(0), ids: array(int8).tag(5) },
  });
  const decode = (hex: string): unknown => decodeBody(tagged, 0, Buffer.from(hex.replaceAll(' ', ''), 'hex'));

  test('gives its known tags and passes over the others', () => {
    expect(decode('07 03 00 03 036869 03 02 ffff 05 03 030102')).toEqual({
      plain: 7,
      name: 'hi',
      ids: [1, 2],
    });
    expect(decode('07 00')).toEqual({ plain: 7, name: null, ids: [] });
  });

  // What Apache Kafka 4.4.0 does with these is held by the conformance scenarios "Malformed: Fetch" and "Malformed: Metadata".
  test.each([
    ['too small', '07 02 00 02 036869 05 01 0201'],
    ['too large', '07 02 00 04 036869 05 03 0201'],
    ['beyond the frame', '07 02 00 7f 036869 05 02 0201'],
  ])('ends a known tag where its value ends, when the size is %s', (_, hex) => {
    expect(decode(hex)).toEqual({ plain: 7, name: 'hi', ids: [1] });
  });

  test.each([
    ['its value is cut off', '07 01 00 03 0368', '2 bytes wanted'],
    ['it is unknown and ends behind the frame', '07 01 09 ffffffff07', '2147483647 bytes wanted'],
    ['it is unknown and its size is negative', '07 01 09 ffffffff0f', '-1 bytes wanted'],
    ['there are more of them than bytes', '07 05 09 00 09 00', '5 tags'],
    ['there are fewer than none', '07 ffffffff0f', '-1 tags'],
  ])('is refused when of a tag %s', (_, hex, text) => {
    expect(() => decode(hex)).toThrow(DecodeError);
    expect(() => decode(hex)).toThrow(text);
  });
});

test.each([
  ['an int32 count of -2', 8, 'fffffffe000000'],
  ['a uvarint count of -2', 9, 'ffffffff0f00000000'],
  ['a uvarint of 2^32, whose bits beyond the 32nd are lost', 9, '808080801000000000'],
])('%s is null where null may stand, as in Apache Kafka', (_, version, hex) => {
  expect(decodeBody(Metadata.request, version, Buffer.from(hex, 'hex'))).toMatchObject({ topics: null });
});

test('a struct that may be null is null after any negative byte, and present after any other', () => {
  const nullable = message({ name: 'Nullable', versions: [0, 0], flexibleFrom: 99, fields: { cursor: struct({ at: int8 }).nullable() } });
  for (const byte of ['ff', '80']) expect(decodeBody(nullable, 0, Buffer.from(byte, 'hex'))).toEqual({ cursor: null });
  for (const byte of ['00', '01', '7f']) expect(decodeBody(nullable, 0, Buffer.from(`${byte}05`, 'hex'))).toEqual({ cursor: { at: 5 } });
});

test('bytes behind a body are refused', () => {
  expect(() => decodeBody(Metadata.request, 0, Buffer.from('0000000000', 'hex'))).toThrow('1 bytes left behind MetadataRequest v0');
});

test.each([
  [0, 'ffffffff'],
  [9, '00 00 00 00 00'],
])('null where null is not allowed is refused (v%i)', (version, hex) => {
  const requests = message({ name: 'Strict', versions: [0, 9], flexibleFrom: 9, fields: { list: array(int8) } });
  expect(() => decodeBody(requests, version, Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow('null array where null is not allowed');
});

test('a version that is not declared has no codec', () => {
  expect(() => compile(Metadata.request, 14)).toThrow(RangeError);
  expect(() => compile(Metadata.request, -1)).toThrow(RangeError);
});
