import { UnregisterBroker } from '../protocol/messages/unregister-broker.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/**
 * UnregisterBroker (64): forgets a broker that is gone for good.
 *
 * Versions: v0 only
 * Behaviour: no new replica is placed on it any more. It may come back, and is then registered again.
 * Deviations from Apache Kafka: a broker that is alive is INVALID_REQUEST. Kafka forgets it, and it serves nobody until it is restarted.
 */
export const unregisterBroker = handler(UnregisterBroker, [0, 0], ({ partitionAdmin }: Needs<'partitionAdmin'>) => ({
  async handle({ brokerId }) {
    await partitionAdmin.unregisterBroker(brokerId);
    return { errorCode: 0, errorMessage: '' };
  },
  refuse: (_request, error) => ({ errorCode: error.code, errorMessage: error.message }),
}));
