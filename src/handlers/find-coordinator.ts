import type { ErrorName } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../metadata/internal-topics.ts';
import { FindCoordinator } from '../protocol/messages/find-coordinator.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { type Handling, handler, type RequestContext } from './handler.ts';
import type { Needs } from './services.ts';

const GROUP = 0;
const TRANSACTION = 1;
const SHARE = 2;

/** First version in which the key type may be `SHARE` (KIP-932); before it is refused key by key. */
const BATCHED_SINCE = 4;

type Coordinator = NonNullable<ResponseTo<typeof FindCoordinator>['coordinators']>[number];

/**
 * FindCoordinator (10): the broker that coordinates a group, or a transactional id.
 *
 * Versions: v1 key type and error message · v3 flexible · v4 several keys (KIP-699) · v6 share groups (KIP-932)
 * Behaviour:
 * - The first call creates __consumer_offsets, or __transaction_state. The leader of the id's partition there coordinates it; without one that is
 *   alive the answer is COORDINATOR_NOT_AVAILABLE. Where it is this broker, the answer waits a little for the partition to be loaded, so that what
 *   follows succeeds.
 * - An unknown key type is INVALID_REQUEST, for every key.
 * Deviations from Apache Kafka:
 * - A share group (type 2) is INVALID_REQUEST at every version: there are no share groups.
 * - Kafka answers COORDINATOR_NOT_AVAILABLE while the topic is being created; here the answer waits for it.
 */
export const findCoordinator = handler(
  FindCoordinator,
  [0, 6],
  (needs: Needs<'endpoints' | 'groups' | 'transactions' | 'topicAdmin' | 'metadata' | 'nodeId'>): Handling<typeof FindCoordinator> => {
    const { endpoints, groups, transactions, topicAdmin, metadata, nodeId: self } = needs;
    const find = async (key: string, type: number, context: RequestContext): Promise<Coordinator> => {
      if (type === SHARE) return failed(key, 'INVALID_REQUEST', '');
      const coordinator = type === GROUP ? groups : transactions;
      const topic = type === GROUP ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC;
      const leader = metadata.current.partition(topic, coordinator.partitionOf(key))?.leader ?? -1;
      if (leader === self) await coordinator.ready(key);
      const found = leader < 0 ? undefined : endpoints.broker(leader, context.arrival);
      if (!found) return failed(key, 'COORDINATOR_NOT_AVAILABLE', '');
      return { key, nodeId: found.nodeId, host: found.host, port: found.port, errorCode: 0, errorMessage: '' };
    };
    return {
      async handle(request, context) {
        const { version } = context;
        const type = request.keyType;
        const isBatched = version >= BATCHED_SINCE;
        if (![GROUP, TRANSACTION, SHARE].includes(type) || (type === SHARE && !isBatched))
          throw new KafkaError('INVALID_REQUEST', MALFORMED);
        if (type !== SHARE) await topicAdmin.ensureCoordinatorTopic(type === GROUP ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC);
        if (isBatched) return { coordinators: await Promise.all(request.coordinatorKeys.map((key) => find(key, type, context))) };
        const { errorCode, errorMessage, host, nodeId, port } = await find(request.key, type, context);
        return { errorCode, errorMessage: errorCode === 0 ? 'NONE' : errorMessage, nodeId, host, port };
      },
      refuse(request, error, { version }) {
        if (version < BATCHED_SINCE) return { errorCode: error.code, errorMessage: error.message, nodeId: -1, host: '', port: -1 };
        return { coordinators: request.coordinatorKeys.map((key) => failed(key, error.errorName, error.message)) };
      },
    };
  },
);

/** Kafka's words. */
const MALFORMED =
  'This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.';

function failed(key: string, error: ErrorName, errorMessage: string): Coordinator {
  return { key, nodeId: -1, host: '', port: -1, errorCode: new KafkaError(error).code, errorMessage };
}
