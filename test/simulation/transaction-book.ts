/** A batch that a transaction has sent. Its CRC tells it from every other. */
export interface SentBatch {
  readonly partition: number;
  readonly crc: number;
  acknowledged: boolean;
}

/** One transaction as its producer knows it. */
export interface KnownTransaction {
  /** Of its transactional id. */
  readonly id: string;
  /** Ascending for each transactional id: one that begins later, and commits, comes later in every partition. Also the offset that it commits. */
  readonly number: number;
  readonly who: string;
  readonly beganAt: number;
  readonly batches: SentBatch[];
  /** Whether its offset was acknowledged by the group's coordinator. */
  hasOffset: boolean;
  /**
   * `open`: nobody asked to commit it. `asked`: its producer did, and does not know the answer. `committed`: it was told so. `aborted`: it asked for
   * that, or its commit was refused for good.
   */
  ending: 'open' | 'asked' | 'committed' | 'aborted';
}

/** What the producers of a run know of their transactions, for the checks. */
export class TransactionBook {
  readonly all: KnownTransaction[] = [];
  private readonly byCrc = new Map<number, KnownTransaction>();
  private readonly numbers = new Map<string, number>();
  /** The offsets that a transactional id's group was told to be stable: each is of a transaction that committed. */
  readonly told: { readonly id: string; readonly who: string; readonly number: number; readonly atLeast: number }[] = [];

  begin(id: string, who: string, now: number): KnownTransaction {
    const number = (this.numbers.get(id) ?? -1) + 1;
    this.numbers.set(id, number);
    const begun: KnownTransaction = { id, number, who, beganAt: now, batches: [], hasOffset: false, ending: 'open' };
    this.all.push(begun);
    return begun;
  }

  sends(transaction: KnownTransaction, partition: number, crc: number): SentBatch {
    const batch = { partition, crc, acknowledged: false };
    transaction.batches.push(batch);
    this.byCrc.set(crc, transaction);
    return batch;
  }

  transactionOf(crc: number): KnownTransaction | undefined {
    return this.byCrc.get(crc);
  }

  /** The greatest number whose offset is known to be committed; -1: none. */
  leastOffset(id: string): number {
    let least = -1;
    for (const { id: of, ending, hasOffset, number } of this.all)
      if (of === id && hasOffset && ending === 'committed') least = Math.max(least, number);
    return least;
  }
}

export const nameOf = ({ id, number, who, ending, beganAt }: KnownTransaction): string =>
  `transaction ${number} of ${id} (by ${who} at ${beganAt.toFixed(0)} ms, ${ending})`;
