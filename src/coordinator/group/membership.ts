import type { ErrorName } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import type { Outcome } from '../runtime.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { GroupEnv } from './group-env.ts';
import { afterRemoval, dropMember, resetSession } from './rebalance.ts';

/** A Heartbeat without its wire form. */
export interface HeartbeatRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
}

/**
 * Heartbeat: keeps the member's session.
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, and REBALANCE_IN_PROGRESS: join again
 */
export function heartbeat(env: GroupEnv, group: ClassicGroup, request: HeartbeatRequest): void {
  const member = group.require(request.memberId, request.groupInstanceId);
  if (request.generationId !== group.generationId) throw new KafkaError('ILLEGAL_GENERATION');
  if (group.state === 'Empty') throw new KafkaError('UNKNOWN_MEMBER_ID');
  resetSession(env, group, member);
  if (group.state === 'PreparingRebalance') throw new KafkaError('REBALANCE_IN_PROGRESS');
}

export interface LeavingMember {
  /** '' with an instance id: whoever holds that instance's place (an administrator's removal). */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface LeaveResult extends LeavingMember {
  readonly error: ErrorName;
}

/** LeaveGroup: takes members out, each with a result of its own, and rebalances once for all of them. */
export function leave(env: GroupEnv, group: ClassicGroup, leaving: readonly LeavingMember[]): Outcome<LeaveResult[]> {
  const reply = leaving.map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    error: leaveOne(group, member),
  }));
  const anybodyLeft = reply.some(({ error }) => error === 'NONE');
  return { reply, write: anybodyLeft ? afterRemoval(env, group, 'a member left') : null };
}

function leaveOne(group: ClassicGroup, { memberId, groupInstanceId }: LeavingMember): ErrorName {
  if (group.pendingJoin.has(memberId)) {
    group.remove(memberId);
    return 'NONE';
  }
  try {
    const id = memberId === '' && groupInstanceId !== null ? (group.memberIdOf(groupInstanceId) ?? '') : memberId;
    dropMember(group, group.require(id, groupInstanceId));
    return 'NONE';
  } catch (error) {
    if (error instanceof KafkaError) return error.errorName;
    throw error;
  }
}
