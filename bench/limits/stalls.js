// Loaded into a broker by --import: how long its event loop was kept from turning, at worst. SIGUSR2 writes that to the file that
// MINIKAFKA_STALLS names and begins anew.
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const EVERY_MS = 4;
const file = process.env.MINIKAFKA_STALLS;

if (file && isMainThread) {
  let told = 0;
  let last = performance.now();
  let cpu = process.cpuUsage();
  let worst = { ms: 0, cpuMs: 0 };
  setInterval(() => {
    const now = performance.now();
    const used = process.cpuUsage();
    const ms = Math.max(0, now - last - EVERY_MS);
    // CPU time of all threads meanwhile: a stall with little of it was the machine's, or the disk's.
    if (ms > worst.ms) worst = { ms, cpuMs: (used.user + used.system - cpu.user - cpu.system) / 1000 };
    [last, cpu] = [now, used];
  }, EVERY_MS).unref();
  process.on('SIGUSR2', () => {
    writeFileSync(`${file}.tmp`, JSON.stringify({ ...worst, told: ++told }));
    renameSync(`${file}.tmp`, file);
    worst = { ms: 0, cpuMs: 0 };
  });
}
