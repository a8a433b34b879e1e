import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { DeleteTopics } from '../protocol/messages/delete-topics.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type Wanted = RequestOf<typeof DeleteTopics>['topics'][number];
type Result = ResponseTo<typeof DeleteTopics>['responses'][number];

/** The first version that knows TOPIC_DELETION_DISABLED; older clients get INVALID_REQUEST. */
const FIRST_WITH_DISABLED = 3;

/**
 * DeleteTopics (20).
 *
 * Versions: v1 throttle time · v3 TOPIC_DELETION_DISABLED · v4 flexible · v5 messages · v6 topics by name or id (KIP-516)
 * Behaviour: the name is free, and the data on its way out, when the answer leaves; each topic succeeds or fails for itself.
 * Deviations from Apache Kafka: none known.
 */
export const deleteTopics = handler(DeleteTopics, [0, 6], ({ topicAdmin, metadata }: Needs<'topicAdmin' | 'metadata'>) => {
  const remove = async ({ name, topicId }: Wanted): Promise<Result> => {
    if (name !== null && topicId !== ZERO_UUID)
      throw new KafkaError('INVALID_REQUEST', 'Topic name and topic ID can not both be specified.');
    if (name === null && topicId === ZERO_UUID) throw new KafkaError('INVALID_REQUEST', 'Neither topic name nor id were specified.');
    const topic = name === null ? metadata.current.topicById(topicId) : metadata.current.topic(name);
    if (!topic) throw new KafkaError(name === null ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION');
    await topicAdmin.delete({ name: topic.name, topicId: topic.topicId });
    return { name: topic.name, topicId: topic.topicId, errorCode: 0, errorMessage: null };
  };
  return {
    async handle({ topics, topicNames }, { version }) {
      const responses: Result[] = [];
      for (const wanted of [...topicNames.map((name) => ({ name, topicId: ZERO_UUID })), ...topics]) {
        try {
          responses.push(await remove(wanted));
        } catch (error) {
          responses.push(refused(wanted, error, version));
        }
      }
      return { responses };
    },
    refuse: ({ topics, topicNames }, error, { version }) => ({
      responses: [...topicNames.map((name) => ({ name, topicId: ZERO_UUID })), ...topics].map((wanted) => refused(wanted, error, version)),
    }),
  };
});

function refused({ name, topicId }: Wanted, error: unknown, version: number): Result {
  const disabled = error instanceof KafkaError && error.errorName === 'TOPIC_DELETION_DISABLED' && version < FIRST_WITH_DISABLED;
  const shown = disabled ? new KafkaError('INVALID_REQUEST', error.message) : error;
  return { name, topicId, errorCode: errorCodeOf(shown), errorMessage: shown instanceof KafkaError ? shown.message : null };
}
