import { Admin } from './admin.ts';
import { Checker } from './checker.ts';
import { Committer } from './committer.ts';
import { type Fault, FaultInjector, type FaultName, planFaults, planKills } from './faults.ts';
import { Violation } from './ledger.ts';
import { describe, Machine, type World } from './machine.ts';
import { Network } from './network.ts';
import { Producer } from './producer.ts';
import { Random } from './random.ts';
import { Reader } from './reader.ts';
import { Scheduler } from './scheduler.ts';
import { SimulatedStore } from './store.ts';
import { Trace } from './trace.ts';
import { Transactions } from './transactions.ts';

export interface RunOptions {
  readonly seed: number;
  /** Gets each line of the trace. */
  readonly sink?: (line: string) => void;
  /** In place of the seed's own. */
  readonly faults?: readonly Fault[];
  readonly shape?: Shape;
  /** Kinds of faults: these alone; a calm seed stays as it is. */
  readonly kinds?: readonly FaultName[];
  /** In place of the seed's own choice. */
  readonly transactions?: boolean;
}

export interface RunResult {
  readonly seed: number;
  readonly failure: { readonly kind: string; readonly text: string } | null;
  readonly shape: Shape;
  readonly faults: readonly Fault[];
  readonly transcript: string;
  readonly digest: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** How large the cluster of a seed is. */
export interface Shape {
  readonly brokers: number;
  readonly replicationFactor: number;
  readonly minIsr: number;
  readonly partitions: number;
  /** Nothing is slow, brokers are killed one at a time, and nobody may be kept waiting. */
  readonly calm: boolean;
  /** Transactional producers write, too. */
  readonly transactions?: boolean;
}

const SECONDS = 60;
const FAULTS_FROM_MS = 4_000;
const FAULTS_TO_MS = 38_000;
const HEAL_MS = 40_000;
const ADMIN_TO_MS = 44_000;
/** Then there is time for each transaction that was left open to be aborted. */
const TRANSACTIONS_TO_MS = 48_000;
const PRODUCE_TO_MS = 57_000;
const TOPIC = 'orders';
/** In a calm run, for a batch with acks=all from its first sending until it is acknowledged. */
const LONGEST_STALL_MS = 1_000;
/** Of seeds. */
const TRANSACTIONS_PART = 0.4;
/** Events of one instant; more is a loop without end. */
const MAX_STEPS_AT_ONCE = 50_000;

export async function run(options: RunOptions): Promise<RunResult> {
  const simulation = new Simulation(options);
  return simulation.run();
}

function shapeOf(random: Random): Shape {
  const partitions = random.pick([1, 1, 2, 3]);
  const [brokers, replicationFactor, minIsr] = random.pick([
    [3, 3, 2],
    [3, 3, 2],
    [3, 3, 2],
    [3, 2, 2],
    [4, 3, 2],
    [4, 4, 2],
    [5, 4, 3],
    [5, 3, 2],
    [3, 3, 1],
  ] as const);
  if (random.chance(0.1)) return { brokers: 3 + random.below(3), replicationFactor: 3, minIsr: 2, partitions, calm: true };
  return { brokers, replicationFactor, minIsr, partitions, calm: false };
}

/** Some seeds have transactions: these need several partitions. */
function withTransactions(shape: Shape, random: Random, wanted: boolean | undefined): Shape {
  const chosen = random.chance(TRANSACTIONS_PART);
  const partitions = random.pick([1, 2, 2, 3]);
  return (wanted ?? chosen) ? { ...shape, partitions, transactions: true } : shape;
}

class Simulation {
  private readonly seed: number;
  private readonly scheduler = new Scheduler();
  private readonly trace: Trace;
  private readonly world: World;
  private readonly shape: Shape;
  private readonly machines = new Map<number, Machine>();
  private readonly checker: Checker;
  private readonly producers: Producer[] = [];
  private readonly readers: Reader[] = [];
  private readonly committers: Committer[] = [];
  private readonly transactions: Transactions | null;
  private readonly faults: readonly Fault[];
  private readonly injector: FaultInjector;
  private readonly admin: Admin;
  private failure: unknown = null;
  private stepsAtOnce = { at: -1, steps: 0 };

