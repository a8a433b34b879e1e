import { type CoordinatorRecord, type GroupValue, groupRecord } from '../../protocol/messages/internal/coordinator-records.ts';
import type { ClassicGroup } from './classic-group.ts';
import { Member } from './member.ts';

/** The group as it is stored: its generation, and each member with its subscription and its assignment. */
export function recordOf(group: ClassicGroup, assignmentOf: (member: Member) => Buffer): CoordinatorRecord {
  return groupRecord(group.id, {
    protocolType: group.protocolType ?? '',
    generation: group.generationId,
    protocol: group.protocolName,
    leader: group.leaderId,
    currentStateTimestamp: group.stateSinceMs,
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.metadataFor(group.protocolName),
      assignment: assignmentOf(member),
    })),
  });
}

/** Fills a fresh group with what was stored of it. Of the protocols that a member knows only the chosen one was stored. */
export function restore(group: ClassicGroup, value: GroupValue): void {
  for (const stored of value.members) {
    const member = new Member({
      id: stored.memberId,
      groupInstanceId: stored.groupInstanceId,
      clientId: stored.clientId,
      clientHost: stored.clientHost,
      sessionTimeoutMs: stored.sessionTimeout,
      rebalanceTimeoutMs: stored.rebalanceTimeout === -1 ? stored.sessionTimeout : stored.rebalanceTimeout,
      protocols: [{ name: value.protocol ?? '', metadata: Buffer.from(stored.subscription) }],
      assignment: Buffer.from(stored.assignment),
    });
    group.add(member, value.protocolType);
  }
  group.protocolType = value.protocolType === '' ? null : value.protocolType;
  group.generationId = value.generation;
  group.protocolName = value.protocol;
  group.leaderId = value.leader;
  group.restore(value.currentStateTimestamp);
}
