import { KafkaError } from '../core/errors.ts';
import { InitProducerId } from '../protocol/messages/init-producer-id.ts';
import { fencedCode } from './fenced-error.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/** A producer that has no id, or no epoch, yet. */
const NONE = -1;
const KNOWS_FENCED_SINCE = 4; // KIP-588

/**
 * InitProducerId (22): an id and an epoch for an idempotent or a transactional producer.
 *
 * Versions: v2 flexible · v3 the producer's present id and epoch (KIP-360) · v4 PRODUCER_FENCED may be answered · v5 transactions v2 (KIP-890)
 * Behaviour:
 * - Without a transactional id every call gives a fresh id with epoch 0.
 * - With one, its coordinator answers: the id that goes with it, and the next epoch, by which every earlier producer is fenced. A transaction that
 *   one of those has open is aborted first: CONCURRENT_TRANSACTIONS until that is done.
 * Deviations from Apache Kafka: none known. (v6, two-phase commit, is not advertised by either.)
 */
export const initProducerId = handler(InitProducerId, [0, 5], ({ producerIds, transactions }: Needs<'producerIds' | 'transactions'>) => ({
  async handle(request) {
    const { producerEpoch, producerId, transactionTimeoutMs: timeoutMs, transactionalId } = request;
    if (transactionalId === '') throw new KafkaError('INVALID_REQUEST');
    if ((producerId === NONE) !== (producerEpoch === NONE)) throw new KafkaError('INVALID_REQUEST');
    if (transactionalId === null) return { errorCode: 0, producerId: await producerIds.next(), producerEpoch: 0 };
    return { errorCode: 0, ...(await transactions.init(transactionalId, { timeoutMs, producerId, producerEpoch })) };
  },
  refuse: (_request, error, { version }) => ({
    errorCode: fencedCode(error, version, KNOWS_FENCED_SINCE),
    producerId: NONE,
    producerEpoch: NONE,
  }),
}));
