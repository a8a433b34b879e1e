import { KafkaError } from '../../core/errors.ts';
import type { Write } from '../runtime.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { GroupEnv } from './group-env.ts';
import { recordOf } from './group-value.ts';
import { failedJoin, type JoinReply, Member, type MemberProtocol, type Park, sessionKey } from './member.ts';
import { maybeCompleteJoin, prepareRebalance, rebalanceOrComplete, resetSession } from './rebalance.ts';

/** A JoinGroup without its wire form. */
export interface JoinRequest {
  readonly groupId: string;
  /** '' for who has none yet. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly protocolType: string;
  readonly protocols: readonly MemberProtocol[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly clientId: string;
  /** As Kafka writes it: "/127.0.0.1". */
  readonly clientHost: string;
  /** KIP-394 (v4): a dynamic member is given its id first and joins with it. */
  readonly requireKnownMemberId: boolean;
  /** KIP-814 (v9): a static leader that returns can be told that the assignment stands. */
  readonly supportsSkippingAssignment: boolean;
}

/**
 * A new member that is gone before its first answer would never be missed: it has no session. Kafka's constant, for callers whose
 * connection cannot tell that they are gone.
 */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60_000;

/** Ids given out and not used yet. They are kept for a session timeout, and asking for one costs nothing: KIP-394 ids must not fill the memory. */
export const MAX_PENDING_MEMBERS = 10_000;

/** JoinGroup: answers through `park`, at once or when the group's next generation begins. */
export function join(env: GroupEnv, group: ClassicGroup, request: JoinRequest, park: Park<JoinReply>): Write | null {
  if (!hasRoom(env, group, request.memberId)) {
    group.remove(request.memberId);
    park(failedJoin('GROUP_MAX_SIZE_REACHED', ''));
    return maybeCompleteJoin(env, group);
  }
  if (!group.accepts(request.protocolType, request.protocols)) {
    park(failedJoin('INCONSISTENT_GROUP_PROTOCOL', request.memberId));
    return null;
  }
  if (request.memberId === '')
    return request.groupInstanceId === null ? joinDynamic(env, group, request, park) : joinStatic(env, group, request, park);
  // An id is given out only to who comes without an instance id: with one, an instance would have two members.
  if (request.groupInstanceId === null && group.pendingJoin.has(request.memberId))
    return addMember(env, group, request.memberId, request, park);
  return joinAgain(env, group, request, park);
}

function hasRoom(env: GroupEnv, group: ClassicGroup, memberId: string): boolean {
  const { maxSize } = env.config();
  const member = group.members.get(memberId);
  switch (group.state) {
    case 'PreparingRebalance':
      // Only those who are joining count: of the others nobody knows whether they come back.
      return (member !== undefined && member.join !== null) || group.membersJoining() < maxSize;
    case 'CompletingRebalance':
    case 'Stable':
      return member !== undefined || group.members.size < maxSize;
    default:
      return true;
  }
}

function newMemberId(env: GroupEnv, request: JoinRequest): string {
  return `${request.groupInstanceId ?? request.clientId}-${env.newUuid()}`;
}

function joinDynamic(env: GroupEnv, group: ClassicGroup, request: JoinRequest, park: Park<JoinReply>): Write | null {
  const memberId = newMemberId(env, request);
  if (!request.requireKnownMemberId) return addMember(env, group, memberId, request, park);
  if (group.pendingJoin.size >= MAX_PENDING_MEMBERS) {
    park(failedJoin('GROUP_MAX_SIZE_REACHED', ''));
    return null;
  }
  group.pendingJoin.add(memberId);
  group.timers.set(sessionKey(memberId), request.sessionTimeoutMs, () => {
    group.remove(memberId);
    return maybeCompleteJoin(env, group);
  });
  park(failedJoin('MEMBER_ID_REQUIRED', memberId));
  return null;
}

function addMember(env: GroupEnv, group: ClassicGroup, memberId: string, request: JoinRequest, park: Park<JoinReply>): Write | null {
  const member = new Member({ ...request, id: memberId });
  member.isNew = true;
  if (group.state === 'PreparingRebalance' && group.previousState === 'Empty') group.newMemberAdded = true;
  group.add(member, request.protocolType);
  group.parkJoin(member, park);
  resetSession(env, group, member, NEW_MEMBER_JOIN_TIMEOUT_MS);
  return rebalanceOrComplete(env, group, 'a new member joined');
}

