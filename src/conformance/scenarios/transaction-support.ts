import { AddPartitionsToTxn, DescribeTransactions, EndTxn, InitProducerId, Produce } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { batchBytes } from '../batch-bytes.ts';
import type { Stage } from '../stage.ts';
import type { Topic } from './produce-support.ts';

/** A producer as the coordinator knows it. */
export interface Producer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

type AnyStage = Pick<Stage<never, never>, 'transactionalId' | 'until'>;

/** What both Kafkas speak, for what scenarios need around their own API. */
const AROUND = { initProducerId: 4, addPartitionsToTxn: 3, endTxn: 3, describeTransactions: 0 };
const TRANSACTIONS_V2 = 5;
/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS: not yet. */
const NOT_YET: readonly number[] = [14, 15, 16, 51];
export const isSettled = ({ errorCode }: { readonly errorCode: number }): boolean => !NOT_YET.includes(errorCode);

/** A producer that has taken a transactional id over: in epoch 0 when nobody had it. */
export async function producer(stage: AnyStage, own = 't', transactionTimeoutMs = 60_000): Promise<Producer> {
  const id = await stage.transactionalId(own);
  const answer = await stage.until(InitProducerId, AROUND.initProducerId, { transactionalId: id, transactionTimeoutMs }, isSettled);
  return { transactionalId: id, producerId: answer?.producerId ?? -1, producerEpoch: answer?.producerEpoch ?? -1 };
}

/** AddPartitionsToTxn below version 4. */
export const adding = (
  { producerEpoch, producerId, transactionalId: id }: Producer,
  ...topics: { name: string; partitions: number[] }[]
) => ({
  v3AndBelowTransactionalId: id,
  v3AndBelowProducerId: producerId,
  v3AndBelowProducerEpoch: producerEpoch,
  v3AndBelowTopics: topics,
});

/** A transaction that has these partitions. */
export async function begin(stage: AnyStage, who: Producer, topic: Pick<Topic, 'name'>, ...partitions: number[]): Promise<void> {
  const added = ({
    resultsByTopicV3AndBelow: [result],
  }: {
    resultsByTopicV3AndBelow: { resultsByPartition: { partitionErrorCode: number }[] }[];
  }) => !NOT_YET.includes(result?.resultsByPartition[0]?.partitionErrorCode ?? 0);
  await stage.until(AddPartitionsToTxn, AROUND.addPartitionsToTxn, adding(who, { name: topic.name, partitions }), added as never);
}

/** Ends a transaction; once this is over the producer may begin the next. */
export async function end(stage: AnyStage, who: Producer, committed: boolean): Promise<void> {
  await stage.until(EndTxn, AROUND.endTxn, { ...who, committed }, isSettled);
  // Repeated until the markers are written, which the first answer does not wait for.
  await stage.until(EndTxn, AROUND.endTxn, { ...who, committed }, isSettled);
}

/** A batch of a producer's transaction. */
export const transactional = ({ producerEpoch, producerId }: Producer, baseSequence: number, ...values: string[]) =>
  batchBytes({ values, producerId, producerEpoch, baseSequence, attributes: 16 });

/** What a producer of transactions v2 (KIP-890) has once its transaction is over: an epoch for the next. */
export async function endAlone<Q, R>(stage: Stage<Q, R>, who: Producer, committed: boolean): Promise<Producer> {
  const first = await stage.ask(EndTxn, TRANSACTIONS_V2, { ...who, committed });
  const ended = NOT_YET.includes(first.errorCode) ? await stage.until(EndTxn, TRANSACTIONS_V2, { ...who, committed }, isSettled) : first;
  const next = { ...who, producerId: ended?.producerId ?? -1, producerEpoch: ended?.producerEpoch ?? -1 };
  await isOver(stage, who);
  return next;
}

