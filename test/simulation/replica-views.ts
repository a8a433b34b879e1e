import type { Services } from '../../src/handlers/services.ts';
import type { Partition } from '../../src/replication/partition.ts';
import type { ReplicaView } from './ledger.ts';

/** The replicas that a broker has in use, and how each stands. */
export function* replicaViews(services: Services): Generator<{ topic: string; topicId: string; index: number; view: ReplicaView }> {
  const partitions: ReadonlyMap<string, readonly (Partition | undefined)[]> = services.replicas['partitions'];
  for (const [topicId, list] of partitions) {
    for (const partition of list) {
      if (!partition) continue;
      const { topic, index, leaderEpoch, logStartOffset, lastStableOffset, highWatermark } = partition;
      const view = { leads: true, leaderEpoch, logStartOffset, lastStableOffset, highWatermark, logEndOffset: highWatermark };
      yield { topic, topicId, index, view };
    }
  }
}
