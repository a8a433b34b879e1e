import { int32, int64, message, string, uuid } from '../../schema.ts';

/**
 * Records of __consumer_offsets. In a key, the int16 before the body says which record it is (the body itself has one version); in a value
 * it is the version of the body.
 */

/** Key 1: what a group has committed for a partition. Key 0 has the same form, from before Kafka 0.9. */
export const OffsetCommitKey = message({
  name: 'OffsetCommitKey',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { group: string, topic: string, partition: int32 },
});

/** v1 has an expiry of its own (OffsetCommit 2-4) · v3 leader epoch (KIP-320) · v4 topic id */
export const OffsetCommitValue = message({
  name: 'OffsetCommitValue',
  versions: [0, 4],
  flexibleFrom: 4,
  fields: {
    offset: int64.saturating(),
    leaderEpoch: int32.since(3).default(-1),
    metadata: string,
    commitTimestamp: int64.saturating(),
    expireTimestamp: int64.saturating().since(1).until(1).default(-1),
    topicId: uuid.since(4).tag(0),
  },
});

/** Value of key 0. */
export const LegacyOffsetCommitValue = message({
  name: 'LegacyOffsetCommitValue',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  fields: { offset: int64.saturating(), metadata: string, commitTimestamp: int64.saturating() },
});
