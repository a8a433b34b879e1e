import { expect, test } from 'vitest';
import { CLUSTER_KNOWN_DIFFERENCES } from '../../src/conformance/cluster-known-differences.ts';
import { compareTranscripts } from '../../src/conformance/compare.ts';
import { judge } from '../../src/conformance/known.ts';
import { describeDifferences } from '../../src/conformance/report.ts';
import { play } from '../../src/conformance/run.ts';
import type { Scenario } from '../../src/conformance/scenario.ts';
import { clusterBrokerBackScenarios, clusterBrokerGoneScenarios } from '../../src/conformance/scenarios/cluster-broker-back.ts';
import { beforeBrokerDown, clusterBrokerDownScenarios } from '../../src/conformance/scenarios/cluster-broker-down.ts';
import { clusterReplicasScenarios } from '../../src/conformance/scenarios/cluster-replicas.ts';
import { clusterTopicsScenarios } from '../../src/conformance/scenarios/cluster-topics.ts';
import { transactionsBackScenarios, transactionsDownScenarios } from '../../src/conformance/scenarios/cluster-transactions.ts';
import { uncleanBetween, uncleanEpilogue, uncleanPrologue, uncleanScenarios } from '../../src/conformance/scenarios/cluster-unclean.ts';
import type { Entry } from '../../src/conformance/transcript.ts';
import { apacheKafkaCluster, type ClusterVenue, minikafkaCluster } from './cluster-venues.ts';
import { withoutKafka } from './with-kafka.ts';

/*
 * Holds three brokers of minikafka against Apache Kafka on three nodes, all of them there, and as they die and come back. For development:
 *   MINIKAFKA_ONLY=ElectLeaders     only scenarios whose name begins so (several: separated by commas)
 *   MINIKAFKA_PEER=4.4.0            play minikafka's part by another Apache Kafka: no difference may be left
 */
const { MINIKAFKA_ONLY, MINIKAFKA_PEER } = process.env;
const only = MINIKAFKA_ONLY?.split(',');
const chosen = (scenarios: readonly Scenario[]) => scenarios.filter(({ name }) => only?.some((start) => name.startsWith(start)) ?? true);
const say = (line: string) => void process.stderr.write(`${line}\n`);

async function playOn(starting: Promise<ClusterVenue>): Promise<Entry[]> {
  const cluster = await starting;
  const entries: Entry[] = [];
  let passed = false;
  try {
    let [runs, tookMs] = [0, 0];
    const act = async (scenarios: readonly Scenario[], down: readonly number[]) => {
      const played = await play({ ...cluster.venue, down }, chosen(scenarios));
      entries.push(...played.entries);
      runs += played.runs;
      tookMs += played.tookMs;
    };
    await act([...clusterTopicsScenarios, ...clusterReplicasScenarios], []);
    await beforeBrokerDown(cluster.venue);
    await cluster.kill(3);
    await act([...clusterBrokerDownScenarios, ...transactionsDownScenarios], [3]);
    await cluster.restart(3);
    await act([...clusterBrokerBackScenarios, ...transactionsBackScenarios], []);
    await act(uncleanPrologue, []);
    await cluster.kill(3);
    await act(uncleanBetween, [3]);
    await cluster.swap(2, 3);
    await act(uncleanScenarios, [2]);
    await cluster.restart(2);
    await act(uncleanEpilogue, []);
    await cluster.kill(3);
    await act(clusterBrokerGoneScenarios, [3]);
    passed = entries.every(({ step }) => step !== 'the scenario broke off');
    say(`${cluster.name}: ${runs} runs, ${entries.length} steps in ${(tookMs / 1000).toFixed(1)} s`);
    for (const { scenario, version, step, response } of entries)
      if (step === 'the scenario broke off') say(`${scenario} v${version} broke off: ${response}`);
    return entries;
  } finally {
    await cluster.close(!passed);
  }
}

test.skipIf(withoutKafka)('three brokers do as Apache Kafka on three nodes, or the difference is known', async () => {
  const expected = { entries: await playOn(apacheKafkaCluster('4.4.0')), runs: 0, tookMs: 0 };
  const actual = { entries: await playOn(MINIKAFKA_PEER ? apacheKafkaCluster('4.4.0') : minikafkaCluster()), runs: 0, tookMs: 0 };
  const differences = compareTranscripts(expected, actual);
  const { unknown, known, wording, stale } = judge(differences, MINIKAFKA_PEER ? [] : CLUSTER_KNOWN_DIFFERENCES);
  const staleNow = only ? [] : stale;
  if (wording.length > 0) say(`\nOther words in messages (no failure):\n${describeDifferences(wording)}`);
  if (unknown.length > 0) say(`\nDIFFERENCES, Apache Kafka -> minikafka:\n${describeDifferences(unknown)}`);
  for (const entry of staleNow) say(`\nA known difference that no longer occurs: ${JSON.stringify(entry)}`);
  say(
    `\nCompared ${actual.entries.length} steps: ${unknown.length} differences unknown, ${known.length} known, ${wording.length} in words only`,
  );
  expect({ unknown: unknown.length, stale: staleNow.length }).toEqual({ unknown: 0, stale: 0 });
});
