import { WORDING_FIELDS } from './normaliser.ts';
import type { Entry, Json, Transcript } from './transcript.ts';
import { entryKey } from './transcript.ts';

/** One field, in one step, in which two brokers differ. */
export interface Difference {
  readonly scenario: string;
  readonly version: number;
  readonly step: string;
  /** Where in the response, as `topics.orders.errorCode`; `outcome` for the response as a whole; empty for a step that one side never came to. */
  readonly path: string;
  /** undefined: the field, or the step, is absent. */
  readonly expected: Json | undefined;
  readonly actual: Json | undefined;
  /** Only the wording differs: reported, not held against the broker. */
  readonly wordingOnly: boolean;
}

/** @param expected Apache Kafka's transcript */
export function compareTranscripts(expected: Transcript, actual: Transcript): Difference[] {
  const differences: Difference[] = [];
  const actualEntries = new Map(actual.entries.map((entry) => [entryKey(entry), entry]));
  const seen = new Set<string>();
  for (const entry of expected.entries) {
    const key = entryKey(entry);
    seen.add(key);
    const other = actualEntries.get(key);
    if (other) compareEntries(entry, other, differences);
    else differences.push({ ...placeOf(entry), path: '', expected: entry.outcome, actual: undefined, wordingOnly: false });
  }
  for (const [key, entry] of actualEntries) {
    if (!seen.has(key)) differences.push({ ...placeOf(entry), path: '', expected: undefined, actual: entry.outcome, wordingOnly: false });
  }
  return differences;
}

function compareEntries(expected: Entry, actual: Entry, into: Difference[]): void {
  if (expected.outcome !== actual.outcome) {
    into.push({ ...placeOf(expected), path: 'outcome', expected: expected.outcome, actual: actual.outcome, wordingOnly: false });
    return;
  }
  compareValues(expected.response, actual.response, [], (path, a, b) => {
    const wordingOnly = WORDING_FIELDS.has(path.at(-1) ?? '') && typeof a === 'string' && typeof b === 'string';
    into.push({ ...placeOf(expected), path: path.join('.'), expected: a, actual: b, wordingOnly });
  });
}

type Found = (path: readonly string[], expected: Json | undefined, actual: Json | undefined) => void;

function compareValues(expected: Json | undefined, actual: Json | undefined, path: readonly string[], found: Found): void {
  if (expected === actual) return;
  if (!isContainer(expected) || !isContainer(actual) || Array.isArray(expected) !== Array.isArray(actual)) {
    found(path, expected, actual);
    return;
  }
  const a = expected as Record<string, Json>;
  const b = actual as Record<string, Json>;
  const renamed = Array.isArray(expected) ? new Map<string, string>() : renamedKeys(a, b);
  const others = new Set(renamed.values());
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (!others.has(key)) compareValues(a[key], b[renamed.get(key) ?? key], [...path, key], found);
  }
}

/**
 * Elements that stand under another key on the other side since a part of it differs, an id behind a name for one: compared with each other, so
 * that the part shows. Only where it is plain which belong together.
 */
function renamedKeys(a: Readonly<Record<string, Json>>, b: Readonly<Record<string, Json>>): Map<string, string> {
  const nameOf = (key: string) => /^\S+(?= )/.exec(key)?.[0] ?? key;
  const missing = Object.keys(a).filter((key) => !(key in b));
  const extra = Object.keys(b).filter((key) => !(key in a));
  return new Map(
    missing.flatMap((key) => {
      const alike = (keys: readonly string[]) => keys.filter((other) => nameOf(other) === nameOf(key));
      const [pair, ...more] = alike(extra);
      return pair !== undefined && more.length === 0 && alike(missing).length === 1 ? [[key, pair] as const] : [];
    }),
  );
}

const isContainer = (value: Json | undefined): boolean => typeof value === 'object' && value !== null;
const placeOf = ({ scenario, version, step }: Entry) => ({ scenario, version, step });
