import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Purgatory } from '../core/purgatory.ts';
import { safetyRules } from '../core/safety-rules.ts';
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
    append(records, done) {
      if (this.isOver) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
      const timestamp = clock.now();
      const batch = buildBatch({ records: records.map(({ key, value }) => ({ key, value, timestamp })) });
      partition.append(batch, (error) => done(error && (error instanceof KafkaError ? error : new KafkaError('KAFKA_STORAGE_ERROR'))));
      bytesSince += batch.byteLength;
      if (bytesSince < partition.segmentBytes) return;
      bytesSince = 0;
      compactions.request(partition);
    },
    async replay(each) {
      replayedTo = await partition.replay(each);
      compactions.request(partition);
    },
    committed() {
      // Else a group could go on from a commit that is lost with this broker (metadata-store rule 8).
      if (!safetyRules.coordinatorWaitsForWatermark) return Promise.resolve();
      return new Promise((resolve, reject) => partition.whenCommitted(replayedTo, (error) => (isLost(error) ? reject(error) : resolve())));
    },
  };
}

/** Below min ISR again, but committed. */
function isLost(error: Error | null): boolean {
  return error !== null && !(error instanceof KafkaError && error.errorName === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND');
}
