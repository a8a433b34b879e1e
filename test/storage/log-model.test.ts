import { expect, test } from 'vitest';
import { LogRunFaults } from './log-run-faults.ts';

/** By hand: LOG_MODEL_OPERATIONS=100000 LOG_MODEL_SEED=7 npx vitest run test/storage/log-model.test.ts */
const OPERATIONS = Number(process.env.LOG_MODEL_OPERATIONS ?? 6000);
/** The same each time, so that a failure is of the change at hand; other seeds and long runs by hand look further. */
const SEEDS = process.env.LOG_MODEL_SEED ? [Number(process.env.LOG_MODEL_SEED)] : [1, 2];
/** Then another log begins, compacted or not in turn. */
const OPERATIONS_PER_LOG = 3000;
/** From so many on each kind of operation comes at least once in a thousand: else it would not be tried at all. */
const ENOUGH = 6000;
/** An operation that takes longer waits for something that does not come. */
const LONGEST_MS = 30_000;

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it does not end')), LONGEST_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const timeout = Math.max(120_000, OPERATIONS * 10);

test.each(SEEDS)('seed %i: a log is as a plain array, whatever is done to it and whatever fails', { timeout }, async (seed) => {
  console.info(`log model: seed ${seed}, ${OPERATIONS} operations`);
  const counts = new Map<string, number>();
  for (let done = 0; done < OPERATIONS; done += OPERATIONS_PER_LOG) {
    const index = done / OPERATIONS_PER_LOG;
    const run = new LogRunFaults(seed + index, index % 2 === 1);
    for (const name of Object.keys(run.operations)) counts.set(name, counts.get(name) ?? 0);
    for (let i = done; i < Math.min(OPERATIONS, done + OPERATIONS_PER_LOG); i++) {
      try {
        const name = await within(run.step());
        counts.set(name, counts.get(name)! + 1);
      } catch (error) {
        const what = error instanceof Error ? error.message : String(error);
        throw new Error(`operation ${i} of seed ${seed}: ${what}\nafter ${run.trail.join('\n  ')}`, { cause: error });
      }
    }
    await run.checkAll();
  }
  if (process.env.LOG_MODEL_OPERATIONS) console.info([...counts].map(([name, count]) => `${name} ${count}`).join(', '));
  if (OPERATIONS >= ENOUGH) for (const [name, count] of counts) expect(count, `times: ${name}`).toBeGreaterThan(OPERATIONS / 1000);
});