  constructor({ seed, sink, faults, shape, kinds, transactions }: RunOptions) {
    this.seed = seed;
    const { scheduler } = this;
    const random = new Random(seed);
    this.trace = new Trace(() => scheduler.now, sink ?? null);
    this.shape = shape
      ? { ...shape, ...(transactions && { transactions }) }
      : withTransactions(shapeOf(random.fork('shape')), random.fork('with transactions'), transactions);
    const { brokers, minIsr, calm } = this.shape;
    this.world = {
      scheduler,
      random,
      trace: this.trace,
      network: new Network(scheduler, random.fork('network')),
      store: new SimulatedStore(scheduler, random.fork('store'), calm),
      calm,
      configs: configsOf(this.shape, random.fork('configs')),
      fail: (error) => (this.failure ??= error),
    };
    for (let id = 1; id <= brokers; id++) this.machines.set(id, new Machine(id, this.world));
    this.checker = new Checker(this.world, this.machines, minIsr);
    this.makeClients();
    const isTransactional = this.shape.transactions === true;
    this.transactions = isTransactional ? new Transactions(this.world, this.machines, this.checker, TOPIC, this.shape.partitions) : null;
    this.admin = new Admin('admin', this.world, this.machines);
    const chance = random.fork('faults');
    const plan = { fromMs: FAULTS_FROM_MS, toMs: FAULTS_TO_MS, kinds, transactions: isTransactional };
    this.faults = faults ?? (calm ? planKills : planFaults)(chance, plan);
    const { producers = [], readers = [], versions = [] } = this.transactions ?? {};
    const clients = [this.admin, ...this.producers, ...this.readers, ...this.committers, ...producers, ...readers].map(({ name }) => name);
    this.injector = new FaultInjector(this.world, this.machines, clients, this.checker, versions);
  }

  async run(): Promise<RunResult> {
    const { scheduler, trace } = this;
    trace.tell('world', `seed ${this.seed}: ${JSON.stringify(this.shape)}`);
    for (const machine of this.machines.values()) machine.start();
    this.admin.begin(() => this.createTopic());
    this.injector.schedule(this.faults);
    scheduler.after(scheduler.world, HEAL_MS, 'heal', () => this.injector.heal());
    scheduler.after(scheduler.world, ADMIN_TO_MS, 'stop', () => this.admin.stop());
    scheduler.after(scheduler.world, TRANSACTIONS_TO_MS, 'stop', () => this.transactions?.stop());
    scheduler.after(scheduler.world, PRODUCE_TO_MS, 'stop', () => this.stopProducers());
    const onRejection = (error: unknown) => (this.failure ??= error);
    process.on('unhandledRejection', onRejection);
    try {
      await scheduler.run(
        SECONDS * 1_000,
        (process, label) => trace.event(process.name, label),
        (process) => this.afterEvent(process),
      );
      if (this.failure === null) this.checkEnd();
    } catch (error) {
      this.failure ??= error;
    } finally {
      process.off('unhandledRejection', onRejection);
    }
    return this.result();
  }

  private makeClients(): void {
    const ids = [...this.machines.keys()];
    const slower = this.shape.transactions ? 4 : this.world.random.fork('load').pick([1, 2, 4]);
    for (let partition = 0; partition < this.shape.partitions; partition++) {
      const common = { topic: TOPIC, partition };
      const make = (name: string, more: { acks: -1 | 1; idempotent: boolean; everyMs: number }) =>
        this.producers.push(new Producer(`${name}${partition}`, this.world, ids, this.checker, { ...common, ...more }));
      make('plain', { acks: -1, idempotent: false, everyMs: 140 * slower });
      make('exact', { acks: -1, idempotent: true, everyMs: 110 * slower });
      make('quick', { acks: 1, idempotent: false, everyMs: 300 * slower });
      this.readers.push(new Reader(`reader${partition}`, this.world, ids, this.checker, TOPIC, partition));
    }
    for (const name of ['group-a', 'group-b']) this.committers.push(new Committer(name, this.world, ids, this.checker, TOPIC));
  }

  private async createTopic(): Promise<void> {
    const { partitions, replicationFactor } = this.shape;
    await this.admin.createFirst(TOPIC, partitions, replicationFactor);
    for (const producer of this.producers) producer.start();
    for (const reader of this.readers) reader.start(400);
    for (const committer of this.committers) committer.start(250);
    this.transactions?.start();
    const others = this.shape.transactions ? Transactions.coordinatorTopics(this.machines.size) : [];
    await this.admin.churn([{ topic: TOPIC, partitions, replicationFactor }, ...others]);
  }

  private stopProducers(): void {
    for (const producer of this.producers) producer.stop();
    for (const committer of this.committers) committer.stop();
    this.transactions?.finish();
  }

  private afterEvent(process: { readonly name: string }): boolean {
    const { stepsAtOnce, scheduler } = this;
    if (stepsAtOnce.at !== scheduler.now) this.stepsAtOnce = { at: scheduler.now, steps: 0 };
    else if (++stepsAtOnce.steps > MAX_STEPS_AT_ONCE) throw new Violation('LOOP', `${process.name} goes on and on at ${scheduler.now} ms`);
    const machine = this.byHost.get(process.name);
    if (machine) {
      this.checker.afterEvent(machine);
      this.injector.afterEvent(machine);
    }
    return this.failure === null;
  }

  private get byHost(): Map<string, Machine> {
    this.hosts ??= new Map([...this.machines.values()].map((machine) => [machine.host, machine]));
    return this.hosts;
  }
  private hosts: Map<string, Machine> | undefined;

