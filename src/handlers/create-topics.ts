import { describeCreated } from '../config.ts';
import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { checkTotalPartitions, type TopicCounts } from '../metadata/topic-rules.ts';
import { CreateTopics } from '../protocol/messages/create-topics.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { eachOnce } from './each-once.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import { mutationQuota } from './mutation-quota.ts';
import type { Needs } from './services.ts';
import { requireTime } from './time-left.ts';
import type { Charge } from './topic-admin.ts';

const FIRST_STRICT = 6;

type Topic = RequestOf<typeof CreateTopics>['topics'][number];
type Result = ResponseTo<typeof CreateTopics>['topics'][number];

/** The name of Kafka's metadata log, which is no topic that can be created. */
const CLUSTER_METADATA = '__cluster_metadata';

/**
 * CreateTopics (19).
 *
 * Versions: v1 validateOnly, messages · v4 -1 for the broker's default counts (KIP-464) · v5 flexible, answers counts and configs (KIP-525) ·
 * v6 THROTTLING_QUOTA_EXCEEDED (KIP-599) · v7 topic ids (KIP-516)
 * Behaviour:
 * - A topic can be used as soon as it is answered. The topics of one request succeed or fail each for itself.
 * - A name that stands in the request twice is not created, and answered once with INVALID_REQUEST.
 * - validateOnly makes all checks and writes nothing; what it would create counts for controller_mutation_rate, as in Kafka.
 * - With no time at all (timeoutMs 0 or less) nothing is done: REQUEST_TIMED_OUT.
 * Deviations from Apache Kafka: of two names in one request that metrics cannot tell apart only the first is created.
 */
export const createTopics = handler(
  CreateTopics,
  [0, 7],
  ({ topicAdmin, metadata, config, clock, quotas }: Needs<'topicAdmin' | 'metadata' | 'config' | 'clock' | 'quotas'>) => {
    const create = async (topic: Topic, validateOnly: boolean, charge: Charge): Promise<Result> => {
      const { name } = topic;
      const planned = await topicAdmin.create({ ...countsOf(topic), name, configs: topic.configs }, validateOnly, charge);
      return {
        name,
        topicId: validateOnly ? undefined : metadata.current.topic(name)?.topicId,
        errorCode: 0,
        errorMessage: null,
        numPartitions: planned.partitions,
        replicationFactor: planned.replicationFactor,
        configs: describeCreated(planned.configs, config()).map((entry) => ({ ...entry, configSource: entry.source })),
      };
    };
    return {
      async handle({ topics, validateOnly, timeoutMs }, context) {
        const results: Result[] = [];
        const quota = mutationQuota(quotas, context, FIRST_STRICT);
        const charge: Charge = (partitions) => quota?.charge(partitions);
        const named = eachOnce(topics, ({ name }) => name);
        const wanted = named.filter(({ item, duplicated }) => !duplicated && item.name !== CLUSTER_METADATA).map(({ item }) => item);
        if (wanted.length > 0) requireTime(timeoutMs);
        checkTotalPartitions(wanted.map(countsOf), config().int('num.partitions'));
        await inSlices(clock, named, async ({ item: topic, duplicated }) => {
          try {
            if (duplicated) throw new KafkaError('INVALID_REQUEST', 'Duplicate topic name.');
            if (topic.name === CLUSTER_METADATA)
              throw new KafkaError('INVALID_REQUEST', `Creation of internal topic ${topic.name} is prohibited.`);
            results.push(await create(topic, validateOnly, charge));
          } catch (error) {
            results.push(refused(topic.name, error));
          }
        });
        return { throttleTimeMs: quota?.throttleMs() ?? 0, topics: results };
      },
      refuse: (request, error) => ({ topics: request.topics.map(({ name }) => refused(name, error)) }),
    };
  },
);

function countsOf({ numPartitions, replicationFactor, assignments }: Topic): TopicCounts {
  const manual = assignments.map(({ partitionIndex, brokerIds }) => ({ partition: partitionIndex, replicas: brokerIds }));
  return { partitions: numPartitions, replicationFactor, assignments: manual };
}

function refused(name: string, error: unknown): Result {
  return { name, errorCode: errorCodeOf(error), errorMessage: error instanceof KafkaError ? error.message : null, configs: [] };
}
