import type { ErrorName } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { type CoordinatorRecord, groupTombstone, offsetTombstone } from '../../protocol/messages/internal/coordinator-records.ts';
import type { Outcome } from '../runtime.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { GroupState } from './group-state.ts';
import type { GroupOffsets } from './offsets.ts';
import type { PendingOffsets } from './pending-offsets.ts';
import { CONSUMER, isSubscribedTo } from './subscription.ts';

/** A group as DescribeGroups shows it. */
export interface GroupDescription {
  readonly state: GroupState;
  /** '': it only keeps offsets. */
  readonly protocolType: string;
  /** The protocol that its members agreed on; '' while they do not. */
  readonly protocolName: string;
  readonly members: readonly MemberDescription[];
}

export interface MemberDescription {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Empty unless the group is Stable. */
  readonly metadata: Buffer;
  /** While the group rebalances, that of the generation before. */
  readonly assignment: Buffer;
}

/** A group as ListGroups shows it. */
export interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly state: GroupState;
}

const NOTHING = Buffer.alloc(0);
/** Of the tombstones of one write: far below max.message.bytes. */
const MAX_WRITE_BYTES = 256 * 1024;

export function describeGroup(group: ClassicGroup): GroupDescription {
  const isStable = group.state === 'Stable';
  return {
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocolName: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: isStable ? member.metadataFor(group.protocolName) : NOTHING,
      assignment: member.assignment,
    })),
  };
}

/** @throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP */
export function requireDeletable(group: ClassicGroup | undefined, groupId: string): ClassicGroup {
  if (!group) throw groupNotFound(groupId);
  if (group.state !== 'Empty') throw new KafkaError('NON_EMPTY_GROUP');
  return group;
}

export const groupNotFound = (groupId: string): KafkaError => new KafkaError('GROUP_ID_NOT_FOUND', `Group ${groupId} not found.`);

/** The next records that take a group out of the log; `isLast` when nothing of it is left after them. */
export function nextTombstones(
  groupId: string,
  offsets: GroupOffsets | undefined,
  pending: PendingOffsets,
): { records: CoordinatorRecord[]; isLast: boolean } {
  const records: CoordinatorRecord[] = [];
  let bytes = 0;
  for (const [topic, partitions] of offsets?.all() ?? []) {
    for (const partition of partitions.keys()) {
      if (bytes >= MAX_WRITE_BYTES) return { records, isLast: false };
      const record = offsetTombstone({ group: groupId, topic, partition });
      bytes += record.key.length;
      records.push(record);
    }
  }
  // Offsets of open transactions would bring the group back.
  for (const { partition, topic } of pending.of(groupId)) {
    if (bytes >= MAX_WRITE_BYTES) return { records, isLast: false };
    const record = offsetTombstone({ group: groupId, topic, partition });
    bytes += record.key.length;
    records.push(record);
  }
  records.push(groupTombstone(groupId));
  return { records, isLast: true };
}

export interface OffsetsToDelete {
  readonly name: string;
  readonly partitions: readonly number[];
}

export interface DeletedOffsets {
  readonly name: string;
  readonly partitions: readonly { readonly partition: number; readonly error: ErrorName }[];
}

/**
 * OffsetDelete (KIP-496): forgets commits that nobody uses: of a topic that the group is subscribed to they stay. Those of open transactions
 * go, too, so that they do not come back with their ends. What was not committed is deleted already.
 * @throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP when it has members that are no consumers
 */
export function deleteOffsets(
  group: ClassicGroup | undefined,
  groupId: string,
  { offsets, pending }: { readonly offsets: GroupOffsets | undefined; readonly pending: PendingOffsets },
  topics: readonly OffsetsToDelete[],
): Outcome<DeletedOffsets[]> {
  if (!group) throw groupNotFound(groupId);
  if (group.state !== 'Empty' && group.protocolType !== CONSUMER) throw new KafkaError('NON_EMPTY_GROUP');
  const records: CoordinatorRecord[] = [];
  const reply = topics.map(({ name, partitions }) => {
    const error: ErrorName = isSubscribedTo(group, name) ? 'GROUP_SUBSCRIBED_TO_TOPIC' : 'NONE';
    for (const partition of partitions) {
      const isKnown = offsets?.get(name, partition) || pending.has(groupId, name, partition);
      if (error === 'NONE' && isKnown) records.push(offsetTombstone({ group: groupId, topic: name, partition }));
    }
    return { name, partitions: partitions.map((partition) => ({ partition, error })) };
  });
  return { reply, write: records.length > 0 ? { records, replay: true } : null };
}
