// Loaded into a broker process before its own program (`node --import`): notes in the file STALL_FILE, a line each, how long the event loop let a
// timer of 1 ms wait, with the processor time that the main thread took meanwhile and the time for which the system kept it waiting for a
// processor: `<ms since 1970> <waited ms> <on a processor ms> <kept from one ms>`. Only waits of SHORTEST_MS and more.
import { appendFileSync, openSync, readSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const SHORTEST_MS = 2;
const WRITE_EVERY_MS = 200;
const file = process.env.STALL_FILE;

if (isMainThread && file) {
  const schedstat = tryOpen('/proc/self/schedstat');
  const text = Buffer.alloc(128);
  // Linux: ns on a processor, ns ready but without one.
  const times = () => {
    if (schedstat === null) return [0, 0];
    const length = readSync(schedstat, text, 0, text.length, 0);
    return text.toString('latin1', 0, length).split(' ', 2).map(Number);
  };
  let lines = '';
  let lastMs = performance.now();
  let [lastOn, lastWaiting] = times();
  let writtenMs = lastMs;
  setInterval(() => {
    const nowMs = performance.now();
    const [on, waiting] = times();
    const waitedMs = nowMs - lastMs - 1;
    if (waitedMs >= SHORTEST_MS) {
      const took = [waitedMs, (on - lastOn) / 1e6, (waiting - lastWaiting) / 1e6];
      lines += `${Date.now()} ${took.map((ms) => ms.toFixed(2)).join(' ')}\n`;
    }
    if (lines && nowMs - writtenMs >= WRITE_EVERY_MS) {
      appendFileSync(file, lines);
      lines = '';
      writtenMs = performance.now();
    }
    [lastOn, lastWaiting] = times();
    lastMs = performance.now();
  }, 1).unref();
}

function tryOpen(path) {
  try {
    return openSync(path, 'r');
  } catch {
    return null; // not Linux
  }
}
