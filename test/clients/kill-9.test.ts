import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFailed, onTestFinished, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { prng } from '../support/prng.ts';
import { startProgram } from '../support/program.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { javaLoad, kafkaJsLoad, LOAD_PARTITIONS, type Load, librdkafkaLoad } from './loads.ts';
import { logFaults } from './log-faults.ts';
import { pythonWithAllCodecs } from './python.ts';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 3);
const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const SHOWN = 5;
/** A full index begins a segment: here after 60 entries, about 250 KB. */
const TOPIC_CONFIG = { 'segment.index.bytes': '480', 'segment.bytes': '1048576' };
/** Recovery points are written often, so that each recovery begins in the midst of a log. */
const broker = brokerUnderTest({ args: ['--override', 'log.flush.offset.checkpoint.interval.ms=500'] });
const python = foreignBroker ? null : pythonWithAllCodecs();
const java = foreignBroker ? null : javaWithKafka();

/** What was read of a partition: the numbers of its records, by offset. */
type ReadPartition = number[];

/** Reads what came since the last look, with librdkafka. */
class Reader {
  readonly interpreter: string;
  readonly topics: readonly string[];
  /** By `topic/partition`. */
  readonly read = new Map<string, ReadPartition>();

  constructor(interpreter: string, topics: readonly string[]) {
    this.interpreter = interpreter;
    this.topics = topics;
    for (const topic of topics) for (let p = 0; p < LOAD_PARTITIONS; p++) this.read.set(`${topic}/${p}`, []);
  }

  async readOn(folder: string): Promise<void> {
    const out = join(folder, 'read');
    const starts = [...this.read].map(([place, numbers]) => `${place}/${numbers.length}`);
    const dump = startProgram(this.interpreter, [join(import.meta.dirname, 'confluent-kafka/dump.py'), broker.bootstrap, out, ...starts]);
    const { code } = await dump.ended(90_000);
    if (code !== 0) throw new Error(`dump.py ended with ${code}:\n${dump.output().slice(-4000)}`);
    for (const line of readFileSync(out, 'latin1').trim().split('\n')) {
      const [topic, partition, offset, n] = line.split(' ');
      const numbers = this.read.get(`${topic}/${partition}`)!;
      if (Number(offset) !== numbers.length) throw new Error(`${topic}-${partition}: offset ${offset} where ${numbers.length} comes next`);
      numbers.push(Number(n));
    }
  }
}

/** Acknowledged records that are not at their offset. The first few, in words. */
function missing(load: Load, count: number, reader: Reader): string[] {
  const wrong: string[] = [];
  for (const { partition, n, offset } of load.acknowledged().slice(0, count)) {
    const found = reader.read.get(`${load.topic}/${partition}`)![offset];
    if (found === n) continue;
    wrong.push(`${load.name}: record ${n} was acknowledged at ${partition}/${offset}, where ${found ?? 'nothing'} is`);
    if (wrong.length === SHOWN) break;
  }
  return wrong;
}

/** What is wrong with the order and the number of the records of a load that has ended. */
function disorder(load: Load, reader: Reader): string[] {
  return Array.from({ length: LOAD_PARTITIONS }, (_, p) => p).flatMap((partition) => {
    const read = reader.read.get(`${load.topic}/${partition}`)!;
    const acknowledged = load.acknowledged().filter((each) => each.partition === partition);
    const [firsts, lasts] = [[...new Set(read)], [...new Set(read.toReversed())].toReversed()];
    const wrong: string[] = [];
    if (firsts.length !== acknowledged.length) wrong.push(`${firsts.length} records are there, ${acknowledged.length} were acknowledged`);
    if (![firsts, lasts].every((numbers) => numbers.every((n, at) => n === at))) wrong.push('the records are not in order');
    const seen = new Set<number>();
    const twice = read.filter((n) => seen.size === seen.add(n).size);
    const unasked = load.idempotent ? twice : twice.filter((n) => !load.sentAgain(partition, n));
    if (unasked.length > 0) wrong.push(`${unasked.length} records are there twice: ${unasked.slice(0, SHOWN)}`);
    return wrong.map((each) => `${load.name}, partition ${partition}: ${each}`);
  });
}

