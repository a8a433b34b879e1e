import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { ERROR_CODES, type ErrorName } from '../../src/core/error-codes.ts';
import { AddOffsetsToTxn } from '../../src/protocol/messages/add-offsets-to-txn.ts';
import { AddPartitionsToTxn } from '../../src/protocol/messages/add-partitions-to-txn.ts';
import { EndTxn } from '../../src/protocol/messages/end-txn.ts';
import { FindCoordinator } from '../../src/protocol/messages/find-coordinator.ts';
import { InitProducerId } from '../../src/protocol/messages/init-producer-id.ts';
import { OffsetFetch } from '../../src/protocol/messages/offset-fetch.ts';
import { Produce } from '../../src/protocol/messages/produce.ts';
import { TxnOffsetCommit } from '../../src/protocol/messages/txn-offset-commit.ts';
import { accept, Client, Refused } from './client.ts';
import type { World } from './machine.ts';
import type { KnownTransaction, TransactionBook } from './transaction-book.ts';

export interface TransactionalOptions {
  readonly transactionalId: string;
  readonly topic: string;
  readonly partitions: number;
  /** Ms between two transactions, about. */
  readonly everyMs: number;
  /** Of transactions: 1 adds partitions first; 2 has brokers add them, and gets an epoch with each end (KIP-890). */
  readonly versions: readonly (1 | 2)[];
}

/** Of a step that was tried until it was done, refused, or too late. */
type Outcome = 'done' | 'abortable' | 'fatal' | 'unknown';

const RETRY_MS = 60;
const TRANSACTION = 1;
const TRANSACTIONAL_BIT = 16;
const CRC_POSITION = 17;

const codes = (...names: ErrorName[]) => new Set<number>(names.map((name) => ERROR_CODES[name].code));
/** Another has taken over, or the coordinator has ended what took too long. */
const FATAL = codes('PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING');
/** The transaction can only be aborted. */
const ABORTABLE = codes('TRANSACTION_ABORTABLE', 'INVALID_TXN_STATE', 'UNKNOWN_PRODUCER_ID');
/** Refusals after which the request has done nothing, and will not. */
const DEFINITE = new Set([...FATAL, ...ABORTABLE, ...codes('CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS')]);

/**
 * One of several programs that share a transactional id, each taking it over from the others: what it writes, and the offset that it commits, is to
 * be seen as a whole or not at all. It speaks the protocol as Kafka's own producer does, in both versions of transactions.
 */
export class TransactionalProducer extends Client {
  readonly counts = { begun: 0, committed: 0, aborted: 0, left: 0, fenced: 0, unknown: 0, takeovers: 0 };
  lastCommittedAt = 0;
  private readonly options: TransactionalOptions;
  private readonly book: TransactionBook;
  private version: 1 | 2 = 2;
  private coordinators = new Map<string, number>();
  private identity = { producerId: -1, producerEpoch: -1 };
  private readonly sequences = new Map<number, number>();
  private readonly added = new Set<number | 'offsets'>();
  private stopped = false;

  constructor(name: string, world: World, brokerIds: readonly number[], book: TransactionBook, options: TransactionalOptions) {
    super(name, world, brokerIds);
    this.book = book;
    this.options = options;
  }

  get transactionalId(): string {
    return this.options.transactionalId;
  }
  private get groupId(): string {
    return `group-of-${this.options.transactionalId}`;
  }

  start(): void {
    this.begin(async () => {
      while (!this.stopped) {
        await this.sleep(this.random.between(100, 6_000));
        if (!this.stopped) await this.live();
      }
    });
  }

  stop(): void {
    this.stopped = true;
  }

  forgetAll(): void {
    this.forgetLeaders();
    this.coordinators.clear();
  }

  /** From taking over until it is fenced, gives up, or just ends. */
  private async live(): Promise<void> {
    this.version = this.random.pick(this.options.versions);
    if (!(await this.takeOver({ producerId: -1, producerEpoch: -1 }))) return;
    this.counts.takeovers++;
    for (let left = 1 + this.random.below(30); left > 0 && !this.stopped; left--) {
      if (!(await this.transaction())) return;
      // The next one may begin before the markers of this one are written.
      if (this.random.chance(0.5)) await this.sleep(this.random.between(0.1, 1.9) * this.options.everyMs);
    }
  }

  private async takeOver(present: { producerId: number; producerEpoch: number }): Promise<boolean> {
    const { transactionalId } = this.options;
    const transactionTimeoutMs = this.random.pick([800, 2_000, 5_000]);
    const outcome = await this.insist(15_000, async () => {
      const answer = await this.ask(await this.coordinator(transactionalId, TRANSACTION), InitProducerId, this.version === 2 ? 5 : 4, {
        transactionalId,
        transactionTimeoutMs,
        ...present,
      });
      accept(answer.errorCode);
      const { producerEpoch, producerId } = answer;
      this.identity = { producerId, producerEpoch };
    });
    this.sequences.clear();
    if (outcome !== 'done') return false;
    const { producerId, producerEpoch } = this.identity;
    this.world.trace.tell(this.name, `has ${transactionalId} as ${producerId}/${producerEpoch}, v${this.version}`);
    if (present.producerId < 0) await this.insist(2_000, () => this.readOffset());
    return true;
  }

