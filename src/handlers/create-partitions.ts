import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { CreatePartitions } from '../protocol/messages/create-partitions.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { eachOnce } from './each-once.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import { mutationQuota } from './mutation-quota.ts';
import type { Needs } from './services.ts';
import { requireTime } from './time-left.ts';

const FIRST_STRICT = 3;

type Result = ResponseTo<typeof CreatePartitions>['results'][number];

/**
 * CreatePartitions (37): makes topics grow.
 *
 * Versions: v2 flexible · v3 THROTTLING_QUOTA_EXCEEDED (KIP-599)
 * Behaviour: the new partitions can be used when the answer leaves; a count that is not larger than the present one is INVALID_PARTITIONS.
 * Deviations from Apache Kafka: none known.
 */
export const createPartitions = handler(
  CreatePartitions,
  [0, 3],
  ({ topicAdmin, clock, quotas }: Needs<'topicAdmin' | 'clock' | 'quotas'>) => ({
    async handle({ topics, validateOnly, timeoutMs }, context) {
      const results: Result[] = [];
      const quota = mutationQuota(quotas, context, FIRST_STRICT);
      const charge = (partitions: number) => quota?.charge(partitions);
      const named = eachOnce(topics, ({ name }) => name);
      if (named.some(({ duplicated }) => !duplicated)) requireTime(timeoutMs);
      await inSlices(clock, named, async ({ item, duplicated }) => {
        const { name, count, assignments } = item;
        try {
          if (duplicated) throw new KafkaError('INVALID_REQUEST', 'Duplicate topic name.');
          await topicAdmin.grow(name, count, assignments?.map(({ brokerIds }) => brokerIds) ?? null, validateOnly, charge);
          results.push({ name, errorCode: 0, errorMessage: null });
        } catch (error) {
          results.push(refused(name, error));
        }
      });
      return { throttleTimeMs: quota?.throttleMs() ?? 0, results };
    },
    refuse: (request, error) => ({ results: request.topics.map(({ name }) => refused(name, error)) }),
  }),
);

function refused(name: string, error: unknown): Result {
  return { name, errorCode: errorCodeOf(error), errorMessage: error instanceof KafkaError ? error.message : null };
}
