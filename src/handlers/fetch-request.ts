import type { Fetch } from '../protocol/messages/fetch.ts';
import type { RequestOf } from '../protocol/schema.ts';
import type { SessionRequest } from '../replication/fetch-sessions.ts';

/** KIP-516: from this version on a fetch names topics by id. */
export const FETCH_FIRST_BY_TOPIC_ID = 13;

/** A Fetch request as its session sees it. `topic` is '' where only an id is given. */
export function sessionRequest(request: RequestOf<typeof Fetch>, byTopicId: boolean, privileged: boolean): SessionRequest {
  return {
    privileged,
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    byTopicId,
    targets: request.topics.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((partition) => ({
        topic,
        topicId,
        index: partition.partition,
        fetchOffset: partition.fetchOffset,
        maxBytes: partition.partitionMaxBytes,
        currentLeaderEpoch: Math.max(partition.currentLeaderEpoch, -1), // any negative one is none, in this API
        lastFetchedEpoch: partition.lastFetchedEpoch,
        logStartOffset: partition.logStartOffset,
      })),
    ),
    forgotten: request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((index) => ({ topic, topicId, index })),
    ),
  };
}
