import { rangesOf } from './report.ts';
import { BROKE_OFF, type Entry, type Json } from './transcript.ts';

/** The Apache Kafkas from which expectations come: the current one, and the last that speaks the versions which 4.x dropped. */
export const KAFKA_VERSIONS = ['4.4.0', '3.9.1'] as const;
export type KafkaVersion = (typeof KAFKA_VERSIONS)[number];

/** What each of them did. */
export type Recorded = Readonly<Record<KafkaVersion, readonly Entry[]>>;

/**
 * The transcripts of one API as they are stored: by scenario and step, each answer once, with the versions at which it came, as in
 * `"4.4.0": "3-9,11"`.
 */
export interface StoredTranscripts {
  readonly api: string;
  readonly scenarios: { readonly [scenario: string]: { readonly [step: string]: readonly StoredAnswer[] } };
}

export interface StoredAnswer extends Readonly<Partial<Record<KafkaVersion, string>>> {
  /** Left out where there was a response. */
  readonly outcome?: Entry['outcome'];
  readonly response?: Json;
}

/** @throws Error when a scenario broke off: that is nothing to hold others against */
export function foldTranscripts(recorded: Recorded): StoredTranscripts[] {
  const apis = new Map<string, Map<string, Map<string, Map<string, Folded>>>>();
  for (const kafka of KAFKA_VERSIONS) {
    for (const { scenario, step, version, outcome, response } of recorded[kafka]) {
      if (step === BROKE_OFF) throw new Error(`Apache Kafka ${kafka}, ${scenario} v${version}: ${JSON.stringify(response)}`);
      const scenarios = at(apis, apiOf(scenario), () => new Map());
      const answers = at(
        at(scenarios, scenario, () => new Map()),
        step,
        () => new Map(),
      );
      const answer = at(answers, outcome + JSON.stringify(response), () => ({ outcome, response, versions: new Map() }));
      at(answer.versions, kafka, () => [] as number[]).push(version);
    }
  }
  const unmapped = <V, T>(map: Map<string, V>, change: (value: V) => T): Record<string, T> =>
    Object.fromEntries([...map].map(([key, value]) => [key, change(value)]));
  return [...apis].map(([api, scenarios]) => ({
    api,
    scenarios: unmapped(scenarios, (steps) => unmapped(steps, (answers) => [...answers.values()].map(storedOf))),
  }));
}

/** @param wanted which scenarios; default all */
export function unfoldTranscripts(stored: readonly StoredTranscripts[], wanted: (scenario: string) => boolean = () => true): Recorded {
  const recorded: Record<KafkaVersion, Entry[]> = { '4.4.0': [], '3.9.1': [] };
  for (const { scenarios } of stored) {
    for (const [scenario, steps] of Object.entries(scenarios)) {
      if (!wanted(scenario)) continue;
      for (const [step, answers] of Object.entries(steps)) {
        for (const { outcome = 'response', response = null, ...versions } of answers) {
          for (const kafka of KAFKA_VERSIONS) {
            for (const version of versionsIn(versions[kafka])) recorded[kafka].push({ scenario, version, step, outcome, response });
          }
        }
      }
    }
  }
  return recorded;
}

/**
 * What a broker is held against: at each version of an API one Apache Kafka, `first` if it has the version and another if not. Never both, as
 * they differ in what they do at the versions that they share.
 */
export function expectationsOf(recorded: Recorded, first: KafkaVersion): Map<string, Expected> {
  const expected = new Map<string, Expected>();
  for (const kafka of [first, ...KAFKA_VERSIONS.filter((other) => other !== first)]) {
    for (const entry of recorded[kafka]) {
      const key = versionKey(apiOf(entry.scenario), entry.version);
      const found = at(expected, key, () => ({ kafka, entries: [] }));
      if (found.kafka === kafka) (found.entries as Entry[]).push(entry);
    }
  }
  return expected;
}

/** What one version of an API is held against. */
export interface Expected {
  readonly kafka: KafkaVersion;
  readonly entries: readonly Entry[];
}

export const versionKey = (api: string, version: number): string => `${api} v${version}`;

/** The API that a scenario is about. */
export const apiOf = (scenario: string): string => scenario.slice(0, scenario.indexOf(':'));

interface Folded {
  readonly outcome: Entry['outcome'];
  readonly response: Json;
  readonly versions: Map<KafkaVersion, number[]>;
}

function storedOf({ outcome, response, versions }: Folded): StoredAnswer {
  const at = Object.fromEntries([...versions].map(([kafka, list]) => [kafka, rangesOf(list).slice(1)]));
  return outcome === 'response' ? { ...at, response } : { ...at, outcome };
}

/** `3-5,7` as [3, 4, 5, 7]. */
function versionsIn(ranges: string | undefined): number[] {
  return (ranges?.split(',') ?? []).flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}

function at<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

const WIDTH = 140;

/** JSON for reviewers: what fits on a line stands on one, so that a change of one field is a change of one line. */
export function layOut(value: Json, indent = ''): string {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= WIDTH) return flat;
  const inner = `${indent} `;
  const lines = Array.isArray(value)
    ? value.map((element) => inner + layOut(element, inner))
    : Object.entries(value).map(([key, element]) => `${inner}${JSON.stringify(key)}: ${layOut(element, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}
