import { setTimeout as sleep } from 'node:timers/promises';
import { LimitsBroker } from './broker.js';
import { batchOf, createTopics, produce, produceMany, quantile, timeMetadata } from './client.js';
import { stallText } from './report.js';

/** @import { Row } from './report.js' */

const KIB = 1024;
const SETTLE_MS = 5_000;
const IDLE_MS = 10_000;
const METADATA_TIMES = 15;
/** Of the two loads: batches of 64 KiB in one round, and batches of one small record. */
const LARGE = { records: 64, valueBytes: KIB, count: 600 };
const SMALL = { records: 1, valueBytes: 100, count: 4_000 };

/** @param {number} partitions @param {number} topics @returns {{ name: string, partitions: number }[]} */
function topicsOf(partitions, topics) {
  return Array.from({ length: topics }, (_, i) => ({ name: `topic-${i}`, partitions: Math.ceil(partitions / topics) }));
}

/** One record in each partition, so that each has a folder. @param {LimitsBroker} broker @param {ReturnType<typeof topicsOf>} topics */
async function fill(broker, topics) {
  const connection = await broker.connect();
  const batch = batchOf(1, 100);
  for (const { name, partitions } of topics) {
    for (let from = 0; from < partitions; from += 500) {
      const some = Array.from({ length: Math.min(500, partitions - from) }, (_, i) => from + i);
      await produce(connection, name, some, batch);
    }
  }
  await connection.close();
}

/** CPU beyond that of a broker with nothing: looking for stalls costs some in both. @param {LimitsBroker} broker @param {LimitsBroker} other */
async function idle(broker, other) {
  await sleep(SETTLE_MS);
  const used = () => broker.cpuSeconds - other.cpuSeconds;
  const [from, cpu] = [performance.now(), used()];
  await sleep(IDLE_MS);
  return { rssMb: broker.rssMb, cores: Math.max(0, (used() - cpu) / ((performance.now() - from) / 1000)) };
}

/** @param {LimitsBroker} broker */
async function metadata(broker) {
  const connection = await broker.connect();
  const times = [];
  let bytes = 0;
  const cpu = broker.cpuSeconds;
  for (let i = 0; i < METADATA_TIMES; i++) {
    const each = await timeMetadata(connection);
    times.push(each.ms);
    bytes = each.bytes;
  }
  await connection.close();
  return { times, bytes, cpuMs: ((broker.cpuSeconds - cpu) * 1000) / METADATA_TIMES };
}

/** @param {LimitsBroker} broker @param {typeof LARGE} load @param {string} topic */
async function throughput(broker, load, topic) {
  const connection = await broker.connect();
  const cpu = broker.cpuSeconds;
  const batch = batchOf(load.records, load.valueBytes);
  const { seconds } = await produceMany(connection, { topic, batch, count: load.count });
  await connection.close();
  return { perSecond: load.count / seconds, cpuMs: (broker.cpuSeconds - cpu) * 1000 };
}

/**
 * Many partitions on one broker.
 * @param {{ partitions: number, topics: number, rounds: number }} options @param {Row} row
 */
export async function partitionLimits({ partitions, topics: topicCount, rounds }, row) {
  const topics = topicsOf(partitions, topicCount);
  const broker = new LimitsBroker();
  const few = new LimitsBroker();
  const ms = stallText;
  try {
    await few.start();
    await broker.start();
    const connection = await broker.connect();
    await broker.stall();
    const from = performance.now();
    for (const topic of topics.keys()) if (topic % 100 === 0) await createTopics(connection, topics.slice(topic, topic + 100));
    row(`create ${topicCount} topics`, `${(performance.now() - from).toFixed(0)} ms, longest stall ${ms(await broker.stall())}`);
    const filling = performance.now();
    await fill(broker, topics);
    row('first record into each', `${(performance.now() - filling).toFixed(0)} ms, longest stall ${ms(await broker.stall())}`);
    await connection.close();

    row('stop in order', `${(await broker.stop()).toFixed(0)} ms`);
    row('start after it', ms(await broker.start()), '3000 ms');
    row('longest stall at the start', ms(await broker.stall()));
    const { rssMb, cores } = await idle(broker, few);
    row('idle RSS', `${rssMb.toFixed(0)} MB`, '300 MB');
    row('idle CPU, beyond an empty broker', `${(cores * 100).toFixed(1)} % of a core`);
    row('longest stall, idle', ms(await broker.stall()));
    const { times, bytes, cpuMs } = await metadata(broker);
    row(
      'Metadata of all, median',
      `${quantile(times, 0.5).toFixed(0)} ms (CPU ${cpuMs.toFixed(0)} ms), ${(bytes / 1000).toFixed(0)} kB`,
      '100 ms',
    );
    row('Metadata of all, longest', `${Math.max(...times).toFixed(0)} ms`, '100 ms');
    await broker.stall();
    const again = performance.now();
    await fill(broker, topics);
    row('a record into each, logs not open', `${(performance.now() - again).toFixed(0)} ms, longest stall ${ms(await broker.stall())}`);
    row('RSS with all logs open', `${broker.rssMb.toFixed(0)} MB`, '300 MB');
    const open = await idle(broker, few);
    row('idle CPU with all logs open', `${(open.cores * 100).toFixed(1)} % of a core, RSS ${open.rssMb.toFixed(0)} MB`);
    row('longest stall, idle, all open', ms(await broker.stall()));

    const fewTopics = topicsOf(100, 1);
    const other = await few.connect();
    await createTopics(other, fewTopics);
    await other.close();
    await fill(few, fewTopics);
    for (const [name, load] of Object.entries({ '64 KiB batches': LARGE, 'one record of 100 B': SMALL })) {
      await throughput(few, load, 'topic-0');
      await throughput(broker, load, 'topic-0');
      const taken = [];
      for (let round = 0; round < rounds; round++) {
        const of = round % 2 === 0 ? [few, broker] : [broker, few];
        const [a, b] = [await throughput(of[0], load, 'topic-0'), await throughput(of[1], load, 'topic-0')];
        taken.push(round % 2 === 0 ? { few: a, many: b } : { few: b, many: a });
      }
      const median = (/** @type {(each: typeof taken[number]) => number} */ pick) => quantile(taken.map(pick), 0.5);
      const ratio = median((each) => each.many.perSecond) / median((each) => each.few.perSecond);
      const cpu = median((each) => each.many.cpuMs) / median((each) => each.few.cpuMs);
      row(`produce to one, ${name}`, `${ratio.toFixed(2)} of the speed beside 100 partitions; CPU ${cpu.toFixed(2)}`, '>= 0.8');
    }
    await few.end();
    await broker.stop('SIGKILL');
    row('start after kill -9', ms(await broker.start()), '3000 ms');
    await broker.stall();
    const third = performance.now();
    await fill(broker, topics);
    row('a record into each after kill -9', `${(performance.now() - third).toFixed(0)} ms, longest stall ${ms(await broker.stall())}`);
    row('RSS then', `${broker.rssMb.toFixed(0)} MB`);
  } finally {
    await few.end();
    await broker.end();
  }
}
