import { describeCreated } from '../config.ts';
import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { checkTotalPartitions } from '../metadata/topic-rules.ts';
import { CreateTopics } from '../protocol/messages/create-topics.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type Topic = RequestOf<typeof CreateTopics>['topics'][number];
type Result = ResponseTo<typeof CreateTopics>['topics'][number];

/**
 * CreateTopics (19).
 *
 * Versions: v1 validateOnly, messages · v4 -1 for the broker's default counts (KIP-464) · v5 flexible, answers counts and configs (KIP-525) ·
 * v7 topic ids (KIP-516)
 * Behaviour:
 * - A topic can be used as soon as it is answered. The topics of one request succeed or fail each for itself.
 * - A name that stands in the request twice is refused with INVALID_REQUEST for each.
 * - validateOnly makes all checks and writes nothing.
 * Deviations from Apache Kafka: none known.
 */
export const createTopics = handler(
  CreateTopics,
  [0, 7],
  ({ topicAdmin, metadata, config }: Needs<'topicAdmin' | 'metadata' | 'config'>) => {
    const create = async (
      { name, numPartitions, replicationFactor, assignments, configs }: Topic,
      validateOnly: boolean,
    ): Promise<Result> => {
      const manual = assignments.map(({ partitionIndex, brokerIds }) => ({ partition: partitionIndex, replicas: brokerIds }));
      const topic = { name, partitions: numPartitions, replicationFactor, assignments: manual, configs };
      const planned = await topicAdmin.create(topic, validateOnly);
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
      async handle({ topics, validateOnly }) {
        const results: Result[] = [];
        const counts = new Map<string, number>();
        for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1);
        checkTotalPartitions(
          topics.map(({ numPartitions: partitions, replicationFactor }) => ({ partitions, replicationFactor })),
          config().int('num.partitions'),
        );
        for (const topic of topics) {
          try {
            if (counts.get(topic.name) !== 1) throw new KafkaError('INVALID_REQUEST', 'Duplicate topic name.');
            results.push(await create(topic, validateOnly));
          } catch (error) {
            results.push(refused(topic.name, error));
          }
        }
        return { topics: results };
      },
      refuse: (request, error) => ({ topics: request.topics.map(({ name }) => refused(name, error)) }),
    };
  },
);

function refused(name: string, error: unknown): Result {
  return { name, errorCode: errorCodeOf(error), errorMessage: error instanceof KafkaError ? error.message : null, configs: [] };
}
