import type { MarkersToWrite } from '../coordinator/transaction/marker-queues.ts';
import { ERROR_CODES } from '../core/error-codes.ts';
import { WriteTxnMarkers } from '../protocol/messages/write-txn-markers.ts';
import type { RequestOf } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type Marker = RequestOf<typeof WriteTxnMarkers>['markers'][number];

/**
 * WriteTxnMarkers (27): how transactions ended, from their coordinators to the leaders of their partitions.
 *
 * Versions: v1 flexible · v2 the version of transactions: with 2 the epoch must be newer than that of the records (KIP-1228)
 * Behaviour:
 * - Answered when each marker is committed or refused: NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, INVALID_PRODUCER_EPOCH for one of an older
 *   epoch, TRANSACTION_COORDINATOR_FENCED for one of a coordinator that another has replaced.
 * - In a partition of __consumer_offsets the marker decides what becomes of the offsets that the transaction committed.
 * Deviations from Apache Kafka: none known.
 */
export const writeTxnMarkers = handler(WriteTxnMarkers, [0, 2], ({ markerWriter }: Needs<'markerWriter'>) => ({
  async handle({ markers }) {
    const written = await markerWriter.write(markers.map(toWrite));
    return {
      // As in Apache Kafka, what names no partitions is not answered.
      markers: markers.flatMap((marker, i) => {
        const codes = new Map(written[i]!.map(({ error, partition, topic }) => [`${topic}-${partition}`, ERROR_CODES[error].code]));
        return written[i]!.length === 0 ? [] : [replyOf(marker, (topic, partition) => codes.get(`${topic}-${partition}`)!)];
      }),
    };
  },
  refuse: ({ markers }, error) => ({ markers: markers.map((marker) => replyOf(marker, () => error.code)) }),
}));

function replyOf({ producerId, topics }: Marker, codeOf: (topic: string, partition: number) => number) {
  return {
    producerId,
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: codeOf(name, partitionIndex) })),
    })),
  };
}

function toWrite({ coordinatorEpoch, producerEpoch, producerId, topics, transactionResult, transactionVersion }: Marker): MarkersToWrite {
  const named = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of topics) named.set(name, new Set([...(named.get(name) ?? []), ...partitionIndexes]));
  return { producerId, producerEpoch, commits: transactionResult, coordinatorEpoch, transactionVersion, topics: named };
}
