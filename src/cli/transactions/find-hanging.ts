import { type ClientFlags, isKafka, type Surroundings, writeJson } from '../broker-session.ts';
import { type ClusterConnections, forAll, withCluster } from '../cluster-connections.ts';
import { fetchConfigs } from '../config-admin.ts';
import { parseDuration } from '../duration.ts';
import { keyOf } from '../groups/group-offsets.ts';
import { parseScopes } from '../groups/reset-target.ts';
import { printable, writeTable } from '../output.ts';
import { fetchProducers, type ProducerState, partitionsToAsk } from './producer-states.ts';
import { type DescribedTransaction, describeTransaction, listTransactions, transactionFailure } from './transaction-admin.ts';
import { orDash, timeOf } from './transaction-report.ts';

export interface FindHangingFlags extends ClientFlags {
  /** Only partitions with a replica there, which is asked. */
  readonly broker?: number | undefined;
  readonly olderThan?: string | undefined;
}

/** An open transaction of a partition. */
export interface OpenTransaction extends ProducerState {
  readonly startOffset: number;
  /** Of its producer, where a coordinator knows it. */
  readonly transactionalId: string | null;
}

/** Producer ids of one request. */
const MAX_PRODUCERS = 1_000;
/** Time for the coordinator to notice and to write markers: as much as the brokers' own count of late transactions has (KIP-664). */
const MARGIN_MS = 5 * 60_000;
const DEFAULT_MAX_TIMEOUT_MS = 15 * 60_000;
const LONGEST_HOURS = 8_760;

/** In a pipe: topic, partition, start offset, producer id, epoch, coordinator epoch, transactional id, time of the last record, minutes since. */
export async function findHanging(topics: readonly string[], flags: FindHangingFlags, around: Surroundings): Promise<void> {
  const scopes = topics.length === 0 ? null : parseScopes(topics, '');
  const asked = flags.olderThan === undefined ? null : parseDuration(flags.olderThan, '--older-than', LONGEST_HOURS);
  const { out, clock } = around;
  const nowMs = clock.now();
  const hanging = await withCluster(flags, around, async (cluster) => {
    const partitions = await partitionsToAsk(cluster, scopes, flags.broker);
    const olderThanMs = asked ?? (await maxTimeoutMs(cluster)) + MARGIN_MS;
    const producers = await fetchProducers(cluster, partitions);
    return onlyHanging(
      cluster,
      producers.filter(({ startOffset, lastTimestampMs }) => startOffset !== null && nowMs - (lastTimestampMs ?? 0) > olderThanMs),
    );
  });
  if (flags.json) writeJson(out, hanging);
  else if (hanging.length === 0 && out.isTerminal) out.line('No transaction hangs.');
  else {
    const rows = hanging.map((each) => [
      each.topic,
      each.partition,
      each.startOffset,
      each.producerId,
      each.producerEpoch,
      orDash(each.coordinatorEpoch),
      each.transactionalId === null ? '-' : printable(each.transactionalId),
      timeOf(each.lastTimestampMs),
      each.lastTimestampMs === null ? '-' : Math.floor((nowMs - each.lastTimestampMs) / 60_000),
    ]);
    const header = [
      'Topic',
      'Partition',
      'Start offset',
      'Producer id',
      'Epoch',
      'Coordinator epoch',
      'Transactional id',
      'Last record',
      'Idle (min)',
    ];
    writeTable(out, header, rows);
  }
}

/** No producer may ask for a longer timeout. Brokers that do not tell have Kafka's default. */
async function maxTimeoutMs(cluster: ClusterConnections): Promise<number> {
  const brokers = await cluster.brokers();
  const found = await forAll(brokers, async (broker) => {
    try {
      const [configs] = await cluster.at(broker, (connection) => fetchConfigs(connection, [{ type: 'broker', name: String(broker.id) }]));
      return Number(configs?.find(({ name }) => name === 'transaction.max.timeout.ms')?.value ?? DEFAULT_MAX_TIMEOUT_MS);
    } catch (error) {
      if (isKafka(error, 'CLUSTER_AUTHORIZATION_FAILED')) return DEFAULT_MAX_TIMEOUT_MS;
      throw error;
    }
  });
  return Math.max(...found.map((ms) => (Number.isFinite(ms) ? ms : DEFAULT_MAX_TIMEOUT_MS)), 0);
}

/** Those of the open transactions that no coordinator would end. */
export async function onlyHanging(cluster: ClusterConnections, open: readonly ProducerState[]): Promise<OpenTransaction[]> {
  const known = await transactionsOf(cluster, [...new Set(open.map(({ producerId }) => producerId))]);
  return open.flatMap((each) => {
    const transaction = known.get(each.producerId);
    if (each.startOffset === null || (transaction && isEnded(transaction, each))) return [];
    return [{ ...each, startOffset: each.startOffset, transactionalId: transaction?.transactionalId ?? null }];
  });
}

/**
 * Whether the coordinator will write a marker: the partitions that it tells are those of a transaction that is under way, and of a decided one
 * those whose markers are still to be written.
 */
const isEnded = ({ partitions }: DescribedTransaction, open: ProducerState): boolean =>
  partitions.some((each) => keyOf(each) === keyOf(open));

/** What coordinators know of producers, by producer id; those that none knows are not there. */
async function transactionsOf(cluster: ClusterConnections, producerIds: readonly number[]): Promise<Map<number, DescribedTransaction>> {
  const transactions = new Map<number, DescribedTransaction>();
  for (let at = 0; at < producerIds.length; at += MAX_PRODUCERS) {
    const listed = await listTransactions(cluster, { producerIds: producerIds.slice(at, at + MAX_PRODUCERS) });
    const described = await forAll(listed, ({ transactionalId }) =>
      describeTransaction(cluster, transactionalId).catch((error: unknown) => {
        if (isKafka(error, 'TRANSACTIONAL_ID_NOT_FOUND')) return null; // forgotten since it was listed
        throw transactionFailure(error, transactionalId, cluster);
      }),
    );
    for (const [i, transaction] of described.entries()) if (transaction) transactions.set(listed[i]!.producerId, transaction);
  }
  return transactions;
}
