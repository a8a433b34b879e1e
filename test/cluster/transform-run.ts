import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { startCluster, type TestCluster } from '../../src/testing.ts';
import { eventually } from '../support/eventually.ts';
import { prng } from '../support/prng.ts';
import { Client, READ_COMMITTED } from './client.ts';
import { committedOffsets, readCommitted } from './committed-reader.ts';
import { disorder, lost, Reader } from './ledger.ts';
import { Load } from './load.ts';
import { replicaContent } from './replica-files.ts';
import { impossible, mistakes, troubles } from './transform-judge.ts';
import { type Transformer, Worker } from './transform-workers.ts';

/** Repeats the choices of a run. */
export const SEED = Number(process.env.CTP_SEED ?? Date.now() % 1_000_000);
/** How often something is killed. */
export const ROUNDS = Number(process.env.CTP_ROUNDS ?? (process.env.CI ? 3 : 5));
const RECORDS = Number(process.env.CTP_RECORDS ?? 10_000);

const WORKERS = 3;
const INPUT = { topic: 'input', partitions: 6 };
const OUTPUT = { topic: 'output', partitions: 4 };
const GROUP = 'transformers';
const SESSION_MS = 3_000;
const TRANSACTION_MS = 5_000;
const TIMEOUT_CHECK_MS = 1_000;
const MAX_RECORDS = 50;
const ABORT_EVERY = 12;
const PROGRESS_MS = 90_000;
const END_MS = 120_000;
/** In turn, so that short runs have them all. */
const KILLS = ['worker', 'broker', 'both', 'worker', 'broker'] as const;
const SHOWN = 5;
const OFFSETS_TOPIC = '__consumer_offsets';

/** Workers that take records from one topic to another in transactions, on three brokers. All data are kept when the test fails. */
export class TransformRun {
  readonly cluster: TestCluster;
  readonly workers: readonly Worker[];
  private readonly client: Client;
  private readonly load: Load;
  private readonly random = prng(SEED);
  private allowed = 0;
  private committed = new Array<number>(INPUT.partitions).fill(-1);
  private readonly wrong: string[] = [];

  static async start(transformer: Transformer): Promise<TransformRun> {
    console.log(`${transformer.name}: CTP_SEED=${SEED} CTP_ROUNDS=${ROUNDS} CTP_RECORDS=${RECORDS}`);
    const data = mkdtempSync(join(tmpdir(), 'minikafka-transform-'));
    const config = {
      'group.min.session.timeout.ms': SESSION_MS,
      'group.initial.rebalance.delay.ms': 0,
      'min.insync.replicas': 2,
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': TIMEOUT_CHECK_MS,
    };
    const cluster = await startCluster({ data, config, cuttable: 'none', ...(process.env.CTP_LOG && { logLevel: 'debug' as const }) });
    const run = new TransformRun(cluster, transformer);
    onTestFinished(async ({ task }) => {
      await run.abandon();
      await cluster.close();
      if (task.result?.state !== 'fail') return rmSync(data, { recursive: true, force: true });
      for (const worker of run.workers) writeFileSync(join(data, `${worker.name}.log`), worker.output());
      console.error(`CTP_SEED=${SEED}; the data and logs of brokers and workers are kept in ${data}`);
    });
    for (const { topic, partitions } of [INPUT, OUTPUT]) await cluster.createTopic(topic, partitions);
    for (const { topic } of [INPUT, OUTPUT]) await cluster.waitForIsr(topic);
    await run.load.start();
    for (const worker of run.workers) worker.start();
    return run;
  }

  private constructor(cluster: TestCluster, transformer: Transformer) {
    this.cluster = cluster;
    this.client = new Client(() => new Map(cluster.brokers.filter(({ running }) => running).map(({ id, port }) => [id, port])));
    this.load = new Load({
      client: this.client,
      ...INPUT,
      idempotent: true,
      recordsPerSecond: Math.max(1_000, RECORDS / ROUNDS / 3),
      limit: () => this.allowed,
    });
    const options = {
      group: GROUP,
      input: INPUT.topic,
      output: OUTPUT.topic,
      outputPartitions: OUTPUT.partitions,
      maxRecords: MAX_RECORDS,
      abortEvery: ABORT_EVERY,
      sessionTimeoutMs: SESSION_MS,
      transactionTimeoutMs: TRANSACTION_MS,
    };
    this.workers = Array.from(
      { length: WORKERS },
      (_, n) => new Worker(transformer, { ...options, name: `worker-${n + 1}` }, () => cluster.bootstrapServers),
    );
  }

