import { OFFSETS_TOPIC } from '../../src/metadata/internal-topics.ts';
import { CommittingGroup, GROUP_PARTITIONS, type GroupKind } from '../clients/committing-group.ts';
import { Client } from '../cluster/client.ts';
import { disorder, lost, Reader } from '../cluster/ledger.ts';
import { Load } from '../cluster/load.ts';
import { Peer } from '../kafka/peer.ts';
import type { BrokerProcess } from '../support/broker-process.ts';
import { KeyedLoad } from './keyed-load.ts';
import { Mover } from './mover.ts';
import { TopicChurn } from './topic-churn.ts';
import { Trimmer } from './trimmer.ts';

/** Of a single broker. */
const BROKER_ID = 1;
const PARTITIONS = 2;
const RECORDS_PER_SECOND = 400;
const PROGRESS_MS = 30_000;
const RETENTION_BYTES = 60_000;
/** A batch of one record of `Load`, the most that a record can take. */
const MOST_BYTES_A_RECORD = 61 + 110;
const CHURN_PAUSE_MS = 20;
const TRIM_PAUSE_MS = 60;
const MOVE_PAUSE_MS = 100;
const COMMIT_PAUSE_MS = 4;
const KEYS = 100;
const GROUPS: readonly GroupKind[] = ['plain', 'plain', 'plain', 'member', 'forgetful'];
const COMPACTED = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.1', 'delete.retention.ms': '1000' };

/** The topics of one stage, by what becomes of them. */
const TOPICS = {
  kept: {},
  idempotent: {},
  retained: { 'retention.bytes': String(RETENTION_BYTES) },
  trimmed: {},
  compacted: COMPACTED,
  both: { ...COMPACTED, 'cleanup.policy': 'compact,delete', 'retention.bytes': '100000' },
} as const;
type Kind = keyof typeof TOPICS;

/** Everything that a broker does to its logs, under way at once, with a ledger of what was acknowledged. One stage of a run: its topics are its own. */
export class MixedLoad {
  readonly topics: readonly string[];
  readonly churn: TopicChurn;
  readonly trimmer: Trimmer;
  private readonly mover: Mover;
  private readonly port: number;
  private readonly client: Client;
  private readonly loads: Readonly<Record<'kept' | 'idempotent' | 'retained' | 'trimmed', Load>>;
  private readonly keyed: Readonly<Record<'compacted' | 'both', KeyedLoad>>;
  private readonly groups: readonly CommittingGroup[];
  private readers: ReadonlyMap<Load, Reader>;
  private working = false;

  static async start({ port, directories }: BrokerProcess, stage: number, random: () => number): Promise<MixedLoad> {
    const made = new MixedLoad(port, directories, stage, random);
    const peer = await Peer.open(port);
    for (const [kind, configs] of Object.entries(TOPICS)) await peer.createTopic(made.name(kind as Kind, stage), PARTITIONS, configs);
    await peer.createTopic(made.name('committed', stage), GROUP_PARTITIONS);
    await peer.close();
    await Promise.all([...Object.values(made.loads), ...Object.values(made.keyed)].map((load) => load.start()));
    await made.connectGroups();
    await made.work();
    return made;
  }

  private constructor(port: number, directories: readonly string[], stage: number, random: () => number) {
    this.port = port;
    this.client = new Client(() => new Map([[BROKER_ID, port]]));
    const { client } = this;
    const load = (kind: Kind) =>
      new Load({
        client,
        topic: this.name(kind, stage),
        partitions: PARTITIONS,
        idempotent: kind === 'idempotent',
        recordsPerSecond: RECORDS_PER_SECOND,
      });
    const keyed = (kind: Kind) =>
      new KeyedLoad({ client, topic: this.name(kind, stage), partitions: PARTITIONS, keys: KEYS, deletes: kind === 'both' });
    this.loads = { kept: load('kept'), idempotent: load('idempotent'), retained: load('retained'), trimmed: load('trimmed') };
    this.keyed = { compacted: keyed('compacted'), both: keyed('both') };
    this.readers = this.newReaders();
    this.trimmer = new Trimmer(this.loads.trimmed, TRIM_PAUSE_MS, random);
    this.churn = new TopicChurn(['churned-a', 'churned-b', 'churned-c'], CHURN_PAUSE_MS, random);
    const committed = this.name('committed', stage);
    const stable = (Object.keys(TOPICS) as Kind[]).flatMap((kind) =>
      Array.from({ length: PARTITIONS }, (_, p) => [this.name(kind, stage), p] as const),
    );
    this.mover = new Mover([...stable, [OFFSETS_TOPIC, 0]], directories, MOVE_PAUSE_MS, random);
    this.groups = GROUPS.map((kind, n) => new CommittingGroup(`${kind}-${stage}-${n}`, kind, committed, random, COMMIT_PAUSE_MS));
    this.topics = [...(Object.keys(TOPICS) as Kind[]).map((kind) => this.name(kind, stage)), committed];
  }

  /** Records that were acknowledged so far. */
  get records(): number {
    const loads = [...Object.values(this.loads), ...Object.values(this.keyed)];
    return loads.reduce((sum, { count }) => sum + count, 0) + this.churn.records;
  }
  get commits(): number {
    return this.groups.reduce((sum, { commits }) => sum + commits, 0);
  }

