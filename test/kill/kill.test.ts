import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { realFiles } from '../../src/core/real-files.ts';
import { OFFSETS_TOPIC } from '../../src/metadata/internal-topics.ts';
import { checkpointLines } from '../../src/storage/checkpoints.ts';
import { type BrokerProcess, startBrokerProcess } from '../support/broker-process.ts';
import { eventually } from '../support/eventually.ts';
import { prng } from '../support/prng.ts';
import { startProgram } from '../support/program.ts';
import { movesGoOn, passingFiles, stillThere, strangers } from './left-over.ts';
import { MixedLoad } from './mixed-load.ts';
import { Moments } from './moments.ts';
import { readRunLog } from './run-log.ts';

/** More of them are for runs by hand. */
const KILLS = Number(process.env.KILLS ?? 20);
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const KILLS_A_STAGE = 50;
const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));
const RESULTS = fileURLToPath(new URL('../../.results', import.meta.url));
const QUIET_MS = 20_000;

/** Segments of some 10 KB, and everything that happens now and then happens often. */
const SETTINGS = {
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  'log.cleaner.backoff.ms': '100',
  'log.flush.offset.checkpoint.interval.ms': '300',
  'log.index.interval.bytes': '1000',
  'log.index.size.max.bytes': '80',
  'log.retention.check.interval.ms': '150',
  'log.segment.delete.delay.ms': '300',
  'offsets.topic.num.partitions': '2',
};

/** What one run has come to. */
interface Figures {
  rounds: number;
  records: number;
  commits: number;
  created: number;
  deleted: number;
  deletions: number;
  compactions: number;
  retentions: number;
  moves: number;
  tornEnds: number;
}

class KilledBroker {
  readonly figures: Figures = {
    rounds: 0,
    records: 0,
    commits: 0,
    created: 0,
    deleted: 0,
    deletions: 0,
    compactions: 0,
    retentions: 0,
    moves: 0,
    tornEnds: 0,
  };
  readonly moments: Moments;
  private readonly broker: BrokerProcess;
  private readonly random: () => number;
  /** Of its output, up to where it was judged. */
  private judged = 0;
  private endedCleanly = true;
  private passing = new Map<string, string>();

  constructor(broker: BrokerProcess, random: () => number) {
    this.broker = broker;
    this.random = random;
    this.moments = new Moments(broker, random);
  }

  /** One stage: kills under load, and the judgement of all that they left. */
  async stage(number: number, kills: number): Promise<void> {
    const load = await MixedLoad.start(this.broker, number, this.random);
    onTestFinished(() => load.abandon());
    for (const last = this.moments.kills + kills; this.moments.kills < last; ) {
      await load.progress();
      const moments = [await this.moments.killAtWork(load.folders)];
      await load.killed();
      this.note();
      while (this.moments.kills < last && this.random() < 0.5) {
        moments.push(await this.moments.killAtStart());
        this.note();
      }
      const from = this.logStarts();
      await this.broker.start();
      this.figures.rounds++;
      expect(await load.check(from)).toEqual([]);
      const leftOver = stillThere(this.passing);
      expect(leftOver, `killed ${moments}: left over ${leftOver}`).toEqual([]);
      this.passing.clear();
    }
    await load.progress();
    expect(await load.finish()).toEqual([]);
    const { acknowledged, read } = await load.compactedTo();
    await this.judgeAtRest([...load.topics, OFFSETS_TOPIC]);
    await load.deleteTopics();
    await this.judgeAtRest([OFFSETS_TOPIC]);
    await load.abandon();
    this.count(load);
    console.log(`${this.moments.kills} kills, ${this.figures.records} records acknowledged; ${read} of ${acknowledged} left by compaction`);
  }

  /** The broker is dead: what it has said, and what it has left lying about. */
  private note(): void {
    const output = this.broker.output();
    const { wrong, ...count } = readRunLog(output.slice(this.judged), !this.endedCleanly);
    this.judged = output.length;
    this.endedCleanly = false;
    for (const [what, times] of Object.entries(count)) this.figures[what as keyof typeof count] += times;
    expect(wrong).toEqual([]);
    for (const data of this.broker.directories) for (const [path, identity] of passingFiles(data)) this.passing.set(path, identity);
  }

