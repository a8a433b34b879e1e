import fc, { type Arbitrary } from 'fast-check';
import type { Struct, UnknownTag } from './interpreter.ts';
import { camelCase, elementType, inVersions, isArray, type KafkaMessage, type SchemaField, versionRange } from './schema-files.ts';

/** The ends of a saturating int64 stand for Long.MAX_VALUE and Long.MIN_VALUE (tested apart), so values stop short of them. */
const INT64_ENDS = { min: -(2 ** 53) + 2, max: 2 ** 53 - 2 };

const signed = (bits: number): Arbitrary<number> => {
  const [min, max] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return fc.oneof({ weight: 4, arbitrary: fc.integer({ min, max }) }, fc.constantFrom(min, -1, 0, 1, max));
};

// Lengths on both sides of 127: one byte of a compact length, or two.
const strings = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  fc.constantFrom('', 'é'.repeat(63), 'e'.repeat(127), '\u{1f980}'.repeat(40)),
);
// Lengths on both sides of 1024, from which on the writer no longer copies.
const byteStrings = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  fc.constantFrom(0, 127, 1023, 1024, 3000).map((length) => new Uint8Array(length).fill(7)),
);

const PRIMITIVES: Record<string, Arbitrary<unknown>> = {
  bool: fc.boolean(),
  int8: signed(8),
  int16: signed(16),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  int32: signed(32),
  int64: fc.oneof({ weight: 4, arbitrary: fc.maxSafeInteger() }, fc.constantFrom(-1, 0, 2 ** 31, 2 ** 32, -(2 ** 32) - 1)).map(withinEnds),
  float64: fc.double(),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  string: strings,
  bytes: byteStrings.map((bytes) => Buffer.from(bytes)),
  records: byteStrings.map((bytes) => Buffer.from(bytes)),
};

function withinEnds(value: number): number {
  return Math.min(Math.max(value, INT64_ENDS.min), INT64_ENDS.max);
}

/** Values of a message at a version, straight from Kafka's definition. Fields with a default, and tagged ones, are left out at times. */
export function messageArbitrary(message: KafkaMessage, version: number): Arbitrary<Struct> {
  return structArbitrary(message.fieldsAt(version), version);
}

/** Tags that no definition uses, each number once. */
export const unknownTagsArbitrary: Arbitrary<UnknownTag[]> = fc.uniqueArray(
  fc.record({ tag: fc.oneof(fc.integer({ min: 20, max: 300 }), fc.constant(2 ** 31 - 1)), data: fc.uint8Array({ maxLength: 20 }) }),
  { selector: ({ tag }) => tag, maxLength: 3 },
);

function structArbitrary(fields: readonly SchemaField[], version: number): Arbitrary<Struct> {
  const present = fields.filter((field) => inVersions(field.versions, version));
  const model = Object.fromEntries(present.map((field) => [camelCase(field.name), fieldArbitrary(field, version)]));
  const required = present.filter((field) => field.default === undefined && versionRange(field.taggedVersions)[0] > version);
  return fc.record(model, { requiredKeys: required.map(({ name }) => camelCase(name)), noNullPrototype: true });
}

function fieldArbitrary(field: SchemaField, version: number): Arbitrary<unknown> {
  const one = field.fields ? structArbitrary(field.fields, version) : PRIMITIVES[elementType(field)]!;
  const value = isArray(field) ? arrayOf(field, one) : one;
  return inVersions(field.nullableVersions, version) ? fc.option(value, { freq: 4 }) : value;
}

function arrayOf(field: SchemaField, one: Arbitrary<unknown>): Arbitrary<unknown[]> {
  const short = fc.array(one, { maxLength: 3 });
  if (field.fields) return short;
  return fc.oneof({ weight: 6, arbitrary: short }, fc.array(one, { minLength: 127, maxLength: 129 }));
}
