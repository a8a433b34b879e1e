import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { spawnOwned } from '../brokers.js';
import { LimitsBroker } from './broker.js';
import { batchOf, createTopics, produce, produceMany, quantile } from './client.js';
import { stallText } from './report.js';

/** @import { Row } from './report.js' */

const LAGGING = fileURLToPath(new URL('lagging.js', import.meta.url));
const GIB = 1024 ** 3;
const RECORDS = 64;
const PHASE_MS = 6_000;
/** One small produce after the other at this pace, as of a service that sends what happens. */
const EVERY_MS = 3;

/** Has the kernel forget what it read of files. Only root may. @returns {boolean} */
function dropCaches() {
  try {
    execFileSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    return true;
  } catch {
    return false;
  }
}

/** @param {LimitsBroker} broker */
async function produceForAWhile(broker) {
  const connection = await broker.connect();
  const batch = batchOf(10, 100);
  const times = [];
  const [until, cpu] = [performance.now() + PHASE_MS, broker.cpuSeconds];
  while (performance.now() < until) {
    const from = performance.now();
    await produce(connection, 'fresh', [0], batch);
    times.push(performance.now() - from);
    await sleep(EVERY_MS);
  }
  await connection.close();
  return { times, cores: (broker.cpuSeconds - cpu) / (PHASE_MS / 1000) };
}

/**
 * Consumers of old data, in a process of their own.
 * @param {LimitsBroker} broker @param {number} count @param {number} end
 */
function startLagging(broker, count, end) {
  const child = spawnOwned(process.execPath, [LAGGING, String(broker.port), String(count), String(end)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let bytes = 0;
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    bytes = Number(text.trim().split('\n').at(-1));
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return {
    bytes: () => bytes,
    stop() {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

/**
 * Consumers of old data beside a producer.
 * @param {{ consumers: number, gib: number, rounds: number }} options @param {Row} row
 */
export async function coldLimits({ consumers, gib, rounds }, row) {
  const broker = new LimitsBroker();
  try {
    await broker.start();
    const connection = await broker.connect();
    await createTopics(connection, [
      { name: 'old', partitions: 1 },
      { name: 'fresh', partitions: 1 },
    ]);
    const batch = batchOf(RECORDS, 1024);
    const count = Math.ceil((gib * GIB) / batch.byteLength);
    await produceMany(connection, { topic: 'old', batch, count });
    await connection.close();
    const end = count * RECORDS;
    const phases = [];
    let cold = true;
    for (let round = 0; round < rounds; round++) {
      await broker.stall();
      const alone = await produceForAWhile(broker);
      const aloneStall = await broker.stall();
      cold = dropCaches() && cold;
      const lagging = startLagging(broker, consumers, end);
      while (lagging.bytes() === 0) await sleep(20);
      await broker.stall();
      const read = lagging.bytes();
      const beside = await produceForAWhile(broker);
      const mibPerSecond = (lagging.bytes() - read) / 1024 ** 2 / (PHASE_MS / 1000);
      await lagging.stop();
      phases.push({ alone, aloneStall, beside, besideStall: await broker.stall(), mibPerSecond });
    }
    const all = (/** @type {'alone' | 'beside'} */ side) => phases.flatMap((phase) => phase[side].times);
    const text = (/** @type {number[]} */ times) =>
      `${[0.5, 0.99, 0.999].map((share) => `${quantile(times, share).toFixed(2)}`).join(' / ')} ms (${times.length} produces)`;
    const ratio = quantile(all('beside'), 0.99) / quantile(all('alone'), 0.99);
    const worst = (/** @type {'aloneStall' | 'besideStall'} */ side) =>
      phases.map((phase) => phase[side]).toSorted((a, b) => b.ms - a.ms)[0];
    const middle = (/** @type {number[]} */ values) => quantile(values, 0.5);
    row('data', `${gib} GiB, ${cold ? 'not in the page cache when the consumers begin' : 'in the page cache (only root may drop it)'}`);
    row('produce alone: median / p99 / p99.9', text(all('alone')));
    row(`beside ${consumers} consumers`, text(all('beside')));
    row('ratio of p99', ratio.toFixed(2));
    row('consumers read', `${middle(phases.map(({ mibPerSecond }) => mibPerSecond)).toFixed(0)} MiB/s`);
    row(
      'broker CPU alone, beside',
      `${middle(phases.map(({ alone }) => alone.cores)).toFixed(2)}, ${middle(phases.map(({ beside }) => beside.cores)).toFixed(2)} cores`,
    );
    row('longest stall alone', stallText(worst('aloneStall')));
    row('longest stall beside them', stallText(worst('besideStall')));
    row('RSS', `${broker.rssMb.toFixed(0)} MB`);
  } finally {
    await broker.end();
  }
}
