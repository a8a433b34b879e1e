import { asError } from '../core/errors.ts';
import { safetyRules } from '../core/safety-rules.ts';
import { BatchView } from '../protocol/records/batch.ts';
import type { Done } from '../storage/log-types.ts';
import type { PartitionLog } from '../storage/partition-log.ts';
import type { DivergingEpoch, Fetched, NextFetch } from './followed-partition.ts';

/** The partition that follows. */
export interface FollowingPartition {
  readonly log: PartitionLog;
  /** The high watermark or the log start has moved. */
  moved(): void;
  /** Another segment's worth of records has come. */
  grown(): void;
}

/**
 * One time of following: one leader epoch. The log takes what the leader sends and is cut to where the two agree. What comes when it is over,
 * or belongs to another leader epoch, has no effect.
 */
export class Following {
  readonly leaderEpoch: number;
  private readonly log: PartitionLog;
  private readonly host: FollowingPartition;
  /** Fetched since the last segment's worth was. */
  private bytesSince = 0;
  /** A write or a truncation is under way. */
  private busy = false;
  private over = false;
  /** What would be claimed to be written, were unfinished writes to count. */
  private claimed = 0;

  constructor(partition: FollowingPartition, leaderEpoch: number) {
    this.log = partition.log;
    this.leaderEpoch = leaderEpoch;
    this.host = partition;
  }

  end(): void {
    this.over = true;
  }

  nextFetch(): NextFetch | null {
    const { log, leaderEpoch } = this;
    if (this.busy || this.over) return null;
    try {
      const { logEndOffset, logStartOffset, latestLeaderEpoch: lastFetchedEpoch } = log;
      const fetchOffset = safetyRules.countFinishedWrites ? logEndOffset : Math.max(logEndOffset, this.claimed);
      return { leaderEpoch, fetchOffset, logStartOffset, lastFetchedEpoch };
    } catch {
      return null; // it is offline, which was logged
    }
  }

  appendFetched(leaderEpoch: number, { records, highWatermark, logStartOffset }: Fetched, done: Done): void {
    const after = () => {
      this.takeOver(highWatermark, logStartOffset);
      this.count(records.byteLength);
    };
    if (!this.isCurrent(leaderEpoch)) done(null);
    else if (records.byteLength === 0) this.guarded(after, done);
    else if (!safetyRules.countFinishedWrites) this.claim(records, done);
    else this.change((ready) => this.log.appendFetched(records, ready), done, after);
  }

  /** KIP-101, KIP-279: to the end of that epoch in the leader's log or in ours, whichever comes first. */
  truncate(leaderEpoch: number, { epoch, endOffset }: DivergingEpoch, done: Done): void {
    if (!this.isCurrent(leaderEpoch)) {
      done(null);
      return;
    }
    this.change((ready) => {
      const ours = epoch >= 0 ? this.log.endOffsetForEpoch(epoch).endOffset : -1;
      this.log.truncateTo(ours >= 0 ? Math.min(ours, endOffset) : endOffset, ready);
    }, done);
  }

  restartAt(leaderEpoch: number, offset: number, done: Done): void {
    if (this.isCurrent(leaderEpoch)) this.change((ready) => this.log.restartAt(offset, ready), done);
    else done(null);
  }

  /** For the simulation alone, which shows that this loses records: it counts as written what is not. */
  private claim(records: Buffer, done: Done): void {
    const batch = new BatchView(records);
    while (batch.isWhole()) {
      this.claimed = batch.nextOffset;
      batch.next();
    }
    this.log.appendFetched(records, () => {});
    done(null);
  }

  private count(bytes: number): void {
    this.bytesSince += bytes;
    if (this.bytesSince < this.log.segmentBytes) return;
    this.bytesSince = 0;
    this.host.grown();
  }

  private isCurrent(leaderEpoch: number): boolean {
    return !this.over && leaderEpoch === this.leaderEpoch;
  }

  /** Nothing is fetched until it is finished: where the log ends is not certain before. */
  private change(act: (ready: Done) => void, done: Done, after?: () => void): void {
    this.busy = true;
    const ready: Done = (error) => {
      this.busy = false;
      if (error || this.over || !after) done(error);
      else this.guarded(after, done);
    };
    try {
      act(ready);
    } catch (error) {
      this.busy = false;
      done(asError(error));
    }
  }

  private guarded(act: () => void, done: Done): void {
    try {
      act();
    } catch (error) {
      done(asError(error));
      return;
    }
    done(null);
  }

  private takeOver(highWatermark: number, logStartOffset: number): void {
    const { log } = this;
    const committed = Math.min(highWatermark, log.logEndOffset);
    const before = log.highWatermark;
    if (committed > before) log.commitTo(committed);
    // KIP-107: what the leader has deleted is deleted here; never what is not known to be committed.
    const start = Math.min(logStartOffset, log.highWatermark);
    const trims = start > log.logStartOffset;
    if (trims) log.deleteRecordsBefore(start);
    if (committed > before || trims) this.host.moved();
  }
}
