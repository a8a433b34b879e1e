import { KafkaError } from '../../core/errors.ts';
import { safetyRules } from '../../core/safety-rules.ts';
import { readTransactionRecord, transactionRecord } from '../../protocol/messages/internal/transaction-records.ts';
import { DecodeError } from '../../protocol/wire.ts';
import { KeyedTimers, type Perform } from '../keyed-timers.ts';
import type { Outcome, Shard, Write } from '../runtime.ts';
import { addPartitions, type Producer, type Verdict, verifier } from './add-partitions.ts';
import { completed, type EndTransaction, endTransaction, producerAfter } from './end-transaction.ts';
import { type InitProducer, initProducer } from './init-producer.ts';
import { fromValue, newTransaction, recordValue, type TopicPartitions, type Transaction } from './transaction.ts';
import type { TransactionEnv } from './transaction-env.ts';
import { isPrepared } from './transaction-status.ts';
import { expiredIds, timedOut } from './transaction-time.ts';

const TIMEOUTS = 'timeouts';
const EXPIRY = 'expiry';

/** A producer, or that a fresh producer id is needed first. */
export type EndReply = Producer | 'needs-producer-id';
/** `aborted`: the transaction of whoever had the id has been ended, and the sender is to come again. */
export type InitReply = EndReply | 'aborted';

/** The transactional ids of one partition of __transaction_state. */
export class TransactionShard implements Shard {
  private readonly env: TransactionEnv;
  private readonly perform: Perform;
  private readonly coordinatorEpoch: number;
  private readonly transactions = new Map<string, Transaction>();
  /** Of transactions whose markers are on their way: how to stop that. */
  private readonly sending = new Map<string, () => void>();
  private readonly timers: KeyedTimers;

  /** @param coordinatorEpoch the leader epoch of the partition */
  constructor(env: TransactionEnv, perform: Perform, coordinatorEpoch: number) {
    this.env = env;
    this.perform = perform;
    this.coordinatorEpoch = coordinatorEpoch;
    this.timers = new KeyedTimers(env.clock, perform);
  }

  get(transactionalId: string): Transaction | undefined {
    return this.transactions.get(transactionalId);
  }
  all(): IterableIterator<Transaction> {
    return this.transactions.values();
  }

  /** @throws KafkaError CONCURRENT_TRANSACTIONS, PRODUCER_FENCED */
  init(transactionalId: string, request: InitProducer, freshId: number | null): Outcome<InitReply> {
    const nowMs = this.env.clock.now();
    const existing = this.transactions.get(transactionalId);
    if (!existing && freshId === null) return NEEDS_ID;
    const known = existing ?? newTransaction(transactionalId, freshId!, request.timeoutMs, nowMs);
    const initialised = initProducer(known, request, freshId, nowMs);
    if (initialised.kind === 'needs-producer-id') return NEEDS_ID;
    const { kind, next } = initialised;
    return { reply: kind === 'aborts' ? 'aborted' : next, write: this.become(next) };
  }

  /** @throws KafkaError INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS */
  add(transactionalId: string, producer: Producer, partitions: TopicPartitions, version: number): Outcome<void> {
    const known = this.require(transactionalId);
    const next = addPartitions(known, producer, partitions, version, this.env.clock.now());
    return { reply: undefined, write: next && this.become(next) };
  }

  /** Which partitions are in the transaction. Throws like `add`. */
  verify(transactionalId: string, producer: Producer): Verdict {
    return verifier(this.require(transactionalId), producer);
  }

  /** @throws KafkaError as `endTransaction` */
  end(transactionalId: string, request: EndTransaction, freshId: number | null): Outcome<EndReply> {
    const known = this.require(transactionalId);
    const ended = endTransaction(known, request, freshId, this.env.clock.now());
    switch (ended.kind) {
      case 'needs-producer-id':
        return NEEDS_ID;
      case 'repeated':
        return { reply: known, write: null };
      case 'prepared':
        return { reply: producerAfter(ended.next), write: this.become(ended.next) };
    }
  }

  replay(key: Buffer, value: Buffer | null): void {
    try {
      const record = readTransactionRecord(key, value);
      if (record.kind === 'other') return;
      const transaction = record.value && fromValue(record.transactionalId, record.value);
      if (transaction) this.transactions.set(record.transactionalId, transaction);
      else this.transactions.delete(record.transactionalId);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.env.logger.error({ err: error }, 'A record of __transaction_state cannot be read and is passed over');
    }
  }

