import { KafkaError } from '../../core/errors.ts';
import { CONSUMER_PROTOCOL_TYPE, EMPTY_ASSIGNMENT } from '../../protocol/messages/internal/consumer-protocol.ts';
import type { Write } from '../runtime.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { GroupEnv } from './group-env.ts';
import { recordOf } from './group-value.ts';
import { failedSync, type Member, type Park, type SyncReply } from './member.ts';
import { failSyncs, rebalanceOrComplete, resetSession, SYNC_TIMER } from './rebalance.ts';

/** A SyncGroup without its wire form. */
export interface SyncRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
  /** null: not said (before v5). */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** The leader's: who gets what. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[];
}

/**
 * SyncGroup: answers through `park` when the leader's assignment is in the log.
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL, REBALANCE_IN_PROGRESS
 */
export function sync(env: GroupEnv, group: ClassicGroup, request: SyncRequest, park: Park<SyncReply>): Write | null {
  const member = group.require(request.memberId, request.groupInstanceId);
  if (request.generationId !== group.generationId) throw new KafkaError('ILLEGAL_GENERATION');
  if (differs(request.protocolType, group.protocolType) || differs(request.protocolName, group.protocolName))
    throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL');
  switch (group.state) {
    case 'Stable':
      synced(group, member);
      resetSession(env, group, member); // a sign of life, as in Kafka 3.9; 4.x waits for a heartbeat
      park(syncReply(group, member));
      return null;
    case 'CompletingRebalance':
      synced(group, member);
      parkSync(group, member, park);
      // A leader that asks again must not put a second assignment into the log: the first one counts.
      return member.id === group.leaderId && group.assigningId !== group.generationId ? assign(env, group, request) : null;
    case 'PreparingRebalance':
      throw new KafkaError('REBALANCE_IN_PROGRESS');
    default:
      throw new KafkaError('UNKNOWN_MEMBER_ID');
  }
}

function differs(said: string | null, agreed: string | null): boolean {
  return said !== null && agreed !== null && said !== agreed;
}

function synced(group: ClassicGroup, member: Member): void {
  group.pendingSync.delete(member.id);
  if (group.pendingSync.size === 0) group.timers.cancel(SYNC_TIMER);
}

function parkSync(group: ClassicGroup, member: Member, park: Park<SyncReply>): void {
  // The member asks again on another connection: the first request's answer would tell it nothing.
  group.answerSync(member, failedSync('REBALANCE_IN_PROGRESS'));
  member.sync = park;
}

function assign(env: GroupEnv, group: ClassicGroup, request: SyncRequest): Write {
  const { generationId } = group;
  group.assigningId = generationId;
  const given = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)]));
  const nothing = group.protocolType === CONSUMER_PROTOCOL_TYPE ? EMPTY_ASSIGNMENT : Buffer.alloc(0);
  const assignmentOf = (member: Member) => given.get(member.id) ?? nothing;
  return {
    records: [recordOf(group, assignmentOf)],
    replay: false,
    done: (error) => {
      // Members may have come or gone in the meantime: then this generation is over.
      if (group.state !== 'CompletingRebalance' || group.generationId !== generationId) return null;
      if (error) {
        failSyncs(env, group, error.errorName);
        return rebalanceOrComplete(env, group, 'the assignment could not be stored');
      }
      group.become('Stable', env.clock.now());
      for (const member of group.members.values()) {
        member.assignment = assignmentOf(member);
        if (!member.sync) continue;
        resetSession(env, group, member);
        group.answerSync(member, syncReply(group, member));
      }
      return null;
    },
  };
}

function syncReply(group: ClassicGroup, member: Member): SyncReply {
  return { error: 'NONE', protocolType: group.protocolType, protocolName: group.protocolName, assignment: member.assignment };
}