  /** The faults ended long ago: everything is there, everywhere. */
  private checkEnd(): void {
    for (const ledger of this.checker.ofTopics()) {
      if (ledger.tainted) continue;
      const { leader, isr, replicas, adding, removing } = ledger.value;
      if (leader < 0 && this.checker.needsOperator(ledger)) continue;
      if (leader < 0) ledger.fail('END', `has no leader: ${ledger.state()}`);
      if (isr.length < replicas.length) ledger.fail('END', `is not in sync again: ${ledger.state()}, replicas [${replicas}]`);
      if (adding.length + removing.length > 0)
        ledger.fail('END', `is still being reassigned: ${ledger.state()}, adding [${adding}] removing [${removing}]`);
      for (const id of replicas) {
        const machine = this.machines.get(id)!;
        this.checker.freshLog(ledger, machine);
        ledger.requireAll(id, 'at the end');
        const ends = ledger.share(id).log.endOffset;
        const ofLeader = ledger.share(leader).log.endOffset;
        if (!ledger.tainted && ends !== ofLeader) ledger.fail('END', `broker ${id} ends at ${ends}, the leader at ${ofLeader}`);
      }
    }
    for (const producer of this.producers) {
      for (const { topic, partition, offset, crc } of producer.acknowledged)
        this.checker.ledger(topic, partition)?.acknowledged(offset, crc, producer.name);
    }
    for (const producer of this.producers) {
      const ledger = this.checker.ledger(TOPIC, producer.partition);
      if (ledger?.value.leader !== -1 && producer.lastAcknowledgedAt < PRODUCE_TO_MS - 5_000) {
        throw new Violation(
          'END',
          `${producer.name} was last acknowledged at ${producer.lastAcknowledgedAt.toFixed(0)} ms; ${ledger?.state()}`,
        );
      }
    }
    this.checkStalls();
    this.transactions?.checkEnd();
    for (const reader of this.readers) {
      const ledger = this.checker.ledger(TOPIC, reader.partition);
      if (ledger && !ledger.tainted && ledger.value.leader >= 0 && reader.position < ledger.committedTo) {
        throw new Violation('END', `${reader.name} has read up to ${reader.position} of ${ledger.committedTo}`);
      }
    }
  }

  /** Metadata-store rule 3: a dead follower does not keep acks=all waiting until it counts as lagging. */
  private checkStalls(): void {
    if (!this.shape.calm) return;
    for (const { name, longest } of this.producers) {
      if (longest.ms <= LONGEST_STALL_MS) continue;
      throw new Violation('STALL', `${name} waited ${longest.ms.toFixed(0)} ms from ${longest.at.toFixed(0)} ms on`);
    }
  }

  private result(): RunResult {
    const { failure } = this;
    const counts: Record<string, number> = { steps: this.scheduler.steps };
    const add = (name: string, n: number) => (counts[name] = (counts[name] ?? 0) + n);
    for (const { counts: own, tainted, committed } of this.checker.ledgers.values()) {
      for (const [name, n] of Object.entries(own)) add(name, n);
      add('tainted', Number(tainted));
      add('committed', committed.length);
    }
    for (const producer of this.producers) add('acknowledged', producer.acknowledged.length);
    for (const committer of this.committers) add('commits', committer.acknowledged);
    for (const [name, n] of Object.entries(this.admin.counts)) add(name, n);
    for (const [name, n] of Object.entries(this.transactions?.counts ?? {})) add(name, n);
    for (const [name, n] of this.injector.counts) add(name, n);
    if (failure !== null) this.trace.tell('world', `FAILED ${describe(failure)}`);
    return {
      seed: this.seed,
      failure: failure === null ? null : { kind: failure instanceof Violation ? failure.kind : 'ERROR', text: textOf(failure) },
      shape: this.shape,
      faults: this.faults,
      transcript: this.trace.transcript(),
      digest: this.trace.digest(),
      counts,
    };
  }
}

function textOf(error: unknown): string {
  return error instanceof Violation || !(error instanceof Error) ? describe(error) : (error.stack ?? describe(error));
}

function configsOf({ brokers, replicationFactor, minIsr }: Shape, random: Random): Record<string, string> {
  return {
    'default.replication.factor': String(replicationFactor),
    'min.insync.replicas': String(minIsr),
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': String(Math.min(3, brokers)),
    'broker.session.timeout.ms': String(random.pick([1_500, 3_000, 6_000])),
    'leader.imbalance.check.interval.seconds': String(random.pick([1, 5, 300])),
    'replica.lag.time.max.ms': String(random.pick([2_000, 5_000, 10_000])),
    'log.flush.offset.checkpoint.interval.ms': String(random.pick([1_000, 5_000])),
    'replica.high.watermark.checkpoint.interval.ms': String(random.pick([500, 5_000])),
    'log.flush.interval.messages': random.pick(['1', '9223372036854775807', '9223372036854775807']),
    'log.roll.ms': String(random.pick([3_000, 604_800_000])),
    'transaction.state.log.num.partitions': '2',
    'transaction.state.log.replication.factor': String(Math.min(3, brokers)),
    'transaction.state.log.min.isr': String(minIsr),
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': String(random.pick([300, 1_000])),
    'request.timeout.ms': String(random.pick([1_500, 4_000])),
  };
}
