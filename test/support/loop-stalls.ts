import { closeSync, openSync, readSync } from 'node:fs';

const TICK_MS = 1;

export interface LoopStalls {
  /** The longest that this process held its event loop up. */
  readonly stallMs: number;
  /** The longest that the loop was late, whoever had the processor meanwhile. */
  readonly lateMs: number;
}

/**
 * Watches the event loop of this process with a timer, and takes off what the kernel says the thread waited for a processor (schedstat, on
 * Linux): on a machine that has more to do than it can everybody is late. @returns what ends it
 */
export function startMeasuringStalls(): () => LoopStalls {
  const waited = openWaited();
  let stallMs = 0;
  let lateMs = 0;
  let last = performance.now();
  let lastWaited = waited.ms();
  const timer = setInterval(() => {
    const now = performance.now();
    const nowWaited = waited.ms();
    const late = now - last - TICK_MS;
    lateMs = Math.max(lateMs, late);
    stallMs = Math.max(stallMs, late - (nowWaited - lastWaited));
    last = now;
    lastWaited = nowWaited;
  }, TICK_MS);
  return () => {
    clearInterval(timer);
    waited.close();
    return { stallMs: round(stallMs), lateMs: round(lateMs) };
  };
}

const round = (ms: number) => Math.round(ms * 100) / 100;

/** How long the main thread was ready to run and did not. */
function openWaited(): { ms(): number; close(): void } {
  let file: number;
  try {
    file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  } catch {
    return { ms: () => 0, close: () => {} };
  }
  const bytes = Buffer.alloc(128);
  return {
    ms: () => Number(bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.byteLength, 0)).split(' ')[1]) / 1e6,
    close: () => closeSync(file),
  };
}
