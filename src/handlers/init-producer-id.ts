import { KafkaError } from '../core/errors.ts';
import { InitProducerId } from '../protocol/messages/init-producer-id.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/** A producer that has no id, or no epoch, yet. */
const NONE = -1;

/**
 * InitProducerId (22): an id for an idempotent producer.
 *
 * Versions: v2 flexible · v3 the producer's present id and epoch (KIP-360) · v4 PRODUCER_FENCED may be answered · v5 transactions v2 (KIP-890)
 * Behaviour: without a transactional id every call gives a fresh id with epoch 0.
 * Deviations from Apache Kafka: there are no transactions. A transactional id is refused with TRANSACTIONAL_ID_AUTHORIZATION_FAILED, on
 * which clients give up at once instead of retrying.
 */
export const initProducerId = handler(InitProducerId, [0, 5], ({ producerIds }: Needs<'producerIds'>) => ({
  async handle(request) {
    if (request.transactionalId === '') throw new KafkaError('INVALID_REQUEST');
    if (request.transactionalId !== null)
      throw new KafkaError('TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'Transactions are not implemented.');
    if ((request.producerId === NONE) !== (request.producerEpoch === NONE)) throw new KafkaError('INVALID_REQUEST');
    return { errorCode: 0, producerId: await producerIds.next(), producerEpoch: 0 };
  },
  refuse: (_request, error) => ({ errorCode: error.code, producerId: -1, producerEpoch: -1 }),
}));
