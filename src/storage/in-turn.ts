import { asError } from '../core/errors.ts';
import type { Done } from './log-types.ts';

/** Runs steps one after the other, until one fails. A step may throw instead of reporting. */
export function inTurn(steps: readonly ((done: Done) => void)[], done: Done): void {
  let i = 0;
  // A loop, not recursion: thousands of steps may all report before they return.
  let running = false;
  let reported = false;
  const next: Done = (error) => {
    if (error) {
      i = Number.POSITIVE_INFINITY;
      done(error);
      return;
    }
    reported = true;
    if (!running) run();
  };
  const run = () => {
    running = true;
    for (reported = true; reported && i < steps.length; ) {
      reported = false;
      try {
        steps[i++]!(next);
      } catch (error) {
        next(asError(error));
      }
    }
    running = false;
    if (reported && i === steps.length) {
      i = Number.POSITIVE_INFINITY;
      done(null);
    }
  };
  run();
}

/** Runs steps that never fail, so many at once. */
export function inLanes(steps: readonly ((done: Done) => void)[], lanes: number, done: () => void): void {
  let running = lanes;
  for (let lane = 0; lane < lanes; lane++) {
    const ended = () => {
      if (--running === 0) done();
    };
    inTurn(
      steps.filter((_, i) => i % lanes === lane),
      ended,
    );
  }
}
