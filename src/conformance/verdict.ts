import { compareTranscripts, type Difference } from './compare.ts';
import { groupBy } from './group-by.ts';
import { judge, type KnownDifference } from './known.ts';
import { rangesOf } from './report.ts';
import { isOfSettings } from './settings.ts';
import { apiOf, type Expected, type KafkaVersion, versionKey } from './stored-transcripts.ts';
import { type Asked, BROKE_OFF, type Entry, entryKey, type Json } from './transcript.ts';

/**
 * unexplained: counts against the broker. known: listed with its reason. settings: the broker is set up otherwise than the one that was recorded.
 * wording: only the words of a message differ.
 */
export type Kind = 'unexplained' | 'known' | 'settings' | 'wording';

/** A difference with all that a reader needs to judge it. */
export interface Found extends Difference {
  readonly api: string;
  /** The Apache Kafka that does otherwise. */
  readonly kafka: KafkaVersion;
  readonly kind: Kind;
  /** Why it is meant, where that is known. */
  readonly reason: string | null;
  readonly request: Asked | null;
  /** The whole step on both sides; null where a side never came to it. */
  readonly expectedResponse: Json;
  readonly actualResponse: Json;
}

/** How one version of an API did. */
export interface VersionVerdict {
  readonly api: string;
  readonly version: number;
  readonly kafka: KafkaVersion;
  /** Steps that Apache Kafka took in the scenarios that were played. */
  readonly steps: number;
  readonly found: readonly Found[];
}

export interface Verdict {
  readonly versions: readonly VersionVerdict[];
  readonly found: readonly Found[];
  /** Known differences that did not occur. */
  readonly stale: readonly KnownDifference[];
}

export interface Against {
  readonly expected: ReadonlyMap<string, Expected>;
  /** Which runs were played: others are not compared. */
  readonly played: (scenario: string, version: number) => boolean;
  readonly known: readonly KnownDifference[];
  /** Configs that are set otherwise at the target (`shownOtherwise`). */
  readonly settings?: ReadonlySet<string>;
}

/** Holds what a broker did against what Apache Kafka did. */
export function verdictOn(actual: readonly Entry[], { expected, played, known, settings = new Set() }: Against): Verdict {
  const wanted = new Map(
    [...expected].map(([key, { kafka, entries }]) => [
      key,
      { kafka, entries: entries.filter(({ scenario, version }) => played(scenario, version)) },
    ]),
  );
  const expectedEntries = [...wanted.values()].flatMap(({ entries }) => entries);
  const all = compareTranscripts(asTranscript(expectedEntries), asTranscript(actual)).filter(notMerelyMissed(actual));
  const ofSettings = new Set(all.filter((difference) => !difference.wordingOnly && isOfSettings(difference, settings)));
  const judged = judge(
    all.filter((difference) => !ofSettings.has(difference)),
    known,
  );
  const [before, now] = [byKey(expectedEntries), byKey(actual)];
  const kafkaOf = (difference: Difference) => wanted.get(versionKey(apiOf(difference.scenario), difference.version))?.kafka ?? '4.4.0';
  const foundOf =
    (kind: Kind, reason: string | null) =>
    (difference: Difference): Found => {
      const [a, b] = [before.get(entryKey(difference)), now.get(entryKey(difference))];
      return {
        ...difference,
        // Of a scenario that broke off one wants to know why.
        ...(difference.step === BROKE_OFF && { actual: b?.response }),
        api: apiOf(difference.scenario),
        kafka: kafkaOf(difference),
        kind,
        reason,
        request: b?.request ?? null,
        expectedResponse: a?.response ?? null,
        actualResponse: b?.response ?? null,
      };
    };
  const found = [
    ...judged.unknown.map(foundOf('unexplained', null)),
    ...judged.known.map(({ reason, ...difference }) => foundOf('known', reason)(difference)),
    ...[...ofSettings].map(foundOf('settings', 'the broker is set up otherwise')),
    ...judged.wording.map(foundOf('wording', null)),
  ];
  const versions = [...wanted].map(([key, { kafka, entries }]): VersionVerdict => {
    const [api, version] = key.split(' v') as [string, string];
    const own = found.filter((each) => each.api === api && each.version === Number(version));
    return { api, version: Number(version), kafka, steps: entries.length, found: own };
  });
  return { versions: versions.filter(({ steps, found: own }) => steps + own.length > 0), found, stale: judged.stale };
}

