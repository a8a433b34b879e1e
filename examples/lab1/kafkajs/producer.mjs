// Sends a key and a value with the time, again and again.
//   node producer.mjs --count 10 --delay 1000
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Kafka, Partitioners } from 'kafkajs';

const { values: options } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: process.env.BOOTSTRAP ?? 'localhost:9092' },
    topic: { type: 'string', default: 'test' },
    count: { type: 'string', default: '10' },
    delay: { type: 'string', default: '1000' }, // milliseconds
  },
});

const kafka = new Kafka({ clientId: 'lab1-producer', brokers: options.bootstrap.split(',') });
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });

await producer.connect();
for (let n = 0; n < Number(options.count); n++) {
  const now = new Date();
  const message = { key: `key-${n}`, value: `value-${n} ${now.toISOString()}`, timestamp: String(now.getTime()) };
  const [sent] = await producer.send({ topic: options.topic, messages: [message] });
  console.log(`sent ${message.key} to partition ${sent.partition} at offset ${sent.baseOffset}`);
  await sleep(Number(options.delay));
}
await producer.disconnect();
