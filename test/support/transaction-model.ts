/** What a log holds of transactions, as a plain list of its batches: every answer is looked up in it from the beginning. */

export interface ModelEntry {
  readonly kind: 'data' | 'commit' | 'abort';
  readonly offset: number;
  readonly count: number;
  /** -1: of no producer. */
  readonly producerId: number;
  readonly epoch: number;
  /** Of data; -1: without, as a coordinator writes it. */
  readonly sequence: number;
  readonly transactional: boolean;
  readonly coordinatorEpoch: number;
  readonly timestamp: number;
}

export interface ModelTransaction {
  readonly producerId: number;
  readonly first: number;
  /** Of its marker; Infinity: it is open. */
  readonly marker: number;
  readonly aborted: boolean;
  readonly lastStableOffset: number;
}

export interface ModelProducer {
  readonly epoch: number;
  readonly lastSequence: number;
  readonly coordinatorEpoch: number;
  /** -1: no transaction is open. */
  readonly first: number;
  readonly timestamp: number;
}

export class TransactionModel {
  entries: ModelEntry[] = [];
  start = 0;
  end = 0;

  add(entry: Omit<ModelEntry, 'offset'>): void {
    this.entries.push({ ...entry, offset: this.end });
    this.end += entry.count;
  }

  /** Nothing from `offset` on is there any more. */
  cutTo(offset: number): void {
    this.entries = this.entries.filter((entry) => entry.offset + entry.count <= offset);
    this.end = offset;
    this.start = Math.min(this.start, offset);
  }

  /** Where the last batch ends that ends there or before; 0 without one. */
  batchEnd(offset: number): number {
    const last = this.entries.findLast((entry) => entry.offset + entry.count <= offset);
    return last ? last.offset + last.count : 0;
  }

  transactions(): ModelTransaction[] {
    const open = new Map<number, number>();
    const all: ModelTransaction[] = [];
    for (const { kind, producerId, offset, transactional } of this.entries) {
      const first = open.get(producerId);
      if (kind === 'data') {
        if (transactional && first === undefined) open.set(producerId, offset);
        continue;
      }
      open.delete(producerId);
      const lastStableOffset = Math.min(offset + 1, ...open.values());
      if (first !== undefined) all.push({ producerId, first, marker: offset, aborted: kind === 'abort', lastStableOffset });
    }
    for (const [producerId, first] of open)
      all.push({ producerId, first, marker: Number.POSITIVE_INFINITY, aborted: false, lastStableOffset: -1 });
    return all;
  }

  producers(): Map<number, ModelProducer> {
    const all = new Map<number, ModelProducer>();
    for (const entry of this.entries) {
      const { kind, producerId, epoch, offset, count, timestamp } = entry;
      if (producerId < 0) continue;
      const known = all.get(producerId);
      const isNewEpoch = known?.epoch !== epoch;
      if (kind === 'data') {
        const first = known && known.first >= 0 ? known.first : entry.transactional ? offset : -1;
        const lastSequence = entry.sequence < 0 ? -1 : entry.sequence + count - 1;
        all.set(producerId, { epoch, lastSequence, coordinatorEpoch: known?.coordinatorEpoch ?? -1, first, timestamp });
      } else {
        const lastSequence = isNewEpoch ? -1 : known!.lastSequence;
        all.set(producerId, { epoch, lastSequence, coordinatorEpoch: entry.coordinatorEpoch, first: -1, timestamp });
      }
    }
    return all;
  }

  lastStableOffset(highWatermark: number): number {
    const undecided = this.transactions().filter(({ marker }) => marker >= highWatermark);
    return Math.max(this.start, Math.min(highWatermark, ...undecided.map(({ first }) => first)));
  }

  aborted(from: number, to: number): ModelTransaction[] {
    const found = this.transactions().filter(({ aborted, first, marker }) => aborted && first < to && marker >= from);
    return found.sort((a, b) => a.first - b.first);
  }

  /** Offsets of the records that a reader of committed records gets from `from` to before `to`. */
  committed(from: number, to: number): number[] {
    const aborted = this.transactions().filter((transaction) => transaction.aborted);
    return this.entries
      .filter(({ kind }) => kind === 'data')
      .filter(({ producerId, offset, transactional }) => {
        const isIn = ({ producerId: id, first, marker }: ModelTransaction) => id === producerId && first <= offset && offset < marker;
        return !transactional || !aborted.some(isIn);
      })
      .flatMap(({ offset, count }) => Array.from({ length: count }, (_, i) => offset + i))
      .filter((offset) => offset >= from && offset < to);
  }
}
