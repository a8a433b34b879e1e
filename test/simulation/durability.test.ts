import { expect, test } from 'vitest';
import type { Fault, FaultName } from './faults.ts';
import { run, type Shape } from './run.ts';

// What docs/durability.md says of three brokers, in its words. The checker knows every acknowledged record, and what each disk has lost.

const THREE: Shape = { brokers: 3, replicationFactor: 3, minIsr: 2, partitions: 1, calm: false };

/** One after the other, each when those before it are over. */
const oneByOne = (...names: FaultName[]): Fault[] =>
  names.map((name, i) => ({ atMs: 6_000 + 8_000 * i, name, broker: i + 1, other: i, forMs: 1_500 }));

async function survives(seed: number, faults: Fault[]): Promise<void> {
  const { failure, counts } = await run({ seed, shape: THREE, faults });
  expect(failure).toBeNull();
  expect(counts.tainted).toBe(0); // no record lost the disks that had promised it, so all that was acknowledged is held against the logs
  expect(counts.acknowledged).toBeGreaterThan(100);
}

test(
  'acks=all on three brokers: processes that die, the leader and all at once too, lose nothing that was acknowledged',
  {
    timeout: 120_000,
  },
  () => survives(31, oneByOne('kill', 'killLeader', 'killAll', 'kill')),
);

test(
  'acks=all on three brokers, each on a machine of its own: one machine that loses power loses nothing that was acknowledged, whatever was flushed',
  {
    timeout: 120_000,
  },
  () => survives(32, oneByOne('crash', 'crash', 'crash', 'crash')),
);

test(
  'acks=all on three brokers: a disk that comes back empty, or as an older copy, loses nothing that was acknowledged',
  {
    timeout: 120_000,
  },
  () => survives(33, oneByOne('emptyDisk', 'olderCopy', 'emptyDisk')),
);
