import { errorNameOf } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { WriteTxnMarkers } from '../../protocol/messages/index.ts';
import { type ClientFlags, refused, type Surroundings, say } from '../broker-session.ts';
import { type ClusterConnections, withCluster } from '../cluster-connections.ts';
import { CliError, usageError } from '../errors.ts';
import { onlyHanging } from './find-hanging.ts';
import { fetchProducers, type PartitionAt, type ProducerState, partitionsToAsk } from './producer-states.ts';
import { parseCoordinatorEpoch, parsePartition, parseProducerEpoch, parseProducerId, parseWhole } from './transaction-options.ts';

export interface AbortFlags extends ClientFlags {
  readonly startOffset?: string | undefined;
  readonly producerId?: string | undefined;
  readonly producerEpoch?: string | undefined;
  readonly coordinatorEpoch?: string | undefined;
  readonly force?: boolean | undefined;
}

interface Marker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
}

/** Writes the marker of an abort into one partition. */
export async function abort(text: string, flags: AbortFlags, around: Surroundings): Promise<void> {
  const named = parsePartition(text);
  const chosen = parseChoice(flags);
  await withCluster(flags, around, async (cluster) => {
    const [partition] = await partitionsToAsk(cluster, [{ topic: named.topic, partitions: [named.partition] }], undefined);
    const marker = typeof chosen === 'number' ? await markerOf(cluster, partition!, chosen, flags.force === true) : chosen;
    await writeAbort(cluster, partition!, marker);
    const done = { ...named, ...marker, aborted: true };
    say(flags, around, done, `Aborted the transaction of producer ${marker.producerId} (epoch ${marker.producerEpoch}) in ${text}.`);
  });
}

/** @returns the offset that the transaction begins at, or all that its marker has. @throws CliError (usage) */
function parseChoice({ startOffset, producerId, producerEpoch, coordinatorEpoch }: AbortFlags): number | Marker {
  const parts = [producerId, producerEpoch, coordinatorEpoch].filter((each) => each !== undefined);
  if (startOffset !== undefined) {
    if (parts.length > 0) throw usageError('--start-offset says which transaction; leave out the producer and the epochs');
    return parseWhole(startOffset, '--start-offset');
  }
  if (producerId === undefined || producerEpoch === undefined || coordinatorEpoch === undefined) {
    throw usageError('which transaction? add --start-offset, or all of --producer-id, --producer-epoch and --coordinator-epoch');
  }
  return {
    producerId: parseProducerId(producerId),
    producerEpoch: parseProducerEpoch(producerEpoch),
    coordinatorEpoch: parseCoordinatorEpoch(coordinatorEpoch),
  };
}

async function markerOf(cluster: ClusterConnections, partition: PartitionAt, startOffset: number, force: boolean): Promise<Marker> {
  const where = `${partition.topic}:${partition.partition}`;
  const producers = await fetchProducers(cluster, [partition]);
  const open = producers.find((each) => each.startOffset === startOffset);
  if (!open) throw new CliError(`no open transaction begins at offset ${startOffset} of ${where}${thoseThatDo(producers)}`);
  if (!force && (await onlyHanging(cluster, [open])).length === 0) {
    throw new CliError(
      `the transaction at offset ${startOffset} of ${where} does not hang: its coordinator still has it, and ends it within its timeout; ` +
        '--force aborts it in this partition all the same',
    );
  }
  // A marker of coordinator epoch 0 is taken where there was none before.
  return { producerId: open.producerId, producerEpoch: open.producerEpoch, coordinatorEpoch: open.coordinatorEpoch ?? 0 };
}

function thoseThatDo(producers: readonly ProducerState[]): string {
  const offsets = producers.flatMap(({ startOffset }) => (startOffset === null ? [] : [startOffset]));
  if (offsets.length === 0) return '; it has none';
  return `; those that are open begin at ${offsets.slice(0, 5).join(', ')}${offsets.length > 5 ? ', ...' : ''}`;
}

async function writeAbort(cluster: ClusterConnections, { topic, partition, broker }: PartitionAt, marker: Marker): Promise<void> {
  const where = `${topic}:${partition}`;
  const reply = await cluster.atLeader(broker, (connection) => {
    // The marker of a transaction of version 2 has a newer epoch than its records; one by hand has their own, and says version 0 (KIP-1228).
    return connection.request(WriteTxnMarkers, {
      markers: [{ ...marker, transactionResult: false, transactionVersion: 0, topics: [{ name: topic, partitionIndexes: [partition] }] }],
    });
  });
  const errorCode = reply.markers[0]?.topics[0]?.partitions[0]?.errorCode;
  if (errorCode === 0) return;
  throw refused(
    new KafkaError(errorCode === undefined ? 'UNKNOWN_SERVER_ERROR' : errorNameOf(errorCode)),
    `the transaction in ${where} was not aborted`,
  );
}
