import { compile } from '../../codec.ts';
import type { Decoded, Encodable, Fields, Message } from '../../schema.ts';
import { DecodeError, Reader, Writer, ZERO_UUID } from '../../wire.ts';
import { GroupMetadataKey, GroupMetadataValue } from './group-metadata-record.ts';
import { LegacyOffsetCommitValue, OffsetCommitKey, OffsetCommitValue } from './offset-commit-record.ts';

/** A record as a coordinator appends it. A null value is a tombstone: the key is no more. */
export interface CoordinatorRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export type OffsetKey = Decoded<typeof OffsetCommitKey.fields>;
export type OffsetValue = Decoded<typeof OffsetCommitValue.fields>;
export type GroupValue = Decoded<typeof GroupMetadataValue.fields>;

/** What a record of __consumer_offsets says. */
export type GroupRecord =
  | { readonly kind: 'offset'; readonly key: OffsetKey; readonly value: OffsetValue | null }
  | { readonly kind: 'group'; readonly groupId: string; readonly value: GroupValue | null }
  /** Of a kind that belongs to something not built here: KIP-848 groups, share groups, streams groups. */
  | { readonly kind: 'other'; readonly type: number };

const LEGACY_OFFSET_KEY = 0;
const OFFSET_KEY = 1;
const GROUP_KEY = 2;

/** The versions that Apache Kafka 4.4.0 writes: v1 is the only one with an expiry, v4 the only one with a topic id. */
const EXPIRING_OFFSET_VERSION = 1;
const OFFSET_VERSION = 3;
const OFFSET_WITH_TOPIC_ID_VERSION = 4;
const GROUP_VERSION = 3;

/** The record of a committed offset. Without `expireTimestamp` (or -1) it lives as long as its group. */
export function offsetRecord(key: OffsetKey, value: Encodable<typeof OffsetCommitValue.fields>): CoordinatorRecord {
  const { expireTimestamp = -1, topicId = ZERO_UUID } = value;
  const version = expireTimestamp !== -1 ? EXPIRING_OFFSET_VERSION : topicId !== ZERO_UUID ? OFFSET_WITH_TOPIC_ID_VERSION : OFFSET_VERSION;
  return { key: encode(OFFSET_KEY, OffsetCommitKey, 0, key), value: encode(version, OffsetCommitValue, version, value) };
}

export function groupRecord(groupId: string, value: Encodable<typeof GroupMetadataValue.fields>): CoordinatorRecord {
  return {
    key: encode(GROUP_KEY, GroupMetadataKey, 0, { group: groupId }),
    value: encode(GROUP_VERSION, GroupMetadataValue, GROUP_VERSION, value),
  };
}

/** There is no committed offset any more. */
export function offsetTombstone(key: OffsetKey): CoordinatorRecord {
  return { key: encode(OFFSET_KEY, OffsetCommitKey, 0, key), value: null };
}

/** There is no group any more. */
export function groupTombstone(groupId: string): CoordinatorRecord {
  return { key: encode(GROUP_KEY, GroupMetadataKey, 0, { group: groupId }), value: null };
}

/** @throws DecodeError */
export function readGroupRecord(keyBytes: Uint8Array, valueBytes: Uint8Array | null): GroupRecord {
  const reader = new Reader(keyBytes);
  const type = reader.int16();
  switch (type) {
    case LEGACY_OFFSET_KEY: {
      const key = compile(OffsetCommitKey, 0).decode(reader);
      const legacy = valueBytes && decodeValue(LegacyOffsetCommitValue, valueBytes);
      return { kind: 'offset', key, value: legacy && { ...NO_OFFSET, ...legacy } };
    }
    case OFFSET_KEY: {
      const key = compile(OffsetCommitKey, 0).decode(reader);
      return { kind: 'offset', key, value: valueBytes && decodeValue(OffsetCommitValue, valueBytes) };
    }
    case GROUP_KEY: {
      const { group } = compile(GroupMetadataKey, 0).decode(reader);
      return { kind: 'group', groupId: group, value: valueBytes && decodeValue(GroupMetadataValue, valueBytes) };
    }
    default:
      return { kind: 'other', type };
  }
}

const NO_OFFSET: OffsetValue = {
  offset: -1,
  leaderEpoch: -1,
  metadata: '',
  commitTimestamp: -1,
  expireTimestamp: -1,
  topicId: ZERO_UUID,
};

/** A key or a value of a coordinator's topic: an int16, and the body. */
export function encode<S extends Fields>(prefix: number, message: Message<S>, version: number, value: Encodable<S>): Buffer {
  const writer = new Writer(128);
  writer.int16(prefix);
  compile(message, version).encode(writer, value);
  return writer.finish();
}

/** @throws DecodeError */
export function decodeValue<S extends Fields>(message: Message<S>, bytes: Uint8Array): Decoded<S> {
  const reader = new Reader(bytes);
  const version = reader.int16();
  const [first, last] = message.versions;
  if (version < first || version > last) throw new DecodeError(`${message.name} has no version ${version}`);
  return compile(message, version).decode(reader);
}