/** A member that the group knows. What a member is told at once is what the answer would say that it may have missed. */
function joinAgain(env: GroupEnv, group: ClassicGroup, request: JoinRequest, park: Park<JoinReply>): Write | null {
  const member = requireMember(group, request, park);
  if (!member) return null;
  const isUnchanged = member.hasProtocols(request.protocols);
  switch (group.state) {
    case 'CompletingRebalance':
      if (!isUnchanged) break;
      return tellAgain(env, group, member, park);
    case 'Stable':
      // The leader joins again when it has seen something that asks for another assignment (a topic has grown).
      if (!isUnchanged || member.id === group.leaderId) break;
      return tellAgain(env, group, member, park);
    case 'PreparingRebalance':
      break;
    default:
      park(failedJoin('UNKNOWN_MEMBER_ID', request.memberId));
      return null;
  }
  group.update(member, request);
  group.parkJoin(member, park);
  return rebalanceOrComplete(env, group, 'a member joined again');
}

function tellAgain(env: GroupEnv, group: ClassicGroup, member: Member, park: Park<JoinReply>): null {
  resetSession(env, group, member);
  park(group.joinReply(member));
  return null;
}

function requireMember(group: ClassicGroup, request: JoinRequest, park: Park<JoinReply>): Member | null {
  try {
    return group.require(request.memberId, request.groupInstanceId);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    park(failedJoin(error.errorName, request.memberId));
    return null;
  }
}

/** KIP-345: whoever comes with an instance id of the group and without a member id takes that instance's place. */
function joinStatic(env: GroupEnv, group: ClassicGroup, request: JoinRequest, park: Park<JoinReply>): Write | null {
  const memberId = newMemberId(env, request);
  const oldId = group.memberIdOf(request.groupInstanceId!);
  const old = oldId === undefined ? undefined : group.members.get(oldId);
  if (!old) return addMember(env, group, memberId, request, park);

  const leaderBefore = group.leaderId;
  const member = new Member({ ...request, id: memberId, assignment: old.assignment });
  const { join: oldJoin, sync: oldSync } = old;
  group.replaceStatic(old, member);
  old.join = null;
  old.sync = null;
  // Two processes with one instance id: the older one must stop, not fight for the place.
  oldJoin?.(failedJoin('FENCED_INSTANCE_ID', old.id));
  oldSync?.({ error: 'FENCED_INSTANCE_ID', protocolType: null, protocolName: null, assignment: Buffer.alloc(0) });
  group.parkJoin(member, park);
  resetSession(env, group, member);

  switch (group.state) {
    case 'Stable':
      if (group.selectProtocol() === group.protocolName) return keepGeneration(env, group, member, request, leaderBefore);
      return prepareRebalance(env, group, 'a static member came back with other protocols');
    case 'CompletingRebalance':
      // The leader may be assigning to the old id right now.
      return prepareRebalance(env, group, 'a static member came back');
    default:
      return maybeCompleteJoin(env, group);
  }
}

/** The assignment stands, only the member id is another one. It must be in the log before its owner may use it. */
function keepGeneration(env: GroupEnv, group: ClassicGroup, member: Member, request: JoinRequest, leaderBefore: string | null): Write {
  const { generationId } = group;
  return {
    records: [recordOf(group, (each) => each.assignment)],
    replay: false,
    done: (error) => {
      if (group.generationId !== generationId || group.state !== 'Stable') return null;
      if (member.join) resetSession(env, group, member);
      if (error) {
        group.answerJoin(member, failedJoin(error.errorName, ''));
        // The log may still have the old id for good: a new generation makes both agree again.
        return prepareRebalance(env, group, 'the return of a static member could not be stored');
      }
      if (!member.join) return null;
      const reply = group.joinReply(member);
      // Before v9 a leader that returns must not assign anew: it is told of its old self as the leader.
      if (request.supportsSkippingAssignment) group.answerJoin(member, { ...reply, skipAssignment: member.id === group.leaderId });
      else group.answerJoin(member, { ...reply, leader: leaderBefore ?? '', members: [] });
      return null;
    },
  };
}
