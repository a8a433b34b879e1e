import { type CoordinatorRecord, groupTombstone, offsetTombstone } from '../../protocol/messages/internal/coordinator-records.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { CommittedOffset, GroupOffsets } from './offsets.ts';
import type { PendingOffsets } from './pending-offsets.ts';
import { CONSUMER, subscribedTopics } from './subscription.ts';

/** Of the tombstones of one write. */
const MAX_WRITE_RECORDS = 1_000;

/**
 * The tombstones of what has outlived its retention, in the pieces in which they are written: of offsets, and of groups that are empty and
 * have none left. State that changes between two pieces is seen: each piece is made from the state of its moment.
 */
export function* expiredTombstones(
  groups: Iterable<ClassicGroup>,
  { offsets: offsetsOf, pending }: { readonly offsets: ReadonlyMap<string, GroupOffsets>; readonly pending: PendingOffsets },
  nowMs: number,
  retentionMs: number,
): Generator<CoordinatorRecord[], undefined> {
  let piece: CoordinatorRecord[] = [];
  for (const group of groups) {
    const offsets = offsetsOf.get(group.id);
    let kept = offsets?.size ?? 0;
    let isSplit = false;
    for (const { topic, partition } of offsets ? expiredOffsets(group, offsets, nowMs, retentionMs) : []) {
      if (pending.has(group.id, topic, partition)) continue; // a newer one may be about to hold
      piece.push(offsetTombstone({ group: group.id, topic, partition }));
      kept--;
      if (piece.length < MAX_WRITE_RECORDS) continue;
      yield piece;
      piece = [];
      isSplit = true; // what was counted may have changed: the group itself goes at the next check
    }
    if (kept === 0 && !isSplit && !pending.hasAny(group.id) && group.state === 'Empty' && group.pendingJoin.size === 0)
      piece.push(groupTombstone(group.id));
  }
  if (piece.length > 0) yield piece;
  return undefined;
}

interface ExpiredOffset {
  readonly topic: string;
  readonly partition: number;
}

/**
 * The offsets of a group that have outlived their retention (KIP-211): counted from when the group became empty; of a group that only keeps
 * offsets from each commit; of a group at work from the commits of topics that it is not subscribed to any more. A commit that came with a
 * retention of its own (OffsetCommit v2-v4) goes at its own time, under the same conditions.
 */
function* expiredOffsets(group: ClassicGroup, offsets: GroupOffsets, nowMs: number, retentionMs: number): Generator<ExpiredOffset> {
  const since = retentionStart(group);
  if (!since) return;
  const subscribed = subscribedTopics(group);
  for (const [topic, partitions] of offsets.all()) {
    // A group whose members nobody understands keeps all (and is never Stable here); one of another kind is subscribed to nothing.
    if (subscribed ? subscribed.has(topic) : group.protocolType === CONSUMER) continue;
    for (const [partition, committed] of partitions) {
      const { expireTimestampMs } = committed;
      const isExpired = expireTimestampMs === -1 ? nowMs - since(committed) >= retentionMs : nowMs >= expireTimestampMs;
      if (isExpired) yield { topic, partition };
    }
  }
}

/** From when retention counts; undefined: nothing of this group expires now. */
function retentionStart(group: ClassicGroup): ((committed: CommittedOffset) => number) | undefined {
  const sinceCommit = ({ commitTimestampMs }: CommittedOffset) => commitTimestampMs;
  if (group.protocolType === null) return sinceCommit;
  if (group.state === 'Empty') return group.stateSinceMs < 0 ? sinceCommit : () => group.stateSinceMs;
  return group.state === 'Stable' && subscribedTopics(group) ? sinceCommit : undefined;
}
