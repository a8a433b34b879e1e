import type { Clock } from '../core/clock.ts';
import { errorNameOf } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { stayAlive } from '../core/stay-alive.ts';
import type { Address } from '../core/transport.ts';
import { Metadata } from '../protocol/messages/index.ts';
import { addressOf, type BootstrapConnection } from './bootstrap.ts';
import { CliError } from './errors.ts';
import { metadataRequest } from './metadata-request.ts';

/** Where the partitions of a topic are: each is written to and read from at its leader. */
export interface LocatedTopic {
  readonly name: string;
  /** All zeros where the broker is too old to have ids. */
  readonly topicId: string;
  /** In order of their numbers. */
  readonly partitions: readonly { readonly partition: number /** Broker id; -1: none. */; readonly leader: number }[];
  /** By broker id, as they advertise themselves. */
  readonly brokers: ReadonlyMap<number, Address>;
}

/**
 * Asks a broker where a topic is.
 * @param createMissing has the broker create it, if it does so by itself (auto.create.topics.enable)
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, LEADER_NOT_AVAILABLE, TOPIC_AUTHORIZATION_FAILED, ...
 */
export async function locateTopic(broker: BootstrapConnection, name: string, createMissing = false): Promise<LocatedTopic> {
  const response = await broker.request(Metadata, metadataRequest(broker, [name], createMissing));
  if (response.errorCode !== 0) throw new KafkaError(errorNameOf(response.errorCode));
  const topic = response.topics.find((each) => each.name === name);
  if (!topic) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
  if (topic.errorCode !== 0) throw new KafkaError(errorNameOf(topic.errorCode));
  return {
    name,
    topicId: topic.topicId,
    partitions: topic.partitions
      .map(({ partitionIndex, leaderId }) => ({ partition: partitionIndex, leader: leaderId }))
      .sort((a, b) => a.partition - b.partition),
    brokers: new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])),
  };
}

/** Apache Kafka calls a topic that it is creating unknown for as long as that takes. */
const CREATION_MS = 3_000;
const ELECTION_MS = 15_000;
const RETRY_MS = 100;

/**
 * As `locateTopic`, with the creation of a missing topic, and with a leader for each partition: waits for both.
 * @throws CliError that says what to do
 */
export async function locateForWriting(broker: BootstrapConnection, name: string, clock: Clock): Promise<LocatedTopic> {
  const startedMs = clock.monotonicMs();
  for (;;) {
    const passedMs = clock.monotonicMs() - startedMs;
    try {
      const located = await locateTopic(broker, name, true);
      const orphan = located.partitions.find(({ leader }) => leader < 0);
      if (!orphan) return located;
      if (passedMs > ELECTION_MS) throw new CliError(`partition ${orphan.partition} of topic "${name}" has no leader; is a broker down?`);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const { errorName } = error;
      const mayCome = errorName === 'UNKNOWN_TOPIC_OR_PARTITION' ? passedMs < CREATION_MS : errorName === 'LEADER_NOT_AVAILABLE';
      if (!mayCome || passedMs > ELECTION_MS) throw explainTopicError(error, name, broker);
    }
    await pause(clock, RETRY_MS);
  }
}

/** Waits. The clock's timers keep no process alive, and while a broker is away nothing else does. */
export function pause(clock: Clock, ms: number): Promise<void> {
  const release = stayAlive();
  return new Promise((resolve) => {
    clock.after(ms, () => {
      release();
      resolve();
    });
  });
}

/** What Metadata says against a topic, in words that say what to do. */
export function explainTopicError(error: unknown, name: string, broker: BootstrapConnection): unknown {
  if (!(error instanceof KafkaError)) return error;
  const at = addressOf(broker.address);
  switch (error.errorName) {
    case 'UNKNOWN_TOPIC_OR_PARTITION':
      return new CliError(`there is no topic "${name}" at ${at}; create it with "minikafka topics create ${name}"`);
    case 'INVALID_TOPIC_EXCEPTION':
      return new CliError(`"${name}" is no name of a topic; one has 1 to 249 letters, digits, ".", "_" and "-"`);
    case 'TOPIC_AUTHORIZATION_FAILED':
      return new CliError(`the broker at ${at} does not allow access to topic "${name}"`);
    default:
      return new CliError(`topic "${name}": ${error.message}`);
  }
}

/** The partition that was asked for, or all. @throws CliError when the topic has no such partition */
export function choosePartitions({ name, partitions }: LocatedTopic, asked: number | undefined): LocatedTopic['partitions'] {
  if (asked === undefined) return partitions;
  const found = partitions.filter(({ partition }) => partition === asked);
  if (found.length > 0) return found;
  const has = partitions.length === 1 ? '1 partition, number 0' : `${partitions.length} partitions, 0 to ${partitions.length - 1}`;
  throw new CliError(`topic "${name}" has ${has}; there is no partition ${asked}`);
}
