import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { compareTranscripts } from '../../src/conformance/compare.ts';
import { KNOWN_DIFFERENCES } from '../../src/conformance/known-differences.ts';
import { askOffered, type Offered, offers } from '../../src/conformance/offered.ts';
import { describeDifferences } from '../../src/conformance/report.ts';
import { type PlayedRun, play } from '../../src/conformance/run.ts';
import type { Scenario } from '../../src/conformance/scenario.ts';
import { SCENARIOS } from '../../src/conformance/scenarios/index.ts';
import {
  apiOf,
  expectationsOf,
  foldTranscripts,
  KAFKA_VERSIONS,
  type KafkaVersion,
  type Recorded,
  unfoldTranscripts,
  versionKey,
} from '../../src/conformance/stored-transcripts.ts';
import type { Entry, Transcript } from '../../src/conformance/transcript.ts';
import { BROKE_OFF } from '../../src/conformance/transcript.ts';
import { loadTranscripts } from '../../src/conformance/transcript-files.ts';
import { figureLines, figuresOf, verdictOn } from '../../src/conformance/verdict.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { missingPrograms, startApacheKafka } from './apache-kafka.ts';
import type { RunningBroker } from './broker-process.ts';
import { startMinikafka } from './minikafka.ts';
import { storeTranscripts } from './store-transcripts.ts';

/*
 * Holds minikafka against Apache Kafka, and the stored transcripts (src/conformance/transcripts) against what Apache Kafka does now. The figures
 * go to .results/conformance.json. By environment:
 *   MINIKAFKA_RECORD=1              write the stored transcripts anew, and compare nothing
 *   MINIKAFKA_AGAINST=stored        compare with the stored transcripts: no Apache Kafka is needed
 * For development:
 *   MINIKAFKA_ONLY=Fetch            only scenarios whose name begins so, with its API or without it: `malformed` (several: separated by commas);
 *                                   the stored transcripts are not looked at
 *   MINIKAFKA_PEER=4.4.0            play Apache Kafka's part and minikafka's by two Apache Kafkas: no difference may be left (a test of the
 *                                   normaliser); 3.9.1: what changed between the two
 *   MINIKAFKA_BOOTSTRAP=host:port   a broker that runs already, in place of a minikafka of this test's own
 *   MINIKAFKA_KAFKA_AT=host:port,host:port   Apache Kafkas that run already, 4.4.0 and 3.9.1, in place of ones of this test's own
 *   MINIKAFKA_KAFKA_HOME=folder     where Apache Kafka's jars are (libs, libs-old), instead of fetching them
 */
const { MINIKAFKA_ONLY, MINIKAFKA_RECORD, MINIKAFKA_AGAINST, MINIKAFKA_PEER, MINIKAFKA_BOOTSTRAP, MINIKAFKA_KAFKA_AT, CI } = process.env;
const only = MINIKAFKA_ONLY?.split(',');
const begins = (name: string, start: string) => name.startsWith(start) || name.slice(name.indexOf(': ') + 2).startsWith(start);
const scenarios = SCENARIOS.filter(({ name }) => only?.some((start) => begins(name, start)) ?? true);
const isFull = only === undefined || MINIKAFKA_RECORD !== undefined;

/** More than the runner's own: nobody else is on these brokers. */
const AT_ONCE = 8;

/** A run's own names, where others play on the same broker. */
const runId = `${randomBytes(4).toString('hex')}-`;
const say = (line: string) => void process.stderr.write(`${line}\n`);

type Wanted = (scenario: Scenario, version: number) => boolean;
interface Played extends Transcript {
  readonly offered: Offered;
}

/** @param wanted beside this, only what the broker offers is played, when `asOffered` says so */
async function playAt(name: string, at: string, wanted: Wanted, asOffered: boolean): Promise<Played> {
  const [, host, port] = /^(.+):(\d+)$/.exec(at)!;
  const address = { host: host!, port: Number(port) };
  const offered = await askOffered(tcpTransport, realClock, address);
  const chosen: Wanted = (scenario, version) => wanted(scenario, version) && (!asOffered || offers(offered, scenario.apiKey, version));
  const venue = { transport: tcpTransport, clock: realClock, address, runId };
  const took = new Map<string, number>();
  const ended = ({ scenario, tookMs }: PlayedRun) => void took.set(scenario.name, (took.get(scenario.name) ?? 0) + tookMs);
  const transcript = await play(venue, scenarios, chosen, { atOnce: AT_ONCE, cleansUp: true, triesAgain: true, ended });
  say(`${name}: ${transcript.runs} runs, ${transcript.entries.length} steps in ${(transcript.tookMs / 1000).toFixed(1)} s`);
  const slowest = [...took].sort(([, a], [, b]) => b - a).slice(0, 5);
  say(`  longest: ${slowest.map(([scenario, ms]) => `${scenario} ${(ms / 1000).toFixed(0)} s`).join(', ')}`);
  return { ...transcript, offered };
}

