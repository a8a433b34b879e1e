import type { ConformanceResult, VersionResult } from '../../../src/conformance/conformance.ts';
import type { Found } from '../../../src/conformance/verdict.ts';

export const found = (more: Partial<Found> = {}): Found => ({
  scenario: 'Fetch: reading',
  version: 4,
  step: 'from 1',
  path: 'responses.~a.partitions.0.highWatermark',
  expected: 4,
  actual: 3,
  wordingOnly: false,
  api: 'Fetch',
  kafka: '4.4.0',
  kind: 'unexplained',
  reason: null,
  request: { api: 'Fetch', version: 4, body: { topics: ['~a'] } },
  expectedResponse: { highWatermark: 4 },
  actualResponse: { highWatermark: 3 },
  ...more,
});

export const version = (more: Partial<VersionResult> = {}): VersionResult => ({
  api: 'Fetch',
  apiKey: 1,
  version: 4,
  status: 'pass',
  kafka: '4.4.0',
  steps: 10,
  unexplained: 0,
  known: 0,
  leftOut: [],
  ...more,
});

const run = (scenario: string, at: number) => ({
  scenario: { name: scenario, apiKey: 1, versions: [0, 13], disturbs: false, onlyAlone: false, play: async () => {} } as const,
  version: at,
  entries: [],
  brokeOff: null,
  tookMs: 250,
});

/** What the runner says of a broker at which Fetch differs at version 4, in one of two scenarios. */
export const result = (more: Partial<ConformanceResult> = {}): ConformanceResult => ({
  target: {
    address: { host: 'kafka.example', port: 9092 },
    offered: new Map(),
    self: { nodeId: 5, host: 'kafka.example', port: 9092, rack: null },
    clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
    brokers: 1,
    configs: null,
  },
  against: '4.4.0',
  versions: [
    version({ version: 3, status: 'not offered', steps: 0, kafka: null }),
    version({ status: 'differs', unexplained: 1, leftOut: [{ scenario: 'Fetch: loud', reason: 'it disturbs' }] }),
    version({ version: 5 }),
    version({ version: 6 }),
    version({ api: 'Heartbeat', apiKey: 12, version: 0, status: 'known', known: 1, steps: 3 }),
  ],
  found: [found(), found({ api: 'Heartbeat', scenario: 'Heartbeat: all', version: 0, kind: 'known', reason: 'on purpose', step: 'beat' })],
  runs: [run('Fetch: reading', 4), run('Fetch: other', 4), run('Fetch: reading', 5), run('Fetch: reading', 6), run('Heartbeat: all', 0)],
  figures: { target: 'kafka.example:9092', against: [], apis: [] },
  otherSettings: [],
  brokenAssumptions: [],
  stopped: null,
  leftovers: { topics: [], groups: [] },
  tookMs: 1234.5,
  ...more,
});
