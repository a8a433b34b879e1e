import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EMPTY_ASSIGNMENT } from '../../src/protocol/messages/internal/consumer-protocol.ts';
import { groupRecord, offsetRecord, readGroupRecord } from '../../src/protocol/messages/internal/coordinator-records.ts';
import { GroupMetadataKey, GroupMetadataValue } from '../../src/protocol/messages/internal/group-metadata-record.ts';
import { LegacyOffsetCommitValue, OffsetCommitKey, OffsetCommitValue } from '../../src/protocol/messages/internal/offset-commit-record.ts';
import type { AnyField, Message } from '../../src/protocol/schema.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** Taken from the __consumer_offsets of an Apache Kafka 4.4.0: an OffsetCommit v9 of offset 5, leader epoch 3, metadata "meta". */
const KAFKA_OFFSET = {
  key: hex('0001 000673696d706c65 000174 00000000'),
  value: hex('0004 0000000000000005 00000003 056d657461 000001a204fe8522 01 00 10 fd62a0d5bc1a4e26a52f2d01598436c4'),
};
/** Of an OffsetCommit v3 with a retention time of 100 s. */
const KAFKA_EXPIRING_OFFSET = {
  key: hex('0001 0003726574 000174 00000000'),
  value: hex('0001 0000000000000005 00046d657461 000001a204fe8542 000001a205000be2'),
};
/** Of a group with one member in generation 1. */
const KAFKA_GROUP = {
  key: hex('0002 000167'),
  value: hex(`0003 0008 636f6e73756d6572 00000001 0005 72616e6765
    002a 70726f62652d32333837363935632d623435332d343034622d616139372d653139643932326364376261 000001a204fe84d2 00000001
    002a 70726f62652d32333837363935632d623435332d343034622d616139372d653139643932326364376261 ffff 0005 70726f6265
    000a 2f3132372e302e302e31 00002710 00002710 00000001 6d 00000000`),
};
const OFFSET = {
  offset: 5,
  leaderEpoch: 3,
  metadata: 'meta',
  commitTimestamp: 0x1a204fe8522,
  expireTimestamp: -1,
  topicId: '_WKg1bwaTialLy0BWYQ2xA',
};
const MEMBER = 'probe-2387695c-b453-404b-aa97-e19d922cd7ba';
const GROUP = {
  protocolType: 'consumer',
  generation: 1,
  protocol: 'range',
  leader: MEMBER,
  currentStateTimestamp: 0x1a204fe84d2,
  members: [
    {
      memberId: MEMBER,
      groupInstanceId: null,
      clientId: 'probe',
      clientHost: '/127.0.0.1',
      rebalanceTimeout: 10_000,
      sessionTimeout: 10_000,
      subscription: Buffer.from('m'),
      assignment: Buffer.alloc(0),
    },
  ],
};

test('a committed offset is read and written as Kafka does', () => {
  const key = { group: 'simple', topic: 't', partition: 0 };
  expect(readGroupRecord(KAFKA_OFFSET.key, KAFKA_OFFSET.value)).toEqual({ kind: 'offset', key, value: OFFSET });
  expect(offsetRecord(key, OFFSET)).toEqual(KAFKA_OFFSET);
});

