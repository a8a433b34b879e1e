import { isPrepared } from '../../src/coordinator/transaction/transaction-status.ts';
import type { ChurnedTopic } from './admin.ts';
import type { Checker } from './checker.ts';
import { CommittedReader } from './committed-reader.ts';
import { requireReplayed, STATE_TOPIC, statesOf } from './coordinator-states.ts';
import { Decisions, type Fate } from './decisions.ts';
import { Violation } from './ledger.ts';
import type { Machine, World } from './machine.ts';
import { replicasOf } from './replica-views.ts';
import { type KnownTransaction, nameOf, TransactionBook } from './transaction-book.ts';
import { TransactionalProducer } from './transactional-producer.ts';

const IDS = ['ledger', 'mailer'];
/** Programs that share a transactional id. */
const RIVALS = 3;
const CHECK_EVERY_MS = 500;
/** For a write, when nothing is wrong. */
const SLACK_MS = 500;
/** For the markers of a transaction, when nothing is wrong: the reassignments of a moment ago may hold them up. */
const MARKERS_MS = 5_000;
const OFFSETS_TOPIC = '__consumer_offsets';

/** The transactional part of a run: producers that fence each other, readers of what is committed, and what is held against both. */
export class Transactions {
  readonly producers: TransactionalProducer[] = [];
  readonly readers: CommittedReader[] = [];
  /** Of the protocol: see TransactionalOptions. */
  readonly versions: readonly (1 | 2)[];
  private readonly book = new TransactionBook();
  private readonly decisions = new Map<number, Decisions>();
  private readonly world: World;
  private readonly checker: Checker;
  private readonly machines: ReadonlyMap<number, Machine>;
  private readonly topic: string;
  private isCalm = false;
  /** What each id's group has committed, when all was over. */
  private readonly offsets = new Map<string, number>();

  constructor(world: World, machines: ReadonlyMap<number, Machine>, checker: Checker, topic: string, partitions: number) {
    this.world = world;
    this.checker = checker;
    this.machines = machines;
    this.topic = topic;
    const brokers = [...machines.keys()];
    const random = world.random.fork('transactions');
    const versions: readonly (1 | 2)[] = random.pick([[1], [2], [1, 2]] as const);
    this.versions = versions;
    const everyMs = random.pick([60, 250, 700]);
    for (const transactionalId of IDS) {
      for (let rival = 0; rival < RIVALS; rival++) {
        const options = { transactionalId, topic, partitions, everyMs, versions };
        this.producers.push(new TransactionalProducer(`${transactionalId}${rival}`, world, brokers, this.book, options));
      }
    }
    for (let partition = 0; partition < partitions; partition++) {
      const decisions = () => this.decisionsOf(partition);
      this.readers.push(new CommittedReader(`committed${partition}`, world, brokers, topic, partition, decisions));
    }
  }

  /** Where coordinators live: they move, too. */
  static coordinatorTopics(brokers: number): ChurnedTopic[] {
    const replicationFactor = Math.min(3, brokers);
    return [
      { topic: STATE_TOPIC, partitions: 2, replicationFactor },
      { topic: OFFSETS_TOPIC, partitions: 1, replicationFactor },
    ];
  }

  start(): void {
    for (const producer of this.producers) producer.start();
    for (const reader of this.readers) reader.start(300);
    const { scheduler } = this.world;
    const check = () => {
      this.checkStates();
      scheduler.after(scheduler.world, CHECK_EVERY_MS, 'checks', check);
    };
    scheduler.after(scheduler.world, CHECK_EVERY_MS, 'checks', check);
  }

  /** No transaction begins any more, and nothing has been wrong for a while. */
  stop(): void {
    this.isCalm = true;
    for (const producer of this.producers) producer.stop();
    for (const reader of this.readers) reader.restartForGood();
  }

