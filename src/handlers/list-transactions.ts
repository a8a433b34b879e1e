import { statusNamed } from '../coordinator/transaction/transaction-status.ts';
import { KafkaError } from '../core/errors.ts';
import { LinearPattern } from '../core/linear-pattern.ts';
import { TRANSACTIONS_TOPIC } from '../metadata/internal-topics.ts';
import { ListTransactions } from '../protocol/messages/list-transactions.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/**
 * ListTransactions (66): the transactional ids that this broker coordinates (KIP-664).
 *
 * Versions: v1 how long a transaction has lasted at least (KIP-994) · v2 a pattern for ids (KIP-1152)
 * Behaviour:
 * - A filter that names nothing lets everything pass. States that do not exist are told, and match nothing.
 * - A transaction lasts from its first partition on, also when it is over; an id that has had none is there whatever the duration, as in Apache Kafka.
 * - Before the first transactional id is used there is no __transaction_state, and nothing to list.
 * - While one of the partitions of __transaction_state is being loaded: COORDINATOR_LOAD_IN_PROGRESS.
 * - A pattern that is none: INVALID_REGULAR_EXPRESSION. An empty one lets everything pass.
 * Deviations from Apache Kafka: patterns have neither Unicode classes nor flags (see LinearPattern).
 */
export const listTransactions = handler(
  ListTransactions,
  [0, 2],
  ({ clock, metadata, transactions }: Needs<'clock' | 'metadata' | 'transactions'>) => ({
    async handle({ durationFilter, producerIdFilters, stateFilters, transactionalIdPattern }) {
      const pattern = transactionalIdPattern ? patternOf(transactionalIdPattern) : null;
      const unknownStateFilters = stateFilters.filter((name) => !statusNamed(name));
      const states = new Set(stateFilters);
      const ids = new Set(producerIdFilters);
      const nowMs = clock.now();
      const all = metadata.current.topic(TRANSACTIONS_TOPIC) ? await transactions.list() : [];
      const listed = all.filter(
        ({ producerId, startMs, status, transactionalId }) =>
          status !== 'Dead' &&
          (!pattern || pattern.matches(transactionalId)) &&
          (states.size === 0 || states.has(status)) &&
          (ids.size === 0 || ids.has(producerId)) &&
          (durationFilter < 0 || nowMs - startMs > durationFilter),
      );
      return {
        errorCode: 0,
        unknownStateFilters,
        transactionStates: listed.map(({ producerId, status, transactionalId }) => ({
          transactionalId,
          producerId,
          transactionState: status,
        })),
      };
    },
    refuse: (_request, error) => ({ errorCode: error.code, unknownStateFilters: [], transactionStates: [] }),
  }),
);

function patternOf(source: string): LinearPattern {
  try {
    return new LinearPattern(source);
  } catch (error) {
    throw new KafkaError('INVALID_REGULAR_EXPRESSION', error instanceof Error ? error.message : '');
  }
}
