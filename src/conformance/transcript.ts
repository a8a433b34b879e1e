/** A value as a transcript holds it: what JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A request as a reader sees it: decoded, with the names and ids of its run made plain. */
export interface Asked {
  /** Empty where the bytes are no request of any declared API. */
  readonly api: string;
  readonly version: number;
  readonly body: Json;
}

/** What a broker did with one request of a scenario. */
export interface Entry {
  readonly scenario: string;
  /** Of the API that the scenario is about. */
  readonly version: number;
  readonly step: string;
  readonly outcome: 'response' | 'connection closed' | 'no response';
  /** Normalised; null without a response. */
  readonly response: Json;
  /** For the reader of a difference: not compared, and not in stored transcripts. */
  readonly request?: Asked;
}

/** The step of a scenario that could not go on; its response is the reason. */
export const BROKE_OFF = 'the scenario broke off';

/** All that one broker did, in the order of the scenarios. */
export interface Transcript {
  readonly entries: readonly Entry[];
  /** Runs of a scenario at one version. */
  readonly runs: number;
  readonly tookMs: number;
}

/** What tells the entries of one transcript apart, and pairs them with those of another. */
export function entryKey(entry: Pick<Entry, 'scenario' | 'version' | 'step'>): string {
  return `${entry.scenario} v${entry.version} / ${entry.step}`;
}
