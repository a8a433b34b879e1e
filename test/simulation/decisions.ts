import type { Ledger } from './ledger.ts';
import type { StoredBatch } from './log-index.ts';
import { show } from './log-index.ts';
import { nameOf, type TransactionBook } from './transaction-book.ts';

/** What became of a transactional batch that is committed to a partition's log. */
export type Fate = 'open' | 'commit' | 'abort';

/**
 * What the committed history of one partition says of the transactions in it, by the rule alone: a marker decides all that its producer has written
 * since the marker before.
 */
export class Decisions {
  private readonly ledger: Ledger;
  private readonly book: TransactionBook;
  private read = 0;
  private readonly open = new Map<number, StoredBatch[]>();
  private readonly fates = new Map<number, Fate>();
  /** CRC -> its offset. */
  private readonly offsets = new Map<number, number>();
  /** Of each transactional id: the number of the last transaction that was committed here. */
  private readonly last = new Map<string, number>();

  constructor(ledger: Ledger, book: TransactionBook) {
    this.ledger = ledger;
    this.book = book;
  }

  /** Of the batch at an offset; undefined: it is of no transaction, or not there. */
  fateAt(baseOffset: number): Fate | undefined {
    this.follow();
    return this.fates.get(baseOffset);
  }

  /** Of a batch that some producer has sent. */
  fateOf(crc: number): Fate | 'absent' {
    this.follow();
    const offset = this.offsets.get(crc);
    return offset === undefined ? 'absent' : this.fates.get(offset)!;
  }

  /** Producers whose transaction is open. */
  openProducers(): number[] {
    this.follow();
    return [...this.open.keys()];
  }

  /** A reader of what is committed came upon a batch, and would give it to its application, or not. */
  wasRead(batch: StoredBatch, delivers: boolean, who: string): void {
    if (this.ledger.tainted || !batch.isTransactional) return;
    const fate = this.fateAt(batch.baseOffset);
    if (fate === (delivers ? 'commit' : 'abort')) return;
    const transaction = this.book.transactionOf(batch.crc);
    const what = `${show(batch)} of ${transaction ? nameOf(transaction) : 'nobody'}`;
    this.ledger.fail('ISOLATION', `${who} ${delivers ? 'is given' : 'passes over'} ${what}, whose end is ${fate ?? 'unknown'} here`);
  }

  private follow(): void {
    const { committed } = this.ledger;
    while (this.read < committed.length) this.take(committed[this.read++]!);
  }

  private take(batch: StoredBatch): void {
    const { baseOffset, crc, isTransactional, marker, producerId } = batch;
    if (marker !== null) {
      for (const each of this.open.get(producerId) ?? []) this.decide(each, marker);
      this.open.delete(producerId);
    } else if (isTransactional) {
      if (this.offsets.has(crc)) this.ledger.fail('TWICE', `${show(batch)} of a transaction is there at ${this.offsets.get(crc)}, too`);
      this.offsets.set(crc, baseOffset);
      this.fates.set(baseOffset, 'open');
      this.open.set(producerId, [...(this.open.get(producerId) ?? []), batch]);
    }
  }

  private decide(batch: StoredBatch, marker: 'commit' | 'abort'): void {
    this.fates.set(batch.baseOffset, marker);
    const transaction = this.book.transactionOf(batch.crc);
    if (marker === 'abort' || !transaction) return;
    const { id, number } = transaction;
    const last = this.last.get(id) ?? -1;
    if (number < last) this.ledger.fail('TRANSACTION', `${show(batch)}: ${nameOf(transaction)} is committed behind transaction ${last}`);
    this.last.set(id, number);
    if (transaction.ending === 'open' || transaction.ending === 'aborted')
      this.ledger.fail('TRANSACTION', `${show(batch)} of ${nameOf(transaction)} is committed`);
  }
}
