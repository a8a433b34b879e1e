import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LimitsBroker } from './broker.js';
import { batchOf, createTopics, fetch, offsetOf, offsetsIn, produce, produceMany, quantile } from './client.js';
import { stallText } from './report.js';

/** @import { Row } from './report.js' */

const TOPIC = 'large';
const GIB = 1024 ** 3;
const RECORDS = 64;
const READS = 200;

/**
 * Segments of 1 GiB, the default.
 * @param {{ gib: number }} options @param {Row} row
 */
export async function largeLimits({ gib }, row) {
  const broker = new LimitsBroker();
  const stall = async () => `longest stall ${stallText(await broker.stall())}`;
  const batch = batchOf(RECORDS, 1024);
  const count = Math.ceil((gib * GIB) / batch.byteLength);
  const logs = () => readdirSync(join(broker.data, `${TOPIC}-0`)).filter((name) => name.endsWith('.log'));
  const open = async (/** @type {string} */ name) => {
    const [from, cpu] = [performance.now(), broker.cpuSeconds];
    const connection = await broker.connect();
    const end = await offsetOf(connection, TOPIC);
    const ms = performance.now() - from;
    if (end !== count * RECORDS) throw new Error(`the log ends at ${end}, not at ${count * RECORDS}`);
    row(name, `${ms.toFixed(0)} ms (CPU ${((broker.cpuSeconds - cpu) * 1000).toFixed(0)} ms), ${await stall()}`);
    await connection.close();
  };
  try {
    await broker.start();
    const connection = await broker.connect();
    await createTopics(connection, [{ name: TOPIC, partitions: 1 }]);
    await broker.stall();
    const made = await produceMany(connection, { topic: TOPIC, batch, count });
    const rate = ((count * batch.byteLength) / 1024 ** 2 / made.seconds).toFixed(0);
    const latency = `p99 ${quantile(made.latenciesMs, 0.99).toFixed(1)} ms, longest ${Math.max(...made.latenciesMs).toFixed(0)} ms`;
    row(`${gib} GiB in batches of 64 KiB`, `${rate} MiB/s, ${latency}, ${await stall()}`);
    const sizes = logs().map((name) => statSync(join(broker.data, `${TOPIC}-0`, name)).size);
    row('segments', sizes.map((bytes) => `${(bytes / GIB).toFixed(3)} GiB`).join(', '));

    const rolls = logs().map((name) => Number(name.slice(0, 20)));
    for (const base of rolls.slice(1)) {
      let next = base - RECORDS;
      while (next < base + 3 * RECORDS) {
        const found = offsetsIn(await fetch(connection, TOPIC, next, 2 * batch.byteLength));
        if (found.first !== next) throw new Error(`read at ${next}: ${found.first}`);
        next = found.next;
      }
    }
    row('read across the rolls', `${rolls.length - 1} without a gap`);
    const times = [];
    for (let i = 0; i < READS; i++) {
      const offset = ((i * 7919) % count) * RECORDS;
      const from = performance.now();
      const { first } = offsetsIn(await fetch(connection, TOPIC, offset, batch.byteLength));
      times.push(performance.now() - from);
      if (first !== offset) throw new Error(`read at ${offset}: ${first}`);
    }
    row('read anywhere', `median ${quantile(times, 0.5).toFixed(1)} ms, longest ${Math.max(...times).toFixed(1)} ms, ${await stall()}`);
    await connection.close();
    row('stop in order', `${(await broker.stop()).toFixed(0)} ms`);
    await broker.start();
    await broker.stall();
    await open('opened after it');
    await broker.stop('SIGKILL');
    await broker.start();
    await broker.stall();
    await open('opened after kill -9, nothing new');
    const last = await broker.connect();
    for (let i = 0; i < 16; i++) await produce(last, TOPIC, [0], batch);
    await last.close();
    await broker.stop('SIGKILL');
    await broker.start();
    await broker.stall();
    const again = performance.now();
    const connected = await broker.connect();
    const end = await offsetOf(connected, TOPIC);
    if (end !== (count + 16) * RECORDS) throw new Error(`the log ends at ${end}`);
    row('opened after kill -9 behind an append', `${(performance.now() - again).toFixed(0)} ms, ${await stall()}`);
  } finally {
    await broker.end();
  }
}
