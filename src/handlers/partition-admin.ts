import type { BrokerConfig } from '../config.ts';
import type { KafkaError } from '../core/errors.ts';
import { type ElectionType, electLeaders } from '../metadata/admin-elections.ts';
import { unregisterBroker } from '../metadata/cluster.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import type { PartitionName } from '../metadata/partition-writes.ts';
import { alterReassignments, type Reassignment } from '../metadata/reassignments.ts';
import type { MetadataStore } from '../metadata/store.ts';
import { caughtUp } from './caught-up.ts';

export type { ElectionType, PartitionName, Reassignment };

/**
 * What an admin asks of partitions and brokers, carried out by this broker: conditional writes to the store, and the wait until this broker's
 * image shows them. Each item succeeds (null) or fails for itself, in the order of the request.
 */
export interface PartitionAdmin {
  /** ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION */
  electLeaders(type: ElectionType, partitions: readonly PartitionName[]): Promise<(KafkaError | null)[]>;
  /** INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS, INVALID_REPLICATION_FACTOR, UNKNOWN_TOPIC_OR_PARTITION */
  reassign(
    reassignments: readonly Reassignment[],
    options: { readonly allowReplicationFactorChange: boolean },
  ): Promise<(KafkaError | null)[]>;
  /** Forgets a broker that is gone for good. @throws KafkaError BROKER_ID_NOT_REGISTERED, INVALID_REQUEST while it is alive */
  unregisterBroker(id: number): Promise<void>;
}

export interface PartitionAdminOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly config: () => BrokerConfig;
}

export function partitionAdmin({ store, metadata, config }: PartitionAdminOptions): PartitionAdmin {
  return {
    async electLeaders(type, partitions) {
      await caughtUp({ store, metadata });
      return electLeaders({ store, metadata, config: config() }, type, partitions);
    },
    async reassign(reassignments, options) {
      await caughtUp({ store, metadata });
      return alterReassignments({ store, metadata }, reassignments, options);
    },
    async unregisterBroker(id) {
      const { revision } = await unregisterBroker(store, id);
      await metadata.waitFor(revision);
    },
  };
}
