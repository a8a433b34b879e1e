import type { Consumer, IHeaders, KafkaMessage } from 'kafkajs';
import { unique } from '../support/broker-under-test.ts';
import type { KafkaJs } from './kafkajs-client.ts';
import type { ReadRecord } from './keyed-records.ts';

const DEADLINE_MS = 60_000;

/**
 * Reads a topic to its end with a kafkajs consumer in a group of its own, or in `groupId`, which then has everything committed.
 * @throws Error when the end is not reached in time
 */
export async function readAll(client: KafkaJs, topic: string, groupId = unique('reader')): Promise<ReadRecord[]> {
  const admin = await client.admin();
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]));
  const open = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition));
  const read: ReadRecord[] = [];
  if (open.size === 0) return read;
  const consumer = await client.consumer(groupId);
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${read.length} records of ${topic} read in ${DEADLINE_MS} ms`)), DEADLINE_MS);
    const settle = (error?: Error) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve();
    };
    consumer.on(consumer.events.CRASH, ({ payload }) => settle(payload.error));
    consumer
      .run({
        eachBatch: async ({ batch }) => {
          for (const message of batch.messages) read.push(readRecord(batch.partition, message));
          if (Number(batch.lastOffset()) + 1 >= ends.get(batch.partition)!) open.delete(batch.partition);
          if (open.size === 0) settle();
        },
      })
      .catch(settle);
  });
  await commitAndLeave(consumer);
  return read;
}

/** stop() waits for the batch in work and commits what was read. */
async function commitAndLeave(consumer: Consumer): Promise<void> {
  await consumer.stop();
  await consumer.disconnect();
}

function readRecord(partition: number, message: KafkaMessage): ReadRecord {
  return {
    partition,
    offset: Number(message.offset),
    key: String(message.key),
    value: message.value === null ? null : String(message.value),
    headers: texts(message.headers ?? {}),
  };
}

function texts(headers: IHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
