/**
 * One replica that follows: what a fetcher of this broker asks of it and gives to it. Between the two lie the rules of replication:
 *
 * - A fetch says that everything before `fetchOffset` is written (the leader counts it as this replica's log end offset). So `nextFetch` gives
 *   the end of finished writes, and null while a write or a truncation is under way; the fetcher then takes the partition out of its session.
 * - What a leader sent counts only in the leader epoch, the session and the process that asked for it. The fetcher sees to session, offset and
 *   process; the partition sees to the epoch.
 *
 * What the fetcher expects of a leader, beyond Kafka's protocol:
 * - A fetch offset beyond its log end offset is answered with diverging epoch (-1, its log end offset), never with OFFSET_OUT_OF_RANGE.
 *   OFFSET_OUT_OF_RANGE carries `logStartOffset`, and means that the fetch offset lies before it.
 * - A Fetch of a replica that waits is answered as soon as the replica's next Fetch stands behind it on the same connection
 *   (RequestContext.onNext): that is how a follower says "I have finished a write" or "I follow one more partition" in the middle of a wait. The
 *   session's epoch goes on by one for each.
 * - A waiting Fetch is answered within some milliseconds when the high watermark or the log start of one of its partitions is not what its session was told.
 */
export interface FollowedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;

  /** Where to go on; null while it must not fetch: role change, write or truncation under way, log offline. Cheap; asked after each change. */
  nextFetch(): NextFetch | null;

  /**
   * Appends what the leader sent in `leaderEpoch` behind the log's end, then takes over high watermark and log start. `records` are whole
   * batches, one after the other, or empty; they stay untouched until `done`, which may be called before this returns. An epoch that is no longer
   * this partition's: `done(null)`, and nothing happens.
   */
  appendFetched(leaderEpoch: number, fetched: Fetched, done: (error: Error | null) => void): void;

  /** KIP-595: cuts the log to where it agrees with the leader's, durably. `epoch` -1: cuts to `endOffset`. */
  truncate(leaderEpoch: number, diverging: DivergingEpoch, done: (error: Error | null) => void): void;

  /** The leader no longer has our offset: everything here goes, and the log begins anew at `offset`, the leader's log start. */
  restartAt(leaderEpoch: number, offset: number, done: (error: Error | null) => void): void;
}

export interface NextFetch {
  /** Epoch of the leader that is followed. */
  readonly leaderEpoch: number;
  /** End of what is written here. */
  readonly fetchOffset: number;
  readonly logStartOffset: number;
  /** Latest epoch that the log knows; -1: none. */
  readonly lastFetchedEpoch: number;
}

export interface Fetched {
  readonly records: Buffer;
  /** The leader's; this replica's is min(it, its own log end offset). */
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

/** The end of the last epoch that the leader and the fetcher may have in common. */
export interface DivergingEpoch {
  readonly epoch: number;
  readonly endOffset: number;
}

/** What replicas are handed to when they begin to follow. Implemented by FollowerFetchers. */
export interface Fetchers {
  /**
   * Fetches from this leader from now on, at once. To be called again whenever something changed that the fetcher did not do itself: leader,
   * leader epoch, or `nextFetch` is no longer null. What was asked for before and comes now does not count when the leader or its epoch changed.
   */
  follow(partition: FollowedPartition, leaderId: number): void;
  /** Nothing more is called on it; what is under way may still call `done`. */
  unfollow(partition: FollowedPartition): void;
}
