import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaJs } from '../clients/kafkajs-client.ts';

const TOPIC = 'neighbour';
const PARTITIONS = 2;
const PAUSE_MS = 5;
const LAST_RECORDS_DEADLINE_MS = 20_000;

export interface NeighbourReport {
  readonly acknowledged: number;
  readonly consumed: number;
  readonly maxProduceMs: number;
  /** From before the send to the consumer. */
  readonly maxEndToEndMs: number;
  readonly p99EndToEndMs: number;
  /** Whatever it noticed. */
  readonly complaints: readonly string[];
}

/**
 * A client that knows nothing of the fuzzing: it produces numbered records without a retry and consumes them in a group, until it is told
 * to stop, and complains about whatever a user would notice.
 */
export async function neighbour(bootstrap: string): Promise<() => Promise<NeighbourReport>> {
  const complaints: string[] = [];
  const sentAt = Array.from({ length: PARTITIONS }, (): number[] => []);
  const consumed = Array.from({ length: PARTITIONS }, () => 0);
  const endToEndMs: number[] = [];
  let maxProduceMs = 0;
  let stopping = false;

  const client = kafkaJs(bootstrap);
  await (await client.admin()).createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }], waitForLeaders: true });
  const consumer = await client.consumer('neighbours');
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
  const joined = new Promise<void>((resolve) => void consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const number = Number(message.value);
      if (number !== consumed[partition]) complaints.push(`partition ${partition}: record ${number} where ${consumed[partition]} was due`);
      consumed[partition] = number + 1;
      endToEndMs.push(performance.now() - sentAt[partition]![number]!);
    },
  });
  await joined;
  for (const event of ['CRASH', 'STOP', 'DISCONNECT', 'REBALANCING', 'REQUEST_TIMEOUT'] as const) {
    consumer.on(consumer.events[event], ({ payload }) => {
      if (!stopping) complaints.push(`the consumer: ${event} ${JSON.stringify(payload)}`);
    });
  }
  const producer = await client.producer({ retry: { retries: 0 } });
  producer.on(producer.events.REQUEST_TIMEOUT, () => void complaints.push('the producer: a request timed out'));

  const produce = async (): Promise<void> => {
    for (let turn = 0; !stopping; turn++) {
      const partition = turn % PARTITIONS;
      const started = performance.now();
      const messages = Array.from({ length: 1 + (turn % 5) }, () => {
        sentAt[partition]!.push(started);
        return { partition, value: String(sentAt[partition]!.length - 1) };
      });
      await producer.send({ topic: TOPIC, acks: -1, messages });
      maxProduceMs = Math.max(maxProduceMs, performance.now() - started);
      await sleep(PAUSE_MS);
    }
  };
  const producing = produce().catch((error) => void complaints.push(`the producer: ${String(error)}`));

  return async () => {
    const acknowledged = () => sentAt.reduce((sum, { length }) => sum + length, 0);
    const read = () => consumed.reduce((sum, count) => sum + count, 0);
    const stop = producing.then(() => acknowledged());
    stopping = true;
    const total = await stop;
    const deadline = performance.now() + LAST_RECORDS_DEADLINE_MS;
    while (read() < total && performance.now() < deadline) await sleep(20);
    endToEndMs.sort((a, b) => a - b);
    return {
      acknowledged: total,
      consumed: read(),
      maxProduceMs: Math.round(maxProduceMs),
      maxEndToEndMs: Math.round(endToEndMs.at(-1) ?? 0),
      p99EndToEndMs: Math.round(endToEndMs[Math.floor(endToEndMs.length * 0.99)] ?? 0),
      complaints,
    };
  };
}
