import { KafkaError } from '../core/errors.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { Fetch } from '../protocol/messages/fetch.ts';
import type { RequestOf } from '../protocol/schema.ts';
import type { FetchTarget } from '../replication/fetch-sessions.ts';
import type { Partition } from '../replication/partition.ts';
import type { Reader } from '../replication/partition-reading.ts';
import type { ReplicaManager } from '../replication/replica-manager.ts';
import { FETCH_FIRST_BY_TOPIC_ID } from './fetch-request.ts';

/** KIP-392: from this version on a consumer may also fetch from followers. */
const FIRST_FROM_FOLLOWERS = 11;

/** A follower that fetches, under the registration that it names (KIP-903). */
export interface FetchingReplica {
  readonly id: number;
  /** null: it names none, so that it is no follower of ours. */
  readonly brokerEpoch: number | null;
}

/** null: a consumer fetches. */
export function fetchingReplica({ replicaId, replicaState }: RequestOf<typeof Fetch>): FetchingReplica | null {
  const id = Math.max(replicaId, replicaState.replicaId);
  return id < 0 ? null : { id, brokerEpoch: replicaState.replicaEpoch > 0 ? replicaState.replicaEpoch : null };
}

/** Where the partitions of one Fetch request are read from, and who reads them. */
export class FetchSource {
  readonly reader: Reader;
  readonly replica: FetchingReplica | null;
  private readonly replicas: ReplicaManager;
  private readonly byTopicId: boolean;
  private readonly fromFollowers: boolean;

  constructor(replicas: ReplicaManager, replica: FetchingReplica | null, version: number, readCommitted: boolean) {
    this.replicas = replicas;
    this.replica = replica;
    if (replica) this.reader = 'follower';
    else this.reader = readCommitted ? 'committed' : 'consumer';
    this.byTopicId = version >= FETCH_FIRST_BY_TOPIC_ID;
    this.fromFollowers = !replica && version >= FIRST_FROM_FOLLOWERS;
  }

  /** @throws KafkaError what the partition is answered with */
  find(target: FetchTarget): Partition {
    // An id is looked up once: what happens to its topic while the fetch waits is told of the topic, as Kafka does.
    if (this.byTopicId && target.topic === '') target.topic = this.replicas.nameOf(target.topicId);
    const partition = this.fromFollowers
      ? this.replicas.replica(target.topic, target.index)
      : this.replicas.leader(target.topic, target.index);
    if (this.byTopicId && partition.topicId !== target.topicId) throw new KafkaError('INCONSISTENT_TOPIC_ID');
    const { replica } = this;
    if (!replica) this.replicas.requireLease();
    if (!replica || safetyRules.checkFetchEpoch) partition.checkLeaderEpoch(target.currentLeaderEpoch);
    if (!replica) return partition;
    // As Kafka answers a replica that the partition does not have. Who named the leader epoch would take the other error for its own mistake.
    if (replica.brokerEpoch === null)
      throw new KafkaError(target.currentLeaderEpoch < 0 ? 'NOT_LEADER_OR_FOLLOWER' : 'UNKNOWN_LEADER_EPOCH');
    partition.leading().checkReplica(replica.id, replica.brokerEpoch);
    return partition;
  }

  /** Where the fetcher's log and ours part; undefined: they do not. @throws KafkaError OFFSET_OUT_OF_RANGE */
  divergence(partition: Partition, { lastFetchedEpoch, fetchOffset }: FetchTarget): { epoch: number; endOffset: number } | undefined {
    const diverging = partition.divergence(lastFetchedEpoch, fetchOffset);
    if (diverging || !this.replica || fetchOffset <= partition.logEndOffset) return diverging;
    return { epoch: -1, endOffset: partition.logEndOffset };
  }

  /** Whether its next fetches say nothing new while the partition stays as it is. A follower that is to be admitted is heard each time. */
  mayRest(partition: Partition): boolean {
    return !this.replica || partition.leading().isAdmitted(this.replica.id);
  }

  /** The leader learns how far the follower is. Whatever is wrong is said when the partition is read. */
  note(target: FetchTarget): void {
    const { replica } = this;
    if (!replica || replica.brokerEpoch === null) return;
    try {
      const partition = this.find(target);
      if (this.divergence(partition, target) && safetyRules.ignoreDivergingFetch) return;
      const { fetchOffset, logStartOffset } = target;
      partition.leading().noteFetch({ replicaId: replica.id, brokerEpoch: replica.brokerEpoch, fetchOffset, logStartOffset });
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
    }
  }
}
