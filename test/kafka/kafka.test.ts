import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compareTranscripts } from '../../src/conformance/compare.ts';
import { judge } from '../../src/conformance/known.ts';
import { KNOWN_DIFFERENCES } from '../../src/conformance/known-differences.ts';
import { describeDifferences } from '../../src/conformance/report.ts';
import { play, versionsOf } from '../../src/conformance/run.ts';
import type { Scenario } from '../../src/conformance/scenario.ts';
import { SCENARIOS } from '../../src/conformance/scenarios/index.ts';
import type { Transcript } from '../../src/conformance/transcript.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { type KafkaVersion, missingPrograms, startApacheKafka } from './apache-kafka.ts';
import type { RunningBroker } from './broker-process.ts';
import { startMinikafka } from './minikafka.ts';

/*
 * Holds minikafka against Apache Kafka. For development, by environment:
 *   MINIKAFKA_ONLY=Fetch            only scenarios whose name begins so (several: separated by commas)
 *   MINIKAFKA_RECORD=file           record Apache Kafka's transcript into a file, and compare nothing
 *   MINIKAFKA_AGAINST=file          compare with that file instead of with a running Apache Kafka
 *   MINIKAFKA_PEER=4.4.0            play Apache Kafka's part and minikafka's by two Apache Kafkas: no difference may be left (a test of the
 *                                   normaliser); 3.9.1: what changed between the two
 *   MINIKAFKA_BOOTSTRAP=host:port   a broker that runs already, in place of a minikafka of this test's own
 *   MINIKAFKA_KAFKA_AT=host:port,host:port   Apache Kafkas that run already, 4.4.0 and 3.9.1, in place of ones of this test's own
 *   MINIKAFKA_KAFKA_HOME=folder     where Apache Kafka's jars are (libs, libs-old), instead of fetching them
 */
const { MINIKAFKA_ONLY, MINIKAFKA_RECORD, MINIKAFKA_AGAINST, MINIKAFKA_PEER, MINIKAFKA_BOOTSTRAP, MINIKAFKA_KAFKA_AT, CI } = process.env;
const only = MINIKAFKA_ONLY?.split(',');
const scenarios = SCENARIOS.filter(({ name }) => only?.some((start) => name.startsWith(start)) ?? true);

/** The first version that Apache Kafka 4.4.0 answers, where it is not 0 (test/kafka-schema/4.4.0). Produce: it advertises 0, and closes the connection below 3. */
const DROPPED_BELOW: Readonly<Record<number, number>> = {
  0: 3,
  1: 4,
  2: 1,
  8: 2,
  9: 1,
  19: 2,
  20: 1,
  23: 2,
  29: 1,
  30: 1,
  31: 1,
  32: 1,
  35: 1,
};
const isDropped = (scenario: Scenario, version: number) => version < (DROPPED_BELOW[scenario.apiKey] ?? 0);

/** A run's own names, where others play on the same broker. */
const runId = `${randomBytes(4).toString('hex')}-`;

function playAt(name: string, at: string, wanted?: (scenario: Scenario, version: number) => boolean): Promise<Transcript> {
  const [host, port] = at.split(':') as [string, string];
  say(`${name}: ${at}, with names that begin with ${runId}`);
  return play({ transport: tcpTransport, clock: realClock, address: { host, port: Number(port) }, runId }, scenarios, wanted);
}

/** Apache Kafka's part. */
function playOnKafka(version: KafkaVersion, wanted?: (scenario: Scenario, version: number) => boolean): Promise<Transcript> {
  const at = MINIKAFKA_KAFKA_AT?.split(',')[version === '4.4.0' ? 0 : 1];
  return at ? playAt(`Apache Kafka ${version}`, at, wanted) : playOn(startApacheKafka(version), wanted);
}

async function playOn(starting: Promise<RunningBroker>, wanted?: (scenario: Scenario, version: number) => boolean): Promise<Transcript> {
  const broker = await starting;
  let passed = false;
  try {
    const address = { host: 'localhost', port: broker.port };
    const transcript = await play({ transport: tcpTransport, clock: realClock, address }, scenarios, wanted);
    passed = transcript.entries.every(({ step }) => step !== 'the scenario broke off');
    say(`${broker.name}: ${transcript.runs} runs, ${transcript.entries.length} steps in ${(transcript.tookMs / 1000).toFixed(1)} s`);
    if (!passed) say(`${broker.name}: a scenario broke off; its log is in ${broker.directory}`);
    return transcript;
  } finally {
    await broker.stop(!passed);
  }
}

