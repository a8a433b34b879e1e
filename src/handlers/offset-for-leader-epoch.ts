import { errorCodeOf } from '../core/errors.ts';
import { OffsetForLeaderEpoch } from '../protocol/messages/offset-for-leader-epoch.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type PartitionRequest = RequestOf<typeof OffsetForLeaderEpoch>['topics'][number]['partitions'][number];
type PartitionReply = ResponseTo<typeof OffsetForLeaderEpoch>['topics'][number]['partitions'][number];

/**
 * OffsetForLeaderEpoch (23): where a leader epoch ends in a partition. A consumer learns from it that records which it has read are gone.
 *
 * Versions: v1 tells which epoch the end is of (KIP-279) · v2 current leader epoch (KIP-320) · v3 replica id (KIP-392) · v4 flexible
 * Behaviour:
 * - The end of the latest epoch is the log end. For an epoch that the log skipped, the highest one below it is answered with its end.
 * - An epoch that is newer than the latest, or -1, is answered with -1 and -1 and no error: it is unknown here, which is no sign of data loss.
 * Deviations from Apache Kafka: none known.
 */
export const offsetForLeaderEpoch = handler(OffsetForLeaderEpoch, [0, 4], ({ replicas }: Needs<'replicas'>) => {
  const answerFor = (topic: string, { partition: index, currentLeaderEpoch, leaderEpoch }: PartitionRequest): PartitionReply => {
    try {
      const partition = replicas.leader(topic, index);
      replicas.requireLease();
      partition.checkLeaderEpoch(currentLeaderEpoch);
      return { errorCode: 0, partition: index, ...partition.endOfEpoch(leaderEpoch) };
    } catch (error) {
      return { errorCode: errorCodeOf(error), partition: index };
    }
  };
  return {
    handle: ({ topics }) => ({
      topics: topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.map((request) => answerFor(topic, request)) })),
    }),
    refuse: ({ topics }, error) => ({
      topics: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => ({ errorCode: error.code, partition })),
      })),
    }),
  };
});
