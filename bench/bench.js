// Apache Kafka and minikafka in turn, on this machine, under loads from Apache Kafka's own tools: see docs/performance.md.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/stale.js';
import { NAMES, startBroker } from './brokers.js';
import { startCluster } from './clusters.js';
import { FIGURES, MEASURES } from './figures.js';
import { BROKER_VERSION, brokerJars, TOOLS_VERSION, toolsJars } from './jars.js';
import { commitLatency, consume, createTopics, endToEndLatency, produce } from './loads.js';
import { summarizeAll, table } from './report.js';
import { observe, pssMb, rssMb } from './usage.js';

/** @import { Broker, Side } from './brokers.js' */
/** @import { Measure } from './figures.js' */
/** @import { Sample } from './report.js' */
/** @typedef {{ rounds: number, starts: number, records: number, warmUp: number, only: readonly Measure[] }} Plan */

const USAGE = `npm run bench -- [options]
  --rounds N     rounds of all loads, each with fresh brokers (3)
  --records N    records of 1 KiB in a round (1000000); the load of 100 B sends five times, the latency test a hundredth, at most 10000;
                 each of the three guarantees (plain, idempotent, in transactions) half as many, small transactions as many as the latency test
  --warm-up N    records of 1 KiB produced and consumed before anything is measured (500000): Java compiles what is hot while it runs
  --starts N     starts of each broker (10)
  --only LIST    of ${MEASURES.join(',')}
  --json FILE    the figures as JSON
Needs Linux, Java 17, and Maven (or MINIKAFKA_KAFKA_HOME: a folder with libs and libs-tools).
`;
const KIB = 1024;
const GIB = KIB ** 3;
const SMALL_BYTES = 100;
/** After the start, before the idle RSS is read: both do work of their own for a while. */
const SETTLE_MS = 5000;
/** @type {Record<string, number>} */
const TOPICS = { warm: 1, produce: 1, small: 6, latency: 1, plain: 6, idempotent: 6, transactional: 6, transactions: 3 };
/** Of three nodes. */
const REPLICATED_TOPICS = { warm: 3, replicated: 3, latency: 1, transactions: 3 };
const REPLICATED = /** @type {const} */ (['clusterIdle', 'replicated', 'replicatedLatency', 'replicatedTransactions']);
/** What Kafka Streams does with exactly_once_v2 by default. */
const TRANSACTION_MS = 100;

/** @param {string} line */
const say = (line) => void process.stderr.write(`${line}\n`);

/** @type {Sample[]} */
const samples = [];

/**
 * Keeps the figures of one measure, in the order in which FIGURES names them.
 * @param {Measure} measure @param {Side} side @param {readonly number[]} values @param {{ load: number, othersCores?: number }} machine
 */
function record(measure, side, values, { load, othersCores }) {
  for (const [at, figure] of FIGURES[measure].entries()) {
    samples.push({ figure, side, value: values[at], load, othersCores });
    const busy = othersCores === undefined ? '' : `, others ${othersCores.toFixed(1)} cores`;
    say(`  ${NAMES[side]}: ${figure.name} ${values[at].toFixed(figure.digits)} ${figure.unit} (load ${load.toFixed(1)}${busy})`);
  }
}

/** Sides swap places every round, so that neither always runs on the machine as the other left it. @param {number} round @returns {Side[]} */
const order = (round) => (round % 2 === 0 ? ['kafka', 'minikafka'] : ['minikafka', 'kafka']);

/** @param {number} starts */
async function measureStarts(starts) {
  for (let round = 0; round < starts; round++) {
    for (const side of order(round)) {
      const load = loadavg()[0];
      const broker = await startBroker(side);
      await broker.stop();
      record('start', side, [broker.startMs], { load });
    }
  }
}

/** @param {number} records */
const atMost10k = (records) => Math.min(10_000, Math.ceil(records / 100));

