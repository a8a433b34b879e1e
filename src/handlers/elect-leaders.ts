import { ERROR_CODES } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { ElectLeaders } from '../protocol/messages/elect-leaders.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { ElectionType, PartitionName } from './partition-admin.ts';
import type { Needs } from './services.ts';
import { requireTime } from './time-left.ts';

type Request = RequestOf<typeof ElectLeaders>;
type TopicResult = ResponseTo<typeof ElectLeaders>['replicaElectionResults'][number];
type PartitionResult = TopicResult['partitionResult'][number];

/** election_type on the wire. */
const TYPES: readonly ElectionType[] = ['preferred', 'unclean'];
/** Kafka's words, for errors that come without any. */
const WORDS: Readonly<Partial<Record<KafkaError['errorName'], string>>> = {
  ELECTION_NOT_NEEDED: 'Leader election not needed for topic partition.',
  PREFERRED_LEADER_NOT_AVAILABLE: 'The preferred leader was not available.',
  ELIGIBLE_LEADERS_NOT_AVAILABLE: 'Eligible topic partition leaders are not available.',
};

/**
 * ElectLeaders (43): has partitions led by their first replica, or by one that may lack records where no other is left.
 *
 * Versions: v0 preferred elections alone · v1 preferred (0) or unclean (1), top-level error (KIP-460) · v2 flexible
 * Behaviour:
 * - null means all partitions. Those that need no election are then left out of the answer; their topics stay in it.
 * - ELECTION_NOT_NEEDED: the first replica leads already, or (unclean) somebody does. PREFERRED_LEADER_NOT_AVAILABLE: it is not in sync, or not
 *   alive. ELIGIBLE_LEADERS_NOT_AVAILABLE: no replica is alive.
 * - Each partition succeeds or fails for itself; the leader is elected when the answer leaves.
 * Deviations from Apache Kafka: none known.
 */
export const electLeaders = handler(
  ElectLeaders,
  [0, 2],
  ({ metadata, partitionAdmin, clock }: Needs<'metadata' | 'partitionAdmin' | 'clock'>) => ({
    async handle(request) {
      const type = TYPES[request.electionType];
      if (!type) throw new KafkaError('INVALID_REQUEST', `Unknown election type ${request.electionType}`);
      const image = metadata.current;
      const all = request.topicPartitions === null;
      if (request.topicPartitions?.length !== 0) requireTime(request.timeoutMs);
      const results: TopicResult[] = [];
      await inSlices(clock, request.topicPartitions ?? everything(image), async ({ topic, partitions }) => {
        const partitionResult: PartitionResult[] = [];
        const existing = partitions.filter((partition) => image.partition(topic, partition));
        const errors = await partitionAdmin.electLeaders(
          type,
          existing.map((partition): PartitionName => ({ topic, partition })),
        );
        const outcomes = errors.values();
        for (const partition of partitions) {
          const error = image.partition(topic, partition) ? outcomes.next().value : unknown(image, topic, partition);
          if (all && error?.errorName === 'ELECTION_NOT_NEEDED') continue;
          partitionResult.push(resultOf(partition, error ?? null));
        }
        results.push({ topic, partitionResult });
      });
      return { errorCode: 0, replicaElectionResults: results };
    },
    refuse: (request, error) => ({
      errorCode: error.code,
      replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partition) => resultOf(partition, error)),
      })),
    }),
  }),
);

function* everything(image: MetadataImage): Generator<NonNullable<Request['topicPartitions']>[number]> {
  for (const { name, partitions } of image.topics()) yield { topic: name, partitions: partitions.map(({ partition }) => partition) };
}

function resultOf(partitionId: number, error: KafkaError | null): PartitionResult {
  if (!error) return { partitionId, errorCode: ERROR_CODES.NONE.code, errorMessage: null };
  return { partitionId, errorCode: error.code, errorMessage: WORDS[error.errorName] ?? error.message };
}

function unknown(image: MetadataImage, topic: string, partition: number): KafkaError {
  const what = image.topic(topic) ? `partition as ${topic}-${partition}` : `topic as ${topic}`;
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `No such ${what}`);
}