async function startLoads(interpreter: string, folder: string): Promise<Load[]> {
  const names = ['all', 'one', 'librdkafka', 'java'].map((name) => unique(`killed-${name}`));
  const [all, one, librdkafka, ofJava] = names as [string, string, string, string];
  const configEntries = Object.entries(TOPIC_CONFIG).map(([name, value]) => ({ name, value }));
  const topics = names.map((topic) => ({ topic, numPartitions: LOAD_PARTITIONS, configEntries }));
  await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics, waitForLeaders: true });
  const loads = [await kafkaJsLoad(broker.bootstrap, all, -1), await kafkaJsLoad(broker.bootstrap, one, 1)];
  loads.push(librdkafkaLoad(interpreter, broker.bootstrap, librdkafka, join(folder, 'librdkafka')));
  if (java !== null) loads.push(javaLoad(java, broker.bootstrap, ofJava, join(folder, 'java')));
  return loads;
}

/** Each client has heard of new records in each partition, so it has found the broker again by itself. */
async function progress(loads: readonly Load[]): Promise<void> {
  const before = loads.map(counts);
  await eventually(() => {
    for (const [n, load] of loads.entries()) {
      const now = counts(load);
      expect(
        now.map((count, p) => count > before[n]![p]!),
        load.name,
      ).toEqual(now.map(() => true));
    }
  }, 60_000);
}

function counts(load: Load): number[] {
  const result = new Array<number>(LOAD_PARTITIONS).fill(0);
  for (const { partition } of load.acknowledged()) result[partition]!++;
  return result;
}

test.skipIf(foreignBroker || python === null)(
  `after each of ${ROUNDS} kill -9 under load, what was acknowledged is at its offset; idempotent producers have everything exactly once`,
  async () => {
    console.log(`KILL_SEED=${seed} KILL_ROUNDS=${ROUNDS}`);
    const random = prng(seed);
    const folder = mkdtempSync(join(tmpdir(), 'minikafka-kill-'));
    onTestFailed(() => console.error(`KILL_SEED=${seed}; the acknowledgements are kept in ${folder}`));
    const loads = await startLoads(python!, folder);
    onTestFinished(() => {
      for (const load of loads) load.abandon();
    });
    const topics = loads.map(({ topic }) => topic);
    const reader = new Reader(python!, topics);
    for (let round = 1; round <= ROUNDS; round++) {
      await progress(loads);
      await sleep(random() * 1500);
      await broker.process.kill();
      const acknowledged = loads.map((load) => load.acknowledged().length);
      const killed = performance.now();
      await broker.process.start();
      // A broker dies while it recovers, too.
      for (let again = random(); again < 0.3; again = random()) {
        await sleep(again * 1000);
        await broker.process.kill();
        await broker.process.start();
      }
      const startMs = Math.round(performance.now() - killed);
      await reader.readOn(folder);
      expect(loads.flatMap((load, n) => missing(load, acknowledged[n]!, reader))).toEqual([]);
      console.log(`round ${round}: ${acknowledged} records acknowledged, started again in ${startMs} ms`);
    }
    await progress(loads);
    await Promise.all(loads.map((load) => load.stop()));

    const again = new Reader(python!, topics);
    await again.readOn(folder);
    for (const load of loads) {
      expect(missing(load, load.acknowledged().length, again)).toEqual([]);
      expect(disorder(load, again)).toEqual([]);
      const twice = [...again.read]
        .filter(([place]) => place.startsWith(`${load.topic}/`))
        .map(([, numbers]) => numbers.length - new Set(numbers).size);
      console.log(`${load.name}: ${load.acknowledged().length} records, ${twice} twice`);
    }
    expect(await broker.process.stop()).toEqual({ code: 0, signal: null });
    if (java !== null) expect(await logFaults(java, broker.process.data, topics)).toEqual([]);
    const segments = readdirSync(join(broker.process.data, `${topics[0]}-0`)).filter((name) => name.endsWith('.log'));
    expect(segments.length).toBeGreaterThan(1);
    rmSync(folder, { recursive: true, force: true });
  },
  60_000 + ROUNDS * 30_000,
);
