import type { Fetch } from '../protocol/messages/fetch.ts';
import type { RequestOf } from '../protocol/schema.ts';
import type { FetchTarget } from '../replication/fetch-sessions.ts';
import type { Partition } from '../replication/partition.ts';
import type { FetchSource } from './fetch-source.ts';
import type { Needs } from './services.ts';

/** The replica that a consumer should rather fetch from; -1: this one. */
export type PreferredReplica = (partition: Partition, target: FetchTarget) => number;

const THIS_ONE = -1;
const noPreference: PreferredReplica = () => THIS_ONE;
const RACK_AWARE = 'RackAwareReplicaSelector';

/** KIP-392: with RackAwareReplicaSelector a consumer is sent to a replica in its own rack: the leader if it is there, else who has most. */
export function preferredReplicas({ config, metadata, nodeId }: Needs<'config' | 'metadata' | 'nodeId'>) {
  return ({ rackId }: RequestOf<typeof Fetch>, source: FetchSource): PreferredReplica => {
    if (rackId === '' || source.replica || !config().string('replica.selector.class')?.endsWith(RACK_AWARE)) return noPreference;
    const rackOf = (id: number) => metadata.current.brokers.get(id)?.rack;
    if (rackOf(nodeId) === rackId) return noPreference;
    return (partition, { fetchOffset }) => {
      if (!partition.isLeader) return THIS_ONE;
      let [best, most] = [THIS_ONE, -1];
      for (const { id, logEndOffset } of partition.leading().holding(fetchOffset)) {
        if (logEndOffset > most && rackOf(id) === rackId) [best, most] = [id, logEndOffset];
      }
      return best;
    };
  };
}