  /** As whoever goes on where the one before has stopped: what it is told is committed. */
  async readOffset(): Promise<number> {
    const atLeast = this.book.leastOffset(this.options.transactionalId);
    const answer = await this.ask(await this.coordinator(this.groupId, 0), OffsetFetch, 7, {
      groupId: this.groupId,
      topics: [{ name: this.options.topic, partitionIndexes: [0] }],
      requireStable: true,
    });
    accept(answer.errorCode);
    const { committedOffset: number, errorCode } = answer.topics[0]!.partitions[0]!;
    accept(errorCode);
    this.book.told.push({ id: this.options.transactionalId, who: this.name, number, atLeast });
    return number;
  }

  /** False: this life is over. */
  private async transaction(): Promise<boolean> {
    const { transactionalId } = this.options;
    const transaction = this.book.begin(transactionalId, this.name, this.now);
    this.counts.begun++;
    this.added.clear();
    const { random } = this;
    const plans = new Map<number, number>();
    for (let partition = 0; partition < this.options.partitions; partition++)
      if (random.chance(0.6)) plans.set(partition, 1 + random.below(3));
    const hasOffset = plans.size === 0 || random.chance(0.5);
    const outcomes: Outcome[] = await Promise.all([...plans].map(([partition, count]) => this.writeTo(transaction, partition, count)));
    await this.dawdle();
    if (hasOffset && !outcomes.some((outcome) => outcome !== 'done')) outcomes.push(await this.commitOffset(transaction));
    if (random.chance(0.08) && !this.stopped) {
      // It dies here: whoever comes next, or time, ends the transaction. Not at the end: time would have to be left for that.
      this.counts.left++;
      this.world.trace.tell(this.name, `leaves transaction ${transaction.number} of ${transactionalId} open`);
      return false;
    }
    await this.dawdle();
    if (outcomes.includes('fatal')) return this.isFenced();
    const whole = outcomes.every((outcome) => outcome === 'done');
    return this.end(transaction, whole && !random.chance(0.2), !whole);
  }

