import { KafkaError } from '../core/errors.ts';
import { OFFSETS_TOPIC } from '../metadata/internal-topics.ts';
import { AddOffsetsToTxn } from '../protocol/messages/add-offsets-to-txn.ts';
import { fencedCode } from './fenced-error.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

const KNOWS_FENCED_SINCE = 2; // KIP-588

/**
 * AddOffsetsToTxn (25): a transaction is about to commit offsets of a group. It adds the group's partition of __consumer_offsets.
 *
 * Versions: v2 PRODUCER_FENCED · v3 flexible · v4 TRANSACTION_ABORTABLE (KIP-890)
 * Behaviour: as AddPartitionsToTxn. The first call creates __consumer_offsets.
 * Deviations from Apache Kafka: none known.
 */
export const addOffsetsToTxn = handler(
  AddOffsetsToTxn,
  [0, 4],
  ({ groups, topicAdmin, transactions }: Needs<'groups' | 'topicAdmin' | 'transactions'>) => ({
    async handle({ groupId, producerEpoch, producerId, transactionalId }) {
      if (transactionalId === '') throw new KafkaError('INVALID_REQUEST');
      await topicAdmin.ensureCoordinatorTopic(OFFSETS_TOPIC);
      const partitions = new Map([[OFFSETS_TOPIC, new Set([groups.partitionOf(groupId)])]]);
      await transactions.add(transactionalId, { producerId, producerEpoch }, partitions, 0);
      return { errorCode: 0 };
    },
    refuse: (_request, error, { version }) => ({ errorCode: fencedCode(error, version, KNOWS_FENCED_SINCE) }),
  }),
);
