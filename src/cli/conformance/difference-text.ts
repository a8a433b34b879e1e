import { groupBy } from '../../conformance/group-by.ts';
import { rangesOf } from '../../conformance/report.ts';
import type { Json } from '../../conformance/transcript.ts';
import type { Found } from '../../conformance/verdict.ts';
import { printable } from '../output.ts';

/** Steps with a difference that are shown without --verbose, fields of each, and characters of a value. */
const MAX_STEPS = 20;
const MAX_FIELDS = 8;
const MAX_VALUE = 120;
const MAX_REQUEST = 400;

/** Differences of one step, the same at several versions. */
interface StepDifferences {
  readonly versions: number[];
  readonly found: readonly Found[];
}

/**
 * Differences for a reader: under each API, versions, scenario and step the request and the fields that differ, with what Apache Kafka answers and
 * what came. Cut to what one reads, unless all is wanted: then with both responses, too.
 */
export function differenceLines(found: readonly Found[], verbose: boolean): string[] {
  const steps = byStep(found);
  const shown = verbose ? steps : steps.slice(0, MAX_STEPS);
  const lines = shown.flatMap((step) => stepLines(step, verbose));
  const more = steps.length - shown.length;
  if (more > 0) lines.push(`... and ${more} more steps; --verbose shows all, --only some`);
  return lines;
}

/** What differs in the same way at several versions stands together. */
function byStep(found: readonly Found[]): StepDifferences[] {
  const perVersion = groupBy(found, ({ scenario, step, version }) => `${scenario} / ${step} v${version}`);
  const alike = new Map<string, StepDifferences>();
  for (const own of perVersion.values()) {
    const { scenario, step, version, kafka } = own[0]!;
    const key = JSON.stringify([scenario, step, kafka, own.map(({ path, expected, actual }) => [path, expected, actual])]);
    const before = alike.get(key);
    if (before) before.versions.push(version);
    else alike.set(key, { versions: [version], found: own });
  }
  return [...alike.values()];
}

function stepLines({ versions, found }: StepDifferences, verbose: boolean): string[] {
  const [first] = found;
  const { api, scenario, step, kafka, request, expectedResponse, actualResponse } = first!;
  const lines = [`${api} ${rangesOf(versions)}  ${scenario.slice(api.length + 2)} / ${printable(step)}`];
  const fields = verbose ? found : found.slice(0, MAX_FIELDS);
  for (const { path, expected, actual, reason } of fields) {
    lines.push(
      `  ${path || '(step)'}: Apache Kafka ${kafka} ${show(expected, verbose)}, here ${show(actual, verbose)}${reason === null ? '' : `  (${reason})`}`,
    );
  }
  if (found.length > fields.length) lines.push(`  ... and ${found.length - fields.length} more fields`);
  if (request) {
    const sent = request.api === '' ? 'bytes' : `${request.api} v${request.version}`;
    lines.push(`  request ${sent}: ${cut(JSON.stringify(request.body), verbose ? Number.POSITIVE_INFINITY : MAX_REQUEST)}`);
  }
  if (verbose) {
    lines.push(`  Apache Kafka ${kafka}: ${JSON.stringify(expectedResponse)}`);
    lines.push(`  here: ${JSON.stringify(actualResponse)}`);
  }
  return lines;
}

function show(value: Json | undefined, whole: boolean): string {
  if (value === undefined) return 'nothing';
  return cut(JSON.stringify(value), whole ? Number.POSITIVE_INFINITY : MAX_VALUE);
}

const cut = (text: string, most: number): string => printable(text.length > most ? `${text.slice(0, most)}...` : text);
