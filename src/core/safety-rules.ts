/**
 * The rules that keep acknowledged records from being lost (docs/simulation.md has them in words, with what happens without each). They always hold:
 * the switches are there for the simulation alone, which takes one rule at a time out of this very code, to show that it would see the loss.
 */
export const safetyRules = {
  /** A controller's write names the revision of each partition that it read. */
  controllerWriteAtRev: true,
  /** A controller's write names the revision of the controller epoch. */
  controllerFence: true,
  /** The controller takes a dead broker out of every ISR at once. */
  deadLeaveIsr: true,
  /** A change of the ISR names the revision of the partition that it read. */
  isrWriteAtRev: true,
  /** Only members of the ISR or the ELR are elected. */
  electOnlyEligible: true,
  /** Each change of leader has a new leader epoch. */
  leaderEpochGrows: true,
  /** The high watermark counts the committed ISR, also while a proposal stands. */
  watermarkCountsCommittedIsr: true,
  /** The high watermark counts the members of a proposed ISR (KIP-497). */
  watermarkCountsProposal: true,
  /** A broker leads only under the registration that was elected. */
  leadUnderOneRegistration: true,
  /** A leader that becomes a follower waits for its write in flight before it truncates. */
  followerWaitsForWrite: true,
  /** A proposal in doubt stays counted until it is seen settled. */
  doubtKeepsProposal: true,
  /** A proposal in doubt is settled by a write at its revision, not by reading alone. */
  doubtSettledByWrite: true,
  /** KIP-966: who leaves an ISR that falls below min ISR stays eligible. */
  keepElr: true,
  /** KIP-966: nobody stays eligible once the ISR has min ISR members again. */
  emptyElrAtMinIsr: true,
  /** The last member of an ISR is not taken out. */
  keepLastMember: true,
  /** KIP-903: an expansion names the registration under which the follower fetched. */
  admitByBrokerEpoch: true,
  /** A member on another directory than the one admitted is none. */
  checkDirectoryId: true,
  /** A member whose disk may have lost records is not elected before it is admitted again. */
  checkGeneration: true,
  /** A replica on a disk that failed is not elected, and does not count as in sync. */
  checkOffline: true,
  /** A disk that failed may lack records when it is back. */
  suspectFailedDisk: true,
  /** Without an eligible member, all members are waited for. */
  waitForAllMembers: true,
  /** ... and the one with the most records is elected. */
  electHighestLog: true,
  /** A fetch counts only in the leader epoch that it names. */
  checkFetchEpoch: true,
  /** A fetch response counts only in the epoch, session and process that asked. */
  dropStaleResponses: true,
  /** A follower joins the ISR only beyond the start of the leader's epoch. */
  expandBeyondEpochStart: true,
  /** A fetch that diverges says nothing about the follower's log end. */
  ignoreDivergingFetch: true,
  /** Only finished writes count for the high watermark. */
  countFinishedWrites: true,
  /** The high watermark stands still below min ISR. */
  watermarkStandsUnderMinIsr: true,
  /** A coordinator serves once the high watermark has reached what it replayed. */
  coordinatorWaitsForWatermark: true,
  /** Who takes a transactional id over gets an epoch of its own, and so does who ends an open transaction of another. */
  initFences: true,
  /** The transaction coordinator refuses a producer of another epoch. */
  coordinatorChecksEpoch: true,
  /** An end that comes again, with transactions v2, ends nothing that has begun since. */
  repeatedEndIsOver: true,
  /** What a coordinator answers without a write of its own rests on nothing that may still be lost. */
  repliesRestOnCommitted: true,
  /** A transaction that took too long is aborted with a new epoch: its producer is fenced. */
  timeoutFences: true,
  /** Nothing begins while a transaction is decided, and not all its markers are written: CONCURRENT_TRANSACTIONS. */
  preparedIsLeftAlone: true,
  /** Markers leave once the decision is committed. */
  decisionBeforeMarkers: true,
  /** What an earlier coordinator has decided is carried out by the next. */
  decisionIsCarriedOn: true,
  /** A log refuses a producer's batch of an older epoch. */
  logChecksEpoch: true,
  /** A log refuses a marker of a coordinator that another has replaced. */
  markerChecksCoordinator: true,
  /** A log refuses a marker of an older epoch, and with transactions v2 one of the epoch that the records have (KIP-890). */
  markerChecksEpoch: true,
  /** KIP-890: a transaction's first batch enters a log when the coordinator has said that the log is part of it. */
  verifyFirstBatch: true,
  /** KIP-890: ... and nothing of the transaction, its end above all, came into the log since it was asked. */
  guardEnds: true,
  /** The group coordinator refuses offsets of a producer of an older epoch. */
  offsetsCheckEpoch: true,
  /** Offsets of a transaction hold when it does. */
  offsetsWaitForMarker: true,
  /** The last stable offset stands before a transaction that is open. */
  stableBehindOpen: true,
  /** The last stable offset stands before a transaction whose marker is not committed yet. */
  stableBehindMarker: true,
};

export type SafetyRule = keyof typeof safetyRules;
