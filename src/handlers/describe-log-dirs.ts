import { ERROR_CODES } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { DescribeLogDirs } from '../protocol/messages/describe-log-dirs.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import type { LogSize } from '../replication/replica-manager.ts';
import type { LogDirectoryState } from '../storage/log-dirs.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof DescribeLogDirs>;
type Directory = ResponseTo<typeof DescribeLogDirs>['results'][number];
type PartitionReply = Directory['topics'][number]['partitions'][number];

/**
 * DescribeLogDirs (35): what the partitions of this broker take up in its log directories.
 *
 * Versions: v2 flexible · v3 top-level error · v4 bytes of the volume (KIP-827) · v5 cordoned directories (KIP-1066)
 * Behaviour:
 * - Every directory of log.dirs is told; one that is offline with KAFKA_STORAGE_ERROR, and nothing of what is in it.
 * - null means all partitions of this broker; one that is not here is left out, and one whose log is offline as well.
 * - A replica that moves to another directory is in both: there as a future one, with the records that it lacks.
 * Deviations from Apache Kafka: directories cannot be cordoned.
 */
export const describeLogDirs = handler(
  DescribeLogDirs,
  [0, 5],
  ({ metadata, replicas, logs, clock }: Needs<'metadata' | 'replicas' | 'logs' | 'clock'>) => {
    const everything = (): Wanted => new Map(Array.from(metadata.current.topics(), ({ name, partitions }) => [name, partitions.keys()]));
    return {
      async handle({ topics: asked }) {
        const sizesOf = replicas.measureLogs();
        const found = new Map<string, Map<string, PartitionReply[]>>();
        // A log may have to be opened to be measured, after an unclean end even to be verified.
        await inSlices(clock, each(asked ? distinct(asked) : everything()), ([name, partitionIndex]) => {
          for (const { directory, sizeBytes, offsetLag, isFuture } of measure(() => sizesOf(name, partitionIndex))) {
            const topics = entry(found, directory, () => new Map<string, PartitionReply[]>());
            entry(topics, name, () => []).push({ partitionIndex, partitionSize: sizeBytes, offsetLag, isFutureKey: isFuture });
          }
        });
        return { errorCode: 0, results: logs.directories().map((directory) => reply(directory, found.get(directory.path))) };
      },
      refuse: (_request, error) => ({ errorCode: error.code, results: [] }),
    };
  },
);

function reply({ path: logDir, isOffline, volume }: LogDirectoryState, found?: ReadonlyMap<string, PartitionReply[]>): Directory {
  if (isOffline) return { errorCode: ERROR_CODES.KAFKA_STORAGE_ERROR.code, logDir, topics: [] };
  return { errorCode: 0, logDir, topics: Array.from(found ?? [], ([name, partitions]) => ({ name, partitions })), ...volume };
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** Partition numbers by topic. */
type Wanted = ReadonlyMap<string, Iterable<number>>;

function distinct(topics: NonNullable<Request['topics']>): Wanted {
  const wanted = new Map<string, Set<number>>();
  for (const { topic, partitions } of topics) wanted.set(topic, new Set([...(wanted.get(topic) ?? []), ...partitions]));
  return wanted;
}

function* each(wanted: Wanted): Generator<readonly [topic: string, index: number]> {
  for (const [topic, indexes] of wanted) for (const index of indexes) yield [topic, index];
}

/** Empty: there is no log that can be measured. */
function measure(sizesOf: () => LogSize[]): LogSize[] {
  try {
    return sizesOf();
  } catch (error) {
    if (error instanceof KafkaError) return [];
    throw error;
  }
}
