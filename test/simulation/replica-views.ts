import type { Services } from '../../src/handlers/services.ts';
import type { Partition } from '../../src/replication/partition.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import type { ReplicaView } from './ledger.ts';

/** What this looks at behind the walls, and without asking: a question may begin a leadership, or open a log. */
interface Inside {
  readonly leadership: object | null;
  readonly log: PartitionLog;
}

/** What a log that is offline does not tell any more: how it stood, which others may have heard in the same event. */
interface Stood {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly committedTo: number | null;
}

/** The replicas of a broker. */
export function replicasOf(services: Services): ReadonlyMap<string, readonly (Partition | undefined)[]> {
  return (services.replicas as unknown as { partitions: ReadonlyMap<string, readonly (Partition | undefined)[]> }).partitions;
}

/** How a replica stands; null while its log was not opened. `before`, when that is how it still stands. */
export function viewOf(partition: Partition, before: ReplicaView | undefined): ReplicaView | null {
  const { leadership, log } = partition as unknown as Inside;
  if (!log.isOpen) return null;
  const { logStartOffset, highWatermark, logEndOffset } = log.isOffline ? stood(log as unknown as Stood) : log;
  const { leaderEpoch } = partition;
  const leads = leadership !== null;
  const same =
    before &&
    before.highWatermark === highWatermark &&
    before.logEndOffset === logEndOffset &&
    before.leads === leads &&
    before.leaderEpoch === leaderEpoch &&
    before.logStartOffset === logStartOffset;
  if (same) return before;
  return { leads, leaderEpoch, logStartOffset, lastStableOffset: highWatermark, highWatermark, logEndOffset };
}

function stood({ startOffset, endOffset, committedTo }: Stood) {
  const highWatermark = Math.max(startOffset, Math.min(committedTo ?? startOffset, endOffset));
  return { logStartOffset: startOffset, highWatermark, logEndOffset: endOffset };
}