  /** Lets more records in, kills a worker, a broker or both in the middle of them, and has all go on. */
  async round(n: number): Promise<void> {
    this.allowed = Math.ceil((RECORDS * n) / ROUNDS / INPUT.partitions);
    await this.progress();
    await this.between(0, 1_000);
    const kills = KILLS[(n - 1) % KILLS.length]!;
    const worker = this.choose(this.workers);
    const broker = this.choose(this.cluster.brokers);
    const zombie = this.choose([null, null, ...this.workers.filter((each) => each !== worker)]);
    const begun = performance.now();
    if (kills !== 'broker') await worker.kill();
    if (kills !== 'worker') await broker.kill();
    zombie?.pause();
    await sleep(this.awayMs());
    if (kills !== 'broker') worker.start();
    if (kills !== 'worker') await broker.start();
    if (zombie) {
      const awayMs = performance.now() - begun;
      await sleep(Math.max(0, SESSION_MS + this.random() * TRANSACTION_MS - awayMs));
      zombie.resume();
    }
    await this.progress();
    const ms = Math.round(performance.now() - begun);
    const isRepaired = this.random() < 0.5;
    if (isRepaired) for (const topic of [INPUT.topic, OUTPUT.topic, OFFSETS_TOPIC]) await this.inSync(topic);
    const dead = [kills !== 'broker' && worker.name, kills !== 'worker' && `broker ${broker.id}`].filter(Boolean).join(' and ');
    const asleep = zombie ? `, ${zombie.name} asleep` : '';
    console.log(
      `round ${n}: ${dead} killed${asleep}, goes on after ${ms} ms; ${this.consumed} of ${this.load.count}${isRepaired ? ', all in sync' : ''}`,
    );
    await this.caughtUp((RECORDS * (n - 1)) / ROUNDS);
    console.log(`round ${n}: over after ${Math.round(performance.now() - begun)} ms`);
  }

  /** Waits for the last record, and judges the output and the committed offsets. */
  async finish(): Promise<void> {
    await eventually(() => expect(this.load.count).toBeGreaterThanOrEqual(RECORDS), END_MS);
    await this.load.stop();
    const input = await this.readInput();
    const ends = input.partitions.map(({ numbers }) => numbers.length);
    const total = ends.reduce((sum, end) => sum + end, 0);
    await this.caughtUp(total);
    await Promise.all(this.workers.map((worker) => worker.stop()));
    const output = await Promise.all(
      Array.from({ length: OUTPUT.partitions }, (_, p) => readCommitted(this.client, OUTPUT.topic, p, TRANSACTION_MS + 30_000)),
    );
    const transactions = this.workers.map(({ committed }) => committed).reduce((sum, count) => sum + count, 0);
    console.log(`${output.flat().length} records in the output, of ${total}; ${transactions} transactions`);
    console.log(`what the workers met:\n${troubles(this.workers.map((worker) => worker.output()))}`);
    expect(mistakes(input.partitions, output)).toEqual([]);
    expect(impossible(this.workers.map((worker) => worker.output()))).toEqual([]);
    expect(await eventually(() => this.fetchCommitted(true), TRANSACTION_MS + 30_000)).toEqual(ends);
    expect(this.wrong).toEqual([]);
    await this.nothingOpen();
    for (const topic of [INPUT.topic, OUTPUT.topic]) await this.inSync(topic);
    await this.sameReplicas();
    expect(this.cluster.brokers.flatMap(({ id }) => this.errorsOf(id))).toEqual([]);
  }

  private errorsOf(brokerId: number): string[] {
    const log = readFileSync(join(this.cluster.data!, `broker-${brokerId}.log`), 'utf8').split('\n');
    return log.filter((line) => /"level":"(error|fatal)"/.test(line)).slice(0, SHOWN);
  }

