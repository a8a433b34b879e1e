import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { buildBatch } from '../protocol/records/build.ts';
import type { Compactions } from '../replication/compactions.ts';
import type { Partition } from '../replication/partition.ts';
import type { CoordinatorLog } from './coordinator-log.ts';

/**
 * A coordinator's log on a partition that this broker leads. It asks to be compacted when it was read and whenever another segment's worth
 * of records has come, so that it stays small and is soon read again.
 */
export function replicatedLog(partition: Partition, clock: Clock, compactions: Pick<Compactions, 'request'>): CoordinatorLog {
  let bytesSince = 0;
  return {
    append(records, done) {
      const timestamp = clock.now();
      const batch = buildBatch({ records: records.map(({ key, value }) => ({ key, value, timestamp })) });
      // With one replica a finished write is a committed one.
      partition.append(batch, (error) => done(error && (error instanceof KafkaError ? error : new KafkaError('KAFKA_STORAGE_ERROR'))));
      bytesSince += batch.byteLength;
      if (bytesSince < partition.segmentBytes) return;
      bytesSince = 0;
      compactions.request(partition);
    },
    async replay(each) {
      await partition.replay(each);
      compactions.request(partition);
    },
  };
}
