import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LimitsBroker } from './broker.js';
import { alterTopic, batchOf, createTopics, fetch, offsetOf, offsetsIn, produce, produceMany, quantile, startOf } from './client.js';
import { stallText } from './report.js';

/** @import { Row } from './report.js' */

const TOPIC = 'segments';
/** segment.bytes is at least 1 MiB, so that full indexes make the log roll: every few batches. */
const CONFIGS = { 'segment.index.bytes': 24, 'index.interval.bytes': 0, 'file.delete.delay.ms': 3_000 };
const BATCHES_AT_ONCE = 1_000;
const RETENTION_CHECK_MS = 2_000;
const READS = 200;
const FIRST_TIMESTAMP = Date.now() - 86_400_000;

/** Each batch is a millisecond later than the one before it. @param {number} from */
function batchesFrom(from) {
  let made = from;
  return () => batchOf(1, 1000, FIRST_TIMESTAMP + made++);
}

/** @param {LimitsBroker} broker @param {string} suffix */
const filesOf = (broker, suffix) => readdirSync(join(broker.data, `${TOPIC}-0`)).filter((name) => name.endsWith(suffix)).length;

/** @param {(i: number) => Promise<unknown>} read */
async function timed(read) {
  const times = [];
  for (let i = 0; i < READS; i++) {
    const from = performance.now();
    await read(i);
    times.push(performance.now() - from);
  }
  return `median ${quantile(times, 0.5).toFixed(1)} ms, longest ${Math.max(...times).toFixed(1)} ms`;
}

/** @param {any} connection @param {number} offset */
async function readAt(connection, offset) {
  const { first } = offsetsIn(await fetch(connection, TOPIC, offset, 16 * 1024));
  if (first !== offset) throw new Error(`read at ${offset}: ${first}`);
}

/**
 * One topic of very many small segments.
 * @param {{ segments: number }} options @param {Row} row
 */
export async function segmentLimits({ segments }, row) {
  const broker = new LimitsBroker({ 'log.retention.check.interval.ms': RETENTION_CHECK_MS });
  const stall = async () => `longest stall ${stallText(await broker.stall())}`;
  let count = 0;
  const middle = (/** @type {number} */ i) => (i * 7919 + Math.floor(count / 2)) % count;
  /** First use: the log is opened. */
  const firstRead = async () => {
    await broker.stall();
    const connection = await broker.connect();
    const from = performance.now();
    await readAt(connection, middle(0));
    const ms = performance.now() - from;
    await connection.close();
    return `${ms.toFixed(0)} ms, ${await stall()}`;
  };
  try {
    await broker.start();
    let connection = await broker.connect();
    await createTopics(connection, [{ name: TOPIC, partitions: 1, configs: CONFIGS }]);
    await broker.stall();
    const latenciesMs = [];
    const making = performance.now();
    for (const batch = batchesFrom(0); count === 0 || filesOf(broker, '.log') < segments; count += BATCHES_AT_ONCE)
      latenciesMs.push(...(await produceMany(connection, { topic: TOPIC, batch, count: BATCHES_AT_ONCE, inFlight: 3 })).latenciesMs);
    const made = `${filesOf(broker, '.log')} of ${count} batches in ${((performance.now() - making) / 1000).toFixed(1)} s`;
    const first = quantile(latenciesMs.slice(0, BATCHES_AT_ONCE), 0.5).toFixed(2);
    const last = quantile(latenciesMs.slice(-BATCHES_AT_ONCE), 0.5).toFixed(2);
    row(
      'segments made',
      `${made}; produce: median ${first} ms at first, ${last} ms at last, p99 ${quantile(latenciesMs, 0.99).toFixed(1)} ms, ${await stall()}`,
    );
    row('RSS', `${broker.rssMb.toFixed(0)} MB`);
    row('open files', String(readdirSync(`/proc/${broker.pid}/fd`).length));
    row('read in the middle', await timed((i) => readAt(connection, middle(i))));
    const byTime = (/** @type {number} */ i) => offsetOf(connection, TOPIC, FIRST_TIMESTAMP + middle(i));
    row('look up by time', await timed(byTime));
    row('reads', await stall());
    await connection.close();

    row('stop in order', `${(await broker.stop()).toFixed(0)} ms`);
    await broker.start();
    row('first read after it', await firstRead());
    row('open files', String(readdirSync(`/proc/${broker.pid}/fd`).length));
    row('RSS', `${broker.rssMb.toFixed(0)} MB`);
    connection = await broker.connect();
    row('look up by time', await timed(byTime));
    await produce(connection, TOPIC, [0], batchesFrom(count)());
    await connection.close();

    await broker.stop('SIGKILL');
    await broker.start();
    row('first read after kill -9', await firstRead());

    await broker.stall();
    connection = await broker.connect();
    const [from, cpu] = [performance.now(), broker.cpuSeconds];
    await alterTopic(connection, TOPIC, { 'retention.ms': 1000 });
    while ((await startOf(connection, TOPIC)) < count) await sleep(20);
    const used = `${(performance.now() - from).toFixed(0)} ms (CPU ${((broker.cpuSeconds - cpu) * 1000).toFixed(0)} ms)`;
    row('retention deletes all', `${used}, ${await stall()}`);
    while (filesOf(broker, '.deleted') > 0) await sleep(50);
    row('their files are removed', `${(performance.now() - from).toFixed(0)} ms, ${await stall()}`);
    await connection.close();
    await broker.stop();
    row('files left', String(readdirSync(join(broker.data, `${TOPIC}-0`)).length));
  } finally {
    await broker.end();
  }
}