  private async readInput(): Promise<Reader> {
    const reader = new Reader(this.client, INPUT.topic, INPUT.partitions);
    await reader.readOn(this.load);
    expect([...this.load.wrong, ...lost(this.load, reader.partitions), ...disorder(this.load, reader.partitions)]).toEqual([]);
    return reader;
  }

  private fetchCommitted(isStable: boolean): Promise<number[]> {
    return committedOffsets(this.client, GROUP, INPUT.topic, INPUT.partitions, isStable);
  }

  private get consumed(): number {
    return this.committed.reduce((sum, offset) => sum + Math.max(0, offset), 0);
  }

  private async look(): Promise<number> {
    for (const worker of this.workers) if (await worker.revive()) console.log(`${worker.name} had ended by itself`);
    const before = this.committed;
    const after = await this.fetchCommitted(false);
    for (const [p, offset] of after.entries())
      if (offset < before[p]!) this.wrong.push(`partition ${p}: ${offset} is committed, it was ${before[p]}`);
    this.committed = after;
    return this.consumed;
  }

  /** Something more is committed, unless all is that there is. */
  private async progress(): Promise<void> {
    const before = this.consumed;
    await eventually(async () => {
      const consumed = await this.look();
      if (consumed < this.allowed * INPUT.partitions) expect(consumed).toBeGreaterThan(before);
    }, PROGRESS_MS);
  }

  private async caughtUp(records: number): Promise<void> {
    await eventually(async () => expect(await this.look()).toBeGreaterThanOrEqual(Math.floor(records)), END_MS);
  }

  private inSync(topic: string): Promise<void> {
    return this.cluster.waitForIsr(topic, undefined, undefined, { timeoutMs: 60_000 });
  }

  /** No transaction is open in any of the group's partitions. */
  private async nothingOpen(): Promise<void> {
    const partitions = [...this.client.replicas.keys()].filter((name) => name.startsWith(`${OFFSETS_TOPIC}/`));
    expect(partitions.length).toBeGreaterThan(0);
    for (const name of partitions) {
      await eventually(async () => {
        const { errorName, lastStableOffset, highWatermark } = await this.client.fetch(
          OFFSETS_TOPIC,
          Number(name.split('/')[1]),
          0,
          READ_COMMITTED,
        );
        expect({ name, errorName, lastStableOffset }).toEqual({ name, errorName: 'NONE', lastStableOffset: highWatermark });
      }, TRANSACTION_MS + 30_000);
    }
  }

  /** The files of all replicas hold the same. Stops the brokers. */
  private async sameReplicas(): Promise<void> {
    const ends = new Map<string, number>();
    for (const { topic, partitions } of [INPUT, OUTPUT]) {
      for (let p = 0; p < partitions; p++) ends.set(`${topic}/${p}`, (await this.client.fetch(topic, p, 0)).highWatermark);
    }
    await Promise.all(this.cluster.brokers.map((broker) => broker.stop()));
    for (const [name, end] of ends) {
      const [topic, partition] = name.split('/') as [string, string];
      const replicas = this.client.replicas
        .get(name)!
        .map((id) => replicaContent(this.cluster.broker(id).data!, topic, Number(partition), end));
      expect({ name, replicas }).toEqual({ name, replicas: replicas.map(() => ({ ...replicas[0], endOffset: end })) });
    }
  }

  /** Briefly; longer than a session, so that others have the dead one's partitions; or until its transaction was ended for it. */
  private awayMs(): number {
    const kind = this.random();
    if (kind < 0.7) return 100 + this.random() * 1_400;
    return kind < 0.9 ? SESSION_MS + 1_000 : TRANSACTION_MS + 2 * TIMEOUT_CHECK_MS;
  }

  private choose<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!;
  }

  private between(leastMs: number, mostMs: number): Promise<void> {
    return sleep(leastMs + this.random() * (mostMs - leastMs));
  }

  private async abandon(): Promise<void> {
    this.load.abandon();
    await Promise.all(this.workers.map((worker) => worker.kill()));
    await this.client.close();
  }
}