  /** Asks for the offsets that stay. */
  finish(): void {
    for (const producer of this.producers.filter((_, i) => i % RIVALS === 0)) {
      producer.begin(async () => {
        for (let tries = 0; tries < 20; tries++) {
          try {
            this.offsets.set(producer.transactionalId, await producer.readOffset());
            return;
          } catch (error) {
            producer.forgetAll();
            this.world.trace.event(producer.name, `refused: ${error instanceof Error ? error.message : String(error)}`);
            await producer.sleep(100);
          }
        }
      });
    }
  }

  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    const add = (name: string, n: number) => (counts[name] = (counts[name] ?? 0) + n);
    for (const producer of this.producers) for (const [name, n] of Object.entries(producer.counts)) add(`txn ${name}`, n);
    for (const reader of this.readers) for (const [name, n] of Object.entries(reader.counts)) add(name, n);
    return counts;
  }

  /** Disks were lost beyond what is promised, or wait for an operator: then nothing is said of transactions, which rest on all of these. */
  private get isTainted(): boolean {
    for (const { name, tainted, value } of this.checker.ofTopics())
      if ((tainted || value.leader < 0) && (name.startsWith(this.topic) || name.startsWith(STATE_TOPIC) || name.startsWith(OFFSETS_TOPIC)))
        return true;
    return false;
  }

  private decisionsOf(partition: number): Decisions | undefined {
    const known = this.decisions.get(partition);
    if (known) return known;
    const ledger = this.checker.ledger(this.topic, partition);
    if (!ledger) return undefined;
    const decisions = new Decisions(ledger, this.book, () => this.isTainted);
    this.decisions.set(partition, decisions);
    return decisions;
  }

  private checkStates(): void {
    for (const machine of this.machines.values()) {
      if (!machine.isUp) continue;
      requireReplayed(machine);
      if (this.isCalm) this.requireNoneLate(machine);
    }
  }

  /** What was left open is aborted when its time is over, and what is decided is over soon. */
  private requireNoneLate(machine: Machine): void {
    if (this.isTainted) return;
    const nowMs = this.world.scheduler.clockOf(machine.process).now();
    const scanMs = Number(this.world.configs['transaction.abort.timed.out.transaction.cleanup.interval.ms']);
    for (const { transactions } of statesOf(machine)) {
      for (const { partitions: _, ...transaction } of transactions.values()) {
        const { startMs, status, timeoutMs, updateMs } = transaction;
        const isLate = status === 'Ongoing' && startMs + timeoutMs + scanMs + SLACK_MS < nowMs;
        const isStuck = isPrepared(status) && updateMs + MARKERS_MS < nowMs;
        if (isLate || isStuck) throw new Violation('TIMEOUT', `${machine.host} at ${nowMs}: ${JSON.stringify(transaction)}`);
      }
    }
  }

  /** The faults ended long ago, and no transaction was begun for longer than any may take. */
  checkEnd(): void {
    if (this.isTainted) return;
    this.checkCoordinators();
    this.checkStable();
    for (const reader of this.readers) {
      const ledger = this.checker.ledger(this.topic, reader.partition)!;
      if (reader.position < ledger.committedTo)
        throw new Violation('END', `${reader.name} has read up to ${reader.position} of ${ledger.committedTo}`);
    }
    for (const transaction of this.book.all) this.checkWhole(transaction);
    for (const id of IDS) this.checkOffsets(id);
  }

  private checkCoordinators(): void {
    for (const ledger of this.checker.ofTopics()) {
      const [, index] = new RegExp(`^${STATE_TOPIC}-(\\d+)$`).exec(ledger.name) ?? [];
      if (index === undefined) continue;
      const machine = this.machines.get(ledger.value.leader)!;
      requireReplayed(machine);
      const state = [...statesOf(machine)].find(({ partition }) => partition === Number(index));
      if (!state) throw new Violation('END', `${machine.host} leads ${ledger.name}, and has not loaded it`);
      for (const { partitions: _, ...transaction } of state.transactions.values()) {
        const isOver = ['Empty', 'CompleteCommit', 'CompleteAbort'].includes(transaction.status);
        if (!isOver) throw new Violation('TIMEOUT', `a transaction is not over at the end: ${JSON.stringify(transaction)}`);
      }
    }
  }

  /** Nothing holds back who reads what is committed, on any replica. */
  private checkStable(): void {
    for (const { host, services } of this.machines.values()) {
      if (!services) continue;
      for (const partition of [...replicasOf(services).values()].flat()) {
        if (!partition || (partition.topic !== this.topic && partition.topic !== OFFSETS_TOPIC)) continue;
        const { highWatermark, lastStableOffset } = partition;
        if (lastStableOffset < highWatermark)
          throw new Violation(
            'UNSTABLE',
            `${host}: ${partition.topic}-${partition.index} is stable up to ${lastStableOffset}, HW ${highWatermark}`,
          );
      }
    }
  }

  private fatesOf({ batches }: KnownTransaction): (Fate | 'absent')[] {
    return batches.map(({ crc, partition }) => this.decisionsOf(partition)!.fateOf(crc));
  }

  private checkWhole(transaction: KnownTransaction): void {
    const { batches, ending } = transaction;
    const fates = this.fatesOf(transaction);
    const committed = fates.filter((fate) => fate === 'commit').length;
    const may = ending === 'committed' ? [batches.length] : ending === 'asked' ? [0, batches.length] : [0];
    if (may.includes(committed) && !fates.includes('open')) return;
    const what = batches.map(({ crc, partition }, i) => `${partition}#${crc.toString(16)} ${fates[i]}`).join(', ');
    throw new Violation('HALF', `${nameOf(transaction)}: ${what}`);
  }

  /** Committed; undefined: nobody knows, since its producer was not answered and it wrote nothing else. */
  private isCommitted(transaction: KnownTransaction): boolean | undefined {
    if (transaction.ending !== 'asked') return transaction.ending === 'committed';
    return transaction.batches.length === 0 ? undefined : this.fatesOf(transaction)[0] === 'commit';
  }

  private checkOffsets(id: string): void {
    const withOffset = this.book.all.filter((each) => each.id === id && each.hasOffset);
    const least = withOffset.findLast((each) => this.isCommitted(each))?.number ?? -1;
    const may = [
      least,
      ...withOffset.filter((each) => each.number > least && this.isCommitted(each) === undefined).map((each) => each.number),
    ];
    const last = this.offsets.get(id);
    if (last === undefined) throw new Violation('END', `the offsets of ${id} are not told`);
    if (!may.includes(last)) throw new Violation('OFFSETS', `${id}: ${last} is committed at the end, not ${may.join(' or ')}`);
    for (const { who, number, atLeast, ...told } of this.book.told) {
      if (told.id !== id || number < 0) continue;
      const of = withOffset.find((each) => each.number === number);
      if (!of || this.isCommitted(of) === false)
        throw new Violation('OFFSETS', `${who} was told ${number}, of ${of ? nameOf(of) : 'nothing'}`);
      if (number < atLeast) throw new Violation('OFFSETS', `${who} was told ${number}, ${atLeast} was committed before`);
    }
  }
}