  private count({ records, commits, churn, trimmer }: MixedLoad): void {
    this.figures.records += records;
    this.figures.commits += commits;
    this.figures.created += churn.created;
    this.figures.deleted += churn.deleted;
    this.figures.deletions += trimmer.deletions;
  }

  /** Stops it when it has nothing more to do, looks at every file, and starts it again. */
  private async judgeAtRest(topics: readonly string[]): Promise<void> {
    const { broker } = this;
    await eventually(() => {
      expect(broker.directories.filter(movesGoOn)).toEqual([]);
      expect(broker.directories.flatMap((data) => [...passingFiles(data).keys()])).toEqual([]);
    }, QUIET_MS);
    expect(await broker.stop()).toEqual({ code: 0, signal: null });
    this.note();
    this.endedCleanly = true;
    for (const data of broker.directories) {
      expect(strangers(data, new Set(topics))).toEqual([]);
      await verified(data);
    }
    await broker.start();
  }

  /** Where the checkpoint has logs begin, by folder. */
  private logStarts(): Map<string, number> {
    const starts = new Map<string, number>();
    for (const data of this.broker.directories) {
      for (const line of checkpointLines(realFiles.read(join(data, 'log-start-offset-checkpoint'))) ?? []) {
        const [topic, partition, offset] = line.split(' ');
        const folder = `${topic}-${partition}`;
        if (existsSync(join(data, folder))) starts.set(folder, Number(offset)); // else it was moved
      }
    }
    return starts;
  }
}

/** `minikafka log verify` finds no damage, and nothing to note. */
async function verified(data: string): Promise<void> {
  const verify = startProgram(process.execPath, [CLI, 'log', 'verify', data, '--deep', '--json']);
  const { code } = await verify.ended(120_000);
  const { damaged, notes } = JSON.parse(verify.lines().at(-1)!) as { damaged: number; notes: number };
  expect({ code, damaged, notes }, verify.output().slice(-4000)).toEqual({ code: 0, damaged: 0, notes: 0 });
}

test(
  `after each of ${KILLS} kill -9 under mixed load the broker starts cleanly, has all that it acknowledged, and no file too many`,
  async () => {
    console.log(`KILL_SEED=${SEED} KILLS=${KILLS}`);
    const args = Object.entries(SETTINGS).flatMap(([key, value]) => ['--override', `${key}=${value}`]);
    const broker = await startBrokerProcess({ args, disks: 2 });
    onTestFinished(async ({ task }) => {
      if (task.result?.state !== 'fail') return broker.remove();
      await broker.kill().catch(() => {}); // it may be dead already
      console.error(`KILL_SEED=${SEED}; the data is kept in ${broker.data}. Its last output:\n${broker.output().slice(-4000)}`);
    });
    const killed = new KilledBroker(broker, prng(SEED));
    const began = performance.now();
    const report = () => {
      const seconds = Math.round((performance.now() - began) / 1000);
      const moments = Object.fromEntries([...killed.moments.met].sort(([, a], [, b]) => b - a));
      return JSON.stringify({ seed: SEED, kills: killed.moments.kills, seconds, ...killed.figures, moments }, null, 2);
    };
    for (let stage = 1; killed.moments.kills < KILLS; stage++) {
      await killed.stage(stage, Math.min(KILLS_A_STAGE, KILLS - killed.moments.kills));
      if (process.env.KILLS === undefined) continue;
      mkdirSync(RESULTS, { recursive: true });
      writeFileSync(join(RESULTS, 'kill.json'), `${report()}\n`);
    }
    console.log(report());
    for (const what of ['records', 'commits', 'created', 'deleted', 'deletions', 'compactions', 'retentions', 'moves'] as const) {
      expect(killed.figures[what], what).toBeGreaterThan(0);
    }
  },
  60_000 + KILLS * 10_000,
);
