import type { ConformanceResult, Status, VersionResult } from '../../conformance/conformance.ts';
import { groupBy } from '../../conformance/group-by.ts';
import { rangesOf } from '../../conformance/report.ts';
import { type Output, writeTable } from '../output.ts';

/** The columns of a terminal's table: versions by how they did. */
const COLUMNS: readonly { readonly title: string; readonly statuses: readonly Status[] }[] = [
  { title: 'PASS', statuses: ['pass'] },
  { title: 'DIFFERS', statuses: ['differs'] },
  { title: 'KNOWN', statuses: ['known'] },
  { title: 'NOT OFFERED', statuses: ['not offered'] },
  { title: 'NOT PLAYED', statuses: ['not recorded', 'left out', 'not played'] },
];

/** One row for each API on a terminal; in a pipe one line for each version: API, key, version, status, steps, unexplained and known differences. */
export function writeVersions(output: Output, { versions }: Pick<ConformanceResult, 'versions'>): void {
  if (!output.isTerminal) {
    const row = (each: VersionResult) => [each.api, each.apiKey, each.version, each.status, each.steps, each.unexplained, each.known];
    writeTable(output, [], versions.map(row));
    return;
  }
  const shown = COLUMNS.filter(({ title, statuses }) => title === 'PASS' || versions.some(({ status }) => statuses.includes(status)));
  const byApi = groupBy(versions, ({ apiKey }) => apiKey);
  const rows = [...byApi].map(([apiKey, own]) => [
    own[0]!.api,
    apiKey,
    ...shown.map(({ statuses }) => rangesOf(own.filter(({ status }) => statuses.includes(status)).map(({ version }) => version)).slice(1)),
    own.reduce((sum, { steps }) => sum + steps, 0),
  ]);
  writeTable(output, ['API', 'KEY', ...shown.map(({ title }) => title), 'STEPS'], rows);
}
