import { checkpointLines, checkpointText, isCount } from './checkpoints.ts';

/** The first offset that was written in a leader epoch. */
export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

const NO_EPOCH = -1;
/** Kafka's answer for an epoch that the log knows nothing of. Valid, and no sign of data loss. */
export const UNDEFINED_EPOCH_END = { leaderEpoch: -1, endOffset: -1 } as const;

/**
 * The leader epochs of a log, ascending in epoch and start offset: leader-epoch-checkpoint. `changed` gets the
 * file's new text with each change, and may refuse the change by throwing.
 */
export class LeaderEpochs {
  private entries: EpochStart[];
  private readonly changed: (text: string) => void;

  constructor(entries: readonly EpochStart[], changed: (text: string) => void) {
    this.entries = [...entries];
    this.changed = changed;
  }

  get latest(): number {
    return this.entries.at(-1)?.epoch ?? -1;
  }
  list(): readonly EpochStart[] {
    return this.entries;
  }

  /** An epoch begins at `startOffset`. What was known of later epochs or offsets was wrong, and goes. */
  assign(epoch: number, startOffset: number): void {
    if (epoch < 0 || epoch <= this.latest) return;
    const kept = this.entries.filter((entry) => entry.startOffset < startOffset);
    this.become([...kept, { epoch, startOffset }]);
  }

  /** What was known is wrong: the batches say this. An epoch that has begun at the end, without a record yet, is not among it. */
  relearn(entries: readonly EpochStart[]): void {
    this.become([...entries]);
  }

  /** The log now ends at `endOffset`; tells whether an epoch is gone with that. */
  truncateEnd(endOffset: number): boolean {
    if ((this.entries.at(-1)?.startOffset ?? -1) < endOffset) return false;
    this.become(this.entries.filter((entry) => entry.startOffset < endOffset));
    return true;
  }

  /**
   * The log now begins at `startOffset`: the epoch of that offset begins there, and earlier ones are forgotten. The file says so with the next
   * epoch: until then a power failure may bring records of earlier ones back.
   */
  truncateStart(startOffset: number): void {
    const floor = this.entries.findLastIndex((entry) => entry.startOffset <= startOffset);
    if (floor === -1 || (floor === 0 && this.entries[0]!.startOffset === startOffset)) return;
    this.entries = [{ epoch: this.entries[floor]!.epoch, startOffset }, ...this.entries.slice(floor + 1)];
  }

  /** The epoch that `offset` was written in; -1: unknown. */
  epochOf(offset: number): number {
    return this.entries.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1;
  }

  /** KIP-101: the end of `epoch`, or of the highest epoch below it that the log has, and which epoch that is. */
  endOffsetFor(epoch: number, logEndOffset: number): { leaderEpoch: number; endOffset: number } {
    const { entries, latest } = this;
    if (epoch === NO_EPOCH || epoch > latest || entries.length === 0) return UNDEFINED_EPOCH_END;
    if (epoch === latest) return { leaderEpoch: epoch, endOffset: logEndOffset };
    const next = entries.findIndex((entry) => entry.epoch > epoch);
    const floor = entries[next - 1];
    return { leaderEpoch: floor?.epoch ?? epoch, endOffset: entries[next]!.startOffset };
  }

  private become(entries: EpochStart[]): void {
    this.changed(leaderEpochText(entries)); // first: when the file cannot be written, nothing has changed
    this.entries = entries;
  }
}

export function leaderEpochText(entries: readonly EpochStart[]): string {
  return checkpointText(entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`));
}

/** The entries of a leader-epoch-checkpoint; null when the file is missing or damaged, and must be rebuilt from the batches. */
export function parseLeaderEpochs(content: Buffer | null): EpochStart[] | null {
  const entries: EpochStart[] = [];
  for (const line of checkpointLines(content) ?? [null]) {
    const [epoch, startOffset, more] = line?.split(' ') ?? [];
    if (more !== undefined || !isCount(epoch) || !isCount(startOffset)) return null;
    const last = entries.at(-1);
    if (last && (Number(epoch) <= last.epoch || Number(startOffset) < last.startOffset)) return null;
    entries.push({ epoch: Number(epoch), startOffset: Number(startOffset) });
  }
  return entries;
}
