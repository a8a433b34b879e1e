import { rangesOf } from '../../conformance/report.ts';
import { usageError } from '../errors.ts';

export interface ApiVersionsHere {
  readonly key: number;
  readonly name: string;
  readonly versions: readonly [number, number];
}

/**
 * Which APIs and versions are meant by `Fetch,Produce:7,ListOffsets:1-3`; an API may be given by its key, too.
 * @param given as the option was given, several times perhaps; undefined: all
 * @throws CliError (usage)
 */
export function parseOnly(
  given: readonly string[] | undefined,
  apis: readonly ApiVersionsHere[],
): (apiKey: number, version: number) => boolean {
  if (given === undefined) return () => true;
  const wanted = given.flatMap((text) => text.split(',')).map((text) => parseOne(text.trim(), apis));
  return (apiKey, version) => wanted.some(({ key, first, last }) => key === apiKey && version >= first && version <= last);
}

function parseOne(text: string, apis: readonly ApiVersionsHere[]) {
  const [, name, from, to] = /^(\w+)(?::(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(text) ?? [];
  if (name === undefined)
    throw usageError(`--only ${text}: write an API, with versions if you like, as in Fetch, Produce:7 or ListOffsets:1-3`);
  const api = apis.find((each) => each.name.toLowerCase() === name.toLowerCase() || String(each.key) === name);
  if (!api) throw usageError(`--only ${text}: no scenario is about "${name}"; there are ${apis.map((each) => each.name).join(', ')}`);
  const [least, most] = api.versions;
  const first = from === undefined ? least : Number(from);
  const last = to === undefined ? (from === undefined ? Number.POSITIVE_INFINITY : first) : Number(to);
  if (first < least || first > most || last < first) {
    throw usageError(`--only ${text}: ${api.name} has ${rangesOf([least, most]).replace(',', '-')} here`);
  }
  return { key: api.key, first, last };
}
