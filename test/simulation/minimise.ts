import type { Fault } from './faults.ts';
import type { RunResult } from './run.ts';

/** Runs that a minimisation may take. */
const MAX_RUNS = 120;

/** The fewest faults found with which the run still fails in the same way: halves are left out first, single ones last. */
export async function minimise(failed: RunResult, again: (faults: readonly Fault[]) => Promise<RunResult>): Promise<RunResult> {
  let smallest = failed;
  let runs = 0;
  for (let size = Math.ceil(failed.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < smallest.faults.length && runs < MAX_RUNS; ) {
      const faults = smallest.faults.filter((_, i) => i < from || i >= from + size);
      runs++;
      const result = await again(faults);
      if (result.failure?.kind === failed.failure?.kind) smallest = result;
      else from += size;
    }
  }
  return smallest;
}
