import { prng } from '../support/prng.ts';

/** Chance of one seed. Each part of the simulation has its own stream, so that a change in one leaves the others as they were. */
export class Random {
  private readonly next: () => number;
  private readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
    this.next = prng(seed);
    this.next();
  }

  /** A stream of its own, named. */
  fork(name: string): Random {
    let hash = this.seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x9e3779b1) ^ (hash >>> 13);
    return new Random(hash >>> 0);
  }

  /** In [0, 1). */
  unit(): number {
    return this.next();
  }
  /** An integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  /** In [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
  /** One of the names, each as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const names = Object.keys(weights) as K[];
    let at = this.next() * names.reduce((sum, name) => sum + weights[name], 0);
    for (const name of names) if ((at -= weights[name]) < 0) return name;
    return names.at(-1)!;
  }
  bytes(n: number): Buffer {
    const bytes = Buffer.alloc(n);
    for (let i = 0; i < n; i++) bytes[i] = this.below(256);
    return bytes;
  }
}
