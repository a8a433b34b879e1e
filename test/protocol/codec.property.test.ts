import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBody, encodeBody } from '../../src/protocol/codec.ts';
import type { Message } from '../../src/protocol/schema.ts';
import { INT64_SATURATED } from '../../src/protocol/wire.ts';
import { decode, encode, type Struct } from '../support/interpreter.ts';
import { messageArbitrary, unknownTagsArbitrary } from '../support/schema-arbitrary.ts';
import { declaredMessages } from '../support/schema-declared.ts';
import { Everything, kafkaEverything } from '../support/schema-everything.ts';
import { camelCase, inVersions, isArray, kafkaMessages, type SchemaField } from '../support/schema-files.ts';

const RUNS = 50;

const everything = { message: Everything as Message, kafka: kafkaEverything };
const everyVersion = [...(await declaredMessages()), everything].flatMap(({ message, kafka }) =>
  Array.from({ length: message.versions[1] - message.versions[0] + 1 }, (_, i) => ({
    message,
    kafka: kafka!,
    version: message.versions[0] + i,
  })),
);

test.each(everyVersion)('$message.name v$version: the generated codec does what the interpreter does', ({ message, kafka, version }) => {
  fc.assert(
    fc.property(messageArbitrary(kafka, version), unknownTagsArbitrary, (value, unknownTags) => {
      const bytes = encode(kafka, version, value);
      const expected = decode(kafka, version, bytes);
      const ours = encodeBody(message, version, value as never);
      expect(ours.toString('hex')).toBe(bytes.toString('hex'));
      deepStrictEqual(decodeBody(message, version, ours), expected);
      deepStrictEqual(decodeBody(message, version, encode(kafka, version, value, unknownTags)), expected);
      deepStrictEqual(encodeBody(message, version, decodeBody(message, version, bytes)), bytes);
    }),
    { numRuns: RUNS },
  );
});

test('the interpreter gives back what it was given, with defaults for what was left out', () => {
  const kafka = kafkaMessages('api').get('FetchRequest')!;
  fc.assert(
    fc.property(messageArbitrary(kafka, 18), (value) => {
      expect(decode(kafka, 18, encode(kafka, 18, value))).toMatchObject(value);
    }),
    { numRuns: RUNS },
  );
  expect(decode(kafka, 0, Buffer.from('ffffffff0000000a0000000100000000', 'hex'))).toMatchObject({
    replicaId: -1,
    maxWaitMs: 10,
    minBytes: 1,
    maxBytes: 0x7fffffff,
    replicaState: { replicaId: -1, replicaEpoch: -1 },
    clusterId: null,
    topics: [],
  });
});

/** Every int64 field of a message, with a value of the message that holds `given` there and little else. */
function int64Values(fields: readonly SchemaField[], version: number, given: bigint): { path: string; value: Struct }[] {
  const present = fields.filter((field) => inVersions(field.versions, version));
  const smallest = (inner: readonly SchemaField[]): Struct =>
    Object.fromEntries(
      inner.filter(({ fields: nested }) => !nested).map((field) => [camelCase(field.name), smallestValue(field, version)]),
    );
  return present.flatMap((field) => {
    const name = camelCase(field.name);
    const rest = { ...emptyArrays(present), ...smallest(present) };
    if (field.type.endsWith('int64')) return [{ path: name, value: { ...rest, [name]: isArray(field) ? [given] : given } }];
    return int64Values(field.fields ?? [], version, given).map(({ path, value }) => ({
      path: `${name}.${path}`,
      value: { ...rest, [name]: isArray(field) ? [value] : value },
    }));
  });
}

function smallestValue(field: SchemaField, version: number): unknown {
  if (inVersions(field.nullableVersions, version)) return null;
  if (isArray(field)) return [];
  if (field.type === 'string') return '';
  if (field.type === 'uuid') return 'AAAAAAAAAAAAAAAAAAAAAA';
  return field.type === 'bool' ? false : field.type === 'bytes' || field.type === 'records' ? Buffer.alloc(0) : 0;
}

const emptyArrays = (fields: readonly SchemaField[]): Struct =>
  Object.fromEntries(fields.filter((field) => field.fields && isArray(field)).map((field) => [camelCase(field.name), []]));

const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce((inner, name) => [(inner as Struct)[name]].flat()[0], value as unknown);

const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);

function beyondNumbers(saturated: string[], refused: string[], given: bigint): void {
  for (const { message, kafka, version } of everyVersion.filter(({ message: { name } }) => /Request$|Response$/.test(name))) {
    for (const { path, value } of int64Values(kafka.fieldsAt(version), version, given)) {
      const bytes = encode(kafka, version, value);
      let decoded: unknown;
      try {
        decoded = decodeBody(message, version, bytes);
      } catch (error) {
        expect((error as Error).name).toBe('DecodeError');
        refused.push(`${message.name}.${path}`);
        continue;
      }
      expect(at(decoded, path), `${message.name} v${version} ${path}`).toBe(given > 0n ? INT64_SATURATED : -INT64_SATURATED);
      expect(encodeBody(message, version, decoded as never).toString('hex')).toBe(bytes.toString('hex'));
      saturated.push(`${message.name}.${path}`);
    }
  }
}

test.each([LONG_MAX, LONG_MIN])(
  '%s saturates in offsets and timestamps of requests and responses, comes back as it was, and is refused in these other fields',
  (given) => {
    const saturated: string[] = [];
    const refused: string[] = [];
    beyondNumbers(saturated, refused, given);
    expect([...new Set(refused)].sort()).toEqual([
      'ApiVersionsResponse.finalizedFeaturesEpoch',
      'DescribeProducersResponse.topics.partitions.activeProducers.producerId',
      'DescribeTransactionsResponse.transactionStates.producerId',
      'EndTxnResponse.producerId',
      'FetchRequest.replicaState.replicaEpoch',
      'FetchResponse.responses.partitions.abortedTransactions.producerId',
      'InitProducerIdResponse.ongoingTxnProducerId',
      'InitProducerIdResponse.producerId',
      'ListOffsetsResponse.topics.partitions.oldStyleOffsets',
      'ListTransactionsResponse.transactionStates.producerId',
    ]);
    expect(new Set(saturated)).toContain('FetchRequest.topics.partitions.highWatermark');
    expect(new Set(saturated).size).toBeGreaterThan(15);
  },
);