/** Of a run that broke off the reason is told, not each step that it never came to. */
function notMerelyMissed(actual: readonly Entry[]): (difference: Difference) => boolean {
  const runOf = ({ scenario, version }: { scenario: string; version: number }) => `${scenario} v${version}`;
  const broken = new Set(actual.filter(({ step }) => step === BROKE_OFF).map(runOf));
  return (difference) => !(difference.path === '' && difference.actual === undefined && broken.has(runOf(difference)));
}

const asTranscript = (entries: readonly Entry[]) => ({ entries, runs: 0, tookMs: 0 });
const byKey = (entries: readonly Entry[]): Map<string, Entry> => new Map(entries.map((entry) => [entryKey(entry), entry]));

/** The numbers of one comparison, as docs and programs take them. */
export interface Figures {
  readonly target: string;
  readonly against: readonly FiguresAgainst[];
  /** By name of the API, then by Apache Kafka. */
  readonly apis: readonly FiguresOfApi[];
}

export interface FiguresOfApi {
  readonly api: string;
  /** The Apache Kafka that it was held against at these versions: `v0-2,5`. */
  readonly kafka: KafkaVersion;
  readonly versions: string;
  readonly steps: number;
  /** Differences whose reason is known. */
  readonly known: number;
  readonly unexplained: number;
}

export interface FiguresAgainst {
  /** Of Apache Kafka. */
  readonly version: KafkaVersion;
  readonly apis: number;
  /** Versions of APIs. */
  readonly versions: number;
  readonly steps: number;
  /** Differences by their reason. */
  readonly known: { readonly [reason: string]: number };
  readonly settings: number;
  readonly wording: number;
  readonly unexplained: number;
}

export function figuresOf(target: string, verdict: Verdict): Figures {
  const kafkas = [...new Set(verdict.versions.map(({ kafka }) => kafka))];
  const against = kafkas.map((version): FiguresAgainst => {
    const versions = verdict.versions.filter(({ kafka }) => kafka === version);
    const found = versions.flatMap((each) => each.found);
    const known: Record<string, number> = {};
    for (const { kind, reason } of found) if (kind === 'known' && reason !== null) known[reason] = (known[reason] ?? 0) + 1;
    const count = (kind: Kind) => found.filter((each) => each.kind === kind).length;
    return {
      version,
      apis: new Set(versions.map(({ api }) => api)).size,
      versions: versions.length,
      steps: versions.reduce((sum, { steps }) => sum + steps, 0),
      known,
      settings: count('settings'),
      wording: count('wording'),
      unexplained: count('unexplained'),
    };
  });
  return { target, against, apis: apiFigures(verdict) };
}

function apiFigures({ versions }: Verdict): FiguresOfApi[] {
  const nameOf = ({ api, kafka }: VersionVerdict) => `${api} ${kafka}`;
  const inOrder = [...groupBy(versions, nameOf)].sort(([a], [b]) => (a < b ? -1 : 1));
  return inOrder.map(([, own]) => {
    const count = (kind: Kind) => own.reduce((sum, { found }) => sum + found.filter((each) => each.kind === kind).length, 0);
    return {
      api: own[0]!.api,
      kafka: own[0]!.kafka,
      versions: rangesOf(own.map(({ version }) => version)),
      steps: own.reduce((sum, { steps }) => sum + steps, 0),
      known: count('known'),
      unexplained: count('unexplained'),
    };
  });
}

/** The figures as one line for each Apache Kafka. */
export function figureLines({ against }: Figures): string[] {
  return against.map(({ version, apis, versions, steps, known, settings, wording, unexplained }) => {
    const knownCount = Object.values(known).reduce((a, b) => a + b, 0);
    const parts = [`${unexplained} unexplained`, `${knownCount} known (${Object.keys(known).length} reasons)`, `${wording} in words only`];
    if (settings > 0) parts.push(`${settings} of settings`);
    return `Apache Kafka ${version}: ${steps} steps at ${versions} versions of ${apis} APIs; differences: ${parts.join(', ')}`;
  });
}
