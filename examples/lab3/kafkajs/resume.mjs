// Commits each record by itself: stop it, start it again, and it goes on behind the last one.
//   node resume.mjs --group lab3 --reset earliest --max 3
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';

const { values: options } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: process.env.BOOTSTRAP ?? 'localhost:9092' },
    topic: { type: 'string', default: 'test' },
    group: { type: 'string', default: 'lab3' },
    reset: { type: 'string', default: 'earliest' }, // or latest: where a group starts that has committed nothing
    max: { type: 'string', default: 'Infinity' }, // stop after so many records
    'no-commit': { type: 'boolean', default: false }, // forget what was read
  },
});

const kafka = new Kafka({ clientId: 'lab3-resume', brokers: options.bootstrap.split(','), logLevel: logLevel.WARN });
const consumer = kafka.consumer({
  groupId: options.group,
  sessionTimeout: 6000,
  heartbeatInterval: 500,
  maxWaitTimeInMs: 500,
});

// Leaving the group tells it at once that our partitions are free.
const leave = () => consumer.disconnect();
process.once('SIGINT', leave);
process.once('SIGTERM', leave);

// After the first fetch no record is missed, also by a group that starts at the end.
let isReady = false;
consumer.on(consumer.events.FETCH, () => {
  if (!isReady) console.log('ready');
  isReady = true;
});

let left = Number(options.max);
await consumer.connect();
await consumer.subscribe({ topic: options.topic, fromBeginning: options.reset === 'earliest' });
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ topic, partition, message }) => {
    if (left === 0) return; // the rest of the last batch
    console.log(`topic=${topic} partition=${partition} offset=${message.offset} key=${message.key} value=${message.value}`);
    if (!options['no-commit']) {
      // What is committed is the offset of the record to read next.
      await consumer.commitOffsets([{ topic, partition, offset: String(Number(message.offset) + 1) }]);
    }
    left -= 1;
    if (left === 0) leave();
  },
});
