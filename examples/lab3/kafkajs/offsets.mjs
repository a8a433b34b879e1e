// Reads one partition from where you say, and shows what the broker knows of offsets.
//   node offsets.mjs --partition 0 --seek 3 --max 2 --commit
// kafkajs knows no `assign`: a group of one member gets every partition, and pauses those that it does not want.
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';

const { values: options } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: process.env.BOOTSTRAP ?? 'localhost:9092' },
    topic: { type: 'string', default: 'test' },
    partition: { type: 'string', default: '0' },
    group: { type: 'string', default: 'lab3-offsets' },
    seek: { type: 'string', default: 'beginning' }, // beginning, end, committed, or an offset
    time: { type: 'string' }, // also show the first offsets at or after this time, in ms since 1970
    max: { type: 'string', default: '5' }, // stop after so many records
    commit: { type: 'boolean', default: false }, // commit where it stopped
  },
});
const { group: groupId, topic } = options;
const partition = Number(options.partition);

const kafka = new Kafka({ clientId: 'lab3-offsets', brokers: options.bootstrap.split(','), logLevel: logLevel.WARN });
const admin = kafka.admin();
await admin.connect();
const ends = (await admin.fetchTopicOffsets(topic)).sort((a, b) => a.partition - b.partition);
const show = (what, offsetOf) => console.log(what, ...ends.map((each) => `${each.partition}:${offsetOf(each)}`));
show('beginning_offsets', ({ low }) => low);
show('end_offsets', ({ high }) => high);
if (options.time !== undefined) {
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, Number(options.time));
  show('offsets_for_times', (each) => found.find((one) => one.partition === each.partition).offset);
}

const committed = async () => {
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
  return Number(partitions.find((each) => each.partition === partition)?.offset ?? -1);
};
const { low, high } = ends.find((each) => each.partition === partition);
const wanted = { beginning: low, end: high, committed: String(Math.max(await committed(), Number(low))) };
let position = Number(wanted[options.seek] ?? options.seek);
let left = Math.min(Number(options.max), Number(high) - position);
console.log('position', position);

if (left > 0) {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 500 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, () => {
      const others = ends.map((each) => each.partition).filter((each) => each !== partition);
      if (others.length > 0) consumer.pause([{ topic, partitions: others }]);
      consumer.seek({ topic, partition, offset: String(position) });
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const eachMessage = async ({ partition: from, message }) => {
      if (from !== partition || left <= 0 || Number(message.offset) < position) return;
      console.log(`topic=${topic} partition=${from} offset=${message.offset} key=${message.key} value=${message.value}`);
      position = Number(message.offset) + 1;
      left -= 1;
      if (left === 0) resolve();
    };
    consumer.run({ autoCommit: false, eachMessage }).catch(reject);
  });
  if (options.commit) await consumer.commitOffsets([{ topic, partition, offset: String(position) }]);
  await consumer.disconnect();
}
console.log('position', position);
console.log('committed', await committed());
await admin.disconnect();
