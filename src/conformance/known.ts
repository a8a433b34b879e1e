import type { Difference } from './compare.ts';

/** A difference from Apache Kafka that is meant, or not yet removed. `*` in a pattern stands for any text. */
export interface KnownDifference {
  readonly scenario: string;
  /** Default: every step. */
  readonly step?: string;
  /** Default: every field. */
  readonly path?: string;
  /** First and last version that differ; default: all. */
  readonly versions?: readonly [number, number];
  /** Only where the field is absent on that side; default: any difference. */
  readonly absentIn?: 'Apache Kafka' | 'minikafka';
  readonly reason: string;
}

export interface KnownFound extends Difference {
  /** Of the first entry that has it. */
  readonly reason: string;
}

export interface Judged {
  readonly unknown: readonly Difference[];
  readonly known: readonly KnownFound[];
  readonly wording: readonly Difference[];
  /** Entries that matched nothing: the difference is gone, so the entry must go. */
  readonly stale: readonly KnownDifference[];
}

export function judge(differences: readonly Difference[], list: readonly KnownDifference[]): Judged {
  const matchers = list.map((entry) => ({ entry, matches: matcherOf(entry), used: false }));
  const unknown: Difference[] = [];
  const known: KnownFound[] = [];
  for (const difference of differences) {
    if (difference.wordingOnly) continue;
    const matching = matchers.filter(({ matches }) => matches(difference));
    for (const matcher of matching) matcher.used = true;
    if (matching[0]) known.push({ ...difference, reason: matching[0].entry.reason });
    else unknown.push(difference);
  }
  return {
    unknown,
    known,
    wording: differences.filter(({ wordingOnly }) => wordingOnly),
    stale: matchers.filter(({ used }) => !used).map(({ entry }) => entry),
  };
}

function matcherOf(entry: KnownDifference): (difference: Difference) => boolean {
  const scenario = patternOf(entry.scenario);
  const step = patternOf(entry.step ?? '*');
  const path = patternOf(entry.path ?? '*');
  const [first, last] = entry.versions ?? [0, Number.POSITIVE_INFINITY];
  return (difference) =>
    difference.version >= first &&
    difference.version <= last &&
    (entry.absentIn !== 'Apache Kafka' || difference.expected === undefined) &&
    (entry.absentIn !== 'minikafka' || difference.actual === undefined) &&
    scenario.test(difference.scenario) &&
    step.test(difference.step) &&
    path.test(difference.path);
}

/** `*` stands for any text; everything else for itself. */
export function patternOf(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}
