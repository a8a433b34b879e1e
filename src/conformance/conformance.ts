import { CleanUp, type Leftovers } from './clean-up.ts';
import type { KnownDifference } from './known.ts';
import { offers } from './offered.ts';
import { type PlayedRun, play, versionsOf } from './run.ts';
import type { Scenario } from './scenario.ts';
import {
  type Assumption,
  brokenAssumptions,
  type OtherSetting,
  otherSettings,
  recordedConfigs,
  shownOtherwise,
  whyLeftOut,
} from './settings.ts';
import { apiOf, type Expected, expectationsOf, type KafkaVersion, type Recorded, versionKey } from './stored-transcripts.ts';
import type { Target } from './target.ts';
import type { Venue } from './venue.ts';
import { type Figures, type Found, figuresOf, verdictOn } from './verdict.ts';

/**
 * differs: something is unexplained. known: it differs, and all of that is listed. not offered: the broker does not have the version. not recorded:
 * nobody knows what is right. left out: scenarios tell nothing on this broker, or disturb others. not played: the time was over before.
 */
export type Status = 'pass' | 'differs' | 'known' | 'not offered' | 'not recorded' | 'left out' | 'not played';

export interface VersionResult {
  readonly api: string;
  readonly apiKey: number;
  readonly version: number;
  readonly status: Status;
  /** Whose word counted; null: nobody's. */
  readonly kafka: KafkaVersion | null;
  readonly steps: number;
  readonly unexplained: number;
  readonly known: number;
  /** Scenarios that were not played, each with the reason. */
  readonly leftOut: readonly { readonly scenario: string; readonly reason: string }[];
}

export interface ConformanceResult {
  readonly target: Target;
  readonly against: KafkaVersion;
  readonly versions: readonly VersionResult[];
  readonly found: readonly Found[];
  readonly runs: readonly PlayedRun[];
  readonly figures: Figures;
  readonly otherSettings: readonly OtherSetting[];
  readonly brokenAssumptions: readonly Assumption[];
  /** Why it ended early; null: it did not. */
  readonly stopped: string | null;
  /** Topics and groups that could not be deleted; null: nobody knows. */
  readonly leftovers: Leftovers | null;
  readonly tookMs: number;
}

export interface ConformanceOptions {
  /** Whose word counts where both Apache Kafkas have a version. */
  readonly against: KafkaVersion;
  readonly scenarios: readonly Scenario[];
  /** Which versions of which APIs. */
  readonly wanted: (apiKey: number, version: number) => boolean;
  /** Differences that are meant. */
  readonly known: readonly KnownDifference[];
  /** Plays scenarios, too, that change what others on the cluster see. */
  readonly disturb: boolean;
  readonly atOnce: number;
  /** Of one run of a scenario. */
  readonly scenarioTimeoutMs: number;
  /** Of all; what is not played by then is not. */
  readonly timeoutMs: number;
  /** Begins the name of every topic and group. */
  readonly runId: string;
  readonly signal: AbortSignal;
  progress?(done: Progress): void;
}

export interface Progress {
  readonly runs: number;
  readonly of: number;
  /** Runs that broke off. */
  readonly brokenOff: number;
  readonly last: PlayedRun | null;
}

/** What is to be said of a version before anything is played. */
interface Plan {
  readonly versions: readonly (Pick<VersionResult, 'api' | 'apiKey' | 'version' | 'leftOut'> & {
    readonly status: Status | null;
    readonly scenarios: number;
  })[];
  readonly plays: (scenario: Scenario, version: number) => boolean;
}

const DISTURBS = 'it changes what others on the cluster see';
const ONLY_ALONE = 'it tells nothing on one of several brokers';

/**
 * Plays scenarios on a broker and holds what it does against what Apache Kafka did. Deletes what it has made, however it ends.
 * @param venue how the target is reached
 */
