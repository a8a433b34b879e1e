import type { Consumer } from 'kafkajs';
import { unique } from '../support/broker-under-test.ts';
import type { KafkaJs } from './kafkajs-client.ts';

export interface CommittedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: Buffer;
}

/** What a read_committed consumer sees of a topic, each record once, in the order of each partition. */
export class CommittedRecords {
  private readonly seen = new Map<string, CommittedRecord>();
  private readonly consumer: Consumer;

  /** Follows the topic from its beginning until the test ends. */
  static async of(client: KafkaJs, topic: string): Promise<CommittedRecords> {
    const consumer = await client.consumer(unique('committed'));
    await consumer.subscribe({ topic, fromBeginning: true });
    const committed = new CommittedRecords(consumer);
    await committed.run();
    return committed;
  }

  private constructor(consumer: Consumer) {
    this.consumer = consumer;
  }

  get count(): number {
    return this.seen.size;
  }

  /** All of them, each partition's by offset. */
  all(): CommittedRecord[] {
    return [...this.seen.values()].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  }

  private run(): Promise<void> {
    return this.consumer.run({
      eachBatch: async ({ batch: { partition, messages } }) => {
        // A rebalance may have a batch read again: a record is known by its offset.
        for (const { offset, key, value } of messages) {
          this.seen.set(`${partition}/${offset}`, { partition, offset: Number(offset), key: String(key), value: value ?? Buffer.alloc(0) });
        }
      },
    });
  }
}
