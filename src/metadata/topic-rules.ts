import { KafkaError } from '../core/errors.ts';
import type { MetadataImage } from './image.ts';

/** The replicas that a client chose for one partition. */
export interface ManualAssignment {
  readonly partition: number;
  readonly replicas: readonly number[];
}

/** -1 stands for the broker's default, in both counts. */
export interface TopicCounts {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Empty or absent: the replicas are chosen by the broker. */
  readonly assignments?: readonly ManualAssignment[];
}

const MAX_NAME_LENGTH = 249;
const LEGAL_NAME = /^[a-zA-Z0-9._-]+$/;
/** Kafka's own bound, over all topics of one request. */
const MAX_PARTITIONS_PER_REQUEST = 10_000;

/** @throws KafkaError INVALID_TOPIC_EXCEPTION */
export function checkTopicName(name: string): void {
  const problem = problemOfName(name);
  if (problem) throw new KafkaError('INVALID_TOPIC_EXCEPTION', `Topic name is invalid: ${problem}`);
}

export function isValidTopicName(name: string): boolean {
  return problemOfName(name) === undefined;
}

function problemOfName(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed';
  if (name === '.' || name === '..') return `'${name}' is not allowed`;
  if (name.length > MAX_NAME_LENGTH) return `the length of '${name}' is longer than the max allowed length ${MAX_NAME_LENGTH}`;
  if (!LEGAL_NAME.test(name)) return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  return undefined;
}

/**
 * Whether a topic of this legal name may be created.
 * @throws KafkaError TOPIC_ALREADY_EXISTS; INVALID_TOPIC_EXCEPTION when another topic differs in '.' and '_' alone, which metrics cannot tell apart
 */
export function checkTopicIsNew(image: MetadataImage, name: string): void {
  if (image.topic(name)) throw topicAlreadyExists(name);
  if (!/[._]/.test(name)) return;
  const unified = name.replaceAll('.', '_');
  for (const topic of image.topics()) {
    if (topic.name.length === name.length && topic.name.replaceAll('.', '_') === unified) {
      throw new KafkaError('INVALID_TOPIC_EXCEPTION', `Topic '${name}' collides with existing topic: ${topic.name}`);
    }
  }
}

export function topicAlreadyExists(name: string): KafkaError {
  return new KafkaError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`);
}

/** @throws KafkaError INVALID_REQUEST, INVALID_REPLICATION_FACTOR, INVALID_PARTITIONS */
export function checkCounts({ partitions, replicationFactor, assignments = [] }: TopicCounts): void {
  if (assignments.length > 0) {
    const manual = 'A manual partition assignment was specified, but';
    if (replicationFactor !== -1) throw new KafkaError('INVALID_REQUEST', `${manual} replication factor was not set to -1.`);
    if (partitions !== -1) throw new KafkaError('INVALID_REQUEST', `${manual} numPartitions was not set to -1.`);
    return;
  }
  if (replicationFactor < -1 || replicationFactor === 0) {
    throw new KafkaError('INVALID_REPLICATION_FACTOR', 'Replication factor must be larger than 0, or -1 to use the default value.');
  }
  if (!Number.isSafeInteger(partitions) || partitions < -1 || partitions === 0) {
    throw new KafkaError('INVALID_PARTITIONS', 'Number of partitions was set to an invalid non-positive value.');
  }
}

/**
 * Over all topics of one CreateTopics request.
 * @throws KafkaError POLICY_VIOLATION, for the request as a whole
 */
export function checkTotalPartitions(topics: readonly TopicCounts[], defaultPartitions: number): void {
  let total = 0;
  for (const { partitions, assignments = [] } of topics) {
    if (assignments.length > 0) total += assignments.length;
    else total += partitions === -1 ? defaultPartitions : Math.max(partitions, 0);
  }
  if (total > MAX_PARTITIONS_PER_REQUEST) throw new KafkaError('POLICY_VIOLATION', 'Excessively large number of partitions per request.');
}

/**
 * The replicas per partition of a new topic, as the client listed them.
 * @throws KafkaError INVALID_REPLICA_ASSIGNMENT
 */
export function checkTopicAssignments(image: MetadataImage, assignments: readonly ManualAssignment[]): readonly (readonly number[])[] {
  const byPartition = new Map<number, readonly number[]>();
  let replicationFactor: number | undefined;
  for (const { partition, replicas } of assignments) {
    if (byPartition.has(partition)) throw invalidAssignment(`Found multiple manual partition assignments for partition ${partition}`);
    checkReplicas(image, partition, replicas, replicationFactor);
    replicationFactor = replicas.length;
    byPartition.set(partition, replicas);
  }
  return Array.from({ length: byPartition.size }, (_, partition) => {
    const replicas = byPartition.get(partition);
    if (!replicas) throw invalidAssignment('partitions should be a consecutive 0-based integer sequence');
    return replicas;
  });
}

/**
 * The replicas that a client wants one partition to have: registered, no broker twice, at least one.
 * @throws KafkaError INVALID_REPLICA_ASSIGNMENT
 */
export function checkReplicaList(image: MetadataImage, replicas: readonly number[]): void {
  if (replicas.length === 0) throw invalidAssignment('The manual partition assignment includes an empty replica list.');
  let previous: number | undefined;
  for (const broker of replicas.toSorted((a, b) => a - b)) {
    if (!image.knownBrokers.has(broker)) {
      throw invalidAssignment(`The manual partition assignment includes broker ${broker}, but no such broker is registered.`);
    }
    if (broker === previous) throw invalidAssignment(`The manual partition assignment includes the broker ${broker} more than once.`);
    previous = broker;
  }
}

/**
 * One partition's replicas: as checkReplicaList, as many as the partitions before have, at least one of them alive.
 * @throws KafkaError INVALID_REPLICA_ASSIGNMENT
 */
export function checkReplicas(image: MetadataImage, partition: number, replicas: readonly number[], replicationFactor?: number): void {
  checkReplicaList(image, replicas);
  if (replicationFactor !== undefined && replicas.length !== replicationFactor) {
    throw invalidAssignment(
      `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous ` +
        `partitions, which have ${replicationFactor} replica(s).`,
    );
  }
  if (!replicas.some((broker) => image.brokers.has(broker))) {
    throw invalidAssignment(
      `All brokers specified in the manual partition assignment for partition ${partition} are fenced or in controlled shutdown.`,
    );
  }
}

/**
 * How many partitions an increase to `count` adds.
 * @throws KafkaError INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT, POLICY_VIOLATION
 */
export function checkIncrease(name: string, current: number, count: number, assignments: number | undefined): number {
  if (count === current) throw new KafkaError('INVALID_PARTITIONS', `Topic already has ${current} partition(s).`);
  if (count < current) {
    const message = `The topic ${name} currently has ${current} partition(s); ${count} would not be an increase.`;
    throw new KafkaError('INVALID_PARTITIONS', message);
  }
  const additional = count - current;
  if (additional > MAX_PARTITIONS_PER_REQUEST) {
    throw new KafkaError('POLICY_VIOLATION', 'Excessively large number of additional partitions per request.');
  }
  if (assignments !== undefined && assignments !== additional) {
    throw invalidAssignment(
      `Attempted to add ${additional} additional partition(s), but only ${assignments} assignment(s) were specified.`,
    );
  }
  return additional;
}

function invalidAssignment(message: string): KafkaError {
  return new KafkaError('INVALID_REPLICA_ASSIGNMENT', message);
}
