/** A value as a transcript holds it: what JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What a broker did with one request of a scenario. */
export interface Entry {
  readonly scenario: string;
  /** Of the API that the scenario is about. */
  readonly version: number;
  readonly step: string;
  readonly outcome: 'response' | 'connection closed' | 'no response';
  /** Normalised; null without a response. */
  readonly response: Json;
}

/** All that one broker did, in the order of the scenarios. */
export interface Transcript {
  readonly entries: readonly Entry[];
  /** Runs of a scenario at one version. */
  readonly runs: number;
  readonly tookMs: number;
}

/** What tells the entries of one transcript apart, and pairs them with those of another. */
export function entryKey(entry: Entry): string {
  return `${entry.scenario} v${entry.version} / ${entry.step}`;
}
