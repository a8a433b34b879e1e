import type { DivergingEpoch, Fetched, FollowedPartition, NextFetch } from '../../src/replication/followed-partition.ts';

type Done = (error: Error | null) => void;

/** What was asked of a fake partition, in order. */
export type Call =
  | { readonly append: string; readonly epoch: number; readonly highWatermark: number }
  | { readonly truncate: DivergingEpoch; readonly epoch: number }
  | { readonly restartAt: number; readonly epoch: number };

/** A replica in memory, whose record is one byte for each offset. Its writes finish at once, or when the test says so. */
export class FakeFollowed implements FollowedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  readonly calls: Call[] = [];
  leaderEpoch = 1;
  start = 0;
  bytes = Buffer.alloc(0);
  /** Writes wait until `finish`. */
  slow = false;
  /** Nothing may be fetched. */
  held = false;
  private pending: { act: () => void; done: Done }[] = [];

  constructor(topicId: string, index: number, topic = topicId.slice(0, 4)) {
    this.topicId = topicId;
    this.index = index;
    this.topic = topic;
  }

  get end(): number {
    return this.start + this.bytes.byteLength;
  }
  get isWriting(): boolean {
    return this.pending.length > 0;
  }

  nextFetch(): NextFetch | null {
    if (this.held || this.isWriting) return null;
    const lastFetchedEpoch = this.bytes.byteLength > 0 ? this.leaderEpoch : -1;
    return { leaderEpoch: this.leaderEpoch, fetchOffset: this.end, logStartOffset: this.start, lastFetchedEpoch };
  }

  appendFetched(epoch: number, { records, highWatermark }: Fetched, done: Done): void {
    if (this.isWriting) throw new Error('two writes at once');
    if (epoch !== this.leaderEpoch) {
      done(null);
      return;
    }
    this.calls.push({ append: records.toString(), epoch, highWatermark });
    this.work(() => {
      this.bytes = Buffer.concat([this.bytes, records]);
    }, done);
  }

  truncate(epoch: number, diverging: DivergingEpoch, done: Done): void {
    if (this.isWriting) throw new Error('a truncation during a write');
    if (epoch !== this.leaderEpoch) {
      done(null);
      return;
    }
    this.calls.push({ truncate: diverging, epoch });
    this.work(() => {
      this.bytes = this.bytes.subarray(0, Math.max(diverging.endOffset - this.start, 0));
    }, done);
  }

  restartAt(epoch: number, offset: number, done: Done): void {
    if (epoch !== this.leaderEpoch) {
      done(null);
      return;
    }
    this.calls.push({ restartAt: offset, epoch });
    this.work(() => {
      this.start = offset;
      this.bytes = Buffer.alloc(0);
    }, done);
  }

  /** Ends the write under way. */
  finish(error: Error | null = null): void {
    const { act, done } = this.pending.shift()!;
    if (!error) act();
    done(error);
  }

  private work(act: () => void, done: Done): void {
    if (this.slow) {
      this.pending.push({ act, done });
      return;
    }
    act();
    done(null);
  }
}
