import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { buildBatch } from '../protocol/records/build.ts';
import type { Partition } from '../replication/partition.ts';
import type { CoordinatorLog } from './coordinator-log.ts';

/** A coordinator's log on a partition that this broker leads. */
export function replicatedLog(partition: Partition, clock: Clock): CoordinatorLog {
  return {
    append(records, done) {
      const timestamp = clock.now();
      const batch = buildBatch({ records: records.map(({ key, value }) => ({ key, value, timestamp })) });
      // With one replica a finished write is a committed one.
      partition.append(batch, (error) => done(error && (error instanceof KafkaError ? error : new KafkaError('KAFKA_STORAGE_ERROR'))));
    },
    replay: (each) => partition.replay(each),
  };
}
