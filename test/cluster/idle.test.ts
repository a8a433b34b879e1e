import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { fetchClusterState } from '../../src/client/cluster-state.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { eventually } from '../support/eventually.ts';
import { startProgram } from '../support/program.ts';

const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));
const SERVING_WITHIN_MS = 1_000;
const MOST_PSS_MB = 250;

test.skipIf(process.platform !== 'linux')('three brokers serve within a second, and idle they need little memory', async () => {
  const data = mkdtempSync(join(tmpdir(), 'minikafka-cluster-'));
  onTestFinished(() => eventually(() => rmSync(data, { recursive: true, force: true })));
  const began = performance.now();
  const supervisor = startProgram(process.execPath, [CLI, 'cluster', 'start', '--base-port', '0', '--data', data]);
  onTestFinished(async () => {
    supervisor.signal('SIGTERM');
    await supervisor.ended();
  });
  await supervisor.waitFor('three brokers', () => /a cluster of 3 brokers/.exec(supervisor.output())?.[0]);
  const ms = Math.round(performance.now() - began);
  const [load = 0] = loadavg();
  console.log(`three brokers serve after ${ms} ms, load ${load.toFixed(1)}`);
  const ports = [...supervisor.output().matchAll(/ listens on localhost:(\d+)/g)].map(([, port]) => Number(port));
  for (const port of ports) {
    const { brokers } = await fetchClusterState(tcpTransport, realClock, { host: '127.0.0.1', port });
    expect(brokers.map((broker) => broker.port).sort()).toEqual([...ports].sort());
  }
  await sleep(5_000);
  const children = readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, 'utf8').trim().split(' ').map(Number);
  expect(children).toHaveLength(3);
  const sizes = [supervisor.pid, ...children].map(memoryOf);
  // As if no other program shared the pages of Node with these.
  const pssMb = (sizes.reduce((sum, { own }) => sum + own, 0) + Math.max(...sizes.map(({ shared }) => shared))) / 1024;
  console.log(`idle: ${pssMb.toFixed(0)} MB in all; ${sizes.map(({ own }) => (own / 1024).toFixed(0))} of their own`);
  expect(pssMb).toBeLessThanOrEqual(MOST_PSS_MB);
  if (load <= 2 * availableParallelism()) expect(ms).toBeLessThanOrEqual(SERVING_WITHIN_MS);
});

/** In KiB. */
function memoryOf(pid: number): { own: number; shared: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
  return { own: of('Private_Clean') + of('Private_Dirty'), shared: of('Shared_Clean') + of('Shared_Dirty') };
}
