/**
 * Empty: the transactional id has a producer and no transaction yet.
 *   -> Ongoing when partitions are added · -> PrepareAbort when a producer of transactions v2 aborts what it never began · -> Dead
 * Ongoing: partitions are added, records are written, nothing is decided. Only from here can it run out of time.
 *   -> PrepareCommit, PrepareAbort when its producer ends it · -> PrepareAbort when a newer producer fences it, or its time is over · -> Dead
 * PrepareCommit, PrepareAbort: decided, and in the log: nothing changes that any more. Markers are written to the partitions, by whoever
 *   coordinates it, until all have theirs. Whatever its producer wants next is told to come again (CONCURRENT_TRANSACTIONS).
 *   -> CompleteCommit, CompleteAbort when all markers are written · -> Dead
 * CompleteCommit, CompleteAbort: over. As Empty, but for what is told to whoever ends it once more.
 *   -> Ongoing, PrepareAbort, Empty (a producer starts anew) · -> Dead
 * PrepareEpochFence: only between two steps inside Apache Kafka; never in the log, and never here.
 * Dead: not used for so long that it was forgotten.
 */
export type TransactionStatus =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'
  | 'Dead'
  | 'PrepareEpochFence';

/** By the numbers that stand for them in __transaction_state. */
export const STATUSES: readonly TransactionStatus[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
];

const NEXT_STATUSES = {
  Empty: ['Empty', 'Ongoing', 'PrepareAbort', 'Dead'],
  Ongoing: ['Ongoing', 'PrepareCommit', 'PrepareAbort', 'Dead'],
  PrepareCommit: ['CompleteCommit', 'Dead'],
  PrepareAbort: ['CompleteAbort', 'Dead'],
  CompleteCommit: ['Empty', 'Ongoing', 'PrepareAbort', 'Dead'],
  CompleteAbort: ['Empty', 'Ongoing', 'PrepareAbort', 'Dead'],
  Dead: [],
  PrepareEpochFence: [],
} as const satisfies Record<TransactionStatus, readonly TransactionStatus[]>;

/** Whether one status may follow another. */
export function mayFollow(before: TransactionStatus, after: TransactionStatus): boolean {
  return (NEXT_STATUSES[before] as readonly TransactionStatus[]).includes(after);
}

export function statusOf(id: number): TransactionStatus | undefined {
  return STATUSES[id];
}
export function idOf(status: TransactionStatus): number {
  return STATUSES.indexOf(status);
}
/** By the name that ListTransactions filters by. */
export function statusNamed(name: string): TransactionStatus | undefined {
  return STATUSES.find((status) => status === name);
}

/** Decided, and not all markers are written. */
export const isPrepared = (status: TransactionStatus): status is 'PrepareCommit' | 'PrepareAbort' =>
  status === 'PrepareCommit' || status === 'PrepareAbort';

/** It was committed or aborted, and nothing has begun since. */
export const isComplete = (status: TransactionStatus): status is 'CompleteCommit' | 'CompleteAbort' =>
  status === 'CompleteCommit' || status === 'CompleteAbort';
