import { ERROR_CODES, type ErrorName } from '../core/error-codes.ts';
import { errorCodeOf, KafkaError } from '../core/errors.ts';
import type { TopicImage } from '../metadata/image.ts';
import { INTERNAL_TOPICS } from '../metadata/internal-topics.ts';
import { isValidTopicName } from '../metadata/topic-rules.ts';
import { Metadata } from '../protocol/messages/metadata.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import { eachOnce } from './each-once.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import { CLUSTER_OPERATIONS, NO_OPERATIONS, TOPIC_OPERATIONS } from './operations.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof Metadata>;
type Wanted = NonNullable<Request['topics']>[number];
type TopicReply = ResponseTo<typeof Metadata>['topics'][number];

/** Ids stand in requests since v10, and may be used since this version. */
const FIRST_BY_ID = 12;

/**
 * Metadata (3): the brokers, and for each topic its partitions with their leaders.
 *
 * Versions: v0 an empty list means all topics · v1 null means all, rack, controller · v2 cluster id · v4 auto-creation can be switched off ·
 * v5 offline replicas · v7 leader epochs (KIP-320) · v8 authorized operations (KIP-430) · v9 flexible · v10 topic ids (KIP-516) ·
 * v12 topics by id · v13 top-level error
 * Behaviour:
 * - Every topic that is asked for is answered once, in the order of the request: platformatic maps errors by index.
 * - A topic that does not exist is created before the answer, if the client and auto.create.topics.enable allow it. Apache Kafka answers
 *   UNKNOWN_TOPIC_OR_PARTITION first and creates it behind that; kafkajs consumers then fail.
 * - Brokers are named as the client arrived (endpoints.ts). The controller is this broker: any broker carries out admin requests.
 * Deviations from Apache Kafka: the synchronous creation.
 */
export const metadata = handler(
  Metadata,
  [0, 13],
  (needs: Needs<'metadata' | 'endpoints' | 'topicAdmin' | 'config' | 'nodeId' | 'clock'>) => {
    const { metadata: feed, endpoints, topicAdmin, config, nodeId, clock } = needs;

    const replyTo = ({ name, topicId }: Wanted, request: Request): TopicReply | Promise<TopicReply> => {
      if (name === null || topicId !== ZERO_UUID) {
        const topic = feed.current.topicById(topicId);
        return topic ? topicReply(topic, request) : failed(null, topicId, 'UNKNOWN_TOPIC_ID');
      }
      const topic = feed.current.topic(name);
      if (topic) return topicReply(topic, request);
      const refused = (errorCode: number): TopicReply => {
        const topicAuthorizedOperations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : NO_OPERATIONS;
        return { ...failed(name, ZERO_UUID, 'UNKNOWN_TOPIC_OR_PARTITION'), errorCode, topicAuthorizedOperations };
      };
      if (!isValidTopicName(name)) return refused(ERROR_CODES.INVALID_TOPIC_EXCEPTION.code);
      if (!request.allowAutoTopicCreation || !config().bool('auto.create.topics.enable'))
        return refused(ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION.code);
      return topicAdmin.autoCreate(name).then(
        () => {
          const created = feed.current.topic(name);
          return created ? topicReply(created, request) : refused(ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION.code); // deleted again meanwhile
        },
        (error) => refused(errorCodeOf(error)),
      );
    };

    const respond = (topics: TopicReply[], request: Request, context: { arrival: Parameters<typeof endpoints.brokers>[0] }) => ({
      brokers: endpoints.brokers(context.arrival),
      clusterId: feed.current.clusterId,
      controllerId: nodeId,
      topics,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : NO_OPERATIONS,
      errorCode: 0,
    });

    return {
      handle(request, context) {
        const { topics } = request;
        if (topics === null || (context.version === 0 && topics.length === 0)) {
          return respond(
            [...feed.current.topics()].map((topic) => topicReply(topic, request)),
            request,
            context,
          );
        }
        const ids = topics.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID);
        if (ids && context.version < FIRST_BY_ID)
          throw new KafkaError('INVALID_REQUEST', `Topic IDs are not supported in Metadata v${context.version}.`);
        // KIP-516: a request that names one topic by id names them all so; names beside it are passed over.
        const named = ids ? topics.filter(({ name, topicId }) => name === null || topicId !== ZERO_UUID) : topics;
        // As Kafka: a topic named twice is answered once, or a small request could ask for a reply without end.
        const wantedTopics = eachOnce(named, ({ name, topicId }) => `${name}/${topicId}`).map(({ item }) => item);
        const replies: TopicReply[] = [];
        const answer = (wanted: Wanted): void | Promise<void> => {
          const reply = replyTo(wanted, request);
          if (reply instanceof Promise) return reply.then((later) => void replies.push(later));
          replies.push(reply);
        };
        return inSlices(clock, wantedTopics, answer).then(() => respond(replies, request, context));
      },
      refuse: (request, error, context) => ({
        brokers: [],
        clusterId: null,
        controllerId: -1,
        topics: (request.topics ?? []).map(({ name, topicId }) =>
          failed(context.version < FIRST_BY_ID ? (name ?? '') : name, topicId, error.errorName),
        ),
        errorCode: error.code,
      }),
    };
  },
);

function topicReply({ name, topicId, partitions }: TopicImage, request: Request): TopicReply {
  return {
    errorCode: 0,
    name,
    topicId,
    isInternal: INTERNAL_TOPICS.has(name),
    topicAuthorizedOperations: request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : NO_OPERATIONS,
    partitions: partitions.map(({ partition, leader, leaderEpoch, replicas, isr }) => ({
      errorCode: leader < 0 ? ERROR_CODES.LEADER_NOT_AVAILABLE.code : 0,
      partitionIndex: partition,
      leaderId: leader,
      leaderEpoch,
      replicaNodes: replicas,
      isrNodes: isr,
      offlineReplicas: [],
    })),
  };
}

function failed(name: string | null, topicId: string, error: ErrorName): TopicReply {
  return { errorCode: ERROR_CODES[error].code, name, topicId, isInternal: name !== null && INTERNAL_TOPICS.has(name), partitions: [] };
}
