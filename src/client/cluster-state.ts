import type { Clock } from '../core/clock.ts';
import { errorNameOf } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { Address, Transport } from '../core/transport.ts';
import { Metadata } from '../protocol/messages/index.ts';
import { Connection } from './connection.ts';

/** A cluster as one of its brokers sees it. */
export interface ClusterState {
  /** -1: none. */
  readonly controllerId: number;
  /** Those that are alive, by id. */
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number; readonly rack: string | null }[];
  /** By topic and number. */
  readonly partitions: readonly PartitionState[];
}

export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

const VERSION = 12;
const CONNECT_MS = 2_000;
const ANSWER_MS = 2_000;

/** Asks one broker for all it knows. @throws KafkaError NETWORK_EXCEPTION when it does not answer, and what it answers */
export async function fetchClusterState(transport: Transport, clock: Clock, address: Address): Promise<ClusterState> {
  const connection = await Connection.open(transport, clock, address, { connectTimeoutMs: CONNECT_MS });
  try {
    const response = await connection.request(Metadata, VERSION, { topics: null, allowAutoTopicCreation: false }, ANSWER_MS);
    if (response.errorCode !== 0) throw new KafkaError(errorNameOf(response.errorCode));
    return {
      controllerId: response.controllerId,
      brokers: response.brokers.map(({ nodeId, host, port, rack }) => ({ id: nodeId, host, port, rack })).sort((a, b) => a.id - b.id),
      partitions: response.topics
        .flatMap(({ name, partitions }) => partitions.map((each) => toPartitionState(name ?? '', each)))
        .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1)),
    };
  } finally {
    await connection.close();
  }
}

/** As `fetchClusterState`, of the first broker that answers. @throws the last one's failure */
export async function fetchClusterStateOfAny(transport: Transport, clock: Clock, addresses: readonly Address[]): Promise<ClusterState> {
  let failure: unknown = new KafkaError('NETWORK_EXCEPTION', 'there is no broker to ask');
  for (const address of addresses) {
    try {
      return await fetchClusterState(transport, clock, address);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

export const isOffline = ({ leader }: PartitionState): boolean => leader < 0;

export const isUnderReplicated = ({ replicas, inSyncReplicas }: PartitionState): boolean => inSyncReplicas.length < replicas.length;

interface WirePartition {
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
}

function toPartitionState(topic: string, { partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes }: WirePartition): PartitionState {
  return { topic, partition: partitionIndex, leader: leaderId, leaderEpoch, replicas: replicaNodes, inSyncReplicas: isrNodes };
}
