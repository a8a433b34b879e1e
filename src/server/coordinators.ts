import type { PeerConnections } from '../client/peer-connections.ts';
import type { BrokerConfig } from '../config.ts';
import { GroupCoordinator } from '../coordinator/group/group-coordinator.ts';
import { openReplicatedLog, type ReplicatedLogServices } from '../coordinator/replicated-log.ts';
import type { Verdict } from '../coordinator/transaction/add-partitions.ts';
import { MarkerQueues, type MarkerResult, type MarkersToWrite } from '../coordinator/transaction/marker-queues.ts';
import { MarkerWriter } from '../coordinator/transaction/marker-writer.ts';
import { PartitionVerifier, type Questions } from '../coordinator/transaction/partition-verifier.ts';
import { TransactionCoordinator } from '../coordinator/transaction/transaction-coordinator.ts';
import { errorNameOf } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../metadata/internal-topics.ts';
import { AddPartitionsToTxn } from '../protocol/messages/add-partitions-to-txn.ts';
import { WriteTxnMarkers } from '../protocol/messages/write-txn-markers.ts';
import type { ReplicaManager } from '../replication/replica-manager.ts';

export interface CoordinatorParts extends ReplicatedLogServices {
  readonly nodeId: number;
  readonly logger: Logger;
  readonly metadata: MetadataFeed;
  readonly replicas: ReplicaManager;
  readonly config: () => BrokerConfig;
  /** Trusted wall time: what nobody uses any more is forgotten by it. */
  readonly expiryNow: () => number;
}

/** What a coordinator needs of the topic that it keeps its state in. */
function stateIn(topic: string, { replicas, ...services }: CoordinatorParts) {
  return {
    openLog: (partition: number) => openReplicatedLog(replicas.hosted(topic, partition), services),
    requireLeader: (partition: number) => {
      if (!replicas.hosted(topic, partition).isLeader) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
      replicas.requireLease();
    },
  };
}

export function makeGroups(parts: CoordinatorParts, newUuid: (() => string) | undefined): GroupCoordinator {
  const { clock, config, expiryNow, logger, metadata } = parts;
  return new GroupCoordinator({
    clock,
    expiryNow,
    logger,
    ...(newUuid && { newUuid }),
    ...stateIn(OFFSETS_TOPIC, parts),
    config: () => ({
      initialRebalanceDelayMs: config().int('group.initial.rebalance.delay.ms'),
      minSessionTimeoutMs: config().int('group.min.session.timeout.ms'),
      maxSessionTimeoutMs: config().int('group.max.session.timeout.ms'),
      maxSize: config().int('group.max.size'),
      offsetMetadataMaxBytes: config().int('offset.metadata.max.bytes'),
      offsetsPartitions: metadata.current.topic(OFFSETS_TOPIC)?.partitions.length ?? config().int('offsets.topic.num.partitions'),
      commitTimeoutMs: config().int('offsets.commit.timeout.ms'),
      retentionMs: config().int('offsets.retention.minutes') * 60_000,
      expiryCheckIntervalMs: config().long('offsets.retention.check.interval.ms'),
    }),
  });
}

export interface Transactions {
  readonly transactions: TransactionCoordinator;
  readonly markerWriter: MarkerWriter;
  readonly partitionVerifier: PartitionVerifier;
  close(): void;
}