/** The three after one another, so that they can be compared. @param {Broker} broker @param {number} records */
async function measureGuarantees({ side, pid, address }, records) {
  const used = observe(pid);
  const rates = [];
  const cpu = [];
  for (const [topic, guarantee] of /** @type {const} */ ([
    ['plain', 'plain'],
    ['idempotent', 'idempotent'],
    ['transactional', { transactionMs: TRANSACTION_MS }],
  ])) {
    const usedBy = observe(pid);
    const { mibPerSecond } = await produce(address, topic, records, KIB, guarantee);
    rates.push(mibPerSecond);
    cpu.push((usedBy().brokerCpuSeconds * GIB) / (records * KIB));
  }
  record('guarantees', side, [...rates, ...cpu], used());
}

/** @param {Broker} broker @param {Plan} plan */
async function measureLoads(broker, { records, warmUp, only }) {
  const { side, pid, address } = broker;
  const wants = (/** @type {Measure} */ measure) => only.includes(measure);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  if (wants('idle')) record('idle', side, [rssMb(pid)], { load: loadavg()[0] });
  await createTopics(address, TOPICS);
  if (only.every((measure) => measure === 'start' || measure === 'idle')) return;
  await produce(address, 'warm', warmUp, KIB);
  await consume(address, 'warm', warmUp);

  if (wants('produce') || wants('consume')) {
    const used = observe(pid);
    const { mibPerSecond } = await produce(address, 'produce', records, KIB);
    const usage = used();
    if (wants('produce')) record('produce', side, [mibPerSecond, (usage.brokerCpuSeconds * GIB) / (records * KIB)], usage);
  }
  if (wants('small')) {
    const used = observe(pid);
    const { recordsPerSecond } = await produce(address, 'small', records * 5, SMALL_BYTES);
    const usage = used();
    record('small', side, [recordsPerSecond / 1000, (usage.brokerCpuSeconds * GIB) / (records * 5 * SMALL_BYTES)], usage);
  }
  if (wants('consume')) {
    const used = observe(pid);
    const { mibPerSecond } = await consume(address, 'produce', records);
    const usage = used();
    record('consume', side, [mibPerSecond, (usage.brokerCpuSeconds * GIB) / (records * KIB)], usage);
  }
  if (wants('latency')) {
    const used = observe(pid);
    const { avgMs, p99Ms } = await endToEndLatency(address, 'latency', atMost10k(records));
    record('latency', side, [avgMs, p99Ms], used());
  }
  if (wants('guarantees')) await measureGuarantees(broker, Math.ceil(records / 2));
  if (wants('transactions')) {
    const used = observe(pid);
    const count = atMost10k(records);
    const { medianMs, p99Ms } = await commitLatency(address, 'transactions', TOPICS.transactions, count);
    const usage = used();
    record('transactions', side, [medianMs, p99Ms, usage.brokerCpuSeconds / ((count * 1.25) / 1000)], usage); // with the warm-up
  }
  if (wants('after')) record('after', side, [rssMb(pid)], { load: loadavg()[0] });
}

/** Three nodes, three replicas, acks=all, min ISR 2. @param {Side} side @param {Plan} plan */
async function measureCluster(side, { records, warmUp, only }) {
  const cluster = await startCluster(side);
  try {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const pids = cluster.pids();
    if (only.includes('clusterIdle')) record('clusterIdle', side, [pssMb(pids)], { load: loadavg()[0] });
    await createTopics(cluster.address, REPLICATED_TOPICS, { replicas: 3, minInSync: 2 });
    await produce(cluster.address, 'warm', warmUp, KIB);
    if (only.includes('replicated')) {
      const used = observe(...pids);
      const { mibPerSecond } = await produce(cluster.address, 'replicated', records, KIB);
      const usage = used();
      record('replicated', side, [mibPerSecond, (usage.brokerCpuSeconds * GIB) / (records * KIB)], usage);
    }
    if (only.includes('replicatedLatency')) {
      const used = observe(...pids);
      const { avgMs, p99Ms } = await endToEndLatency(cluster.address, 'latency', atMost10k(records));
      record('replicatedLatency', side, [avgMs, p99Ms], used());
    }
    if (only.includes('replicatedTransactions')) {
      const used = observe(...pids);
      const { medianMs, p99Ms } = await commitLatency(cluster.address, 'transactions', REPLICATED_TOPICS.transactions, atMost10k(records));
      record('replicatedTransactions', side, [medianMs, p99Ms], used());
    }
  } finally {
    await cluster.stop();
  }
}

