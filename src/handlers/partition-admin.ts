import { KafkaError } from '../core/errors.ts';

/** preferred: the first replica, if it may lead without a loss. unclean: any replica that is alive, where nobody leads. */
export type ElectionType = 'preferred' | 'unclean';

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

export interface Reassignment extends PartitionName {
  /** The replicas that there are to be, the preferred leader first; null takes back a reassignment that is under way. */
  readonly replicas: readonly number[] | null;
}

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
  /** Forgets a broker that is gone for good. @throws KafkaError BROKER_ID_NOT_REGISTERED, ... */
  unregisterBroker(id: number): Promise<void>;
}

export class StorePartitionAdmin implements PartitionAdmin {
  electLeaders(): Promise<(KafkaError | null)[]> {
    throw new KafkaError('UNSUPPORTED_VERSION');
  }

  reassign(): Promise<(KafkaError | null)[]> {
    throw new KafkaError('UNSUPPORTED_VERSION');
  }

  unregisterBroker(): Promise<void> {
    throw new KafkaError('UNSUPPORTED_VERSION');
  }
}
