import { describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { append, closeStore, openStore, orders, produced, readAll } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';

// One test for each sentence of docs/durability.md, in its words. Each dies at many moments of a load, and loses what a disk may lose then.

const RUNS = Number(process.env.DURABILITY_RUNS ?? 60);
const SEED = Number(process.env.DURABILITY_SEED ?? Date.now() % 1_000_000);

type End = 'process' | 'machine';

/** One broker's log under load until it dies. */
class Load {
  readonly files: MemoryFiles = memoryFiles();
  readonly clock: FakeClock = fakeClock();
  readonly random: () => number;
  /** In the order of their offsets. */
  readonly appended: string[] = [];
  /** How many of them were acknowledged, and seen by a reader, in the order of their offsets; and were so this long before the end. */
  acknowledged = 0;
  read = 0;
  readonly acknowledgedAt: number[] = [];
  private isDead = false;
  private readonly store: LogStore;
  readonly log: PartitionLog;
  private readonly config: Partial<LogConfig>;

  constructor(seed: number, config: Partial<LogConfig>) {
    this.random = prng(seed);
    this.config = config;
    this.store = openStore(this.files, '/data', this.clock);
    this.log = orders(this.store, config);
  }

  below(n: number): number {
    return Math.floor(this.random() * n);
  }

  /** Appends, some at once, and reads as a consumer does; the disk takes its turns meanwhile. */
  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      for (let count = this.below(4); count > 0; count--) this.append(1 + this.below(3));
      for (let turns = this.below(4); turns > 0; turns--) await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.below(3) === 0) await this.clock.advance(this.below(400));
      this.read = Math.max(this.read, this.log.logEndOffset);
    }
  }

  private append(count: number): void {
    const keys = Array.from({ length: count }, (_, i) => `k${this.appended.length + i}`);
    this.appended.push(...keys);
    const end = this.appended.length;
    append(this.log, produced(keys, 1000, 10 + this.below(300))).done.then(
      () => {
        if (this.isDead) return; // what is left of its broker in this process tells nobody any more
        this.acknowledged = Math.max(this.acknowledged, end);
        this.acknowledgedAt[end] = this.clock.monotonicMs();
      },
      () => {},
    );
  }

  stop(): Promise<void> {
    return closeStore(this.store);
  }

  /** The end, and what the next broker has. */
  async die(how: End): Promise<string[]> {
    this.isDead = true;
    if (how === 'process') this.files.kill();
    else this.files.crash(this.below(4) === 0 ? undefined : this.random, { torn: this.below(2) === 0 });
    return this.survivors();
  }
  async survivors(): Promise<string[]> {
    const log = orders(openStore(this.files, '/data', fakeClock()), this.config);
    return (await readAll(log)).map(({ key }) => key);
  }
}

