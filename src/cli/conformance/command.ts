import { randomBytes } from 'node:crypto';
import { type ConformanceResult, checkConformance } from '../../conformance/conformance.ts';
import { judge } from '../../conformance/known.ts';
import { KNOWN_DIFFERENCES } from '../../conformance/known-differences.ts';
import { SCENARIOS } from '../../conformance/scenarios/index.ts';
import { whyLeftOut } from '../../conformance/settings.ts';
import { apiOf, KAFKA_VERSIONS, type KafkaVersion, unfoldTranscripts } from '../../conformance/stored-transcripts.ts';
import { askTarget } from '../../conformance/target.ts';
import { loadTranscripts } from '../../conformance/transcript-files.ts';
import { figureLines } from '../../conformance/verdict.ts';
import { KafkaError } from '../../core/errors.ts';
import type { Files } from '../../core/files.ts';
import { stayAlive } from '../../core/stay-alive.ts';
import { APIS } from '../../protocol/messages/index.ts';
import { addressOf, BootstrapConnection, parseBootstrapServers } from '../bootstrap.ts';
import { type ClientFlags, type Surroundings, writeJson } from '../broker-session.ts';
import { parseDuration } from '../duration.ts';
import { CliError, messageOf, usageError } from '../errors.ts';
import { type SignalSource, stopSignals } from '../stop-signals.ts';
import { differenceLines } from './difference-text.ts';
import { asJson } from './json.ts';
import { junitXml } from './junit.ts';
import { parseOnly } from './only.ts';
import { progressOn } from './progress.ts';
import { writeVersions } from './table.ts';

export interface ConformanceFlags extends ClientFlags {
  readonly only?: readonly string[] | undefined;
  readonly against: string;
  readonly as: string;
  readonly disturb?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly junit?: string | undefined;
  readonly atOnce: number;
  /** Durations. */
  readonly timeout: string;
  readonly scenarioTimeout: string;
}

export interface ConformanceSurroundings extends Surroundings {
  readonly files: Pick<Files, 'replace'>;
  readonly signals: SignalSource;
  exitNow(): void;
}

/** Those about which there are scenarios. */
const COVERED = APIS.filter(({ key }) => SCENARIOS.some(({ apiKey }) => apiKey === key));

/**
 * Plays the scenarios on a broker and shows how it does.
 * @throws CliError when something differs, or it did not come to its end; also for a wrong command line
 */
export async function conformance(flags: ConformanceFlags, around: ConformanceSurroundings): Promise<void> {
  const { out, err, transport, clock, files } = around;
  const wanted = parseOnly(flags.only, COVERED);
  const against = versionOf(flags.against);
  const known = knownFor(flags.as);
  const timeoutMs = positive(flags.timeout, '--timeout');
  const scenarioTimeoutMs = positive(flags.scenarioTimeout, '--scenario-timeout');
  const servers = parseBootstrapServers(flags.bootstrapServer);
  const scenarios = SCENARIOS.filter(({ apiKey, versions: [first, last] }) => {
    for (let version = first; version <= last; version++) if (wanted(apiKey, version)) return true;
    return false;
  });
  // DescribeConfigs says what the recorded brokers were set up with.
  const apis = new Set([...scenarios.map(({ name }) => apiOf(name)), 'DescribeConfigs']);
  const recorded = unfoldTranscripts(loadTranscripts([...apis]));
  const address = await firstThatAnswers(servers, around);
  const release = stayAlive();
  const stop = stopSignals(around.signals, clock, around.exitNow);
  const interrupt = new AbortController();
  void stop.first.then((signal) => {
    err.line(`\nminikafka: ${signal}: deleting what was made; once more to leave it`);
    interrupt.abort(new Error(`interrupted by ${signal}`));
  });
  const progress = progressOn(err, clock);
  const runId = `conformance-${randomBytes(4).toString('hex')}-`;
  try {
    const target = await askTarget(transport, clock, address).catch((error: unknown) => {
      throw error instanceof KafkaError ? new CliError(`${addressOf(address)}: ${messageOf(error)}`) : error;
    });
    if (target.brokers > 1) {
      err.line(
        `minikafka: the cluster has ${target.brokers} brokers; the expectations come from one broker by itself, so what shows the others is a difference`,
      );
    }
    const result = await checkConformance({ transport, clock }, target, recorded, {
      against,
      scenarios,
      wanted,
      known,
      disturb: flags.disturb ?? false,
      atOnce: flags.atOnce,
      scenarioTimeoutMs,
      timeoutMs,
      runId,
      signal: interrupt.signal,
      progress: progress.show,
    });
    progress.done();
    const failure = failureOf(result);
    if (flags.junit !== undefined) files.replace(flags.junit, junitXml(result));
    if (flags.json) writeJson(out, asJson(result, failure === null));
    else writeVersions(out, result);
    tell(result, flags, around);
    if (failure !== null) throw new CliError(failure);
  } finally {
    progress.done();
    stop.dispose();
    release();
  }
}

