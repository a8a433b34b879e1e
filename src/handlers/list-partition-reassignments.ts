import { ListPartitionReassignments } from '../protocol/messages/list-partition-reassignments.ts';
import { handler } from './handler.ts';

/**
 * ListPartitionReassignments (46): the partitions whose replicas are on the move.
 *
 * Versions: v0 only
 * Behaviour: there are none, whether the topics that are asked for exist or not: replicas do not move.
 * Deviations from Apache Kafka: none known.
 */
export const listPartitionReassignments = handler(ListPartitionReassignments, [0, 0], () => ({
  handle: () => ({ errorCode: 0, errorMessage: null, topics: [] }),
  refuse: (_request, error) => ({ errorCode: error.code, errorMessage: error.message, topics: [] }),
}));