/** @param check gets what was appended and what is left */
async function manyEnds(config: Partial<LogConfig>, how: End, check: (load: Load, left: string[]) => void): Promise<void> {
  for (let i = 0; i < RUNS; i++) {
    const load = new Load(SEED + i, { segmentBytes: 2000, ...config });
    await load.run(1 + load.below(12));
    const left = await load.die(how);
    try {
      expect(left).toEqual(load.appended.slice(0, left.length)); // a prefix, always
      check(load, left);
    } catch (error) {
      throw new Error(`DURABILITY_SEED=${SEED + i}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

describe.each<[string, Partial<LogConfig>]>([
  ['the default', {}],
  ['flush.ms', { flushMs: 100 }],
  ['flush.messages=5', { flushMessages: 5 }],
  ['flush.messages=1', { flushMessages: 1 }],
])('the process dies, with %s', (_, config) => {
  test('everything that was acknowledged or read is there', () =>
    manyEnds(config, 'process', ({ acknowledged, read }, left) =>
      expect(left.length).toBeGreaterThanOrEqual(Math.max(acknowledged, read)),
    ));
});

describe('the machine dies', () => {
  test('the default: what is left is a prefix of what was appended, and may be all or nothing', async () => {
    const shares = new Set<string>();
    await manyEnds({}, 'machine', ({ acknowledged }, left) => {
      shares.add(left.length === 0 ? 'nothing' : left.length < acknowledged ? 'some' : 'all');
    });
    expect(shares.size).toBeGreaterThan(1); // else these ends prove nothing
  });

  test('the default: a segment that is full is durable soon after the log has rolled', async () => {
    for (let i = 0; i < RUNS; i++) {
      const load = new Load(SEED + i, { segmentBytes: 2000 });
      await load.run(10);
      await load.clock.advance(1);
      for (let turns = 0; turns < 100; turns++) await new Promise<void>((resolve) => setImmediate(resolve));
      const activeBase = load.log.segmentStarts().at(-1)!.baseOffset;
      expect((await load.die('machine')).length).toBeGreaterThanOrEqual(activeBase);
    }
  });

  test('flush.ms=T: what was acknowledged more than T ms before, and the time that a sync takes, is there', () =>
    manyEnds({ flushMs: 100 }, 'machine', ({ acknowledgedAt, clock }, left) => {
      const oldEnough = acknowledgedAt.findLastIndex((at) => at !== undefined && clock.monotonicMs() - at > 100 + 400); // a step of the load: the sync
      expect(left.length).toBeGreaterThanOrEqual(oldEnough);
    }));

  test('flush.messages=N: at most N - 1 of what was acknowledged or read are gone', () =>
    manyEnds({ flushMessages: 5 }, 'machine', ({ acknowledged, read }, left) =>
      expect(left.length).toBeGreaterThanOrEqual(Math.max(acknowledged, read) - 4),
    ));

  test('flush.messages=1: everything that was acknowledged or read is there', () =>
    manyEnds({ flushMessages: 1 }, 'machine', ({ acknowledged, read }, left) =>
      expect(left.length).toBeGreaterThanOrEqual(Math.max(acknowledged, read)),
    ));

  test('after a clean stop everything is there, whatever the setting', async () => {
    for (let i = 0; i < RUNS / 4; i++) {
      const load = new Load(SEED + i, { segmentBytes: 2000 });
      await load.run(5);
      await load.stop();
      expect(await load.die('machine')).toEqual(load.appended);
    }
  });
});

describe('the disk fails', () => {
  const refused = { errorName: 'KAFKA_STORAGE_ERROR' };

  test('a sync fails: nothing that needed it was acknowledged or read, the log answers KAFKA_STORAGE_ERROR, and no sync is tried again', async () => {
    for (const how of ['process', 'machine'] as const) {
      const load = new Load(SEED, { flushMessages: 1 });
      await load.run(3);
      await load.clock.advance(10);
      const before = load.log.logEndOffset;
      load.files.failNext('sync', 'EIO', { path: '.log', losesNothing: how === 'process' });
      await expect(append(load.log, produced(['lost'])).done).rejects.toMatchObject(refused);
      await expect(readAll(load.log, 0)).rejects.toMatchObject(refused);
      expect(() => append(load.log, produced(['more']))).toThrow(expect.objectContaining(refused));
      const left = await load.die(how);
      expect(left.slice(0, before)).toEqual(load.appended.slice(0, before));
    }
  });

  test('the disk is full: what does not fit is refused, what is there stays and is read, and when there is room appends go on', async () => {
    const load = new Load(SEED, {});
    await load.run(3);
    await load.clock.advance(10);
    const before = (await readAll(load.log, 0)).map(({ key }) => key);
    load.files.resize(load.files.usedBytes() + 100);
    await expect(append(load.log, produced(['lost'], 1000, 5000)).done).rejects.toMatchObject(refused);
    expect((await readAll(load.log, 0)).map(({ key }) => key)).toEqual(before);
    load.files.resize(2 ** 30);
    await append(load.log, produced(['more'])).done;
    expect(await load.die('process')).toEqual([...before, 'more']);
  });

  test('records that were durable and are damaged are not cut off: the log answers KAFKA_STORAGE_ERROR until somebody decides', async () => {
    const load = new Load(SEED, { segmentBytes: 100_000 });
    await load.run(5);
    await load.stop();
    load.files.flipBit('/data/orders-0/00000000000000000000.log', 80, 3);
    load.files.remove('/data/orders-0/00000000000000000000.index'); // so that all of it is verified
    await expect(load.survivors()).rejects.toMatchObject(refused);
    load.files.kill();
    load.files.remove('/data/recovery-point-offset-checkpoint'); // the decision: nothing is promised any more
    expect(await load.survivors()).toEqual([]);
  });
});
