import type { Clock } from '../core/clock.ts';

/** How long such work may keep the loop for itself before everything else gets its turn. */
const SLICE_MS = 10;

/**
 * Does something with each of many things, in slices. Where `each` says true there is more to do with the same one, when the others had their
 * turn. `isOver` is asked before each slice; once it holds, neither `each` nor `done` is called again.
 */
export function inSlices<T>(clock: Clock, all: readonly T[], each: (one: T) => boolean, isOver: () => boolean, done: () => void): void {
  const goOn = (from: number) => {
    if (isOver()) return;
    const startMs = clock.monotonicMs();
    let next = from;
    let more = false;
    while (!more && next < all.length && (next === from || clock.monotonicMs() - startMs < SLICE_MS)) {
      more = each(all[next]!);
      if (!more) next++;
    }
    if (next < all.length) clock.soon(() => goOn(next));
    else done();
  };
  goOn(0);
}
