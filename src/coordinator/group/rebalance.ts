import type { ErrorName } from '../../core/error-codes.ts';
import type { Write } from '../runtime.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { GroupEnv } from './group-env.ts';
import { recordOf } from './group-value.ts';
import { failedJoin, failedSync, type Member } from './member.ts';

export const JOIN_TIMER = 'join';
export const SYNC_TIMER = 'sync';

/** Something has changed that the members must agree on: begins a rebalance, or ends one that waited for just this. */
export function rebalanceOrComplete(env: GroupEnv, group: ClassicGroup, reason: string): Write | null {
  return group.state === 'PreparingRebalance' ? maybeCompleteJoin(env, group) : prepareRebalance(env, group, reason);
}

export function prepareRebalance(env: GroupEnv, group: ClassicGroup, reason: string): Write | null {
  if (group.state === 'CompletingRebalance') failSyncs(env, group, 'REBALANCE_IN_PROGRESS');
  group.timers.cancel(SYNC_TIMER);
  const isInitial = group.state === 'Empty';
  group.become('PreparingRebalance', env.clock.now());
  env.logger.debug({ group: group.id, generation: group.generationId, members: group.members.size, reason }, 'Group rebalances');
  if (!isInitial) return completeJoinOrWait(env, group);

  // The first member of a group is given company: consumers that start together get one generation instead of one each.
  const delayMs = env.config().initialRebalanceDelayMs;
  group.newMemberAdded = false;
  scheduleInitial(env, group, delayMs, Math.max(group.rebalanceTimeoutMs() - delayMs, 0));
  return null;
}

function scheduleInitial(env: GroupEnv, group: ClassicGroup, delayMs: number, remainingMs: number): void {
  group.timers.set(JOIN_TIMER, delayMs, () => {
    if (!group.newMemberAdded || remainingMs === 0) return completeJoin(env, group);
    group.newMemberAdded = false;
    scheduleInitial(env, group, Math.min(env.config().initialRebalanceDelayMs, remainingMs), Math.max(remainingMs - delayMs, 0));
    return null;
  });
}

function completeJoinOrWait(env: GroupEnv, group: ClassicGroup): Write | null {
  if (group.hasAllJoined()) return completeJoin(env, group);
  group.timers.set(JOIN_TIMER, group.rebalanceTimeoutMs(), () => completeJoin(env, group));
  return null;
}

/** Ends the rebalance if it waits for nobody any more. The initial one ends by its delay alone. */
export function maybeCompleteJoin(env: GroupEnv, group: ClassicGroup): Write | null {
  const mayComplete = group.state === 'PreparingRebalance' && group.previousState !== 'Empty' && group.hasAllJoined();
  return mayComplete ? completeJoin(env, group) : null;
}

function completeJoin(env: GroupEnv, group: ClassicGroup): Write | null {
  group.timers.cancel(JOIN_TIMER);
  // Who has not come back in time is out; a static member keeps its place until its session ends (KIP-345).
  for (const member of [...group.members.values()]) {
    if (!member.join && member.groupInstanceId === null) group.remove(member.id);
  }
  if (group.members.size > 0 && !electJoinedLeader(group)) {
    // Only static members are left, and none of them has joined: wait for their return, or for the end of their sessions.
    group.timers.set(JOIN_TIMER, group.rebalanceTimeoutMs(), () => completeJoin(env, group));
    return null;
  }
  group.generationId++;
  if (group.members.size === 0) {
    group.protocolName = null;
    group.become('Empty', env.clock.now());
    return { records: [recordOf(group, () => Buffer.alloc(0))], replay: false };
  }
  group.protocolName = group.selectProtocol();
  group.become('CompletingRebalance', env.clock.now());
  for (const member of group.members.values()) {
    group.pendingSync.add(member.id);
    member.isNew = false;
    resetSession(env, group, member);
    group.answerJoin(member, group.joinReply(member));
  }
  const generation = group.generationId;
  group.timers.set(SYNC_TIMER, group.rebalanceTimeoutMs(), () => expirePendingSync(env, group, generation));
  return null;
}

function electJoinedLeader(group: ClassicGroup): boolean {
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId);
  if (leader?.join) return true;
  for (const member of group.members.values()) {
    if (!member.join) continue;
    group.leaderId = member.id;
    return true;
  }
  return false;
}

/** Members that took their generation and never asked for their share would keep it from everybody else. */
function expirePendingSync(env: GroupEnv, group: ClassicGroup, generationId: number): Write | null {
  if (group.generationId !== generationId || group.pendingSync.size === 0) return null;
  if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return null;
  for (const memberId of [...group.pendingSync]) group.remove(memberId);
  return prepareRebalance(env, group, 'members did not sync in time');
}

/** The assignment of this generation will not come: who waits for it is told to join again. */
export function failSyncs(env: GroupEnv, group: ClassicGroup, error: ErrorName): void {
  for (const member of group.members.values()) {
    member.assignment = Buffer.alloc(0);
    if (!member.sync) continue;
    resetSession(env, group, member);
    group.answerSync(member, failedSync(error));
  }
}

export function resetSession(env: GroupEnv, group: ClassicGroup, member: Member, ms = member.sessionTimeoutMs): void {
  if (!group.timers.extend(member.sessionKey, ms)) group.timers.set(member.sessionKey, ms, () => expireSession(env, group, member));
}

function expireSession(env: GroupEnv, group: ClassicGroup, member: Member): Write | null {
  // A parked request is the sign of life: its answer starts the session again. A new member does not know its id and cannot send another.
  if (!member.isNew && (member.join || member.sync)) return null;
  env.logger.info({ group: group.id, member: member.id, sessionTimeoutMs: member.sessionTimeoutMs }, 'Group member is gone');
  return removeMember(env, group, member, 'session timeout');
}

function removeMember(env: GroupEnv, group: ClassicGroup, member: Member, reason: string): Write | null {
  dropMember(group, member);
  return afterRemoval(env, group, reason);
}

/** Takes a member out and answers what it waits for. What follows from it is `afterRemoval`'s. */
export function dropMember(group: ClassicGroup, member: Member): void {
  group.answerJoin(member, failedJoin('UNKNOWN_MEMBER_ID', ''));
  group.answerSync(member, failedSync('UNKNOWN_MEMBER_ID'));
  group.remove(member.id);
}

export function afterRemoval(env: GroupEnv, group: ClassicGroup, reason: string): Write | null {
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') return prepareRebalance(env, group, reason);
  return maybeCompleteJoin(env, group);
}
