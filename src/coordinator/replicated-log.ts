import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Purgatory } from '../core/purgatory.ts';
import { safetyRules } from '../core/safety-rules.ts';
import { TRANSACTIONAL_BIT } from '../protocol/records/batch.ts';
import { buildBatch } from '../protocol/records/build.ts';
import type { Compactions } from '../replication/compactions.ts';
import type { Partition } from '../replication/partition.ts';
import type { CoordinatorLog } from './coordinator-log.ts';

export interface ReplicatedLogServices {
  readonly clock: Clock;
  readonly purgatory: Purgatory;
  readonly compactions: Pick<Compactions, 'request'>;
}

/** A write that was in flight before this broker was elected is finished by then, or the disk has stopped. */
const ELECTED_WAIT_MS = 5_000;

/**
 * Opens a coordinator's log on a partition of which this broker was elected leader, once what was in flight before is in it.
 * Rejects with NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
 */
export async function openReplicatedLog(partition: Partition, services: ReplicatedLogServices): Promise<CoordinatorLog> {
  await services.purgatory.wait([partition.key], ELECTED_WAIT_MS, () => !partition.isLeader || leads(partition));
  partition.leading();
  return replicatedLog(partition, services);
}

function leads(partition: Partition): boolean {
  try {
    partition.leading();
    return true;
  } catch (error) {
    return !(error instanceof KafkaError) || error.errorName !== 'NOT_LEADER_OR_FOLLOWER'; // else waiting helps nothing
  }
}

/**
 * A coordinator's log on a partition that this broker leads, for as long as its leader epoch is the same. It asks to be compacted when it was
 * read and whenever another segment's worth of records has come, so that it stays small and is soon read again.
 */
function replicatedLog(partition: Partition, { clock, compactions }: ReplicatedLogServices): CoordinatorLog {
  const { leaderEpoch } = partition;
  let bytesSince = 0;
  let replayedTo = 0;
  return {
    leaderEpoch,
    get isOver() {
      return !partition.isLeader || partition.leaderEpoch !== leaderEpoch;
    },
    append(records, done, transaction) {
      if (this.isOver) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
      const timestamp = clock.now();
      const { producerId = -1, producerEpoch = -1, verification } = transaction ?? {};
      const batch = buildBatch({
        records: records.map(({ key, value }) => ({ key, value, timestamp })),
        attributes: transaction ? TRANSACTIONAL_BIT : 0,
        producerId,
        producerEpoch,
      });
      const { baseOffset } = partition.append(batch, told(done), Number.POSITIVE_INFINITY, verification);
      bytesSince += batch.byteLength;
      if (bytesSince >= partition.segmentBytes) {
        bytesSince = 0;
        compactions.request(partition);
      }
      return baseOffset;
    },
    appendMarker(marker, done) {
      if (this.isOver) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
      return partition.appendMarker(marker, told(done)).baseOffset;
    },
    async replay(replay) {
      replayedTo = await partition.replay(replay);
      compactions.request(partition);
    },
    committed() {
      // Else a group could go on from a commit that is lost with this broker (metadata-store rule 8).
      if (!safetyRules.coordinatorWaitsForWatermark) return Promise.resolve();
      return new Promise((resolve, reject) => partition.whenCommitted(replayedTo, (error) => (isLost(error) ? reject(error) : resolve())));
    },
  };
}

function told(done: (error: KafkaError | null) => void): (error: Error | null) => void {
  return (error) => done(error && (error instanceof KafkaError ? error : new KafkaError('KAFKA_STORAGE_ERROR')));
}

/** Below min ISR again, but committed. */
function isLost(error: Error | null): boolean {
  return error !== null && !(error instanceof KafkaError && error.errorName === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND');
}
