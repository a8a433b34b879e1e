import { prng } from '../support/prng.ts';

/** Choices that one seed gives again. */
export interface Chance {
  /** From 0 to below `end`. */
  below(end: number): number;
  /** From `first` to `last`, both included. */
  between(first: number, last: number): number;
  /** True in so many of a hundred cases. */
  percent(chance: number): boolean;
  pick<T>(values: readonly T[]): T;
  bytes(length: number): Buffer;
}

export function chance(seed: number): Chance {
  const random = prng(seed);
  const below = (end: number) => Math.floor(random() * end);
  return {
    below,
    between: (first, last) => first + below(last - first + 1),
    percent: (percent) => random() * 100 < percent,
    pick: (values) => values[below(values.length)]!,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
