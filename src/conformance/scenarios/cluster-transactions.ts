import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  DescribeTransactions,
  EndTxn,
  FindCoordinator,
  InitProducerId,
  ListOffsets,
  Metadata,
  Produce,
  TxnOffsetCommit,
  WriteTxnMarkers,
} from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { at, clusterTopic, coordinatorOf, named } from './cluster-support.ts';
import { offsetsOf } from './offset-support.ts';
import { one } from './produce-support.ts';
import { adding, inOrder, isSettled, offsetAt, type Producer, told, transactional } from './transaction-support.ts';

const VERSIONS = [3, 4, 5] as const;
const TRANSACTIONS_V2 = 5;
/** A transactional id that both phases know. */
const idAt = (version: number): string => `waits-for-broker-3-v${version}`;
const commits = (version: number): boolean => version !== 4;

/** Creates the topics of coordinators while all brokers are there. */
export async function coordinatorsReady<Q, R>(stage: Stage<Q, R>): Promise<void> {
  for (const keyType of [0, 1]) await stage.until(FindCoordinator, 3, { key: idAt(3), keyType }, ({ errorCode }) => errorCode === 0);
}

async function coordinatedBy<Q, R>(stage: Stage<Q, R>, transactionalId: string): Promise<string> {
  const asked = { key: transactionalId, keyType: 1 };
  const found = await stage.until(FindCoordinator, 3, asked, ({ errorCode, nodeId }) => errorCode === 0 && nodeId !== 3);
  return at(found?.nodeId ?? 1);
}

/** Played while broker 3 is down, which alone has the partition `down-alone` 0. */
export const transactionsDownScenarios = [
  scenario(
    EndTxn,
    'whose markers wait for a broker that is down',
    async (stage) => {
      const { version } = stage;
      const topic = await clusterTopic(stage, 'a', [[1, 2]]);
      const groupId = stage.name('g');
      const leader = at(1);
      const group = at((await coordinatorOf(stage, groupId)).coordinator);
      const transactionalId = idAt(version);
      const coordinator = await coordinatedBy(stage, transactionalId);
      const begins = { transactionalId, transactionTimeoutMs: 60_000 };
      const { producerEpoch = -1, producerId = -1 } = (await stage.until(InitProducerId, 4, begins, isSettled, coordinator)) ?? {};
      const who: Producer = { transactionalId, producerId, producerEpoch };
      const next = version < TRANSACTIONS_V2 ? who : { ...who, producerEpoch: producerEpoch + 1 };
      const added = adding(who, { name: topic.name, partitions: [0] }, { name: 'down-alone', partitions: [0] });
      await stage.ask(AddPartitionsToTxn, 3, added, coordinator);
      const record = { ...one(topic, transactional(who, 0, 'a')), transactionalId };
      await stage.stepOf(Produce, 9, 'a record', record, undefined, leader);
      const committed = commits(version);
      await stage.stepOf(EndTxn, version, 'it', { ...who, committed }, undefined, coordinator);
      const isMarked = ({ topics }: { topics: readonly { partitions: readonly { offset: number }[] }[] }) =>
        topics[0]?.partitions[0]?.offset === 2;
      await stage.until(ListOffsets, 6, offsetAt(topic, 1), isMarked, leader);
      await stage.stepOf(DescribeTransactions, 0, 'told', told(who), inOrder, coordinator);
      await stage.stepOf(EndTxn, version, 'again', { ...who, committed }, undefined, coordinator);
      await stage.stepOf(EndTxn, version, 'the other way round', { ...who, committed: !committed }, undefined, coordinator);
      await stage.stepOf(EndTxn, version, 'in the epoch that it has next', { ...next, committed }, undefined, coordinator);
      await stage.stepOf(InitProducerId, 4, 'another producer', begins, undefined, coordinator);
      await stage.stepOf(InitProducerId, 4, 'this producer, anew', { ...begins, ...next }, undefined, coordinator);
      await stage.stepOf(InitProducerId, 4, 'a producer that is none', { ...begins, producerId: producerId + 1000, producerEpoch: 0 }, undefined, coordinator); // biome-ignore format: one line
      const again = adding(next, { name: topic.name, partitions: [0] });
      await stage.stepOf(AddPartitionsToTxn, 3, 'partitions', again, undefined, coordinator);
      for (const verifyOnly of [false, true]) {
        const transactions = [{ ...next, verifyOnly, topics: [{ name: topic.name, partitions: [0] }] }];
        await stage.stepOf(AddPartitionsToTxn, 5, `partitions, by their leader, ${verifyOnly}`, { transactions }, undefined, coordinator);
      }
      await stage.stepOf(AddOffsetsToTxn, 3, 'a group', { ...next, groupId }, undefined, coordinator);
      const more = { ...one(topic, transactional(next, next === who ? 1 : 0, 'b')), transactionalId };
      for (const produce of [9, 11, 12]) await stage.stepOf(Produce, produce, `a record, version ${produce}`, more, undefined, leader);
      const offsets = { ...next, groupId, topics: [offsetsOf(topic, [0, 1])] };
      for (const commit of [3, 5]) await stage.stepOf(TxnOffsetCommit, commit, `offsets, version ${commit}`, offsets, undefined, group);
    },
    [3, 5],
  ),
];

/** Played when it is back. */
export const transactionsBackScenarios = [
  scenario(
    DescribeTransactions,
    'a broker is back that their markers waited for',
    async (stage) => {
      for (const version of VERSIONS) {
        const transactionalId = idAt(version);
        const asked = { transactionalIds: [transactionalId] };
        const coordinator = await coordinatedBy(stage, transactionalId);
        const isOver = ({ transactionStates: [state] }: { transactionStates: readonly { transactionState: string }[] }) =>
          /^Complete/.test(state?.transactionState ?? '');
        await stage.until(DescribeTransactions, 0, asked, isOver, coordinator);
        await stage.stepOf(DescribeTransactions, 0, `EndTxn ${version}`, asked, inOrder, coordinator);
      }
    },
    [0, 0],
  ),

  scenario(
    WriteTxnMarkers,
    'to a broker that does not lead',
    async (stage) => {
      const topic = await clusterTopic(stage, 'a', [[1, 2]]);
      const offsets = '__consumer_offsets';
      const { topics } = await stage.ask(Metadata, 12, named(offsets));
      const leader = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === 0)?.leaderId ?? 1;
      const to = (name: string) => ({
        markers: [
          {
            ...{ producerId: 7_000_000, producerEpoch: 0, transactionResult: true, coordinatorEpoch: 0 },
            topics: [{ name, partitionIndexes: [0] }],
          },
        ],
      });
      for (const id of [2, 3]) await stage.stepOf(WriteTxnMarkers, stage.version, `broker ${id}`, to(topic.name), undefined, at(id));
      await stage.stepOf(WriteTxnMarkers, stage.version, 'of the offsets of groups', to(offsets), undefined, at((leader % 3) + 1));
    },
    [1, 2],
  ),
];
