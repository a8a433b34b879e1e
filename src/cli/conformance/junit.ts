import type { ConformanceResult } from '../../conformance/conformance.ts';
import { groupBy } from '../../conformance/group-by.ts';
import type { Found } from '../../conformance/verdict.ts';
import { differenceLines } from './difference-text.ts';

/**
 * The result as JUnit's XML, which CI systems show: a suite for each API, a case for each scenario at each version. What is not offered, not
 * recorded or left out is skipped, with the reason.
 */
export function junitXml({ versions, runs, found, target, tookMs }: ConformanceResult): string {
  const suites = [...groupBy(versions, ({ api }) => api)].map(([api, own]) => {
    const cases = own.flatMap(({ version, status, leftOut }) => {
      const played = runs.filter(({ scenario, version: at }) => scenario.name.startsWith(`${api}: `) && at === version);
      const names = (scenario: string) => `v${version} ${scenario.slice(api.length + 2)}`;
      const results = played.map(({ scenario, brokeOff, tookMs }) => {
        const differing = found.filter(
          (each) => each.kind === 'unexplained' && each.scenario === scenario.name && each.version === version,
        );
        return testCase(api, names(scenario.name), failureOf(differing, brokeOff), tookMs);
      });
      const skipped = leftOut.map(({ scenario, reason }) => testCase(api, names(scenario), skippedFor(reason)));
      if (results.length + skipped.length > 0) return [...results, ...skipped];
      return [testCase(api, `v${version}`, skippedFor(status))];
    });
    const count = (tag: string) => cases.filter((each) => each.includes(`<${tag}`)).length;
    const attributes = `name="${xmlText(api)}" tests="${cases.length}" failures="${count('failure')}" skipped="${count('skipped')}"`;
    return `  <testsuite ${attributes}>\n${cases.join('\n')}\n  </testsuite>`;
  });
  const name = xmlText(`conformance of ${target.address.host}:${target.address.port}`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${name}" time="${(tookMs / 1000).toFixed(3)}">\n${suites.join('\n')}\n</testsuites>\n`;
}

function testCase(api: string, name: string, inside: string, tookMs = 0): string {
  const open = `    <testcase classname="conformance.${xmlText(api)}" name="${xmlText(name)}" time="${(tookMs / 1000).toFixed(3)}"`;
  return inside === '' ? `${open}/>` : `${open}>${inside}</testcase>`;
}

function failureOf(differing: readonly Found[], brokeOff: string | null): string {
  if (differing.length === 0 && brokeOff === null) return '';
  const fields = differing.map(({ path }) => path || 'a step').slice(0, 3);
  const message = brokeOff ?? `${differing.length} differences: ${fields.join(', ')}${differing.length > 3 ? ', ...' : ''}`;
  return `<failure message="${xmlText(message)}">${xmlText(differenceLines(differing, false).join('\n'))}</failure>`;
}

const skippedFor = (reason: string): string => `<skipped message="${xmlText(reason)}"/>`;

/** For text and attributes. What XML 1.0 cannot hold at all is left out. */
function xmlText(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}