  /** No client writes to __transaction_state. */
  endTransaction(): void {}

  /** What an earlier coordinator has decided is carried out. */
  loaded(): void {
    for (const transaction of this.transactions.values())
      if (isPrepared(transaction.status) && safetyRules.decisionIsCarriedOn) this.sendMarkers(transaction);
    this.scheduleTimeouts();
    this.scheduleExpiry();
  }

  unloaded(): void {
    this.timers.clear();
    for (const cancel of this.sending.values()) cancel();
    this.sending.clear();
    this.transactions.clear();
  }

  /** The write that makes this the state; markers leave once it is committed, since nobody may take that back then. */
  private become(next: Transaction): Write {
    const { transactionalId } = next;
    return {
      records: [transactionRecord(transactionalId, recordValue(next))],
      replay: false,
      accepted: () => {
        this.transactions.set(transactionalId, next);
        if (isPrepared(next.status) && !safetyRules.decisionBeforeMarkers) this.sendMarkers(next);
      },
      done: (error) => {
        if (!isPrepared(next.status) || !safetyRules.decisionBeforeMarkers) return null;
        if (!error) this.sendMarkers(next);
        // It may be committed yet, which nobody will tell: it is written once more.
        else if (this.transactions.get(transactionalId) === next) this.retry(transactionalId, () => this.become(next));
        return null;
      },
    };
  }

  private retry(transactionalId: string, operation: () => Write | null): void {
    this.timers.set(`retry:${transactionalId}`, RETRY_MS, operation);
  }

  private sendMarkers(prepared: Transaction): void {
    const { partitions, producerEpoch, producerId, transactionalId, version } = prepared;
    if (this.transactions.get(transactionalId) !== prepared) return; // its partition was unloaded meanwhile
    const finish = () => {
      this.sending.delete(transactionalId);
      this.perform(() => this.complete(prepared));
    };
    const commits = prepared.status === 'PrepareCommit';
    const { coordinatorEpoch } = this;
    const told = { transactionalId, producerId, producerEpoch, commits, coordinatorEpoch, transactionVersion: version, partitions };
    this.sending.set(transactionalId, () => {});
    const cancel = this.env.markers.send(told, finish);
    if (this.sending.has(transactionalId)) this.sending.set(transactionalId, cancel);
  }

  private complete(prepared: Transaction): Write | null {
    if (this.transactions.get(prepared.transactionalId) !== prepared) return null;
    const write = this.become(completed(prepared, this.env.clock.now()));
    // Refused, as while too few replicas are in sync: the markers are there, so this alone is tried again.
    const again = () => this.retry(prepared.transactionalId, () => this.complete(prepared));
    return {
      ...write,
      done: (error) => {
        if (error) again();
        return null;
      },
    };
  }

  private scheduleTimeouts(): void {
    this.timers.set(TIMEOUTS, this.env.config().timeoutCheckMs, () => {
      this.scheduleTimeouts();
      for (const aborted of timedOut(this.transactions.values(), this.env.clock.now())) this.perform(() => this.abort(aborted));
      return null;
    });
  }

  private abort({ before, after }: { before: Transaction; after: Transaction }): Write | null {
    if (this.transactions.get(before.transactionalId) !== before) return null;
    const { producerEpoch, producerId, transactionalId } = after;
    this.env.logger.info({ transactionalId, producerId, producerEpoch }, 'A transaction took longer than its timeout and is aborted');
    return this.become(after);
  }

  private scheduleExpiry(): void {
    this.timers.set(EXPIRY, this.env.config().expiryCheckMs, () => {
      this.scheduleExpiry();
      const { config, expiryNow } = this.env;
      return this.expireNext(expiredIds(this.transactions, expiryNow(), config().expirationMs));
    });
  }

  /** One write after the other, so that many ids at once hold up nobody. */
  private expireNext(expired: Iterator<Write['records']>): Write | null {
    const { done, value: records } = expired.next();
    return done ? null : { records, replay: true, done: (error) => (error ? null : this.expireNext(expired)) };
  }

  private require(transactionalId: string): Transaction {
    const known = this.transactions.get(transactionalId);
    if (!known) throw new KafkaError('INVALID_PRODUCER_ID_MAPPING');
    return known;
  }
}

const NEEDS_ID = { reply: 'needs-producer-id', write: null } as const;
const RETRY_MS = 500;
