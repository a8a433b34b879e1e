import { type Admin, type Consumer, Kafka, logLevel, Partitioners, type Producer, type ProducerConfig } from 'kafkajs';
import { onTestFinished } from 'vitest';

/** kafkajs against the brokers that are named, with commas. What it opens is disconnected when the test has finished. */
export interface KafkaJs {
  readonly kafka: Kafka;
  admin(): Promise<Admin>;
  producer(options?: ProducerConfig): Promise<Producer>;
  /** A consumer that reads from the beginning and hears soon of changes in its group. */
  consumer(groupId: string): Promise<Consumer>;
}

export function kafkaJs(bootstrap: string, { retries = 20, clientId = 'test' } = {}): KafkaJs {
  const retry = { initialRetryTime: 50, maxRetryTime: 500, retries };
  const kafka = new Kafka({ clientId, brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, retry });
  const opened = async <T extends Admin | Producer | Consumer>(client: T): Promise<T> => {
    onTestFinished(() => client.disconnect());
    await client.connect();
    return client;
  };
  return {
    kafka,
    admin: () => opened(kafka.admin()),
    producer: (options) => opened(kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options })),
    consumer: (groupId) => opened(kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 500 })),
  };
}
