// Where the broker's time goes under one load: node bench/profile.js [--load produce|small|consume] [--records N] [--top N]
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../scripts/stale.js';
import { startBroker } from './brokers.js';
import { consume, createTopics, produce } from './loads.js';
import { cpuSeconds } from './usage.js';

/** @import { Broker } from './brokers.js' */
/** @typedef {{ functionName: string, url: string, lineNumber: number }} CallFrame */
/** @typedef {{ nodes: { id: number, callFrame: CallFrame }[], samples: number[], timeDeltas: number[] }} Profile V8's, as --cpu-prof writes it */

const { values } = parseArgs({ options: { load: { type: 'string' }, records: { type: 'string' }, top: { type: 'string' } } });
const records = Number(values.records ?? 500_000);
/** @type {Record<string, (broker: Broker) => Promise<unknown>>} */
const LOADS = {
  produce: ({ address }) => produce(address, 'produce', records, 1024),
  small: ({ address }) => produce(address, 'small', records, 100),
  consume: ({ address }) => produce(address, 'produce', records, 1024).then(() => consume(address, 'produce', records)),
};
const load = values.load ?? 'produce';
if (!LOADS[load]) throw new Error(`--load ${load}: one of ${Object.keys(LOADS).join(', ')}`);

const folder = mkdtempSync(join(tmpdir(), 'minikafka-profile-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const broker = await startBroker('minikafka', { nodeOptions: ['--cpu-prof', '--cpu-prof-dir', folder] });
await createTopics(broker.address, { produce: 1, small: 6 });
await LOADS[load](broker);
const cpu = cpuSeconds(broker.pid);
// The profile is written when the process ends in order.
await broker.stop('SIGTERM');
const [file] = readdirSync(folder);
if (!file) throw new Error('the broker wrote no profile');
print(JSON.parse(readFileSync(join(folder, file), 'utf8')));

/** @param {Profile} profile */
function print({ nodes, samples, timeDeltas }) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]));
  /** @type {Map<string, number>} */
  const micros = new Map();
  for (const [at, id] of samples.entries()) {
    const name = frames.get(id) ?? '(unknown)';
    micros.set(name, (micros.get(name) ?? 0) + timeDeltas[at]);
  }
  micros.delete('(idle)');
  const busy = [...micros.values()].reduce((sum, time) => sum + time, 0);
  process.stdout.write(
    `${load}, ${records} records; main thread busy ${(busy / 1e6).toFixed(2)} s; process CPU before shutdown ${cpu.toFixed(2)} s\n`,
  );
  const top = [...micros].toSorted(([, a], [, b]) => b - a).slice(0, Number(values.top ?? 25));
  for (const [name, time] of top) process.stdout.write(`${((100 * time) / busy).toFixed(1).padStart(5)} %  ${name}\n`);
}

/** @param {CallFrame} frame */
function describe({ functionName, url, lineNumber }) {
  const path = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
  const place = path.slice(Math.max(0, path.lastIndexOf('node_modules/')));
  return place ? `${functionName || '(anonymous)'}  ${place}:${lineNumber + 1}` : functionName;
}
