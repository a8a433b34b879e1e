import { errorCodeOf } from '../core/errors.ts';
import { AlterReplicaLogDirs } from '../protocol/messages/alter-replica-log-dirs.ts';
import type { RequestOf } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

/**
 * AlterReplicaLogDirs (34): moves replicas of this broker to other log directories of it.
 *
 * Versions: v2 flexible
 * Behaviour:
 * - It is answered when the moves have begun: how far they are is in DescribeLogDirs. A replica that is there already stays, and a move of it
 *   to elsewhere ends; one that is on its way to a third directory goes there no more.
 * - A directory that is not in log.dirs, as an absolute path: LOG_DIR_NOT_FOUND. One that is offline, or has the replica: KAFKA_STORAGE_ERROR.
 * - A partition that has no replica here: REPLICA_NOT_AVAILABLE; its log will be made in that directory when it gets one.
 * - What stands in the request twice goes where it is named last.
 * Deviations from Apache Kafka: a replica without records is in place at once.
 */
export const alterReplicaLogDirs = handler(
  AlterReplicaLogDirs,
  [0, 2],
  ({ replicas, clock, logger }: Needs<'replicas' | 'clock' | 'logger'>) => {
    const errorOf = (topic: string, index: number, path: string): number => {
      try {
        replicas.moveReplica(topic, index, path);
        return 0;
      } catch (error) {
        const errorCode = errorCodeOf(error);
        if (errorCode === -1) logger.error({ topic, partition: index, err: error }, 'a replica could not be moved');
        return errorCode;
      }
    };
    return {
      async handle(request) {
        const results = new Map<string, { partitionIndex: number; errorCode: number }[]>();
        const wanted = wantedOf(request);
        for (const name of wanted.keys()) results.set(name, []);
        // A log may have to be opened, after an unclean end even to be verified.
        await inSlices(clock, each(wanted), ([name, partitionIndex, path]) => {
          results.get(name)!.push({ partitionIndex, errorCode: errorOf(name, partitionIndex, path) });
        });
        return { results: Array.from(results, ([topicName, partitions]) => ({ topicName, partitions })) };
      },
      refuse: (request, { code: errorCode }) => ({
        results: Array.from(wantedOf(request), ([topicName, paths]) => ({
          topicName,
          partitions: Array.from(paths.keys(), (partitionIndex) => ({ partitionIndex, errorCode })),
        })),
      }),
    };
  },
);

/** Directories by topic and partition number. */
type Wanted = ReadonlyMap<string, ReadonlyMap<number, string>>;

function wantedOf({ dirs }: RequestOf<typeof AlterReplicaLogDirs>): Wanted {
  const wanted = new Map<string, Map<number, string>>();
  for (const { path, topics } of dirs) {
    for (const { name, partitions } of topics) {
      const paths = wanted.get(name) ?? new Map<number, string>();
      for (const partition of partitions) paths.set(partition, path);
      if (paths.size > 0) wanted.set(name, paths);
    }
  }
  return wanted;
}

function* each(wanted: Wanted): Generator<readonly [topic: string, index: number, path: string]> {
  for (const [topic, paths] of wanted) for (const [index, path] of paths) yield [topic, index, path];
}
