import { Kafka, logLevel, type Message, Partitioners } from 'kafkajs';
import { unique } from '../../support/broker-under-test.ts';
import { eventually } from '../../support/eventually.ts';
import { KAFKAJS_TYPES } from '../kafkajs/records.ts';
import { CODEC_NAMES } from '../record-client.ts';
import {
  codecPartition,
  commits,
  type Feature,
  type MatrixRecord,
  matrixRecords,
  TRANSACTION_NUMBERS,
  TRANSACTION_PARTITIONS,
  transactionRecords,
} from './features.ts';

const READ_DEADLINE_MS = 20_000;

/** kafkajs makes the topics of the programs, fills the shared ones, and reads what the programs have written. */
export class MatrixKafkaJs {
  readonly #kafka: Kafka;

  constructor(bootstrap: string) {
    const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 20 };
    this.#kafka = new Kafka({ clientId: 'matrix', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, retry });
  }

  /** Those of the programs with these prefixes, and those that are shared. */
  async createTopics(features: readonly Feature[], prefixes: readonly string[], shared: string, replicationFactor: number): Promise<void> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      // The records are of 2023: the usual retention would take them.
      const topic = (name: string, numPartitions: number, configs = {}) => {
        const entries = Object.entries<string>({ 'retention.ms': '-1', ...configs });
        return { topic: name, numPartitions, replicationFactor, configEntries: entries.map(([key, value]) => ({ name: key, value })) };
      };
      const topics = prefixes.flatMap((prefix) => [
        topic(`${prefix}-codecs`, CODEC_NAMES.length),
        topic(`${prefix}-transformed`, 1),
        ...features.flatMap(({ id, partitions, configs }) => (partitions ? [topic(`${prefix}-${id}`, partitions, configs)] : [])),
      ]);
      topics.push(topic(shared, CODEC_NAMES.length), topic(`${shared}-transactions`, TRANSACTION_PARTITIONS.length));
      await admin.createTopics({ topics, waitForLeaders: false });
      // Apache Kafka may answer before the broker that is asked for leaders has heard of them.
      await eventually(() => admin.fetchTopicMetadata({ topics: topics.map((each) => each.topic) }));
    } finally {
      await admin.disconnect();
    }
  }

  async writeShared(shared: string): Promise<void> {
    const producer = this.#kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    try {
      for (const codec of CODEC_NAMES) {
        const messages = matrixRecords().map((record) => asMessage(codecPartition(codec), record));
        await producer.send({ topic: shared, compression: KAFKAJS_TYPES[codec], messages });
      }
    } finally {
      await producer.disconnect();
    }
  }

  async writeTransactions(topic: string): Promise<void> {
    const settings = { idempotent: true, maxInFlightRequests: 1, transactionalId: topic };
    const producer = this.#kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...settings });
    await producer.connect();
    try {
      for (const number of TRANSACTION_NUMBERS) {
        const transaction = await producer.transaction();
        const messages = TRANSACTION_PARTITIONS.flatMap((partition) =>
          transactionRecords(number, partition).map((record) => asMessage(partition, record)),
        );
        await transaction.send({ topic, messages });
        if (commits(number)) await transaction.commit();
        else await transaction.abort();
      }
    } finally {
      await producer.disconnect();
    }
  }

  /**
   * What it reads of each partition of a topic, of transactions what is committed; gives up when it has heard nothing new for a while, so
   * that less than expected is an answer too.
   */
  async read(topic: string, expected: number): Promise<Map<number, MatrixRecord[]>> {
    const read = new Map<number, MatrixRecord[]>();
    const groupId = unique('reader');
    const consumer = this.#kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 100 });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, READ_DEADLINE_MS);
        consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
        let count = 0;
        const eachMessage: NonNullable<Parameters<typeof consumer.run>[0]>['eachMessage'] = async ({ partition, message }) => {
          const { key, value, timestamp, headers = {} } = message;
          const pairs = Object.entries(headers).map(([name, of]) => [name, of as Buffer] as const);
          read.set(partition, [...(read.get(partition) ?? []), { key: key!, value: value!, timestamp: Number(timestamp), headers: pairs }]);
          if (++count < expected) return;
          clearTimeout(timer);
          resolve();
        };
        consumer.run({ eachMessage }).catch(reject);
      });
    } finally {
      await consumer.disconnect();
    }
    return read;
  }
}

function asMessage(partition: number, { key, value, timestamp, headers }: MatrixRecord): Message {
  return { partition, key, value, timestamp: String(timestamp), headers: Object.fromEntries(headers) };
}
