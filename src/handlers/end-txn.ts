import { EndTxn } from '../protocol/messages/end-txn.ts';
import { fencedCode } from './fenced-error.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

const KNOWS_FENCED_SINCE = 2; // KIP-588
const TRANSACTIONS_V2_SINCE = 5;

/**
 * EndTxn (26): commits or aborts a transaction.
 *
 * Versions: v2 PRODUCER_FENCED · v3 flexible · v4 TRANSACTION_ABORTABLE (KIP-890) · v5 each end gives the producer its next epoch (transactions v2)
 * Behaviour:
 * - Answered when the decision is in the log: from then on nothing can change it. The partitions get their markers meanwhile, and what the producer
 *   wants next is CONCURRENT_TRANSACTIONS until all have theirs.
 * - Repeated, it is answered as before. The other way round: INVALID_TXN_STATE.
 * Deviations from Apache Kafka: none known.
 */
export const endTxn = handler(EndTxn, [0, 5], ({ transactions }: Needs<'transactions'>) => ({
  async handle({ committed: commits, producerEpoch, producerId, transactionalId }, { version: apiVersion }) {
    const version = apiVersion >= TRANSACTIONS_V2_SINCE ? 2 : 0;
    return { errorCode: 0, ...(await transactions.end(transactionalId, { producerId, producerEpoch, commits, version })) };
  },
  refuse: (_request, error, { version }) => ({ errorCode: fencedCode(error, version, KNOWS_FENCED_SINCE) }),
}));