/** The first of the addresses at which a broker answers. @throws NoBrokerError */
async function firstThatAnswers(servers: ReturnType<typeof parseBootstrapServers>, { transport, clock }: ConformanceSurroundings) {
  const connection = await BootstrapConnection.open(servers, transport, clock);
  await connection.close();
  return connection.address;
}

/** All that is no table: remarks, so that a pipe gets the table alone. */
function tell(result: ConformanceResult, { verbose = false, json = false, as }: ConformanceFlags, { err }: ConformanceSurroundings): void {
  const { found, brokenAssumptions, otherSettings, leftovers, target, tookMs, figures, runs, versions } = result;
  const unexplained = found.filter(({ kind }) => kind === 'unexplained');
  if (unexplained.length > 0 && !json) {
    err.line('');
    for (const line of differenceLines(unexplained, verbose)) err.line(line);
    err.line('');
    if (as !== 'minikafka' && judge(unexplained, KNOWN_DIFFERENCES).unknown.length === 0) {
      err.line('All of these are differences that minikafka has on purpose: if that is what runs there, say so with --as minikafka.');
    }
  }
  if (verbose && !json) {
    const explained = found.filter(({ kind }) => kind === 'known' || kind === 'settings');
    for (const line of differenceLines(explained, true)) err.line(line);
  }
  for (const { key, value, scenarios, why } of brokenAssumptions) {
    const setting = otherSettings.find((other) => other.key === key);
    const leftOut = versions.some((version) =>
      version.leftOut.some(({ scenario }) => whyLeftOut(scenario, brokenAssumptions)?.startsWith(key)),
    );
    const effect = scenarios.length === 0 ? '' : leftOut ? `; left out: ${scenarios.join(', ')}` : '';
    err.line(`assumed ${key}=${value}, and it is ${setting?.found ?? 'not told'}: ${why}${effect}`);
  }
  const uncovered = [...target.offered.keys()].filter((key) => !COVERED.some((api) => api.key === key)).sort((a, b) => a - b);
  if (uncovered.length > 0) err.line(`offered, and not covered by any scenario: api keys ${uncovered.join(', ')}`);
  for (const line of figureLines(figures)) err.line(line);
  err.line(`${runs.length} runs in ${(tookMs / 1000).toFixed(1)} s`);
  if (leftovers === null) err.line('minikafka: whether all that was made is deleted, the broker does not tell');
  else if (leftovers.topics.length + leftovers.groups.length > 0) {
    err.line(`minikafka: could not be deleted: ${[...leftovers.topics, ...leftovers.groups].join(', ')}`);
  }
}

/** null: it passed. */
function failureOf({ stopped, found, versions, runs }: ConformanceResult): string | null {
  if (stopped !== null) return `stopped: ${stopped}`;
  if (runs.length === 0) return 'nothing was played: no version that was asked for is offered, recorded, and not left out';
  const unexplained = found.filter(({ kind }) => kind === 'unexplained').length;
  if (unexplained === 0) return null;
  const differing = versions.filter(({ status }) => status === 'differs');
  const apis = new Set(differing.map(({ api }) => api)).size;
  return `${unexplained} differences from Apache Kafka at ${differing.length} versions of ${apis} APIs`;
}

function versionOf(text: string): KafkaVersion {
  const version = KAFKA_VERSIONS.find((each) => each === text);
  if (!version) throw usageError(`--against ${text}: there are ${KAFKA_VERSIONS.join(' and ')}`);
  return version;
}

function knownFor(software: string): typeof KNOWN_DIFFERENCES {
  if (software === 'minikafka') return KNOWN_DIFFERENCES;
  if (software === 'kafka') return [];
  throw usageError(`--as ${software}: there are kafka and minikafka`);
}

function positive(text: string, flag: string): number {
  const ms = parseDuration(text, flag);
  if (ms === 0) throw usageError(`${flag} ${text}: give it 1ms at least`);
  return ms;
}
