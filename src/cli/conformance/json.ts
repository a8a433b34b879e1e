import type { ConformanceResult } from '../../conformance/conformance.ts';
import { groupBy } from '../../conformance/group-by.ts';
import type { Found } from '../../conformance/verdict.ts';
import { addressOf } from '../bootstrap.ts';

/** The result as `--json` prints it; docs/conformance.md has the shape. */
export function asJson(result: ConformanceResult, passed: boolean): object {
  const { target, against, versions, found, figures, otherSettings, stopped, leftovers, tookMs } = result;
  return {
    target: { address: addressOf(target.address), nodeId: target.self.nodeId, brokers: target.brokers, clusterId: target.clusterId },
    against,
    passed,
    stopped,
    figures: figures.against,
    apis: [...groupBy(versions, ({ apiKey }) => apiKey)].map(([key, own]) => ({
      api: own[0]!.api,
      key,
      versions: own.map(({ api: _api, apiKey: _key, ...version }) => version),
    })),
    differences: [...groupBy(found, ({ scenario, step, version }) => JSON.stringify([scenario, version, step])).values()].map(stepOf),
    otherSettings,
    leftovers,
    tookMs: Math.round(tookMs),
  };
}

/** Both responses and the request where something is unexplained; of what is known the fields are enough. */
function stepOf(found: readonly Found[]): object {
  const { api, version, kafka, scenario, step, request, expectedResponse, actualResponse } = found[0]!;
  const whole = found.some(({ kind }) => kind === 'unexplained');
  return {
    api,
    version,
    kafka,
    scenario,
    step,
    fields: found.map(({ path, expected, actual, kind, reason }) => ({ field: path, expected, actual, kind, reason })),
    ...(whole && { request, expectedResponse, actualResponse }),
  };
}
