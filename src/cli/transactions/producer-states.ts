import { errorNameOf } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { DescribeProducers } from '../../protocol/messages/index.ts';
import { noSuchTopic, refused } from '../broker-session.ts';
import { type ClusterConnections, forAll } from '../cluster-connections.ts';
import { CliError } from '../errors.ts';
import { byTopicAndPartition, type TopicPartition } from '../groups/group-offsets.ts';
import { nameSome } from '../groups/reset-plan.ts';
import type { TopicScope } from '../groups/reset-target.ts';
import { fetchTopics, type PartitionInfo, type TopicInfo } from '../topic-admin.ts';
import { requireTransactions } from './transaction-admin.ts';

/** A producer as a partition knows it. */
export interface ProducerState extends TopicPartition {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Of the last marker; null: there was none. */
  readonly coordinatorEpoch: number | null;
  /** null: its epoch began with a marker. */
  readonly lastSequence: number | null;
  /** ms since 1970; null: unknown. */
  readonly lastTimestampMs: number | null;
  /** The first offset of the open transaction; null: there is none. */
  readonly startOffset: number | null;
}

/** A partition, and the broker that is asked about it. */
export interface PartitionAt extends TopicPartition {
  readonly broker: number;
}

/** Partitions of one request, of each of which all producers are answered. */
const MAX_PARTITIONS = 500;

/**
 * Partitions, each with its leader, or with one of its replicas.
 * @param scopes null: all partitions that there are, internal ones too, but for those that nobody leads
 * @param brokerId undefined: the leaders
 * @throws CliError where one that was named is not there, has no leader, or has no replica on that broker
 */
export async function partitionsToAsk(
  cluster: ClusterConnections,
  scopes: readonly TopicScope[] | null,
  brokerId: number | undefined,
): Promise<PartitionAt[]> {
  const names = scopes?.map(({ topic }) => topic) ?? null;
  if (brokerId !== undefined && !(await cluster.brokers()).some(({ id }) => id === brokerId))
    throw new CliError(`there is no broker ${brokerId}`);
  const topics = await fetchTopics(cluster.bootstrap, names).catch((error: unknown) => {
    throw error instanceof KafkaError && error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION' && names?.length === 1
      ? noSuchTopic(names[0]!, cluster.bootstrap)
      : refused(error, 'the partitions cannot be found');
  });
  const found = topics.flatMap((topic) => {
    const wanted = scopes?.find((scope) => scope.topic === topic.name)?.partitions ?? null;
    checkThere(topic, wanted);
    return topic.partitions
      .filter(({ partition }) => wanted?.includes(partition) ?? true)
      .filter(
        ({ leader, replicas }) =>
          wanted !== null || (brokerId === undefined ? scopes !== null || leader >= 0 : replicas.includes(brokerId)),
      )
      .map((info) => ({ topic: topic.name, partition: info.partition, broker: brokerOf(topic.name, info, brokerId) }));
  });
  return found.sort(byTopicAndPartition);
}

function checkThere({ name, partitions }: TopicInfo, wanted: readonly number[] | null): void {
  const missing = wanted?.find((each) => !partitions.some(({ partition }) => partition === each));
  if (missing !== undefined) throw new CliError(`topic "${name}" has no partition ${missing}; it has ${partitions.length}, from 0 on`);
}

function brokerOf(topic: string, { leader, partition, replicas }: PartitionInfo, brokerId: number | undefined): number {
  if (brokerId !== undefined && !replicas.includes(brokerId))
    throw new CliError(`broker ${brokerId} has no replica of ${topic}:${partition}`);
  const asked = brokerId ?? leader;
  if (asked < 0) throw new CliError(`${topic}:${partition} has no leader; is a broker down?`);
  return asked;
}

/** What partitions know of their producers, by partition and producer. @throws CliError for the first that cannot tell */
export async function fetchProducers(cluster: ClusterConnections, partitions: readonly PartitionAt[]): Promise<ProducerState[]> {
  const byBroker = new Map<number, PartitionAt[]>();
  for (const each of partitions) {
    const some = byBroker.get(each.broker);
    if (some) some.push(each);
    else byBroker.set(each.broker, [each]);
  }
  const requests = [...byBroker].flatMap(([broker, all]) =>
    Array.from({ length: Math.ceil(all.length / MAX_PARTITIONS) }, (_, i) => ({
      broker,
      some: all.slice(i * MAX_PARTITIONS, (i + 1) * MAX_PARTITIONS),
    })),
  );
  const found = await forAll(requests, ({ broker, some }) => fetchFrom(cluster, broker, some));
  return found.flat().sort((a, b) => byTopicAndPartition(a, b) || a.producerId - b.producerId);
}

async function fetchFrom(cluster: ClusterConnections, broker: number, partitions: readonly TopicPartition[]): Promise<ProducerState[]> {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  const { topics } = await cluster.atLeader(broker, (connection) => {
    requireTransactions(connection, DescribeProducers, 'tells the producers of a partition');
    return connection.request(DescribeProducers, {
      topics: Array.from(byTopic, ([name, partitionIndexes]) => ({ name, partitionIndexes })),
    });
  });
  return topics.flatMap(({ name: topic, partitions: answered }) =>
    answered.flatMap(({ partitionIndex: partition, errorCode, errorMessage, activeProducers }) => {
      if (errorCode !== 0) {
        const error = new KafkaError(errorNameOf(errorCode), errorMessage ?? undefined);
        throw refused(error, `the producers of ${nameSome([{ topic, partition }])} cannot be read`);
      }
      return activeProducers.map(
        (each): ProducerState => ({
          topic,
          partition,
          producerId: each.producerId,
          producerEpoch: each.producerEpoch,
          coordinatorEpoch: unlessNegative(each.coordinatorEpoch),
          lastSequence: unlessNegative(each.lastSequence),
          lastTimestampMs: unlessNegative(each.lastTimestamp),
          startOffset: unlessNegative(each.currentTxnStartOffset),
        }),
      );
    }),
  );
}

const unlessNegative = (number: number): number | null => (number < 0 ? null : number);