async function playOn(starting: Promise<RunningBroker>, wanted: Wanted, asOffered: boolean): Promise<Played> {
  const broker = await starting;
  let passed = false;
  try {
    const played = await playAt(broker.name, `localhost:${broker.port}`, wanted, asOffered);
    passed = played.entries.every(({ step }) => step !== BROKE_OFF);
    if (!passed) say(`${broker.name}: a scenario broke off; its log is in ${broker.directory}`);
    return played;
  } finally {
    await broker.stop(!passed);
  }
}

/** Apache Kafka's part, at all versions that it offers. */
function playOnKafka(version: KafkaVersion, wanted: Wanted): Promise<Played> {
  const at = MINIKAFKA_KAFKA_AT?.split(',')[KAFKA_VERSIONS.indexOf(version)];
  if (at) return playAt(`Apache Kafka ${version}`, at, wanted, true);
  return playOn(startApacheKafka(version), wanted, true);
}

/**
 * Not played on 3.9.1, whose old coordinator answers them by chance: it forgets groups without members whenever a topic is deleted, and who joins
 * while others do may begin one more generation.
 */
const BY_CHANCE_ON_391: ReadonlySet<string> = new Set([
  'JoinGroup: three members',
  'JoinGroup: unusual but allowed',
  'JoinGroup: which protocol is chosen',
  'DescribeGroups: with several members',
]);

/** What both Apache Kafkas do. 3.9.1 only plays what 4.4.0 does not offer, unless it is recorded. */
async function record(): Promise<Recorded> {
  if (MINIKAFKA_AGAINST === 'stored') return stored();
  if (isFull && !MINIKAFKA_PEER) {
    const old: Wanted = ({ name }, version) => (MINIKAFKA_RECORD ? !BY_CHANCE_ON_391.has(name) : countsOf391(name, version));
    // Most of the time they wait.
    const [now, before] = await Promise.all([playOnKafka('4.4.0', () => true), playOnKafka('3.9.1', old)]);
    return { '4.4.0': now.entries, '3.9.1': withoutBroken(before.entries, now.entries) };
  }
  const modern = await playOnKafka('4.4.0', () => true);
  if (MINIKAFKA_PEER) return { '4.4.0': modern.entries, '3.9.1': [] };
  const old = await playOnKafka('3.9.1', ({ apiKey }, version) => isFull || !offers(modern.offered, apiKey, version));
  return { '4.4.0': modern.entries, '3.9.1': old.entries };
}

/** Some scenarios only 4.4.0 plays to their end; where it counts, what 3.9.1 would do is nobody's expectation. */
function withoutBroken(entries: readonly Entry[], elsewhere: readonly Entry[]): Entry[] {
  const runOf = ({ scenario, version }: Entry) => versionKey(scenario, version);
  const there = new Set(elsewhere.filter(({ step }) => step !== BROKE_OFF).map(runOf));
  const broken = new Set(entries.filter((entry) => entry.step === BROKE_OFF && there.has(runOf(entry))).map(runOf));
  if (broken.size > 0) say(`  not recorded of Apache Kafka 3.9.1, where they break off: ${[...broken].join(', ')}`);
  return entries.filter((entry) => !broken.has(runOf(entry)));
}

const apis = [...new Set(SCENARIOS.map(({ name }) => apiOf(name)))];
const chosen = ({ scenario }: Pick<Entry, 'scenario'>) => scenarios.some(({ name }) => name === scenario);
const stored = (): Recorded => unfoldTranscripts(loadTranscripts(apis), (scenario) => chosen({ scenario }));

/** 3.9.1's word counts at versions that 4.4.0 has dropped; elsewhere it is only recorded, for those who want to be a 3.9. */
function countsOf391(scenario: string, version: number): boolean {
  versionsOf440 ??= new Set(stored()['4.4.0'].map((entry) => versionKey(apiOf(entry.scenario), entry.version)));
  return !versionsOf440.has(versionKey(apiOf(scenario), version));
}
let versionsOf440: ReadonlySet<string> | undefined;

