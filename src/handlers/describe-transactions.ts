import type { Transaction } from '../coordinator/transaction/transaction.ts';
import { KafkaError } from '../core/errors.ts';
import { DescribeTransactions } from '../protocol/messages/describe-transactions.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type State = ResponseTo<typeof DescribeTransactions>['transactionStates'][number];

/**
 * DescribeTransactions (65): what this broker knows of the transactional ids that it coordinates (KIP-664).
 *
 * Behaviour: each id is answered for itself: TRANSACTIONAL_ID_NOT_FOUND, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, INVALID_REQUEST for the empty
 * one.
 * Deviations from Apache Kafka: none known.
 */
export const describeTransactions = handler(DescribeTransactions, [0, 0], ({ transactions }: Needs<'transactions'>) => {
  const describe = async (transactionalId: string): Promise<State> => {
    try {
      return described(await transactions.describe(transactionalId));
    } catch (error) {
      if (error instanceof KafkaError) return failed(transactionalId, error);
      throw error;
    }
  };
  return {
    handle: async ({ transactionalIds }) => ({ transactionStates: await Promise.all(transactionalIds.map(describe)) }),
    refuse: ({ transactionalIds }, error) => ({ transactionStates: transactionalIds.map((id) => failed(id, error)) }),
  };
});

function described({ partitions, producerEpoch, producerId, startMs, status, timeoutMs, transactionalId }: Transaction): State {
  return {
    errorCode: 0,
    transactionalId,
    transactionState: status,
    transactionTimeoutMs: timeoutMs,
    transactionStartTimeMs: startMs,
    producerId,
    producerEpoch,
    topics: [...partitions].map(([topic, ids]) => ({ topic, partitions: [...ids] })),
  };
}

function failed(transactionalId: string, { code }: KafkaError): State {
  const nothing = { transactionState: '', transactionTimeoutMs: 0, transactionStartTimeMs: 0, producerId: 0, producerEpoch: 0, topics: [] };
  return { errorCode: code, transactionalId, ...nothing };
}
