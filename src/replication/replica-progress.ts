import type { Clock } from '../core/clock.ts';
import type { Rev } from '../metadata/store.ts';
import type { DiskId } from '../metadata/values.ts';

/** What a fetch of a follower says of its replica. */
export interface ReplicaFetch {
  readonly replicaId: number;
  /** The registration under which it fetches (KIP-903). */
  readonly brokerEpoch: Rev;
  /** The end of what is written there. */
  readonly fetchOffset: number;
  readonly logStartOffset: number;
}

/** What the leader knows of another replica, from its fetches in this leadership; nothing of it outlives the leadership. */
export class ReplicaProgress {
  readonly id: number;
  /** Assigned by each fetch that does not diverge, never a maximum; -1: it has not fetched in this leader epoch. */
  logEndOffset = -1;
  logStartOffset = -1;
  brokerEpoch: Rev = -1;
  /** The disk of that registration; undefined while it is not known here. */
  disk: DiskId | undefined;
  /** It is not in the ISR, or was admitted with another disk: the leader admits it (again) when it has caught up. */
  toAdmit = false;
  /** Its fetches come from the disk with which it was admitted: only then they say that records are safe there. */
  counts = false;
  private caughtUpMs: number;
  private lastFetchMs = Number.NEGATIVE_INFINITY;
  private leaderEndAtLastFetch = -1;

  constructor(id: number, caughtUpMs: number) {
    this.id = id;
    this.caughtUpMs = caughtUpMs;
  }

  noteFetch({ fetchOffset, logStartOffset }: ReplicaFetch, leaderEndOffset: number, nowMs: number): void {
    // KAFKA-1546: caught up is who has all that there was a fetch ago, so that a steady stream of records does not make it fall behind.
    if (fetchOffset >= leaderEndOffset) this.caughtUpMs = nowMs;
    else if (fetchOffset >= this.leaderEndAtLastFetch && this.leaderEndAtLastFetch >= 0)
      this.caughtUpMs = Math.max(this.caughtUpMs, this.lastFetchMs);
    this.logEndOffset = fetchOffset;
    this.logStartOffset = logStartOffset;
    this.lastFetchMs = nowMs;
    this.leaderEndAtLastFetch = leaderEndOffset;
  }

  hasFetchedSince(sinceMs: number): boolean {
    return this.lastFetchMs >= sinceMs;
  }

  /** Until now there was nothing behind `leaderEndOffset`: who has it all had everything, also if its last fetch was long ago. */
  heldAll(leaderEndOffset: number, clock: Clock): void {
    if (this.logEndOffset === leaderEndOffset) this.caughtUpMs = clock.monotonicMs();
  }

  /** Whether it had everything at some time in the last `maxLagMs`. */
  isCaughtUp(leaderEndOffset: number, nowMs: number, maxLagMs: number): boolean {
    return this.logEndOffset === leaderEndOffset || nowMs - this.caughtUpMs <= maxLagMs;
  }
}
