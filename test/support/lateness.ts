import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;

/**
 * Measures how much later than asked for timers of this process fire: a bound on what others do is held less that, since a machine that has more
 * to do than it can makes everybody late. @returns what ends it and gives the sum of the two longest delays, in ms: one of whoever is watched, one of ours
 */
export function startMeasuringLateness(): () => number {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  return () => {
    delays.disable();
    return (2 * delays.max) / 1e6;
  };
}
