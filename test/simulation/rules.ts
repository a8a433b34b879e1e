import { type SafetyRule, safetyRules } from '../../src/core/safety-rules.ts';
import { type RunOptions, type RunResult, run } from './run.ts';

/** What was seen when a rule was taken out. */
export interface Caught {
  readonly rule: SafetyRule;
  readonly result: RunResult;
}

/**
 * Runs each seed as it is, which must pass, and then without each rule that was not caught yet, until all are. A rule is caught by the first
 * seed that fails without it and passes with it.
 */
export async function* catchRules(
  rules: readonly SafetyRule[],
  seeds: Iterable<number>,
  options: Omit<RunOptions, 'seed'>,
): AsyncGenerator<Caught | { readonly rule: null; readonly result: RunResult }> {
  const left = new Set(rules);
  for (const seed of seeds) {
    const sound = await run({ ...options, seed });
    yield { rule: null, result: sound };
    if (sound.failure) continue;
    for (const rule of [...left]) {
      safetyRules[rule] = false;
      try {
        const result = await run({ ...options, seed });
        if (!result.failure) continue;
        left.delete(rule);
        yield { rule, result };
      } finally {
        safetyRules[rule] = true;
      }
    }
    if (left.size === 0) return;
  }
}
