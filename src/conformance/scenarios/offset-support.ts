/** A topic as requests name it: older ones by name, newer ones by id. */
export interface Topic {
  readonly name: string;
  readonly topicId: string;
}

/** An id that no topic has. */
export const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';
export const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA';

type Offset = readonly [partition: number, offset: number, metadata?: string | null];

export const offsetsOf = (topic: Topic, ...offsets: readonly Offset[]) => ({
  ...topic,
  partitions: offsets.map(([partitionIndex, committedOffset, committedMetadata = '']) => ({
    partitionIndex,
    committedOffset,
    committedMetadata,
  })),
});

/** From outside the group, unless `more` says otherwise. */
export const commit = (groupId: string, topic: Topic, offsets: readonly Offset[], more: object = {}) => ({
  groupId,
  memberId: '',
  topics: [offsetsOf(topic, ...offsets)],
  ...more,
});

export const fetch = (groupId: string, topics: (Topic & { partitionIndexes: number[] })[] | null, more: object = {}) => ({
  groupId,
  topics,
  groups: [{ groupId, topics }],
  ...more,
});
