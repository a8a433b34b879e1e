import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { type StartClusterOptions, startCluster, type TestBroker, type TestCluster } from '../../src/testing.ts';
import { prng } from '../support/prng.ts';
import { Client } from './client.ts';
import { disorder, lost, Reader } from './ledger.ts';
import { Load } from './load.ts';
import { Probe } from './probe.ts';
import { replicaContent } from './replica-files.ts';

/** Repeats the choices of a run. */
export const SEED = Number(process.env.CLUSTER_SEED ?? Date.now() % 1_000_000);
/** How many rounds of one kind of fault. */
export const ROUNDS = Number(process.env.CLUSTER_ROUNDS ?? (process.env.CI ? 2 : 4));

const PARTITIONS = 6;
const TOPICS = { plain: 'plain', idempotent: 'idempotent', probe: 'probe' } as const;
const PROGRESS_MS = 30_000;

export interface ScenarioOptions extends Pick<StartClusterOptions, 'cuttable' | 'config' | 'brokers' | 'mode'> {
  /** Of both loads together; default 5,000. */
  readonly recordsPerSecond?: number;
  /** Told of the cluster's folder before anything is in it; what it returns is done before the folder goes. */
  readonly prepare?: (data: string) => () => void;
}

/** A cluster of three under load, with a ledger of what was acknowledged. Its data are kept when the test fails. */
export class Scenario {
  readonly cluster: TestCluster;
  readonly random: () => number;
  readonly loads: readonly Load[];
  readonly probe: Probe;
  readonly client: Client;
  private readonly readers: readonly Reader[];

  static async start({ recordsPerSecond = 5_000, prepare, ...options }: ScenarioOptions = {}): Promise<Scenario> {
    console.log(`CLUSTER_SEED=${SEED} CLUSTER_ROUNDS=${ROUNDS}`);
    const data = mkdtempSync(join(tmpdir(), 'minikafka-cluster-'));
    const dispose = prepare?.(data);
    const where = options.mode === 'in-process' ? {} : { data };
    const cluster = await startCluster({
      ...options,
      ...where,
      ...(process.env.CLUSTER_LOG && { logLevel: 'debug' as const }),
      cuttable: options.cuttable ?? 'none',
    });
    onTestFinished(async ({ task }) => {
      await cluster.close();
      const isFailed = task.result?.state === 'fail';
      if (isFailed) console.error(`CLUSTER_SEED=${SEED}; the data and logs of the brokers are kept in ${data}`);
      dispose?.();
      if (!isFailed) rmSync(data, { recursive: true, force: true });
    });
    const partitions = { [TOPICS.plain]: PARTITIONS, [TOPICS.idempotent]: PARTITIONS, [TOPICS.probe]: 1 };
    for (const [topic, count] of Object.entries(partitions)) await cluster.createTopic(topic, count);
    await cluster.waitForIsr(TOPICS.probe);
    const scenario = new Scenario(cluster, recordsPerSecond);
    onTestFinished(() => scenario.abandon());
    await Promise.all([...scenario.loads.map((load) => load.start()), scenario.probe.start()]);
    await scenario.progress();
    return scenario;
  }

  private constructor(cluster: TestCluster, recordsPerSecond: number) {
    this.cluster = cluster;
    this.random = prng(SEED);
    this.client = new Client(() => new Map(cluster.brokers.filter(({ running }) => running).map(({ id, port }) => [id, port])));
    const load = (topic: string, idempotent: boolean) =>
      new Load({ client: this.client, topic, partitions: PARTITIONS, idempotent, recordsPerSecond: recordsPerSecond / 2 });
    this.loads = [load(TOPICS.plain, false), load(TOPICS.idempotent, true)];
    this.readers = this.loads.map(({ topic }) => new Reader(this.client, topic, PARTITIONS));
    this.probe = new Probe(this.client, TOPICS.probe);
  }

  anyBroker(): TestBroker {
    return this.cluster.brokers[Math.floor(this.random() * this.cluster.brokers.length)]!;
  }

