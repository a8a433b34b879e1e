import type { Clock } from '../core/clock.ts';
import { othersTurn } from '../core/turns.ts';

/** How long one request may keep the loop for itself: it may name a million topics. */
const SLICE_MS = 20;

/** Does `act` for each item, one after the other; after each slice of work the other connections get their turn. */
export async function inSlices<T>(clock: Clock, items: Iterable<T>, act: (item: T) => void | Promise<void>): Promise<void> {
  let sinceMs = clock.monotonicMs();
  for (const item of items) {
    const doing = act(item);
    if (doing instanceof Promise) await doing;
    if (clock.monotonicMs() - sinceMs < SLICE_MS) continue;
    await othersTurn(clock);
    sinceMs = clock.monotonicMs();
  }
}