  private async end(transaction: KnownTransaction, committed: boolean, needsEpoch: boolean): Promise<boolean> {
    const { transactionalId } = this.options;
    let isCertain = true;
    if (!committed) transaction.ending = 'aborted';
    const outcome = await this.insist(12_000, async () => {
      try {
        if (committed && transaction.ending === 'open') transaction.ending = 'asked';
        const coordinator = await this.coordinator(transactionalId, TRANSACTION);
        const body = { transactionalId, ...this.identity, committed };
        const send = () => this.ask(coordinator, EndTxn, this.version === 2 ? 5 : 4, body);
        if (this.version === 2) this.isHeldUp(send);
        const answer = await send();
        accept(answer.errorCode);
        if (this.version === 2) {
          this.identity = { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
          this.sequences.clear();
        }
      } catch (error) {
        if (!(error instanceof Refused && DEFINITE.has(error.code))) isCertain = false;
        throw error;
      }
    });
    const { producerEpoch, producerId } = this.identity;
    const what = `${committed ? 'commit' : 'abort'} of transaction ${transaction.number} of ${transactionalId} as ${producerId}/${producerEpoch}`;
    this.world.trace.tell(this.name, `${what}: ${outcome}${isCertain ? '' : ', at last'}`);
    if (outcome !== 'done') {
      if (committed && isCertain && outcome !== 'unknown') transaction.ending = 'aborted';
      if (outcome === 'unknown') this.counts.unknown++;
      return outcome === 'fatal' ? this.isFenced() : false;
    }
    if (committed) {
      transaction.ending = 'committed';
      this.lastCommittedAt = this.now;
      this.counts.committed++;
      return true;
    }
    this.counts.aborted++;
    // What became of some batch nobody knows, so that its sequence may not be used again (KIP-360).
    return !needsEpoch || this.version === 2 || (await this.takeOver(this.identity));
  }

  private isFenced(): false {
    this.counts.fenced++;
    this.world.trace.tell(this.name, 'is fenced');
    return false;
  }

  private async writeTo(transaction: KnownTransaction, partition: number, count: number): Promise<Outcome> {
    if (this.version === 1) {
      const outcome = await this.insist(6_000, () => this.add(partition));
      if (outcome !== 'done') return outcome;
    }
    for (let n = 0; n < count; n++) {
      await this.dawdle();
      const outcome = await this.writeOne(transaction, partition, n);
      if (outcome !== 'done') return outcome;
    }
    return 'done';
  }

  private async writeOne(transaction: KnownTransaction, partition: number, n: number): Promise<Outcome> {
    const { topic, transactionalId } = this.options;
    const values = Array.from({ length: 1 + this.random.below(2) }, (_, i) => `${this.name}/${transaction.number}/${partition}/${n}/${i}`);
    const baseSequence = this.sequences.get(partition) ?? 0;
    const records = batchBytes({ values, ...this.identity, baseSequence, attributes: TRANSACTIONAL_BIT });
    const sent = this.book.sends(transaction, partition, records.readUInt32BE(CRC_POSITION));
    const timeoutMs = this.random.pick([100, 300, 1_000, 4_000]);
    const version = this.version === 2 ? 12 : 11;
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
    const outcome = await this.insist(this.random.pick([0, 200, 1_000, 8_000]), async () => {
      const leader = await this.leaderOf(topic, partition);
      const send = () => this.ask(leader.id, Produce, version, { transactionalId, acks: -1, timeoutMs: 3_000, topicData }, timeoutMs);
      const isHeldUp = this.isHeldUp(send);
      if (isHeldUp && this.random.chance(0.5)) throw new Error('held up');
      const answer = await send();
      accept(answer.responses[0]!.partitionResponses[0]!.errorCode);
    });
    if (outcome !== 'done') return outcome;
    sent.acknowledged = true;
    this.sequences.set(partition, baseSequence + values.length);
    return 'done';
  }

  private async add(partition: number): Promise<void> {
    const { topic, transactionalId } = this.options;
    const body = {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: this.identity.producerId,
      v3AndBelowProducerEpoch: this.identity.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
    };
    const answer = await this.ask(
      await this.coordinator(transactionalId, TRANSACTION),
      AddPartitionsToTxn,
      3,
      body,
      this.random.pick([100, 300, 4_000]),
    );
    accept(answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode);
  }

  private async commitOffset(transaction: KnownTransaction): Promise<Outcome> {
    const { topic, transactionalId } = this.options;
    const { groupId } = this;
    if (this.version === 1) {
      const outcome = await this.insist(6_000, async () => {
        const body = { transactionalId, ...this.identity, groupId };
        accept((await this.ask(await this.coordinator(transactionalId, TRANSACTION), AddOffsetsToTxn, 3, body)).errorCode);
      });
      if (outcome !== 'done') return outcome;
    }
    await this.dawdle();
    const partitions = [{ partitionIndex: 0, committedOffset: transaction.number, committedMetadata: null }];
    const outcome = await this.insist(6_000, async () => {
      const version = this.version === 2 ? 5 : 3;
      const body = { transactionalId, groupId, ...this.identity, topics: [{ name: topic, partitions }] };
      const coordinator = await this.coordinator(groupId, 0);
      const send = () => this.ask(coordinator, TxnOffsetCommit, version, body);
      if (this.version === 2) this.isHeldUp(send);
      const answer = await send();
      accept(answer.topics[0]!.partitions[0]!.errorCode);
    });
    if (outcome === 'done') transaction.hasOffset = true;
    return outcome;
  }

  /**
   * Now and then a request comes late, or once more, as one does that was sent over a connection which its sender has given up. Of what transactions v1
   * have no defence against, since all have one epoch (KIP-890), there is none.
   */
  private isHeldUp(send: () => Promise<unknown>): boolean {
    if (this.stopped || !this.random.chance(0.04)) return false;
    const ms = this.random.between(10, this.random.pick([100, 1_000, 5_000]));
    this.world.scheduler.after(this.process, ms, 'comes late', () => void send().catch(() => {}));
    return true;
  }

  /** A program takes its time, and now and then stands still for longer than its transaction may take: then it is a zombie. */
  private async dawdle(): Promise<void> {
    if (this.random.chance(0.3)) await this.sleep(this.random.between(1, 100));
    if (!this.stopped && this.random.chance(0.02)) await this.sleep(this.random.between(300, 7_000));
  }

  private async insist(forMs: number, attempt: () => Promise<unknown>): Promise<Outcome> {
    const until = this.now + forMs;
    for (;;) {
      try {
        await attempt();
        return 'done';
      } catch (error) {
        if (error instanceof Error && error.name === 'Violation') throw error;
        this.world.trace.event(this.name, `refused: ${error instanceof Error ? error.message : String(error)}`);
        if (error instanceof Refused && FATAL.has(error.code)) return 'fatal';
        if (error instanceof Refused && ABORTABLE.has(error.code)) return 'abortable';
        this.forgetLeaders();
        if (!(error instanceof Refused && error.code === ERROR_CODES.CONCURRENT_TRANSACTIONS.code)) this.coordinators.clear();
        if (this.now >= until) return 'unknown';
        await this.sleep(this.random.between(0.2, 1.8) * RETRY_MS);
      }
    }
  }

  private async coordinator(key: string, keyType: number): Promise<number> {
    const known = this.coordinators.get(key);
    if (known !== undefined) return known;
    const answer = await this.ask(this.anyBroker(), FindCoordinator, 2, { key, keyType });
    accept(answer.errorCode);
    this.coordinators.set(key, answer.nodeId);
    return answer.nodeId;
  }
}