/** Waits until all markers of a producer's transaction are written. */
export async function isOver(stage: AnyStage, { transactionalId: id }: Producer): Promise<void> {
  const asked = { transactionalIds: [id] };
  const over = ({ transactionStates: [state] }: { transactionStates: { transactionState: string }[] }) =>
    /^(Empty|Complete)/.test(state?.transactionState ?? '');
  await stage.until(DescribeTransactions, AROUND.describeTransactions, asked, over as never);
}

/** The transaction that a transactional id has, as its coordinator tells it. */
export const told = ({ transactionalId: id }: Producer) => ({ transactionalIds: [id] });

/** A request that reads a topic's first partition, in versions that name topics and in those that know ids. */
export const read = (topic: Topic, isolationLevel: number, fetchOffset = 0, more: object = {}) => ({
  maxWaitMs: 0,
  minBytes: 0,
  isolationLevel,
  topics: [{ ...topic, topic: topic.name, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_048_576 }] }],
  forgottenTopicsData: [],
  ...more,
});

/** Asks for an offset of a topic's first partition: the latest, unless another is named. */
export const offsetAt = (topic: Pick<Topic, 'name'>, isolationLevel: number, timestamp = -1) => ({
  replicaId: -1,
  isolationLevel,
  topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp }] }],
});

/** Appends to a topic's first partition, which the transaction has or (`version` 12) gets. Not recorded. */
export async function append<Q, R>(
  stage: Stage<Q, R>,
  who: Producer,
  topic: Topic,
  sequence: number,
  values: string[],
  version = 9,
): Promise<void> {
  const topicData = [{ ...topic, partitionData: [{ index: 0, records: transactional(who, sequence, ...values) }] }];
  const { responses } = await stage.ask(Produce, version, { transactionalId: who.transactionalId, acks: -1, timeoutMs: 5000, topicData });
  const { errorCode } = responses[0]!.partitionResponses[0]!;
  if (errorCode !== 0) throw new Error(`${who.transactionalId} cannot append: ${errorCode}`);
}

/** Of DescribeTransactions, which answers partitions in any order; which one of __consumer_offsets a group has follows from the run's name. */
export const inOrder = ({ transactionStates }: ResponseOf<typeof DescribeTransactions>) => ({
  transactionStates: transactionStates.map((state) => ({
    ...state,
    topics: state.topics.map(({ partitions, topic }) => ({
      topic,
      partitions: topic === '__consumer_offsets' ? partitions.length : partitions.toSorted((a, b) => a - b),
    })),
  })),
});

const INVALID_TXN_STATE = 48;
const TRANSACTION_ABORTABLE = 120;
/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_ENOUGH_REPLICAS: ask again. */
const AGAIN: readonly number[] = [14, 15, 19];
/**
 * Whether a leader has told what the coordinator says. Apache Kafka asks one question for all that wait for a coordinator, and tells each the answer in
 * the words of whoever came first, be it TRANSACTION_ABORTABLE or INVALID_TXN_STATE; or that it could not ask.
 */
export const isTold = (codes: readonly number[], knowsAbortable: boolean): boolean =>
  codes.every((code) => !AGAIN.includes(code) && code !== (knowsAbortable ? INVALID_TXN_STATE : TRANSACTION_ABORTABLE));

/** The last epoch that a client gets to see. */
const LAST_EPOCH = 32_766;
const IN_FLIGHT = 50;

/** A producer in the last but one of its epochs: each InitProducerId takes one. Seconds, even when they are pipelined. */
export async function almostExhausted<Q, R>(stage: Stage<Q, R>, own: string): Promise<Producer> {
  const who = await producer(stage, own);
  const request = { transactionalId: who.transactionalId, transactionTimeoutMs: 60_000 };
  let next = who.producerEpoch + 1;
  const take = async () => {
    while (next++ < LAST_EPOCH) {
      const { errorCode } = await stage.ask(InitProducerId, AROUND.initProducerId, request);
      if (errorCode !== 0) throw new Error(`${who.transactionalId} gets no epoch: ${errorCode}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, take));
  return { ...who, producerEpoch: LAST_EPOCH - 1 };
}