/** @param {Plan} plan */
async function measureAll(plan) {
  if (plan.only.includes('start')) await measureStarts(plan.starts);
  if (plan.only.every((measure) => measure === 'start')) return;
  for (let round = 0; round < plan.rounds; round++) {
    say(`round ${round + 1} of ${plan.rounds}`);
    for (const side of order(round)) {
      if (REPLICATED.some((measure) => plan.only.includes(measure))) await measureCluster(side, plan);
      if (plan.only.every((measure) => REPLICATED.some((each) => each === measure))) continue;
      const broker = await startBroker(side);
      try {
        await measureLoads(broker, plan);
      } finally {
        await broker.stop();
      }
    }
  }
}

/** @param {string} text @param {string} option */
function count(text, option) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) fail(`--${option} ${text}: not a number of 1 or more`);
  return value;
}

/** @param {string} problem @returns {never} */
function fail(problem) {
  process.stderr.write(`${problem}\n\n${USAGE}`);
  process.exit(2);
}

/** @returns {Plan & { json?: string }} */
function readOptions() {
  const string = /** @type {const} */ ({ type: 'string' });
  const options = {
    rounds: string,
    records: string,
    'warm-up': string,
    starts: string,
    only: string,
    json: string,
    help: { type: /** @type {const} */ ('boolean') },
  };
  try {
    const { values } = parseArgs({ options });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const only = values.only?.split(',') ?? MEASURES;
    const unknown = only.filter((name) => !MEASURES.some((measure) => measure === name));
    if (unknown.length > 0) fail(`--only ${unknown.join(',')}: not known`);
    return {
      rounds: count(values.rounds ?? '3', 'rounds'),
      records: count(values.records ?? '1000000', 'records'),
      warmUp: count(values['warm-up'] ?? '500000', 'warm-up'),
      starts: count(values.starts ?? '10', 'starts'),
      only: /** @type {Measure[]} */ (only),
      json: values.json,
    };
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function describeMachine() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const java = /"([^"]+)"/.exec(execFileSync('sh', ['-c', 'java -version 2>&1'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
  const cpu = { cores: availableParallelism(), model: cpus()[0]?.model ?? 'unknown', memoryGib: Math.round(totalmem() / GIB) };
  return { ...cpu, node: process.version, java, minikafka: version, kafka: BROKER_VERSION, tools: TOOLS_VERSION };
}

const { json, ...plan } = readOptions();
if (process.platform !== 'linux') fail('The bench reads CPU time and memory from /proc: it runs on Linux only.');
// Fetched before anything is measured.
brokerJars();
toolsJars();
const machine = describeMachine();
const date = new Date().toISOString();
await measureAll(plan);
const rows = summarizeAll(samples);
const figures = Object.values(FIGURES).flat();
process.stdout.write(`
${machine.cores} cores (${machine.model}), ${machine.memoryGib} GiB, Node ${machine.node}, Java ${machine.java}; rounds ${plan.rounds}, records ${plan.records}, warm-up ${plan.warmUp}

${table(rows, (name) => figures.find((figure) => figure.name === name)?.digits ?? 2)}`);
if (json) writeFileSync(json, `${JSON.stringify({ date, machine, ...plan, figures: rows }, null, 2)}\n`);
