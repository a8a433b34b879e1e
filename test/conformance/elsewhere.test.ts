import { expect, test } from 'vitest';
import { checkConformance } from '../../src/conformance/conformance.ts';
import { KNOWN_DIFFERENCES } from '../../src/conformance/known-differences.ts';
import { SCENARIOS } from '../../src/conformance/scenarios/index.ts';
import { apiOf, unfoldTranscripts } from '../../src/conformance/stored-transcripts.ts';
import { askTarget } from '../../src/conformance/target.ts';
import { loadTranscripts } from '../../src/conformance/transcript-files.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { startBroker } from '../../src/index.ts';
import { startCluster } from '../../src/testing.ts';

/* The runner on brokers that are set up otherwise than those from which the transcripts come. */

/** @param wanted versions by API */
async function check(port: number, wanted: Readonly<Record<string, readonly number[]>>) {
  const slow = /: malformed requests$|falls silent/;
  const scenarios = SCENARIOS.filter(({ name }) => wanted[apiOf(name)] && !slow.test(name));
  const recorded = unfoldTranscripts(loadTranscripts([...Object.keys(wanted), 'DescribeConfigs']));
  const target = await askTarget(tcpTransport, realClock, { host: 'localhost', port });
  const names = new Map(scenarios.map(({ name, apiKey }) => [apiKey, apiOf(name)]));
  return checkConformance({ transport: tcpTransport, clock: realClock }, target, recorded, {
    against: '4.4.0',
    scenarios,
    wanted: (apiKey, version) => wanted[names.get(apiKey) ?? '']?.includes(version) ?? false,
    known: KNOWN_DIFFERENCES,
    disturb: false,
    atOnce: 4,
    scenarioTimeoutMs: 20_000,
    timeoutMs: 60_000,
    runId: 'elsewhere-',
    signal: new AbortController().signal,
  });
}

type Checked = Awaited<ReturnType<typeof check>>;
const unexplained = ({ found }: Checked) =>
  found
    .filter(({ kind }) => kind === 'unexplained')
    .map(({ scenario, step, path, expected, actual }) => ({ scenario, step, path, expected, actual }));

test('a broker with another id, and settings of its own, is compared for what it does', async () => {
  const broker = await startBroker({ config: { 'node.id': 7, 'num.partitions': 3, 'log.retention.hours': 1 } });
  const result = await check(broker.port, {
    Heartbeat: [3],
    DeleteTopics: [6],
    CreateTopics: [6],
    DescribeConfigs: [3],
    DescribeCluster: [1],
    FindCoordinator: [4],
  });
  await broker.close();
  expect(unexplained(result)).toEqual([]);
  expect(result.brokenAssumptions.map(({ key }) => key)).toEqual(['num.partitions', 'log.retention.ms']);
  expect(result.versions.find(({ api }) => api === 'CreateTopics')).toMatchObject({ status: 'left out' });
  expect(result.found.filter(({ kind }) => kind === 'settings').map(({ path }) => path)).toContainEqual(
    expect.stringContaining('retention.ms'),
  );
}, 90_000);

test('on a broker in a cluster topics and groups are put where they are looked at', async () => {
  const cluster = await startCluster({ mode: 'in-process', cuttable: 'none' });
  const [, second] = cluster.bootstrapServers.split(',');
  const result = await check(Number(second!.split(':')[1]), { Heartbeat: [4], ListOffsets: [5], Fetch: [11], OffsetCommit: [8] });
  await cluster.close();
  expect(result.target).toMatchObject({ brokers: 3, self: { nodeId: 2 } });
  expect(unexplained(result)).toEqual([]);
  expect(result.versions.flatMap(({ leftOut }) => leftOut.map(({ scenario }) => scenario))).toEqual([
    'Fetch: of an internal topic',
    'OffsetCommit: without a group name',
  ]);
  expect(result.leftovers).toEqual({ topics: [], groups: [] });
}, 90_000);
