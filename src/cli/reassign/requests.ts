import { errorNameOf } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { AlterPartitionReassignments, ElectLeaders, ListPartitionReassignments } from '../../protocol/messages/index.ts';
import type { BootstrapConnection } from '../bootstrap.ts';
import { byTopicAndPartition, keyOf, type TopicPartition } from '../groups/group-offsets.ts';

/** A partition and the brokers that are to hold it, the preferred leader first; null: where they were before it moved. */
export interface Move extends TopicPartition {
  readonly replicas: readonly number[] | null;
}

/** A partition whose replicas are on the move. */
export interface MovingPartition extends TopicPartition {
  /** All that there are now. */
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
}

/** How long the broker may take; below the 30 s after which the connection gives up. */
const TIMEOUT_MS = 25_000;
/** Partitions of one request: each costs the broker a write. */
const AT_ONCE = 500;
export const ELECTION_TYPE = { preferred: 0, unclean: 1 } as const;

/** What came of each partition, by `keyOf`: null, or why not. */
export type Outcomes = Map<string, KafkaError | null>;

/** @throws KafkaError when the request as a whole is refused */
export async function alterReassignments(broker: BootstrapConnection, moves: readonly Move[]): Promise<Outcomes> {
  const outcomes = new Map<string, KafkaError | null>();
  for (let at = 0; at < moves.length; at += AT_ONCE) {
    const topics = Array.from(byTopic(moves.slice(at, at + AT_ONCE)), ([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, replicas }) => ({ partitionIndex: partition, replicas })),
    }));
    const reply = await broker.request(AlterPartitionReassignments, { timeoutMs: TIMEOUT_MS, topics });
    requireNone(reply.errorCode, reply.errorMessage);
    for (const { name: topic, partitions } of reply.responses) {
      for (const { partitionIndex: partition, errorCode, errorMessage } of partitions)
        outcomes.set(keyOf({ topic, partition }), errorOf(errorCode, errorMessage));
    }
  }
  return outcomes;
}

/** The partitions whose replicas are on the move, by topic and number. @param wanted null: all of them */
export async function listReassignments(broker: BootstrapConnection, wanted: readonly TopicPartition[] | null): Promise<MovingPartition[]> {
  const topics =
    wanted &&
    Array.from(byTopic(wanted), ([name, partitions]) => ({ name, partitionIndexes: partitions.map(({ partition }) => partition) }));
  const reply = await broker.request(ListPartitionReassignments, { timeoutMs: TIMEOUT_MS, topics });
  requireNone(reply.errorCode, reply.errorMessage);
  return reply.topics
    .flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
        topic: name,
        partition: partitionIndex,
        replicas,
        adding: addingReplicas,
        removing: removingReplicas,
      })),
    )
    .sort(byTopicAndPartition);
}

/** @param partitions null: all; those that need no election are then not among the outcomes */
export async function electLeaders(
  broker: BootstrapConnection,
  type: keyof typeof ELECTION_TYPE,
  partitions: readonly TopicPartition[] | null,
): Promise<Outcomes> {
  const outcomes = new Map<string, KafkaError | null>();
  for (let at = 0; at === 0 || (partitions && at < partitions.length); at += AT_ONCE) {
    const some = partitions?.slice(at, at + AT_ONCE);
    const topicPartitions = some
      ? Array.from(byTopic(some), ([topic, each]) => ({ topic, partitions: each.map(({ partition }) => partition) }))
      : null;
    const reply = await broker.request(ElectLeaders, { electionType: ELECTION_TYPE[type], topicPartitions, timeoutMs: TIMEOUT_MS });
    requireNone(reply.errorCode, null);
    for (const { topic, partitionResult } of reply.replicaElectionResults) {
      for (const { partitionId, errorCode, errorMessage } of partitionResult)
        outcomes.set(keyOf({ topic, partition: partitionId }), errorOf(errorCode, errorMessage));
    }
  }
  return outcomes;
}

function byTopic<T extends TopicPartition>(partitions: readonly T[]): Map<string, T[]> {
  const grouped = new Map<string, T[]>();
  for (const each of partitions) {
    const group = grouped.get(each.topic);
    if (group) group.push(each);
    else grouped.set(each.topic, [each]);
  }
  return grouped;
}

function errorOf(errorCode: number, message: string | null): KafkaError | null {
  return errorCode === 0 ? null : new KafkaError(errorNameOf(errorCode), message || undefined);
}

function requireNone(errorCode: number, message: string | null): void {
  const error = errorOf(errorCode, message);
  if (error) throw error;
}
