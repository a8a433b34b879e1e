import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { INTERNAL_TOPICS } from '../metadata/internal-topics.ts';
import { Produce } from '../protocol/messages/produce.ts';
import { producedRecords } from '../protocol/records/legacy-check.ts';
import { RecordValidationError } from '../protocol/records/validate.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import type { Partition } from '../replication/partition.ts';
import type { Produced } from '../storage/produce-line.ts';
import type { Verification } from '../storage/verifications.ts';
import { HANG_UP, handler, NO_REPLY, type RequestContext } from './handler.ts';
import { LeaderHints } from './leader-hints.ts';
import type { Needs } from './services.ts';
import { transactionalBatch, verifyThen } from './transactional-produce.ts';

type Request = RequestOf<typeof Produce>;
type TopicData = Request['topicData'][number];
type PartitionData = TopicData['partitionData'][number];
type PartitionReply = { -readonly [K in keyof PartitionResponse]: PartitionResponse[K] };
type TopicReply = { name: string; topicId: string; partitionResponses: PartitionReply[] };
type PartitionResponse = ResponseTo<typeof Produce>['responses'][number]['partitionResponses'][number];

/** The one client that may write to internal topics: Kafka's own tools. */
const ADMIN_CLIENT_ID = '__admin_client';
/** Refusals that say nothing of the log. */
const WITHOUT_LOG_START: ReadonlySet<string> = new Set([
  '',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'NOT_LEADER_OR_FOLLOWER',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'CORRUPT_MESSAGE',
  'KAFKA_STORAGE_ERROR',
  'REQUEST_TIMED_OUT',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
]);
const ACKS = [-1, 0, 1];
const FIRST_BY_TOPIC_ID = 13;
const FIRST_WITH_HINTS = 10;

type ProduceNeeds = Needs<'replicas' | 'metadata' | 'endpoints' | 'partitionVerifier' | 'config'>;

/**
 * Produce (0): appends one batch per partition.
 *
 * Versions: v0-2 message sets, converted to record batches · v1 throttle time · v2 append time (KIP-32) · v3 transactional id, record batches
 * alone (KIP-98) · v5 log start offset · v7 zstd (KIP-110) · v8 record errors (KIP-467) ·
 * v9 flexible · v10 leader hints (KIP-951) · v13 topic ids (KIP-516). Apache Kafka 4 advertises v0-2 for the sake of librdkafka
 * (KAFKA-18659), and hangs up on them; here they do what they did in 3.9.
 * Behaviour:
 * - Validation and append are synchronous, so batches of one connection land in the order in which they came. One that takes long to
 *   decompress or to compress anew (compression.type) is prepared off the event loop; it holds its place in its partition.
 * - A message set without one whole message appends nothing, and is no error: its base offset is -1.
 * - acks=0 is never answered; a failure closes the connection, which is how the client learns.
 * - acks=1 is answered when the write is finished; acks=-1 when the high watermark has passed the batch, or with REQUEST_TIMED_OUT; it is refused
 *   with NOT_ENOUGH_REPLICAS while fewer are in sync than min.insync.replicas asks for. Who does not lead any more answers NOT_LEADER_OR_FOLLOWER,
 *   and who leads.
 * - The client's partition leader epoch is overwritten, never checked (sarama sends 0).
 * - A batch that an idempotent producer repeats is answered with the offset it has, when its first write is finished and, with acks=-1,
 *   committed (KIP-98).
 * - A transactional batch is taken when its coordinator has said that the transaction has this partition (KIP-890; from v12 on it gets it then); the
 *   answer is waited for, and batches of one connection keep their order. Without a transactional id the whole request is refused with
 *   TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
 * Deviations from Apache Kafka: none known.
 */