  between(leastMs: number, mostMs: number): Promise<void> {
    return sleep(leastMs + this.random() * (mostMs - leastMs));
  }

  /** Every partition of every load acknowledges something more. */
  async progress(deadlineMs = PROGRESS_MS): Promise<void> {
    await Promise.all(this.loads.map((load) => load.progress(deadlineMs)));
  }

  /** All replicas of all topics are in sync. */
  async inSync(timeoutMs = 60_000): Promise<void> {
    for (const topic of Object.values(TOPICS)) await this.cluster.waitForIsr(topic, undefined, undefined, { timeoutMs });
  }

  /** What was acknowledged until now is at its offsets, and no producer was told anything wrong. */
  async checkAcknowledged(): Promise<void> {
    for (const [n, load] of this.loads.entries()) {
      const marks = load.marks();
      await this.readers[n]!.readOn(load);
      expect([...lost(load, this.readers[n]!.partitions, marks), ...load.wrong]).toEqual([]);
    }
  }

  /** Ends the loads and judges all that they were told, from a fresh reading; then the files of all replicas. */
  async finish(): Promise<void> {
    await this.probe.stop();
    await Promise.all(this.loads.map((load) => load.stop()));
    for (const load of this.loads) {
      const reader = new Reader(this.client, load.topic, PARTITIONS);
      await reader.readOn(load);
      expect([...load.wrong, ...lost(load, reader.partitions), ...disorder(load, reader.partitions)]).toEqual([]);
      console.log(`${load.topic}: ${load.count} records acknowledged; failures on the way: ${load.failureText()}`);
    }
    await this.inSync();
    if (this.cluster.data !== null) await this.sameFiles();
  }

  /** The segment files of all replicas hold the same up to the high watermark. Stops the brokers. */
  private async sameFiles(): Promise<void> {
    const ends = new Map<string, number>();
    this.client.refresh();
    await sleep(500);
    for (const { topic, partitions } of this.loads) {
      for (let p = 0; p < partitions; p++) ends.set(`${topic}/${p}`, (await this.client.fetch(topic, p, 0)).highWatermark);
    }
    await Promise.all(this.cluster.brokers.map((broker) => broker.stop()));
    for (const [name, end] of ends) {
      const [topic, partition] = name.split('/') as [string, string];
      const holders = this.client.replicas.get(name)!.map((id) => this.cluster.broker(id).data!);
      const replicas = holders.map((data) => replicaContent(data, topic, Number(partition), end));
      expect({ name, replicas: replicas.map(() => replicas[0]) }).toEqual({ name, replicas });
      expect(replicas[0]!.endOffset).toBe(end);
    }
  }

  private async abandon(): Promise<void> {
    for (const load of this.loads) load.abandon();
    await this.probe.stop();
    await this.client.close();
  }
}

/** In a short run one hiccup of the machine is the figure: there only something that is wrong altogether fails. */
const SHORT_RUN_FACTOR = 10;

/**
 * Holds stalls to their bound, less what this process itself was late. On a machine that has more to do than it can, they say nothing of the brokers
 * and are only shown. The bound itself is for runs by hand (CLUSTER_ROUNDS).
 */
export function judgeStalls(what: string, stalls: readonly number[], probe: Probe, boundMs: number): void {
  const [load = 0] = loadavg();
  const isBusy = load > 2 * availableParallelism();
  const lateMs = Math.round(probe.longestLagMs);
  console.log(
    `${what}: ${stallText(stalls)}; timers here late by ${lateMs} ms at most, load ${load.toFixed(1)}${isBusy ? ', not judged' : ''}`,
  );
  const limitMs = process.env.CLUSTER_ROUNDS === undefined ? boundMs * SHORT_RUN_FACTOR : boundMs;
  if (!isBusy) expect(Math.max(...stalls) - lateMs).toBeLessThanOrEqual(limitMs);
}

/** The longest stall of each round, sorted: what a figure is made from. */
export function stallText(stalls: readonly number[]): string {
  const sorted = [...stalls].sort((a, b) => a - b).map(Math.round);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return `p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, longest ${sorted.at(-1) ?? 0} ms`;
}
