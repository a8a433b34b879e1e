const LONG_MS = 2 ** 30;

/**
 * Keeps this process from ending while nothing is waited for but what keeps none alive: a timer of the Clock, a thread, a socket that is paused.
 * @returns what ends it
 */
export function stayAlive(): () => void {
  const timer = setInterval(() => {}, LONG_MS);
  return () => clearInterval(timer);
}

/** Keeps this process from ending until `work` is finished. */
export async function aliveUntil<T>(work: Promise<T>): Promise<T> {
  const release = stayAlive();
  try {
    return await work;
  } finally {
    release();
  }
}
