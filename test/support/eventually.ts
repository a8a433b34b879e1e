import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `check` until it no longer throws, and returns what it returns. For what can only be asked for, not waited for.
 * @throws what it threw last, when the deadline passes
 */
export async function eventually<T>(check: () => T | Promise<T>, deadlineMs = 20_000): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