/** What Apache Kafka does: 4.4.0, and 3.9.1 for the versions that 4.4.0 dropped. */
async function apacheKafka(): Promise<Transcript> {
  if (MINIKAFKA_AGAINST) return JSON.parse(readFileSync(MINIKAFKA_AGAINST, 'utf8')) as Transcript;
  const modern = await playOnKafka('4.4.0', (scenario, version) => !isDropped(scenario, version));
  const hasDropped = scenarios.some((scenario) => versionsOf(scenario).some((version) => isDropped(scenario, version)));
  if (!hasDropped) return modern;
  const old = await playOnKafka('3.9.1', isDropped);
  return { entries: [...modern.entries, ...old.entries], runs: modern.runs + old.runs, tookMs: modern.tookMs + old.tookMs };
}

async function peer(): Promise<Transcript> {
  if (MINIKAFKA_PEER === '4.4.0') {
    return playOn(startApacheKafka('4.4.0'), (scenario, version) => !isDropped(scenario, version));
  }
  if (MINIKAFKA_PEER === '3.9.1') return playOn(startApacheKafka('3.9.1'));
  return MINIKAFKA_BOOTSTRAP ? playAt('minikafka', MINIKAFKA_BOOTSTRAP) : playOn(startMinikafka());
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

const missing = MINIKAFKA_AGAINST ? [] : missingPrograms();
const skipped = missing.length > 0 && CI !== 'true' && CI !== '1';
if (skipped)
  say(
    `\nNOT COMPARED with Apache Kafka: ${missing.join(' and ')} not found on this machine. Install Java 17 and Maven to run this test.\n`,
  );

test.skipIf(skipped)('every scenario plays on minikafka as it does on Apache Kafka, or the difference is known', async () => {
  const started = Date.now();
  expect(missing, 'programs that are not installed').toEqual([]);
  const expected = await apacheKafka();
  if (MINIKAFKA_RECORD) {
    writeFileSync(MINIKAFKA_RECORD, JSON.stringify(expected));
    return;
  }
  const actual = await peer();
  const between = MINIKAFKA_PEER ? (step: { scenario: string; version: number }) => !droppedEntry(step) : () => true;
  const chosen = (entry: { scenario: string; version: number }) => between(entry) && scenarios.some(({ name }) => name === entry.scenario);
  const differences = compareTranscripts(expected, actual).filter(chosen);
  const { unknown, known, wording, stale } = judge(differences, MINIKAFKA_PEER ? [] : KNOWN_DIFFERENCES);
  const staleNow = only ? [] : stale;

  if (wording.length > 0) say(`\nOther words in messages (no failure):\n${describeDifferences(wording)}`);
  if (unknown.length > 0) say(`\nDIFFERENCES, Apache Kafka -> minikafka:\n${describeDifferences(unknown)}`);
  for (const entry of staleNow) say(`\nA known difference that no longer occurs: ${JSON.stringify(entry)}`);
  say(
    `\nCompared ${scenarios.length} scenarios at ${versionsCompared(scenarios)} versions of their APIs, ${actual.runs} runs, ${actual.entries.length} steps: ` +
      `${unknown.length} differences unknown, ${known.length} known (${KNOWN_DIFFERENCES.length} entries, ${staleNow.length} stale), ` +
      `${wording.length} in words only; ${((Date.now() - started) / 1000).toFixed(0)} s`,
  );
  expect({ unknown: unknown.length, stale: staleNow.length }).toEqual({ unknown: 0, stale: 0 });
});

function versionsCompared(played: readonly Scenario[]): number {
  return new Set(played.flatMap((scenario) => versionsOf(scenario).map((version) => `${scenario.apiKey} v${version}`))).size;
}

function droppedEntry(entry: { scenario: string; version: number }): boolean {
  const scenario = SCENARIOS.find(({ name }) => name === entry.scenario);
  return scenario !== undefined && isDropped(scenario, entry.version);
}