export const produce = handler(Produce, [0, 13], ({ replicas, metadata, endpoints, ...verifying }: ProduceNeeds) => {
  /** Appends to one partition. The reply is filled in when `settled` is called. */
  const append = (
    partition: Partition,
    records: Uint8Array,
    request: Request,
    reply: PartitionReply,
    settled: () => void,
    verification?: Verification,
  ) => {
    const produced: Produced = (error, appended) => {
      if (!appended) {
        fail(reply, error);
        // As Kafka: a batch that was looked at and refused is answered with where the log begins.
        if (!WITHOUT_LOG_START.has(error instanceof KafkaError ? error.errorName : '')) reply.logStartOffset = logStartOf(partition);
        settled();
        return;
      }
      reply.baseOffset = appended.baseOffset;
      reply.logAppendTimeMs = appended.logAppendTime;
      reply.logStartOffset = logStartOf(partition);
      settled();
    };
    try {
      partition.produce(records, request.acks, request.timeoutMs, produced, verification);
    } catch (error) {
      fail(reply, error);
      if (error instanceof KafkaError && error.errorName === 'NOT_ENOUGH_REPLICAS') reply.logStartOffset = logStartOf(partition);
      settled();
    }
  };

  const produceTo = (topic: TopicData, data: PartitionData, request: Request, context: RequestContext, settled: () => void) => {
    const reply: PartitionReply = { index: data.index, errorCode: 0, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
    try {
      const named = context.version >= FIRST_BY_TOPIC_ID ? replicas.nameOf(topic.topicId) : topic.name;
      replicas.requireExists(named, data.index);
      const records = producedRecords(data.records, context.version);
      if (!ACKS.includes(request.acks)) throw new KafkaError('INVALID_REQUIRED_ACKS');
      if (INTERNAL_TOPICS.has(named) && context.clientId !== ADMIN_CLIENT_ID) throw new KafkaError('INVALID_TOPIC_EXCEPTION');
      const partition = replicas.leader(named, data.index);
      const write = (verification?: Verification) => append(partition, records, request, reply, settled, verification);
      const batch = request.transactionalId === null ? null : transactionalBatch(records);
      if (!batch) write();
      else {
        const { transactionalId } = request as { transactionalId: string };
        const refused = (error: KafkaError) => {
          fail(reply, error);
          settled();
        };
        verifyThen({ transactionalId, topic: named, partition, batch, version: context.version }, verifying, write, refused);
      }
    } catch (error) {
      fail(reply, error);
      settled();
    }
    return reply;
  };

  const withHints = (responses: readonly TopicReply[], { arrival }: RequestContext) => {
    const failed = responses.some(({ partitionResponses }) => partitionResponses.some(({ errorCode }) => errorCode !== 0));
    if (!failed) return { responses };
    const hints = new LeaderHints(metadata.current, endpoints, arrival);
    for (const { name, topicId, partitionResponses } of responses) {
      const topic = name === '' ? metadata.current.topicById(topicId)?.name : name;
      for (const reply of partitionResponses) {
        const currentLeader = topic === undefined ? undefined : hints.of(reply.errorCode, topic, reply.index);
        if (currentLeader) reply.currentLeader = currentLeader;
      }
    }
    return { responses, nodeEndpoints: hints.nodeEndpoints() };
  };

  return {
    handle(request, context) {
      if (request.transactionalId === null && hasTransactionalBatch(request)) throw new KafkaError('TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
      return new Promise((resolve) => {
        let open = 1;
        const settled = () => {
          if (--open > 0) return;
          const responses = [...replies.values()];
          if (request.acks === 0) resolve(answerToNobody(responses));
          else resolve(context.version >= FIRST_WITH_HINTS ? withHints(responses, context) : { responses });
        };
        const replies = new Map<string, TopicReply>();
        for (const topic of request.topicData) {
          for (const data of topic.partitionData) {
            open++;
            replyOf(replies, topic).partitionResponses.push(produceTo(topic, data, request, context, settled));
          }
        }
        settled();
      });
    },
    refuse: (request, error) => (request.acks === 0 ? HANG_UP : { responses: refused(request, error) }),
  };
});

/** A topic is answered once, however often it is named, and not at all when nothing of it is. */
function replyOf(replies: Map<string, TopicReply>, { name, topicId }: TopicData): TopicReply {
  const key = name || topicId;
  const known = replies.get(key);
  if (known) return known;
  const fresh: TopicReply = { name, topicId, partitionResponses: [] };
  replies.set(key, fresh);
  return fresh;
}

/** -1 when the log has gone offline since: whoever asks is in a callback, where nothing may be thrown. */
function logStartOf(partition: Partition): number {
  try {
    return partition.logStartOffset;
  } catch {
    return -1;
  }
}

/** One is enough to have the whole request refused, whatever the other partitions get. */
function hasTransactionalBatch(request: Request): boolean {
  return request.topicData.some((topic) => topic.partitionData.some(({ records }) => transactionalBatch(records) !== null));
}

function answerToNobody(responses: readonly { partitionResponses: readonly PartitionReply[] }[]): typeof NO_REPLY | typeof HANG_UP {
  return responses.some((topic) => topic.partitionResponses.some((reply) => reply.errorCode !== 0)) ? HANG_UP : NO_REPLY;
}

function fail(reply: PartitionReply, error: unknown): void {
  reply.errorCode = errorCodeOf(error);
  reply.baseOffset = -1;
  reply.logAppendTimeMs = -1;
  reply.logStartOffset = -1;
  // KIP-467: which records are to blame, and why.
  if (error instanceof KafkaError) reply.errorMessage = error.message;
  if (error instanceof RecordValidationError) {
    reply.recordErrors = error.recordErrors.map(({ batchIndex, message }) => ({ batchIndex, batchIndexErrorMessage: message }));
  }
}

function refused(request: Request, error: KafkaError): ResponseTo<typeof Produce>['responses'] {
  return request.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => {
      const reply: PartitionReply = { index, errorCode: 0, baseOffset: -1 };
      fail(reply, error);
      return reply;
    }),
  }));
}
