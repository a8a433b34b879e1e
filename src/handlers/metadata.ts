import { ERROR_CODES, type ErrorName } from '../core/error-codes.ts';
import { errorCodeOf, KafkaError } from '../core/errors.ts';
import type { MetadataImage, PartitionImage, TopicImage } from '../metadata/image.ts';
import { INTERNAL_TOPICS } from '../metadata/internal-topics.ts';
import { isValidTopicName } from '../metadata/topic-rules.ts';
import { Metadata } from '../protocol/messages/metadata.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import { eachOnce } from './each-once.ts';
import { controllerOf, type Endpoints } from './endpoints.ts';
import { handler, type RequestContext } from './handler.ts';
import { inSlices } from './in-slices.ts';
import { CLUSTER_OPERATIONS, NO_OPERATIONS, TOPIC_OPERATIONS } from './operations.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof Metadata>;
type Wanted = NonNullable<Request['topics']>[number];
type TopicReply = ResponseTo<typeof Metadata>['topics'][number];

type PartitionReply = TopicReply['partitions'][number];

/** Ids stand in requests since v10, and may be used since this version. */
const FIRST_BY_ID = 12;
/** Before it a leader without this listener is no leader, since it an error of its own. */
const FIRST_WITH_LISTENER_ERROR = 6;

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
 * - Brokers are named as the client arrived (endpoints.ts).
 * - A partition without a leader that is alive is LEADER_NOT_AVAILABLE. v0 leaves dead replicas out, with REPLICA_NOT_AVAILABLE.
 * - Offline is a replica whose broker is not alive, or whose disk has failed.
 * - Any broker carries out admin requests. As controller the one is named that moves leaders; this broker while there is none.
 * Deviations from Apache Kafka: the synchronous creation; Kafka names any broker as controller.
 */
export const metadata = handler(
  Metadata,
  [0, 13],
  (needs: Needs<'metadata' | 'endpoints' | 'topicAdmin' | 'config' | 'nodeId' | 'clock'>) => {
    const { metadata: feed, endpoints, topicAdmin, config, nodeId, clock } = needs;

    const topicReply = ({ name, topicId, partitions }: TopicImage, request: Request, context: RequestContext): TopicReply => ({
      errorCode: 0,
      name,
      topicId,
      isInternal: INTERNAL_TOPICS.has(name),
      topicAuthorizedOperations: request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : NO_OPERATIONS,
      partitions: partitions.map((partition) => partitionReply(partition, endpoints, feed.current, context)),
    });

    const replyTo = ({ name, topicId }: Wanted, request: Request, context: RequestContext): TopicReply | Promise<TopicReply> => {
      if (name === null || topicId !== ZERO_UUID) {
        const topic = feed.current.topicById(topicId);
        return topic ? topicReply(topic, request, context) : failed(null, topicId, 'UNKNOWN_TOPIC_ID');
      }
      const topic = feed.current.topic(name);
      if (topic) return topicReply(topic, request, context);
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
          return created ? topicReply(created, request, context) : refused(ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION.code); // deleted again meanwhile
        },
        (error) => refused(errorCodeOf(error)),
      );
    };

    const respond = (topics: TopicReply[], request: Request, context: RequestContext) => ({
      brokers: endpoints.brokers(context.arrival),
      clusterId: feed.current.clusterId,
      controllerId: controllerOf(feed.current, nodeId),
      topics,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : NO_OPERATIONS,
      errorCode: 0,
    });

    return {
      handle(request, context) {
        const { topics } = request;
        if (topics === null || (context.version === 0 && topics.length === 0)) {
          return respond(
            [...feed.current.topics()].map((topic) => topicReply(topic, request, context)),
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
          const reply = replyTo(wanted, request, context);
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

function partitionReply(
  state: PartitionImage,
  endpoints: Endpoints,
  image: MetadataImage,
  { arrival, version }: RequestContext,
): PartitionReply {
  const { partition, leader, leaderEpoch, replicas, isr } = state;
  const offlineReplicas = replicas.filter((id) => !endpoints.isReachable(id, arrival) || image.isReplicaOffline(id, state));
  const leads = leader >= 0 && endpoints.isReachable(leader, arrival);
  const lasting = { partitionIndex: partition, leaderId: leads ? leader : -1, leaderEpoch, offlineReplicas };
  if (version > 0) {
    const hasNoListener = version >= FIRST_WITH_LISTENER_ERROR && endpoints.isAlive(leader);
    const error = leads ? null : hasNoListener ? 'LISTENER_NOT_FOUND' : 'LEADER_NOT_AVAILABLE';
    return { ...lasting, errorCode: error ? ERROR_CODES[error].code : 0, replicaNodes: replicas, isrNodes: isr };
  }
  const alive = (ids: readonly number[]) => ids.filter((id) => !offlineReplicas.includes(id));
  const error = !leads ? 'LEADER_NOT_AVAILABLE' : offlineReplicas.length > 0 ? 'REPLICA_NOT_AVAILABLE' : null;
  return { ...lasting, errorCode: error ? ERROR_CODES[error].code : 0, replicaNodes: alive(replicas), isrNodes: alive(isr) };
}

function failed(name: string | null, topicId: string, error: ErrorName): TopicReply {
  return { errorCode: ERROR_CODES[error].code, name, topicId, isInternal: name !== null && INTERNAL_TOPICS.has(name), partitions: [] };
}
