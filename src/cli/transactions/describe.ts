import { type ClientFlags, type Surroundings, writeJson } from '../broker-session.ts';
import { forAll, withCluster } from '../cluster-connections.ts';
import { parseScopes } from '../groups/reset-target.ts';
import { printable, writeTable } from '../output.ts';
import { fetchProducers, partitionsToAsk } from './producer-states.ts';
import { checkTransactionalId, describeTransaction, transactionFailure } from './transaction-admin.ts';
import { orDash, partitionsOf, timeOf } from './transaction-report.ts';

export type DescribeTransactionsFlags = ClientFlags;

export interface DescribeProducersFlags extends ClientFlags {
  /** Of a replica; undefined: the leaders are asked. */
  readonly broker?: number | undefined;
}

/** What coordinators know of transactional ids. */
export async function describe(transactionalIds: readonly string[], flags: DescribeTransactionsFlags, around: Surroundings): Promise<void> {
  const ids = [...new Set(transactionalIds.map(checkTransactionalId))];
  const { out, clock } = around;
  const found = await withCluster(flags, around, (cluster) =>
    forAll(ids, (id) =>
      describeTransaction(cluster, id).catch((error: unknown) => {
        throw transactionFailure(error, id, cluster);
      }),
    ),
  );
  const nowMs = clock.now();
  const lasted = found.map(({ startMs, ...each }) => ({
    ...each,
    startMs,
    durationMs: startMs === null ? null : Math.max(0, nowMs - startMs),
  }));
  if (flags.json) {
    writeJson(out, lasted);
    return;
  }
  const rows = lasted.map((each) => [
    printable(each.transactionalId),
    each.coordinator,
    each.producerId,
    each.producerEpoch,
    printable(each.state),
    each.timeoutMs,
    timeOf(each.startMs),
    orDash(each.durationMs),
    partitionsOf(each.partitions),
  ]);
  const header = [
    'Transactional id',
    'Coordinator',
    'Producer id',
    'Epoch',
    'State',
    'Timeout (ms)',
    'Started',
    'Duration (ms)',
    'Partitions',
  ];
  writeTable(out, header, rows);
}

/** What partitions know of producers. */
export async function describeProducers(topics: readonly string[], flags: DescribeProducersFlags, around: Surroundings): Promise<void> {
  const scopes = parseScopes(topics, '');
  const { out } = around;
  const found = await withCluster(flags, around, async (cluster) =>
    fetchProducers(cluster, await partitionsToAsk(cluster, scopes, flags.broker)),
  );
  if (flags.json) writeJson(out, found);
  else if (found.length === 0 && out.isTerminal) out.line('No producer is known there.');
  else {
    const rows = found.map((each) => [
      each.topic,
      each.partition,
      each.producerId,
      each.producerEpoch,
      orDash(each.coordinatorEpoch),
      orDash(each.lastSequence),
      timeOf(each.lastTimestampMs),
      orDash(each.startOffset),
    ]);
    const header = ['Topic', 'Partition', 'Producer id', 'Epoch', 'Coordinator epoch', 'Last sequence', 'Last record', 'Open from'];
    writeTable(out, header, rows);
  }
}