/** Transactions: their coordinator, and how its markers get to the partitions, wherever those are led. */
export function makeTransactions(
  parts: CoordinatorParts,
  groups: GroupCoordinator,
  peers: PeerConnections,
  nextProducerId: () => Promise<number>,
): Transactions {
  const { clock, config, expiryNow, logger, metadata, nodeId, replicas } = parts;
  // A partition that cannot commit now answers before the whole request is given up: the other markers in it count then.
  const markerTimeoutMs = () => config().int('request.timeout.ms') / 2;
  const markerWriter = new MarkerWriter({
    // The group coordinator's part: what becomes of the offsets of the transaction, in the order of its log.
    append: (topic, partition, marker, done) => {
      const leader = replicas.leader(topic, partition);
      if (topic === OFFSETS_TOPIC) groups.endTransaction(partition, marker, done);
      else leader.appendMarker(marker, done, markerTimeoutMs());
    },
  });
  const markers = new MarkerQueues({
    clock,
    logger,
    leaderOf: (topic, partition) => metadata.current.partition(topic, partition)?.leader,
    write: (leader, all) => (leader === nodeId ? markerWriter.write(all) : writeAt(peers, leader, all, config().int('request.timeout.ms'))),
  });
  const transactions = new TransactionCoordinator({
    clock,
    expiryNow,
    logger,
    markers,
    nextProducerId,
    ...stateIn(TRANSACTIONS_TOPIC, parts),
    config: () => ({
      statePartitions:
        metadata.current.topic(TRANSACTIONS_TOPIC)?.partitions.length ?? config().int('transaction.state.log.num.partitions'),
      maxTimeoutMs: config().int('transaction.max.timeout.ms'),
      timeoutCheckMs: config().int('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
      expiryCheckMs: config().int('transaction.remove.expired.transaction.cleanup.interval.ms'),
      expirationMs: config().int('transactional.id.expiration.ms'),
      writeTimeoutMs: config().int('request.timeout.ms'),
    }),
  });
  const partitionVerifier = new PartitionVerifier({
    clock,
    coordinatorOf: (id) => metadata.current.partition(TRANSACTIONS_TOPIC, transactions.partitionOf(id))?.leader ?? -1,
    ask: (coordinator, questions) =>
      coordinator === nodeId
        ? Promise.all(questions.map((each) => askHere(transactions, each)))
        : askAt(peers, coordinator, questions, config().int('request.timeout.ms')),
    retryMs: () => ({
      backoffMs: config().int('add.partitions.to.txn.retry.backoff.ms'),
      maxMs: config().int('add.partitions.to.txn.retry.backoff.max.ms'),
    }),
  });
  const close = () => {
    transactions.close();
    markers.close();
  };
  return { transactions, markerWriter, partitionVerifier, close };
}

const TRANSACTIONS_V2 = 2;

async function askHere(transactions: TransactionCoordinator, { adds, producer, topics, transactionalId }: Questions): Promise<Verdict> {
  try {
    if (!adds) return await transactions.verify(transactionalId, producer);
    await transactions.add(transactionalId, producer, topics, TRANSACTIONS_V2);
    return () => 'NONE';
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return () => error.errorName;
  }
}

const QUESTIONS_VERSION = 5;

async function askAt(peers: PeerConnections, nodeId: number, all: readonly Questions[], timeoutMs: number): Promise<Verdict[]> {
  const transactions = all.map(({ adds, producer, topics, transactionalId }) => ({
    transactionalId,
    ...producer,
    verifyOnly: !adds,
    topics: [...topics].map(([name, partitions]) => ({ name, partitions: [...partitions] })),
  }));
  const reply = await peers.request(nodeId, AddPartitionsToTxn, QUESTIONS_VERSION, { transactions }, timeoutMs);
  if (reply.errorCode !== 0) throw new KafkaError(errorNameOf(reply.errorCode));
  return all.map((_, i) => {
    const codes = new Map<string, number>();
    for (const { name, resultsByPartition } of reply.resultsByTransaction[i]?.topicResults ?? [])
      for (const { partitionErrorCode, partitionIndex } of resultsByPartition) codes.set(`${name}-${partitionIndex}`, partitionErrorCode);
    return (topic, partition) => errorNameOf(codes.get(`${topic}-${partition}`) ?? UNKNOWN_SERVER_ERROR);
  });
}

/** For what was not answered. */
const UNKNOWN_SERVER_ERROR = -1;
const MARKERS_VERSION = 2;

async function writeAt(
  peers: PeerConnections,
  leader: number,
  all: readonly MarkersToWrite[],
  timeoutMs: number,
): Promise<MarkerResult[][]> {
  const markers = all.map(({ commits, topics, ...marker }) => ({
    ...marker,
    transactionResult: commits,
    topics: [...topics].map(([name, partitions]) => ({ name, partitionIndexes: [...partitions] })),
  }));
  const reply = await peers.request(leader, WriteTxnMarkers, MARKERS_VERSION, { markers }, timeoutMs);
  if (reply.markers.length !== all.length) throw new Error(`broker ${leader} answered ${reply.markers.length} markers of ${all.length}`);
  return reply.markers.map(({ topics }) =>
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ errorCode, partitionIndex }) => ({ topic: name, partition: partitionIndex, error: errorNameOf(errorCode) })),
    ),
  );
}
