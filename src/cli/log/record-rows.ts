import { isUtf8 } from 'node:buffer';
import { readGroupRecord } from '../../protocol/messages/internal/coordinator-records.ts';
import type { BatchView } from '../../protocol/records/batch.ts';
import type { ReadRecord } from '../../protocol/records/walk.ts';
import { sequenceAfter } from '../../storage/producer-state.ts';
import { pairs, timeText } from './line-writer.ts';

/** What of a key, value or header a line of text shows; --json has it whole. */
const SHOWN_CHARACTERS = 200;

/** Types of control records (KIP-98, KIP-595, KIP-630, KIP-853). */
const CONTROL_TYPES: Readonly<Record<number, string>> = {
  0: 'ABORT',
  1: 'COMMIT',
  2: 'LEADER_CHANGE',
  3: 'SNAPSHOT_HEADER',
  4: 'SNAPSHOT_FOOTER',
  5: 'KRAFT_VERSION',
  6: 'KRAFT_VOTERS',
};
const END_OF_TRANSACTION = 1;

/** Kinds of records in __consumer_offsets that are named, not decoded (KIP-848, KIP-932, KIP-1071), by the type in their key. */
export const GROUP_RECORDS: Readonly<Record<number, string>> = {
  3: 'ConsumerGroupMetadata',
  4: 'ConsumerGroupPartitionMetadata',
  5: 'ConsumerGroupMemberMetadata',
  6: 'ConsumerGroupTargetAssignmentMetadata',
  7: 'ConsumerGroupTargetAssignmentMember',
  8: 'ConsumerGroupCurrentMemberAssignment',
  10: 'ShareGroupMemberMetadata',
  11: 'ShareGroupMetadata',
  12: 'ShareGroupTargetAssignmentMetadata',
  13: 'ShareGroupTargetAssignmentMember',
  14: 'ShareGroupCurrentMemberAssignment',
  15: 'ShareGroupStatePartitionMetadata',
  16: 'ConsumerGroupRegularExpression',
  17: 'StreamsGroupMetadata',
  19: 'StreamsGroupMemberMetadata',
  20: 'StreamsGroupTargetAssignmentMetadata',
  21: 'StreamsGroupTargetAssignmentMember',
  22: 'StreamsGroupCurrentMemberAssignment',
  23: 'StreamsGroupTopology',
};

/** Text where the bytes are UTF-8, base64 where they are not. */
type JsonBytes = string | { readonly base64: string } | null;

/** What a record's key and value mean, to whom they are not just bytes. */
type Meaning = object | undefined;

export function recordRow(record: ReadRecord, batch: BatchView, decodeOffsets: boolean): { row: object; text: string } {
  const { offset, timestamp, key, value, headers } = record;
  const { baseSequence, isControl } = batch;
  const sequence = baseSequence < 0 ? -1 : sequenceAfter(baseSequence, offset - batch.baseOffset);
  const meaning = isControl ? controlMeaning(record) : decodeOffsets ? offsetsMeaning(record) : undefined;
  const row = {
    type: 'record',
    offset,
    timestamp,
    keySize: key?.byteLength ?? -1,
    valueSize: value?.byteLength ?? -1,
    sequence,
    headers: headers.map((header) => ({ key: header.key, value: jsonBytes(header.value) })),
    ...(meaning ? { decoded: meaning } : { key: jsonBytes(key), value: jsonBytes(value) }),
  };
  const what = meaning
    ? { [isControl ? 'control' : 'decoded']: JSON.stringify(meaning) }
    : { key: shownBytes(key), value: shownBytes(value) };
  const text = pairs({
    offset,
    [batch.isLogAppendTime ? 'LogAppendTime' : 'CreateTime']: timeText(timestamp),
    sequence: sequence < 0 ? undefined : sequence,
    keySize: row.keySize,
    valueSize: row.valueSize,
    headers: headers.length === 0 ? undefined : shownHeaders(record),
    ...what,
  });
  return { row, text: `  | ${text}` };
}

/** Key: version i16, type i16. Value of a transaction's end: version i16, coordinator epoch i32. */
function controlMeaning({ key, value }: ReadRecord): Meaning {
  if (!key || key.byteLength < 4) return undefined;
  const type = key.readInt16BE(2);
  const name = CONTROL_TYPES[type] ?? `unknown (${type})`;
  return type <= END_OF_TRANSACTION && value && value.byteLength >= 6
    ? { type: name, coordinatorEpoch: value.readInt32BE(2) }
    : { type: name };
}

/** A record of __consumer_offsets. */
function offsetsMeaning({ key, value }: ReadRecord): Meaning {
  if (!key) return undefined;
  try {
    const record = readGroupRecord(key, value);
    if (record.kind === 'other')
      return { ...record, name: GROUP_RECORDS[record.type] ?? 'unknown', key: jsonBytes(key), value: jsonBytes(value) };
    // A group's record has bytes of its clients in it.
    return JSON.parse(JSON.stringify(record, (_, each) => (isBytesJson(each) ? jsonBytes(Buffer.from(each.data)) : each)));
  } catch (error) {
    return {
      kind: 'undecodable',
      why: error instanceof Error ? error.message : String(error),
      key: jsonBytes(key),
      value: jsonBytes(value),
    };
  }
}

/** What Buffer.toJSON makes of bytes. */
function isBytesJson(value: unknown): value is { data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;
}

function jsonBytes(bytes: Buffer | null): JsonBytes {
  if (bytes === null) return null;
  return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };
}

function shownBytes(bytes: Buffer | null): string {
  if (bytes === null) return 'null';
  const isText = isUtf8(bytes);
  const all = isText ? JSON.stringify(bytes.toString('utf8', 0, 4 * SHOWN_CHARACTERS)) : `0x${bytes.toString('hex', 0, SHOWN_CHARACTERS)}`;
  const isCut = all.length > SHOWN_CHARACTERS || bytes.byteLength > (isText ? 4 : 1) * SHOWN_CHARACTERS;
  return isCut ? `${all.slice(0, SHOWN_CHARACTERS)}...` : all;
}

function shownHeaders({ headers }: ReadRecord): string {
  return headers.map(({ key, value }) => `${JSON.stringify(key)}=${shownBytes(value)}`).join(',');
}
