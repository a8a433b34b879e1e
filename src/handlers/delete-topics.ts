import { errorCodeOf, KafkaError } from '../core/errors.ts';
import type { TopicImage } from '../metadata/image.ts';
import { DeleteTopics } from '../protocol/messages/delete-topics.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import { eachOnce } from './each-once.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import { mutationQuota } from './mutation-quota.ts';
import type { Needs } from './services.ts';
import { requireTime } from './time-left.ts';

type Wanted = RequestOf<typeof DeleteTopics>['topics'][number];
type Result = ResponseTo<typeof DeleteTopics>['responses'][number];

/** The first version that knows TOPIC_DELETION_DISABLED; older clients get INVALID_REQUEST. */
const FIRST_WITH_DISABLED = 3;
const FIRST_STRICT = 5;

/**
 * DeleteTopics (20).
 *
 * Versions: v1 throttle time · v3 TOPIC_DELETION_DISABLED · v4 flexible · v5 messages, THROTTLING_QUOTA_EXCEEDED (KIP-599) · v6 topics by name or id (KIP-516)
 * Behaviour: the name is free, and the data on its way out, when the answer leaves; each topic succeeds or fails for itself. One that stands
 * in the request twice is not deleted, and answered once with INVALID_REQUEST.
 * Deviations from Apache Kafka: none known.
 */
export const deleteTopics = handler(
  DeleteTopics,
  [0, 6],
  ({ topicAdmin, metadata, config, clock, quotas }: Needs<'topicAdmin' | 'metadata' | 'config' | 'clock' | 'quotas'>) => {
    const find = ({ name, topicId }: Wanted): TopicImage => {
      if (name !== null && topicId !== ZERO_UUID)
        throw new KafkaError('INVALID_REQUEST', 'You may not specify both topic name and topic id.');
      if (isNothing({ name, topicId })) throw new KafkaError('INVALID_REQUEST', 'Neither topic name nor id were specified.');
      const topic = name === null ? metadata.current.topicById(topicId) : metadata.current.topic(name);
      if (!topic) throw new KafkaError(name === null ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION');
      return topic;
    };
    /** Names that stand in the request beside their own topic's id. */
    const alsoNamedById = (wanted: readonly Wanted[]): ReadonlySet<string> => {
      const names = new Set(wanted.flatMap(({ name }) => name ?? []));
      const byId = wanted.flatMap(({ name, topicId }) => (name === null ? (metadata.current.topicById(topicId)?.name ?? []) : []));
      return new Set(byId.filter((name) => names.has(name)));
    };
    return {
      async handle(request, context) {
        const { version } = context;
        if (!config().bool('delete.topic.enable')) throw new KafkaError('TOPIC_DELETION_DISABLED');
        const responses: Result[] = [];
        const quota = mutationQuota(quotas, context, FIRST_STRICT);
        const wanted = wantedBy(request);
        const named = eachOnce(wanted, keyOf);
        if (named.some(({ item, duplicated }) => !duplicated && !isNothing(item))) requireTime(request.timeoutMs);
        const namedTwice = alsoNamedById(wanted);
        await inSlices(clock, named, async ({ item: one, duplicated }) => {
          let asked = one;
          try {
            if (one.name !== null && namedTwice.has(one.name)) return; // answered with its id
            if (duplicated) throw new KafkaError('INVALID_REQUEST', `Duplicate topic ${one.name === null ? 'id' : 'name'}.`);
            const { name, topicId, partitions } = find(one);
            if (namedTwice.has(name)) {
              const error = new KafkaError('INVALID_REQUEST', 'The provided topic name maps to an ID that was already supplied.');
              responses.push(refused({ name, topicId }, error, version));
              return;
            }
            asked = { name, topicId };
            quota?.charge(partitions.length);
            await topicAdmin.delete({ name, topicId });
            responses.push({ name, topicId, errorCode: 0, errorMessage: null });
          } catch (error) {
            responses.push(refused(asked, error, version));
          }
        });
        return { throttleTimeMs: quota?.throttleMs() ?? 0, responses };
      },
      refuse: (request, error, { version }) => ({ responses: wantedBy(request).map((one) => refused(one, error, version)) }),
    };
  },
);

const isNothing = ({ name, topicId }: Wanted): boolean => name === null && topicId === ZERO_UUID;

/** What must not stand in a request twice; entries that name nothing are answered each. */
const keyOf = (wanted: Wanted, index: number): string => (isNothing(wanted) ? `${index}` : `${wanted.name}/${wanted.topicId}`);

function wantedBy({ topics, topicNames }: RequestOf<typeof DeleteTopics>): Wanted[] {
  return [...topicNames.map((name) => ({ name, topicId: ZERO_UUID })), ...topics];
}

function refused({ name, topicId }: Wanted, error: unknown, version: number): Result {
  const disabled = error instanceof KafkaError && error.errorName === 'TOPIC_DELETION_DISABLED' && version < FIRST_WITH_DISABLED;
  const shown = disabled ? new KafkaError('INVALID_REQUEST', error.message) : error;
  return { name, topicId, errorCode: errorCodeOf(shown), errorMessage: shown instanceof KafkaError ? shown.message : null };
}
