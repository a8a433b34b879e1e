import { resolve } from 'node:path';
import { KafkaError } from '../core/errors.ts';
import { DescribeLogDirs } from '../protocol/messages/describe-log-dirs.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof DescribeLogDirs>;
type Directory = ResponseTo<typeof DescribeLogDirs>['results'][number];
type PartitionReply = Directory['topics'][number]['partitions'][number];

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
    const everything = (): Wanted => new Map(Array.from(metadata.current.topics(), ({ name, partitions }) => [name, partitions.keys()]));
    return {
      async handle({ topics: asked }) {
        const sizeOf = replicas.measureLogs();
        const topics = new Map<string, PartitionReply[]>();
        // A log may have to be opened to be measured, after an unclean end even to be verified.
        await inSlices(clock, each(asked ? distinct(asked) : everything()), ([name, partitionIndex]) => {
          const partitionSize = measure(() => sizeOf(name, partitionIndex));
          if (partitionSize === null) return;
          const reply = { partitionIndex, partitionSize, offsetLag: 0, isFutureKey: false };
          const partitions = topics.get(name);
          if (partitions) partitions.push(reply);
          else topics.set(name, [reply]);
        });
        const replies = Array.from(topics, ([name, partitions]) => ({ name, partitions }));
        return { errorCode: 0, results: [{ errorCode: 0, logDir: resolve(config().dataDirectory), topics: replies }] };
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

function* each(wanted: Wanted): Generator<readonly [topic: string, index: number]> {
  for (const [topic, indexes] of wanted) for (const index of indexes) yield [topic, index];
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