export async function checkConformance(
  venue: Pick<Venue, 'transport' | 'clock'>,
  target: Target,
  recorded: Recorded,
  options: ConformanceOptions,
): Promise<ConformanceResult> {
  const { against, scenarios, runId } = options;
  const started = venue.clock.monotonicMs();
  const expected = expectationsOf(recorded, against);
  const others = target.configs ? otherSettings(recordedConfigs(recorded[against], target.configs.version), target.configs.list) : [];
  const broken = brokenAssumptions(others);
  const plan = planOf(target, expected, broken, options);
  const stop = new AbortController();
  const interrupted = () => stop.abort(options.signal.reason);
  options.signal.addEventListener('abort', interrupted, { once: true });
  if (options.signal.aborted) interrupted();
  const late = venue.clock.after(options.timeoutMs, () => stop.abort(new Error(`the time was over (${options.timeoutMs / 1000} s)`)));
  const runs: PlayedRun[] = [];
  const stage = { ...venue, address: target.address, runId, self: target.self, pinned: target.brokers > 1 };
  let leftovers: Leftovers | null = null;
  try {
    const of = scenarios.reduce((sum, scenario) => sum + versionsOf(scenario).filter((version) => plan.plays(scenario, version)).length, 0);
    options.progress?.({ runs: 0, of, brokenOff: 0, last: null });
    await play(stage, scenarios, plan.plays, {
      atOnce: options.atOnce,
      timeoutMs: options.scenarioTimeoutMs,
      signal: stop.signal,
      cleansUp: true,
      triesAgain: true,
      ended: (run) => {
        // What was broken off from outside tells nothing.
        if (!(run.brokeOff && stop.signal.aborted)) runs.push(run);
        options.progress?.({ runs: runs.length, of, brokenOff: runs.filter(({ brokeOff }) => brokeOff).length, last: run });
        if (tooManyBreak(runs))
          stop.abort(new Error(`${MAX_BREAKS_IN_A_ROW} scenarios in a row broke off, the last with: ${run.brokeOff}`));
      },
    });
  } finally {
    late.cancel();
    options.signal.removeEventListener('abort', interrupted);
    const cleanUp = new CleanUp(stage);
    leftovers = await cleanUp.sweep(runId);
    await cleanUp.close();
  }
  const played = new Set(runs.map(({ scenario, version }) => versionKey(scenario.name, version)));
  const verdict = verdictOn(
    runs.flatMap(({ entries }) => entries),
    {
      expected,
      played: (scenario, version) => played.has(versionKey(scenario, version)),
      known: options.known,
      settings: shownOtherwise(others),
    },
  );
  return {
    target,
    against,
    versions: resultsOf(plan, verdict.versions, expected),
    found: verdict.found,
    runs,
    figures: figuresOf(`${target.address.host}:${target.address.port}`, verdict),
    otherSettings: others,
    brokenAssumptions: broken,
    stopped: stop.signal.aborted ? reasonOf(stop.signal.reason) : null,
    leftovers,
    tookMs: venue.clock.monotonicMs() - started,
  };
}

/** So many mean that the broker is gone, or no place to play. */
const MAX_BREAKS_IN_A_ROW = 20;

const tooManyBreak = (runs: readonly PlayedRun[]): boolean =>
  runs.length >= MAX_BREAKS_IN_A_ROW && runs.slice(-MAX_BREAKS_IN_A_ROW).every(({ brokeOff }) => brokeOff !== null);

const reasonOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));

function planOf(target: Target, expected: ReadonlyMap<string, Expected>, broken: readonly Assumption[], options: ConformanceOptions): Plan {
  const { scenarios, wanted, disturb } = options;
  const reasonToLeaveOut = ({ name, disturbs, onlyAlone }: Scenario): string | null => {
    if (disturbs && !disturb) return DISTURBS;
    return onlyAlone && target.brokers > 1 ? ONLY_ALONE : whyLeftOut(name, broken);
  };
  const plays = new Set<string>();
  const versions: Plan['versions'][number][] = [];
  const apis = new Map(scenarios.map(({ name, apiKey }) => [apiKey, apiOf(name)]));
  for (const [apiKey, api] of apis) {
    const own = scenarios.filter((scenario) => scenario.apiKey === apiKey);
    const covered = new Set(own.flatMap(versionsOf));
    const [first, last] = target.offered.get(apiKey) ?? [0, -1];
    for (let version = first; version <= last; version++) covered.add(version);
    for (const version of [...covered].sort((a, b) => a - b).filter((each) => wanted(apiKey, each))) {
      const place = { api, apiKey, version };
      const isOffered = offers(target.offered, apiKey, version);
      const known = expected.get(versionKey(api, version));
      if (!isOffered || !known) {
        versions.push({ ...place, leftOut: [], scenarios: 0, status: isOffered ? 'not recorded' : 'not offered' });
        continue;
      }
      const recordedNames = new Set(known.entries.map(({ scenario }) => scenario));
      const here = own.filter((scenario) => versionsOf(scenario).includes(version) && recordedNames.has(scenario.name));
      const leftOut = here.flatMap((scenario) => {
        const reason = reasonToLeaveOut(scenario);
        return reason === null ? [] : [{ scenario: scenario.name, reason }];
      });
      const played = here.filter(({ name }) => leftOut.every(({ scenario }) => scenario !== name));
      for (const { name } of played) plays.add(versionKey(name, version));
      versions.push({ ...place, leftOut, scenarios: played.length, status: played.length === 0 ? 'left out' : null });
    }
  }
  return { versions, plays: ({ name }, version) => plays.has(versionKey(name, version)) };
}

function resultsOf(
  plan: Plan,
  verdicts: ReturnType<typeof verdictOn>['versions'],
  expected: ReadonlyMap<string, Expected>,
): VersionResult[] {
  const byVersion = new Map(verdicts.map((verdict) => [versionKey(verdict.api, verdict.version), verdict]));
  return plan.versions.map(({ status, scenarios, ...place }) => {
    const key = versionKey(place.api, place.version);
    const verdict = byVersion.get(key);
    const count = (kind: Found['kind']) => verdict?.found.filter((each) => each.kind === kind).length ?? 0;
    const [unexplained, known] = [count('unexplained'), count('known')];
    const judged: Status = unexplained > 0 ? 'differs' : known > 0 ? 'known' : 'pass';
    return {
      ...place,
      status: status ?? (verdict ? judged : 'not played'),
      kafka: status === null ? (expected.get(key)?.kafka ?? null) : null,
      steps: verdict?.steps ?? 0,
      unexplained,
      known,
    };
  });
}