function peer(wanted: Wanted): Promise<Played> {
  if (MINIKAFKA_PEER) return playOn(startApacheKafka(MINIKAFKA_PEER as KafkaVersion), wanted, true);
  return MINIKAFKA_BOOTSTRAP ? playAt('minikafka', MINIKAFKA_BOOTSTRAP, wanted, false) : playOn(startMinikafka(), wanted, false);
}

const missing = MINIKAFKA_AGAINST ? [] : missingPrograms();
const skipped = missing.length > 0 && CI !== 'true' && CI !== '1';
if (skipped)
  say(
    `\nNOT COMPARED with Apache Kafka: ${missing.join(' and ')} not found on this machine. Install Java 17 and Maven to run this test, or set MINIKAFKA_AGAINST=stored.\n`,
  );

test.skipIf(skipped)('every scenario plays on minikafka as it does on Apache Kafka, or the difference is known', async () => {
  expect(missing, 'programs that are not installed').toEqual([]);
  const recorded = await record();
  const brokenOff = KAFKA_VERSIONS.flatMap((kafka) => recorded[kafka])
    .filter(({ step }) => step === BROKE_OFF)
    .map(({ scenario, version, response }) => `${scenario} v${version}: ${response}`);
  expect(brokenOff, 'scenarios that Apache Kafka does not play to their end').toEqual([]);
  if (MINIKAFKA_RECORD) {
    storeTranscripts(foldTranscripts(recorded), SCENARIOS, scenarios);
    return;
  }
  const changed = isFull && !MINIKAFKA_PEER && !MINIKAFKA_AGAINST ? changesSinceStored(recorded) : 0;

  const expected = expectationsOf(recorded, '4.4.0');
  const has: Wanted = ({ name }, version) => expected.has(versionKey(apiOf(name), version));
  const actual = await peer(has);
  const played = (scenario: string, version: number) =>
    !MINIKAFKA_PEER || offers(actual.offered, SCENARIOS.find(({ name }) => name === scenario)?.apiKey ?? -1, version);
  const verdict = verdictOn(actual.entries, { expected, played, known: MINIKAFKA_PEER ? [] : KNOWN_DIFFERENCES });
  const of = (kind: string) => verdict.found.filter((found) => found.kind === kind);
  const [unexplained, wording] = [of('unexplained'), of('wording')];
  const stale = only || MINIKAFKA_PEER ? [] : verdict.stale;

  if (wording.length > 0) say(`\nOther words in messages (no failure):\n${describeDifferences(wording)}`);
  if (unexplained.length > 0) say(`\nDIFFERENCES, Apache Kafka -> minikafka:\n${describeDifferences(unexplained)}`);
  for (const entry of stale) say(`\nA known difference that no longer occurs: ${JSON.stringify(entry)}`);
  const figures = figuresOf('minikafka', verdict);
  say(`\n${figureLines(figures).join('\n')}`);
  say(`${KNOWN_DIFFERENCES.length} known differences are listed, ${stale.length} of them no longer occur`);
  if (isFull && !MINIKAFKA_PEER) writeResults(figures);
  expect({ unexplained: unexplained.length, stale: stale.length, changed }).toEqual({ unexplained: 0, stale: 0, changed: 0 });
});

/** How much of what is stored Apache Kafka does not do, or does otherwise; messages may come in other words. */
function changesSinceStored(recorded: Recorded): number {
  const before = stored();
  let changes = 0;
  for (const kafka of KAFKA_VERSIONS) {
    const asTranscript = (entries: readonly Entry[]) => ({ entries, runs: 0, tookMs: 0 });
    const then = before[kafka].filter(({ scenario, version }) => kafka === '4.4.0' || countsOf391(scenario, version));
    const differences = compareTranscripts(asTranscript(then), asTranscript(recorded[kafka])).filter(({ wordingOnly }) => !wordingOnly);
    if (differences.length > 0) {
      say(`\nApache Kafka ${kafka} is not what src/conformance/transcripts says, stored -> now (MINIKAFKA_RECORD=1 writes them anew):`);
      say(describeDifferences(differences));
    }
    changes += differences.length;
  }
  return changes;
}

/** For docs/compatibility.md. */
function writeResults(figures: object): void {
  const folder = resolve(import.meta.dirname, '../../.results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(resolve(folder, 'conformance.json'), `${JSON.stringify(figures, null, 2)}\n`);
}
