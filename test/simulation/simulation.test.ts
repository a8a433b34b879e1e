import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Fault } from './faults.ts';
import { minimise } from './minimise.ts';
import { catchRules } from './rules.ts';
import { run } from './run.ts';

// The seeds themselves run by `npm run simulate`, which CI does too; here is what they rest on.

async function traceOf(seed: number): Promise<{ lines: number; hash: string }> {
  const hash = createHash('sha256');
  let lines = 0;
  await run({
    seed,
    sink: (line) => {
      lines++;
      hash.update(`${line}\n`);
    },
  });
  return { lines, hash: hash.digest('hex') };
}

describe('the simulation', { timeout: 120_000 }, () => {
  test('gives one trace for one seed, byte for byte, whatever ran before', async () => {
    const first = await traceOf(4);
    expect(first.lines).toBeGreaterThan(10_000);
    await run({ seed: 5 });
    expect(await traceOf(4)).toEqual(first);
    expect(await traceOf(5)).not.toEqual(first);
  });

  test('passes a seed, and sees that leaders share an epoch when epochs no longer grow', async () => {
    const seen: string[] = [];
    for await (const { rule, result } of catchRules(['leaderEpochGrows'], [2, 3, 4, 5, 6, 7, 8], {})) {
      seen.push(`${rule} ${result.failure?.kind ?? 'passes'}`);
    }
    expect(seen.slice(-2)).toEqual(['null passes', expect.stringMatching(/^leaderEpochGrows (TWO LEADERS|LOSS|DIFFERENCE|WATERMARK)$/)]);
  });

  test('passes a seed with transactions, and sees that a transaction is ended by another when the coordinator asks for no epoch', async () => {
    const seen: string[] = [];
    for await (const { rule, result } of catchRules(['coordinatorChecksEpoch'], [2, 3, 4, 5], { transactions: true })) {
      expect(rule !== null || result.failure === null).toBe(true);
      expect(rule !== null || result.counts['txn committed']).toBeTruthy();
      seen.push(`${rule} ${result.failure?.kind ?? 'passes'}`);
    }
    expect(seen.slice(-2)).toEqual(['null passes', expect.stringMatching(/^coordinatorChecksEpoch (TRANSACTION|ISOLATION|HALF|OFFSETS)$/)]);
  });

  test('says what a failed run did, and with fewer faults where they suffice', async () => {
    const faults: Fault[] = [5_000, 8_000, 11_000, 14_000].map((atMs) => ({ atMs, name: 'kill', broker: 0, other: 0, forMs: 100 }));
    const needed = faults[2]!;
    const again = async (some: readonly Fault[]) => {
      const fails = some.includes(needed);
      return { ...passed, faults: some, failure: fails ? { kind: 'LOSS', text: 'LOSS: gone' } : null };
    };
    const passed = await run({ seed: 1, faults: [] });
    expect(passed.failure).toBeNull();
    expect(passed.transcript).toContain('FAULTS END');
    const smallest = await minimise(await again(faults), again);
    expect(smallest.faults).toEqual([needed]);
  });
});
