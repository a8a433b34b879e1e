import type { Message } from 'kafkajs';
import { addressOf, type BootstrapConnection } from './bootstrap.ts';
import { brokerErrorOf, type KafkaJs, type KafkaJsClient, openKafkaJs, reasonOf } from './kafkajs.ts';
import type { QueuedRecord } from './produce-queue.ts';
import type { LocatedTopic } from './topic-leaders.ts';

const COMPRESSIONS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type Compression = keyof typeof COMPRESSIONS;

export type Acks = '0' | '1' | 'all';
const ACKS: Readonly<Record<Acks, number>> = { 0: 0, 1: 1, all: -1 };

export interface ProducerOptions {
  readonly compression: Compression;
  readonly acks: Acks;
  /** For every record. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** Writes batches into one topic through kafkajs. */
export class TopicProducer {
  private readonly topic: LocatedTopic;
  private readonly options: ProducerOptions;
  private readonly producer: ReturnType<KafkaJsClient['kafka']['producer']>;
  private readonly partitioner: ReturnType<KafkaJs['Partitioners']['DefaultPartitioner']>;
  private readonly partitionMetadata: { partitionId: number; leader: number }[];
  private readonly headers: Record<string, string[]> | undefined;

  static async open(broker: BootstrapConnection, topic: LocatedTopic, options: ProducerOptions): Promise<TopicProducer> {
    const client = await openKafkaJs([broker.address, ...topic.brokers.values()]);
    const opened = new TopicProducer(client, topic, options);
    await opened.producer.connect();
    return opened;
  }

  private constructor({ library, kafka }: KafkaJsClient, topic: LocatedTopic, options: ProducerOptions) {
    this.topic = topic;
    this.options = options;
    this.partitioner = library.Partitioners.DefaultPartitioner();
    this.partitionMetadata = topic.partitions.map(({ partition, leader }) => ({ partitionId: partition, leader }));
    this.producer = kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: () => (args) => args.message.partition!,
    });
    if (options.headers.size === 0) return;
    this.headers = Object.create(null) as Record<string, string[]>; // a header may be named __proto__
    for (const [name, values] of options.headers) this.headers[name] = [...values];
  }

  /** The partition of a key, the same that Java's producer chooses. */
  partitionOf(key: Buffer): number {
    const { partitioner, partitionMetadata, topic } = this;
    return partitioner({
      topic: topic.name,
      partitionMetadata: partitionMetadata as Parameters<typeof partitioner>[0]['partitionMetadata'],
      message: { key, value: null },
    });
  }

  /** @returns the offset of the first record; null when the broker was asked for no acknowledgement */
  async send(partition: number, records: readonly QueuedRecord[]): Promise<number | null> {
    const { acks, compression } = this.options;
    const { headers } = this;
    const messages = records.map(({ key, value }): Message => ({ key, value, partition, ...(headers && { headers }) }));
    const answers = await this.producer.send({
      topic: this.topic.name,
      acks: ACKS[acks],
      compression: COMPRESSIONS[compression],
      messages,
    });
    const baseOffset = answers[0]?.baseOffset;
    return baseOffset === undefined || acks === '0' ? null : Number(baseOffset);
  }

  close(): Promise<void> {
    return this.producer.disconnect();
  }
}

export function isTooLarge(error: unknown): boolean {
  const name = brokerErrorOf(error);
  return name === 'MESSAGE_TOO_LARGE' || name === 'RECORD_LIST_TOO_LARGE';
}

/** Why a batch was not written, and what to do. */
export function explainSendFailure(error: unknown, topic: string, broker: BootstrapConnection): string {
  switch (brokerErrorOf(error)) {
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return `it is larger than the max.message.bytes of topic "${topic}"`;
    case 'UNKNOWN_TOPIC_OR_PARTITION':
      return `topic "${topic}" is not there any more`;
    case 'NOT_ENOUGH_REPLICAS':
    case 'NOT_ENOUGH_REPLICAS_AFTER_APPEND':
      return `topic "${topic}" has fewer in-sync replicas than its min.insync.replicas`;
    case 'INVALID_RECORD':
      return `the broker refuses the record; a topic with cleanup.policy=compact wants a key (--key-separator)`;
    case 'TOPIC_AUTHORIZATION_FAILED':
      return `the broker at ${addressOf(broker.address)} does not allow writing to topic "${topic}"`;
    default:
      return reasonOf(error);
  }
}
