import type { CreateTopics } from '../../protocol/messages/index.ts';
import type { RequestTo } from '../../protocol/schema.ts';

export type NewTopic = RequestTo<typeof CreateTopics>['topics'][number];

export const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';
export const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';

/** An entry of CreateTopics: one partition, one replica. */
export const newTopic = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});

/** A Metadata request for topics of these names, whether they exist or not. */
export const seen = (...names: string[]) => ({ topics: names.map((name) => ({ topicId: ZERO, name })), allowAutoTopicCreation: false });
