/**
 * Empty: no members; offsets may be committed without a generation. A group that has offsets only ("simple") stays here.
 *   -> PreparingRebalance when somebody joins · -> Dead when the partition moves away
 * PreparingRebalance: waits for the members to join again. Joins park; heartbeats answer REBALANCE_IN_PROGRESS and still reset the session.
 *   -> CompletingRebalance when all have joined or the rebalance timeout has passed · -> Empty when nobody is left · -> Dead
 * CompletingRebalance: the members know the new generation and wait for the leader's assignment. Syncs park; commits are refused.
 *   -> Stable when the assignment is in the log · -> PreparingRebalance when a member joins, leaves or dies · -> Dead
 * Stable: every member has its assignment, or gets it at its SyncGroup.
 *   -> PreparingRebalance when a member joins, leaves or dies, or the leader joins again · -> Dead
 * Dead: its partition is no longer here. Nothing happens any more.
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export const NEXT_STATES = {
  Empty: ['PreparingRebalance', 'Dead'],
  PreparingRebalance: ['CompletingRebalance', 'Empty', 'Dead'],
  CompletingRebalance: ['Stable', 'PreparingRebalance', 'Dead'],
  Stable: ['PreparingRebalance', 'Dead'],
  Dead: [],
} as const satisfies Record<GroupState, readonly GroupState[]>;
