import { resolve } from 'node:path';
import { KafkaError } from '../core/errors.ts';
import { DescribeLogDirs } from '../protocol/messages/describe-log-dirs.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof DescribeLogDirs>;
type Directory = ResponseTo<typeof DescribeLogDirs>['results'][number];
type PartitionReply = Directory['topics'][number]['partitions'][number];

/** A log may have to be opened to be measured: after so many partitions other requests get a turn. */
const PARTITIONS_A_TURN = 100;

/**
 * DescribeLogDirs (35): what the partitions of this broker take up in its data directory.
 *
 * Versions: v2 flexible · v3 top-level error · v4 bytes of the volume (KIP-827) · v5 cordoned directories (KIP-1066)
 * Behaviour:
 * - null means all partitions of this broker; one that is not here is left out, and one whose log is offline as well.
 * - There is one directory, of which v4 and above should tell how large its volume is: -1, which means unknown.
 * Deviations from Apache Kafka: the sizes of the volume.
 */
export const describeLogDirs = handler(
  DescribeLogDirs,
  [0, 5],
  ({ metadata, replicas, config, clock }: Needs<'metadata' | 'replicas' | 'config' | 'clock'>) => {
    const turn = () => new Promise<void>((done) => clock.soon(done));
    const everything = (): Wanted => new Map(Array.from(metadata.current.topics(), ({ name, partitions }) => [name, partitions.keys()]));
    return {
      async handle({ topics: asked }) {
        const sizeOf = replicas.measureLogs();
        const topics: Directory['topics'][number][] = [];
        let measured = 0;
        for (const [name, indexes] of asked ? distinct(asked) : everything()) {
          const partitions: PartitionReply[] = [];
          for (const partitionIndex of indexes) {
            if (++measured % PARTITIONS_A_TURN === 0) await turn();
            const partitionSize = measure(() => sizeOf(name, partitionIndex));
            if (partitionSize !== null) partitions.push({ partitionIndex, partitionSize, offsetLag: 0, isFutureKey: false });
          }
          if (partitions.length > 0) topics.push({ name, partitions });
        }
        return { errorCode: 0, results: [{ errorCode: 0, logDir: resolve(config().dataDirectory), topics }] };
      },
      refuse: (_request, error) => ({ errorCode: error.code, results: [] }),
    };
  },
);

/** Partition numbers by topic. */
type Wanted = ReadonlyMap<string, Iterable<number>>;

function distinct(topics: NonNullable<Request['topics']>): Wanted {
  const wanted = new Map<string, Set<number>>();
  for (const { topic, partitions } of topics) wanted.set(topic, new Set([...(wanted.get(topic) ?? []), ...partitions]));
  return wanted;
}

/** null: there is no log that can be measured. */
function measure(sizeOf: () => number): number | null {
  try {
    return sizeOf();
  } catch (error) {
    if (error instanceof KafkaError) return null;
    throw error;
  }
}