test('an offset with an expiry of its own is read and written as Kafka does', () => {
  const key = { group: 'ret', topic: 't', partition: 0 };
  const value = { ...OFFSET, leaderEpoch: -1, commitTimestamp: 0x1a204fe8542, expireTimestamp: 0x1a205000be2 };
  expect(readGroupRecord(KAFKA_EXPIRING_OFFSET.key, KAFKA_EXPIRING_OFFSET.value)).toEqual({
    kind: 'offset',
    key,
    value: { ...value, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
  });
  expect(offsetRecord(key, value)).toEqual(KAFKA_EXPIRING_OFFSET);
});

test('a group is read and written as Kafka does', () => {
  expect(readGroupRecord(KAFKA_GROUP.key, KAFKA_GROUP.value)).toEqual({ kind: 'group', groupId: 'g', value: GROUP });
  expect(groupRecord('g', GROUP)).toEqual(KAFKA_GROUP);
});

test('offsets from before Kafka 0.9 are read', () => {
  const key = hex('0000 000167 000174 00000002');
  const value = hex('0000 0000000000000007 0000 0000000000000009');
  expect(readGroupRecord(key, value)).toMatchObject({
    kind: 'offset',
    key: { group: 'g', topic: 't', partition: 2 },
    value: { offset: 7, leaderEpoch: -1, commitTimestamp: 9, expireTimestamp: -1 },
  });
});

test('tombstones and records of other kinds of groups are told apart', () => {
  expect(readGroupRecord(KAFKA_OFFSET.key, null)).toMatchObject({ kind: 'offset', value: null });
  expect(readGroupRecord(KAFKA_GROUP.key, null)).toEqual({ kind: 'group', groupId: 'g', value: null });
  expect(readGroupRecord(hex('0003 000167'), hex('0000 00000001 00'))).toEqual({ kind: 'other', type: 3 });
});

test('the empty assignment is version 0, no topics, null user data', () => {
  expect(EMPTY_ASSIGNMENT).toEqual(hex('0000 00000000 ffffffff'));
});

interface SchemaField {
  name: string;
  type: string;
  versions: string;
  nullableVersions?: string;
  tag?: number;
  default?: unknown;
}

/** "0-4", "3+", "1", "none" */
function range(text: string | undefined, last: number): [number, number] {
  if (text === undefined || text === 'none') return [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const [from, to] = text.endsWith('+') ? [text.slice(0, -1), String(last)] : text.includes('-') ? text.split('-') : [text, text];
  return [Number(from), Number(to)];
}

function expectFields(
  fields: Readonly<Record<string, AnyField>>,
  schema: SchemaField[],
  structs: Map<string, SchemaField[]>,
  last: number,
): void {
  expect(Object.keys(fields)).toEqual(schema.map(({ name }) => name));
  for (const expected of schema) {
    const field = fields[expected.name]!;
    const described = { from: field.from, to: Math.min(field.to, last), nullableFrom: field.nullableFrom, tag: field.tagged };
    const [from, to] = range(expected.versions, last);
    expect(described, expected.name).toEqual({ from, to, nullableFrom: range(expected.nullableVersions, last)[0], tag: expected.tag });
    const defaultTo = expected.default === 'null' ? null : expected.default;
    if (defaultTo !== undefined) expect(field.defaultTo, expected.name).toEqual(defaultTo);
    if (field.type.kind !== 'array') expect(field.type.kind, expected.name).toBe(expected.type);
    else if (field.type.of.type.kind === 'struct')
      expectFields(field.type.of.type.fields, structs.get(expected.type.slice(2))!, structs, last);
  }
}

const SCHEMAS = new URL('../kafka-schema/4.4.0/records/', import.meta.url);

test.each<[string, Message]>([
  ['OffsetCommitKey', OffsetCommitKey],
  ['LegacyOffsetCommitKey', OffsetCommitKey],
  ['OffsetCommitValue', OffsetCommitValue],
  ['LegacyOffsetCommitValue', LegacyOffsetCommitValue],
  ['GroupMetadataKey', GroupMetadataKey],
  ['GroupMetadataValue', GroupMetadataValue],
])('%s is declared as Kafka 4.4.0 defines it', (name, message) => {
  expect(readdirSync(SCHEMAS)).toContain(`${name}.json`);
  const schema = JSON.parse(readFileSync(new URL(`${name}.json`, SCHEMAS), 'utf8'));
  const [first, last] = range(schema.validVersions, 0);
  expect(message.versions).toEqual([first, last]);
  expect(message.flexibleFrom).toBe(range(schema.flexibleVersions, last)[0]);
  const structs = new Map<string, SchemaField[]>(
    (schema.commonStructs ?? []).map((each: { name: string; fields: SchemaField[] }) => [each.name, each.fields]),
  );
  expectFields(message.fields, schema.fields, structs, last);
});
