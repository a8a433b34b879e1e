import { Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import { startBroker } from '../../src/index.ts';

/** Joins, waits until it is in, and leaves. */
async function joinOnce(kafka: Kafka, groupId: string): Promise<void> {
  const consumer = kafka.consumer({ groupId, retry: { retries: 3 } });
  const joined = new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  });
  await consumer.connect();
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  await consumer.run({ eachMessage: async () => {} });
  await joined;
  await consumer.disconnect();
}

test('a group works again at once after __consumer_offsets was deleted under it', async () => {
  const broker = await startBroker({ topics: { orders: 1 } });
  try {
    const kafka = new Kafka({ clientId: 'test', brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING });
    await joinOnce(kafka, 'one');
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: ['__consumer_offsets'] });
    await admin.disconnect();
    await expect(joinOnce(kafka, 'one')).resolves.toBeUndefined();
  } finally {
    await broker.close();
  }
});
