// Prints each record of a topic; consumers of the same group share its partitions.
//   node consumer.mjs --group readers --max 10
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';

const { values: options } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: process.env.BOOTSTRAP ?? 'localhost:9092' },
    topic: { type: 'string', default: 'test' },
    group: { type: 'string', default: 'lab1' },
    max: { type: 'string', default: 'Infinity' }, // stop after so many records
  },
});

const kafka = new Kafka({ clientId: 'lab1-consumer', brokers: options.bootstrap.split(','), logLevel: logLevel.WARN });
const consumer = kafka.consumer({
  groupId: options.group,
  sessionTimeout: 6000, // a member that dies without a word is missed after so long
  heartbeatInterval: 500, // and this is how soon the others hear of a change
  maxWaitTimeInMs: 500,
});
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  console.log(`assigned: ${JSON.stringify(payload.memberAssignment[options.topic] ?? [])}`);
});

// Leaving the group tells it at once that our partitions are free.
const leave = () => consumer.disconnect();
process.once('SIGINT', leave);
process.once('SIGTERM', leave);

let left = Number(options.max);
await consumer.connect();
await consumer.subscribe({ topic: options.topic, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ topic, partition, message }) => {
    console.log(`topic=${topic} partition=${partition} offset=${message.offset} key=${message.key} value=${message.value}`);
    left -= 1;
    if (left === 0) {
      consumer.pause([{ topic }]); // no further record of this batch
      leave();
    }
  },
});
