import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { javaWithKafka } from '../clients/java.ts';
import { javaLoad, LOAD_PARTITIONS } from '../clients/loads.ts';
import { eventually } from '../support/eventually.ts';
import { judgeStalls, ROUNDS, Scenario } from './scenario.ts';

/** Issue 6: what clients with settings of their own may see. */
const LONGEST_STALL_MS = 1_500;
const java = javaWithKafka();

/** The longest time without news, in milliseconds, of the slowest of several counters. */
class Silence {
  longestMs = 0;
  private readonly since: number[];
  private readonly counts: number[];

  constructor(counters: number) {
    this.since = new Array<number>(counters).fill(performance.now());
    this.counts = new Array<number>(counters).fill(0);
  }

  look(counts: readonly number[]): void {
    const now = performance.now();
    for (const [i, count] of counts.entries()) {
      this.longestMs = Math.max(this.longestMs, now - this.since[i]!);
      if (count !== this.counts[i]) this.since[i] = now;
      this.counts[i] = count;
    }
  }

  take(): number {
    const taken = this.longestMs;
    this.longestMs = 0;
    return taken;
  }
}

/** Kills the leader of a partition, again and again, and hears how long its client was silent. */
async function killRounds(scenario: Scenario, topic: string, counts: () => number[]): Promise<number[]> {
  const silence = new Silence(counts().length);
  let looking = true;
  const looks = (async () => {
    while (looking) {
      silence.look(counts());
      await sleep(5);
    }
  })();
  const stalls: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    await scenario.between(500, 1_500);
    const dead = scenario.cluster.broker(await scenario.cluster.waitForLeader(topic, 0));
    silence.take();
    await dead.kill();
    const before = counts();
    await eventually(() => expect(counts().every((count, i) => count > before[i]!)).toBe(true), 60_000);
    stalls.push(silence.take());
    await dead.start();
    await scenario.cluster.waitForIsr(topic);
    await scenario.inSync();
  }
  looking = false;
  await looks;
  return stalls;
}

test(`kafkajs at its defaults goes on through ${ROUNDS} deaths of a leader`, { timeout: 120_000 + ROUNDS * 60_000 }, async () => {
  const scenario = await Scenario.start({ recordsPerSecond: 500 });
  await scenario.cluster.createTopic('kafkajs', 1);
  const kafka = new Kafka({ brokers: scenario.cluster.bootstrapServers.split(','), logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  let sent = 0;
  let stopped = false;
  const sending = (async () => {
    while (!stopped) {
      await producer.send({ topic: 'kafkajs', messages: [{ value: `${sent}` }] });
      sent++;
      await sleep(5);
    }
  })();
  onTestFinished(async () => {
    stopped = true;
    await sending;
    await producer.disconnect();
  });
  await eventually(() => expect(sent).toBeGreaterThan(10));
  judgeStalls('kafkajs', await killRounds(scenario, 'kafkajs', () => [sent]), scenario.probe, LONGEST_STALL_MS);
});

test.skipIf(java === null)(
  `the Java producer at its defaults goes on through ${ROUNDS} deaths of a leader`,
  { timeout: 120_000 + ROUNDS * 60_000 },
  async () => {
    const scenario = await Scenario.start({ recordsPerSecond: 500 });
    await scenario.cluster.createTopic('java', LOAD_PARTITIONS);
    const folder = mkdtempSync(join(tmpdir(), 'minikafka-java-acks-'));
    const load = javaLoad(java!, scenario.cluster.bootstrapServers, 'java', join(folder, 'acks'));
    onTestFinished(() => {
      load.abandon();
      rmSync(folder, { recursive: true, force: true });
    });
    const counts = () => {
      const found = new Array<number>(LOAD_PARTITIONS).fill(0);
      for (const { partition } of load.acknowledged()) found[partition]!++;
      return found;
    };
    await eventually(() => expect(Math.min(...counts())).toBeGreaterThan(10), 60_000);
    judgeStalls('Java producer', await killRounds(scenario, 'java', counts), scenario.probe, LONGEST_STALL_MS);
    await load.stop();
  },
);
