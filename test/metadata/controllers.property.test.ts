import { expect, test } from 'vitest';
import { type SafetyRule, safetyRules } from '../../src/core/safety-rules.ts';
import { World } from './controllers-world.ts';

/** `CONTROLLER_SEEDS=2000` runs more of them, `CONTROLLER_SEED=17` this one alone. */
const SEEDS = Number(process.env.CONTROLLER_SEED ? 1 : (process.env.CONTROLLER_SEEDS ?? 40));
const FIRST = Number(process.env.CONTROLLER_SEED ?? 1);
const STEPS = 150;
const MOST_MS = 600_000;

async function runSeed(seed: number, what: { more?: boolean; disks?: boolean } = {}): Promise<World> {
  const world = new World(seed, what);
  await world.run(STEPS);
  return world;
}

test(
  'whatever fails, leaders are elected by the rules, nothing committed is lost, and all is available when the faults end',
  async () => {
    const seen = { elections: 0, committed: 0, excused: 0 };
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const { failures, counts } = await runSeed(seed);
      expect(failures, `CONTROLLER_SEED=${seed}`).toEqual([]);
      for (const name of ['elections', 'committed', 'excused'] as const) seen[name] += counts[name];
    }
    expect(Math.min(seen.elections, seen.committed)).toBeGreaterThan(SEEDS);
  },
  MOST_MS,
);

test(
  'nor when partitions are reassigned meanwhile, min ISR changes, and brokers stop in order',
  async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const { failures } = await runSeed(seed, { more: true });
      expect(failures, `CONTROLLER_SEED=${seed}`).toEqual([]);
    }
  },
  MOST_MS,
);

test(
  'nor when disks fail under brokers that go on: nobody on a failed disk is elected, or counts, and what it held is not lost with it',
  async () => {
    let [failedDisks, replacedDisks] = [0, 0];
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const { failures, counts } = await runSeed(seed, { more: seed % 2 === 0, disks: true });
      expect(failures, `CONTROLLER_SEED=${seed}`).toEqual([]);
      failedDisks += counts.failedDisks;
      replacedDisks += counts.replacedDisks;
    }
    expect(failedDisks).toBeGreaterThan(SEEDS);
    expect(replacedDisks).toBeGreaterThan(0);
  },
  MOST_MS,
);

test.each(['checkOffline', 'suspectFailedDisk'] as const)(
  'it would be seen if the code did without the rule %s',
  async (rule) => {
    safetyRules[rule] = false;
    try {
      expect(await firstFailure({ disks: true })).toBeDefined();
    } finally {
      safetyRules[rule] = true;
    }
  },
  MOST_MS,
);

/** What the metadata alone show within a few seeds; the simulation shows the others. */
const SEEN: readonly SafetyRule[] = [
  'controllerWriteAtRev',
  'isrWriteAtRev',
  'electOnlyEligible',
  'leaderEpochGrows',
  'leadUnderOneRegistration',
  'keepElr',
  'emptyElrAtMinIsr',
  'keepLastMember',
  'checkDirectoryId',
  'checkGeneration',
  'waitForAllMembers',
  'electHighestLog',
  'watermarkStandsUnderMinIsr',
];

test.each(SEEN)(
  'it would be seen if the code did without the rule %s',
  async (rule) => {
    safetyRules[rule] = false;
    try {
      expect(await firstFailure()).toBeDefined();
    } finally {
      safetyRules[rule] = true;
    }
  },
  MOST_MS,
);

async function firstFailure(what: { disks?: boolean } = {}): Promise<string | undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { failures } = await runSeed(seed, what);
    if (failures.length > 0) return failures[0];
  }
  return undefined;
}
