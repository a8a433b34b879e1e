// Reads one partition from wherever you say, and shows what the broker knows of offsets.
//   node offsets.mjs --partition 1 --seek 3 --max 2 --commit
// kafkajs has no `assign` and no `position`: as the only one of its group this consumer gets every partition, pauses those that it
// does not want, and counts by itself.
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';

const { values: options } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: process.env.BOOTSTRAP ?? 'localhost:9092' },
    topic: { type: 'string', default: 'test' },
    partition: { type: 'string', default: '0' },
    group: { type: 'string', default: 'lab3-offsets' }, // whose committed offset
    seek: { type: 'string', default: 'beginning' }, // beginning, end, committed, or an offset
    time: { type: 'string' }, // show the first offsets at or after it: 2026-01-01T12:00:00.000Z
    max: { type: 'string', default: '5' }, // stop after so many records
    commit: { type: 'boolean', default: false }, // commit where it stopped
  },
});
const { group: groupId, topic } = options;
const partition = Number(options.partition);

const kafka = new Kafka({ clientId: 'lab3-offsets', brokers: options.bootstrap.split(','), logLevel: logLevel.ERROR });
const admin = kafka.admin();
const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 500 });
await Promise.all([admin.connect(), consumer.connect()]);

const everywhere = (await admin.fetchTopicOffsets(topic)).sort((a, b) => a.partition - b.partition);
const show = (what, offsetOf) => console.log(what, ...everywhere.map((each) => `${each.partition}:${offsetOf(each)}`));
show('beginning_offsets', ({ low }) => low);
show('end_offsets', ({ high }) => high);
if (options.time !== undefined) {
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, Date.parse(options.time));
  const offsets = new Map(found.map((each) => [each.partition, each.offset]));
  // Where no record is that young, kafkajs gives the end.
  show('offsets_for_times', (each) => (offsets.get(each.partition) === each.high ? 'none' : offsets.get(each.partition)));
}

async function committed() {
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const offset = Number(partitions.find((each) => each.partition === partition)?.offset ?? -1);
  return offset < 0 ? undefined : offset;
}

const { low, high } = everywhere.find((each) => each.partition === partition);
const places = { beginning: Number(low), end: Number(high), committed: (await committed()) ?? Number(low) };
let position = places[options.seek] ?? Number(options.seek);
console.log(`position ${position}`);

let left = Math.min(Number(options.max), Number(high) - position);
await consumer.subscribe({ topic, fromBeginning: true });
await new Promise((done, failed) => {
  consumer.on(consumer.events.CRASH, ({ payload }) => failed(payload.error));
  consumer.on(consumer.events.GROUP_JOIN, () => {
    const others = everywhere.map((each) => each.partition).filter((each) => each !== partition);
    if (others.length > 0) consumer.pause([{ topic, partitions: others }]);
    consumer.seek({ topic, partition, offset: String(position) });
  });
  consumer.on(consumer.events.FETCH, () => {
    if (left <= 0) done();
  });
  const eachMessage = async ({ partition: from, message }) => {
    if (from !== partition || left <= 0) return;
    console.log(`topic=${topic} partition=${partition} offset=${message.offset} key=${message.key} value=${message.value}`);
    position = Number(message.offset) + 1;
    left -= 1;
  };
  consumer.run({ autoCommit: false, eachMessage }).catch(failed);
});
console.log(`position ${position}`);

// What is committed is the offset of the record to read next.
if (options.commit) await consumer.commitOffsets([{ topic, partition, offset: String(position) }]);
console.log(`committed ${(await committed()) ?? 'none'}`);
await Promise.all([consumer.disconnect(), admin.disconnect()]);