  /** Folders of partitions that stay for the whole stage. */
  get folders(): string[] {
    return this.topics.slice(0, -1).flatMap((topic) => Array.from({ length: PARTITIONS }, (_, p) => `${topic}-${p}`));
  }

  /** Everything has gone on since it was asked. */
  async progress(): Promise<void> {
    await Promise.all([...Object.values(this.loads), ...Object.values(this.keyed)].map((load) => load.progress(PROGRESS_MS)));
  }

  /** The broker was killed: whoever does not find it again by itself is stopped. */
  async killed(): Promise<void> {
    if (!this.working) return;
    this.working = false;
    await Promise.all([this.churn, this.trimmer, this.mover, ...this.groups].map((worker) => worker.stop(true)));
  }

  /** It is back: what is there of all that was acknowledged until now? Then goes on. @param from where logs began at least, by folder */
  async check(from: ReadonlyMap<string, number>): Promise<string[]> {
    await this.connectGroups();
    const wrong = [
      ...(await this.checkGroups()),
      ...(await this.churn.check(this.port)),
      ...(await this.checkKeyed()),
      ...(await this.checkLoads()),
      ...(await this.checkStarts(from)),
    ];
    await this.work();
    return wrong;
  }

  /** Ends it and judges all that it was told, from a fresh reading; then deletes what the stage has. */
  async finish(): Promise<string[]> {
    await Promise.all([...Object.values(this.loads), ...Object.values(this.keyed)].map((load) => load.stop()));
    await Promise.all([this.churn, this.trimmer, this.mover, ...this.groups].map((worker) => worker.stop()));
    this.working = false;
    await this.connectGroups();
    const wrong = await this.checkGroups();
    await Promise.all(this.groups.map((group) => group.stop()));
    this.readers = this.newReaders();
    wrong.push(...(await this.churn.check(this.port)), ...(await this.checkKeyed()), ...(await this.checkLoads()));
    for (const load of [this.loads.kept, this.loads.idempotent]) wrong.push(...disorder(load, this.readers.get(load)!.partitions));
    await this.churn.deleteAll(this.port);
    return wrong;
  }

  /** How much of what was acknowledged for the compacted topic is still read: compaction and tombstones took the rest. */
  async compactedTo(): Promise<{ acknowledged: number; read: number }> {
    const { compacted } = this.keyed;
    return { acknowledged: compacted.count, read: (await compacted.check()).read };
  }

  async deleteTopics(): Promise<void> {
    const peer = await Peer.open(this.port);
    for (const topic of this.topics) await peer.deleteTopic(topic);
    await peer.close();
  }

  async abandon(): Promise<void> {
    for (const load of [...Object.values(this.loads), ...Object.values(this.keyed)]) load.abandon();
    await Promise.allSettled([this.churn, this.trimmer, this.mover, ...this.groups].map((worker) => worker.stop(true)));
    await this.client.close();
  }

  private name(kind: Kind | 'committed', stage: number): string {
    return `${kind}-${stage}`;
  }

  private newReaders(): Map<Load, Reader> {
    return new Map(Object.values(this.loads).map((load) => [load, new Reader(this.client, load.topic, PARTITIONS)]));
  }

  private async work(): Promise<void> {
    for (const group of this.groups) group.start();
    await Promise.all([this.churn, this.trimmer, this.mover].map((worker) => worker.start(this.port)));
    this.working = true;
  }

  private async connectGroups(): Promise<void> {
    await Promise.all(this.groups.map((group) => group.connect({ host: 'localhost', port: this.port })));
  }

  private async checkGroups(): Promise<string[]> {
    return (await Promise.all(this.groups.map((group) => group.check()))).flat();
  }

  private async checkKeyed(): Promise<string[]> {
    return (await Promise.all(Object.values(this.keyed).map((load) => load.check()))).flatMap(({ wrong }) => wrong);
  }

  private async checkLoads(): Promise<string[]> {
    const checked = [...this.readers].map(async ([load, reader]) => {
      const marks = load.marks();
      await reader.readOn(load);
      return [...lost(load, reader.partitions, marks), ...load.wrong];
    });
    return (await Promise.all(checked)).flat();
  }

  /** A log begins where it may: retention leaves what it must, and nobody deletes more records than he was asked to. */
  private async checkStarts(from: ReadonlyMap<string, number>): Promise<string[]> {
    const wrong: string[] = [];
    for (const [kind, { topic, acknowledged }] of Object.entries(this.loads)) {
      for (let p = 0; p < PARTITIONS; p++) {
        const start = await this.client.logStart(topic, p);
        const { offset = 0, count = 0 } = acknowledged[p]!.at(-1) ?? {};
        const least = from.get(`${topic}-${p}`) ?? 0;
        if (start < least) wrong.push(`${topic}-${p} begins at ${start}, which was at ${least} before`);
        const most =
          kind === 'trimmed' ? this.trimmer.asked[p]! : kind === 'retained' ? offset + count - RETENTION_BYTES / MOST_BYTES_A_RECORD : 0;
        if (start > Math.max(0, most)) wrong.push(`${topic}-${p} begins at ${start}, where ${most} is the most`);
      }
    }
    return wrong;
  }
}
