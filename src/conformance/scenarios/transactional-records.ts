import {
  AddOffsetsToTxn,
  DescribeProducers,
  DescribeTransactions,
  Fetch,
  ListOffsets,
  ListTransactions,
  OffsetFetch,
  Produce,
  TxnOffsetCommit,
  WriteTxnMarkers,
} from '../../protocol/messages/index.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { offsetsOf } from './offset-support.ts';
import { one, type Topic, UNKNOWN_ID } from './produce-support.ts';
import { begin, end, type Producer, producer, transactional, transactionalId } from './transaction-support.ts';

const ADDS_SINCE = 12;

const read = (topic: Pick<Topic, 'name'>, isolationLevel: number, fetchOffset = 0) => ({
  maxWaitMs: 0,
  minBytes: 0,
  isolationLevel,
  topics: [{ topic: topic.name, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_048_576 }] }],
  forgottenTopicsData: [],
});
const latest = (topic: Pick<Topic, 'name'>, isolationLevel: number) => ({
  replicaId: -1,
  isolationLevel,
  topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
});

export const transactionalProduceScenarios = [
  scenario(
    Produce,
    'in a transaction',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage);
      const write = (records: Uint8Array, id: string | null = who.transactionalId) => ({ ...one(topic, records), transactionalId: id });
      if (stage.version < ADDS_SINCE) await stage.step('a partition that it has not', write(transactional(who, 0, 'early')));
      await begin(stage, who, topic, 0);
      await stage.step('a partition that it has', write(transactional(who, 0, 'a', 'b')));
      await stage.step('the next', write(transactional(who, 2, 'c')));
      await stage.step('again', write(transactional(who, 2, 'c')));
      await stage.step('a gap', write(transactional(who, 9, 'x')));
      await stage.step('not transactional', write(batchBytes({ values: ['x'], ...ids(who), baseSequence: 3 })));
      await stage.step('an earlier epoch', write(transactional({ ...who, producerEpoch: who.producerEpoch - 1 }, 0, 'x')));
      await stage.step('no transactional id', write(transactional(who, 3, 'x'), null));
      await stage.stepOf(ListOffsets, 6, 'the end for everybody', latest(topic, 0));
      await stage.stepOf(ListOffsets, 6, 'the end for readers of committed records', latest(topic, 1));
      await stage.stepOf(Fetch, 11, 'read while it is open', read(topic, 1));
      await end(stage, who, true);
      await stage.stepOf(Fetch, 11, 'read when it is committed', read(topic, 1));
    },
    [3, 13],
  ),

  scenario(
    Fetch,
    'of aborted transactions',
    async (stage) => {
      const topic = await stage.topic('a');
      const [one, two] = [await producer(stage, 't'), await producer(stage, 'u')];
      const write = async (who: Producer, sequence: number, ...values: string[]) => {
        await begin(stage, who, topic, 0);
        const topicData = [{ ...topic, partitionData: [{ index: 0, records: transactional(who, sequence, ...values) }] }];
        await stage.ask(Produce, 9, { transactionalId: who.transactionalId, acks: -1, timeoutMs: 5000, topicData });
      };
      const show = (isolationLevel: number, fetchOffset = 0) => ({
        ...read(topic, isolationLevel, fetchOffset),
        topics: [{ ...topic, topic: topic.name, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_048_576 }] }],
      });
      await write(one, 0, 'one, aborted');
      await write(two, 0, 'two, committed');
      await end(stage, one, false);
      await stage.step('behind an open one', show(1));
      await end(stage, two, true);
      await write(two, 1, 'two, aborted');
      await end(stage, two, false);
      await stage.step('all that is committed', show(1));
      await stage.step('everything', show(0));
      await stage.step('behind the first marker', show(1, 3));
      await stage.step('at the end', show(1, 6));
    },
    [4, 18],
  ),

  scenario(
    ListOffsets,
    'by isolation level',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage);
      await begin(stage, who, topic, 0);
      await stage.ask(Produce, 9, { ...one(topic, transactional(who, 0, 'a', 'b')), transactionalId: who.transactionalId });
      await stage.step('uncommitted', latest(topic, 0));
      await stage.step('committed', latest(topic, 1));
      await end(stage, who, false);
      await stage.step('committed, when it is aborted', latest(topic, 1));
    },
    [2, 11],
  ),
];

const ids = ({ producerEpoch, producerId }: Producer) => ({ producerId, producerEpoch });

export const txnOffsetCommitScenarios = [
  scenario(
    TxnOffsetCommit,
    'offsets that hold when the transaction does',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      const groupId = await stage.group('g');
      for (const committed of [true, false]) {
        const who = await producer(stage, committed ? 't' : 'u');
        const commit = (offset: number, partition = 0) => ({ ...who, groupId, topics: [offsetsOf(topic, [partition, offset, 'x'])] });
        if (stage.version < 5) await stage.step(`${committed}: a group that it has not`, commit(1));
        if (stage.version < 5) await stage.ask(AddOffsetsToTxn, 3, { ...who, groupId });
        await stage.step(`${committed}: once`, commit(committed ? 5 : 9));
        await stage.step(`${committed}: a partition that does not exist`, commit(5, 7));
        const stored = { groups: [{ groupId, topics: [{ name: topic.name, partitionIndexes: [0] }] }] };
        await stage.stepOf(OffsetFetch, 8, `${committed}: stored`, { ...stored, requireStable: false });
        await stage.stepOf(OffsetFetch, 8, `${committed}: stored, and stable`, { ...stored, requireStable: true });
        await end(stage, who, committed);
        const isStable = ({ groups }: { groups: readonly { topics: readonly { partitions: readonly { errorCode: number }[] }[] }[] }) =>
          groups[0]?.topics[0]?.partitions[0]?.errorCode === 0;
        await stage.until(OffsetFetch, 8, { ...stored, requireStable: true }, isStable as never);
        await stage.stepOf(OffsetFetch, 8, `${committed}: when it has ended`, { ...stored, requireStable: true });
      }
    },
    [0, 6],
  ),

  scenario(
    TxnOffsetCommit,
    'refused',
    async (stage) => {
      const topic = await stage.topic('a');
      const groupId = await stage.group('g');
      const who = await producer(stage);
      await stage.ask(AddOffsetsToTxn, 3, { ...who, groupId });
      const commit = { ...who, groupId, topics: [offsetsOf(topic, [0, 1])] };
      await stage.step('a later epoch', { ...commit, producerEpoch: who.producerEpoch + 1 });
      await stage.step('an earlier epoch', { ...commit, producerEpoch: who.producerEpoch - 1 });
      await stage.step('another producer', { ...commit, producerId: who.producerId + 1000 });
      await stage.step('an id of nobody', { ...commit, transactionalId: stage.name('nobody') });
      await stage.step('no id', { ...commit, transactionalId: '' });
      await stage.step('no group', { ...commit, groupId: '' });
      await stage.step('no topics', { ...commit, topics: [] });
      await stage.step('metadata that is too long', { ...commit, topics: [offsetsOf(topic, [0, 1, 'x'.repeat(4097)])] });
      await stage.step('a topic that does not exist', {
        ...commit,
        topics: [offsetsOf({ name: stage.name('none'), topicId: UNKNOWN_ID }, [0, 1])],
      });
      if (stage.version < 3) return;
      await stage.step('a member that is none', { ...commit, memberId: 'stranger', generationIdOrMemberEpoch: 1 });
      await stage.step('a generation and no member', { ...commit, generationIdOrMemberEpoch: 3 });
    },
    [0, 6],
  ),
];

export const writeTxnMarkersScenarios = [
  scenario(
    WriteTxnMarkers,
    'to partitions',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      const marker = (changes: object = {}, partitionIndexes = [0]) => ({
        markers: [
          {
            ...{ producerId: 7_000_000, producerEpoch: 5, transactionResult: true, coordinatorEpoch: 3 },
            topics: [{ name: topic.name, partitionIndexes }],
            ...changes,
          },
        ],
      });
      await stage.step('nothing is open', marker());
      await stage.step('again', marker());
      await stage.step('an earlier epoch', marker({ producerEpoch: 4 }));
      await stage.step('a later epoch', marker({ producerEpoch: 6, transactionResult: false }));
      await stage.step('an earlier coordinator', marker({ producerEpoch: 6, coordinatorEpoch: 2 }));
      await stage.step('a later coordinator', marker({ producerEpoch: 6, coordinatorEpoch: 4 }));
      await stage.step('two partitions, and one that does not exist', marker({ producerId: 7_000_001 }, [0, 1, 9]));
      await stage.step('a topic that does not exist', marker({ topics: [{ name: stage.name('none'), partitionIndexes: [0] }] }));
      await stage.step('no topics', marker({ topics: [] }));
      await stage.step('no markers', { markers: [] });
      if (stage.version >= 2) {
        await stage.step('transactions v2: the same epoch', marker({ producerEpoch: 6, coordinatorEpoch: 4, transactionVersion: 2 }));
        await stage.step('transactions v2: the next epoch', marker({ producerEpoch: 7, coordinatorEpoch: 4, transactionVersion: 2 }));
      }
      await stage.stepOf(ListOffsets, 6, 'the end', latest(topic, 1));
      await stage.stepOf(DescribeProducers, 0, 'the producers', { topics: [{ name: topic.name, partitionIndexes: [0] }] });
    },
    [1, 2],
  ),
];

export const describeTransactionsScenarios = [
  scenario(
    DescribeTransactions,
    'in every state',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      const who = await producer(stage);
      const asked = { transactionalIds: [who.transactionalId] };
      const show = ({ transactionStates }: { transactionStates: readonly { transactionStartTimeMs: number }[] }) =>
        transactionStates.map((state) => ({ ...state, transactionStartTimeMs: Math.sign(state.transactionStartTimeMs) }));
      await stage.step('empty', asked, show as never);
      await begin(stage, who, topic, 0, 1);
      await stage.step('ongoing', asked, show as never);
      await end(stage, who, true);
      await stage.step('committed', asked, show as never);
      await begin(stage, who, topic, 1);
      await end(stage, who, false);
      await stage.step('aborted', asked, show as never);
      await stage.step('of nobody, and without a name', { transactionalIds: [stage.name('nobody'), ''] });
      await stage.step('none', { transactionalIds: [] });
    },
    [0, 0],
  ),
];

export const listTransactionsScenarios = [
  scenario(
    ListTransactions,
    'by what they are',
    async (stage) => {
      const topic = await stage.topic('a');
      const [empty, ongoing, committed] = [await producer(stage, 'e'), await producer(stage, 'o'), await producer(stage, 'c')];
      await begin(stage, ongoing, topic, 0);
      await begin(stage, committed, topic, 0);
      await end(stage, committed, true);
      const own = new Set([empty, ongoing, committed].map((each) => each.transactionalId));
      const all = { stateFilters: [], producerIdFilters: [], durationFilter: -1 };
      const show = (response: { transactionStates: readonly { transactionalId: string }[] }) => ({
        ...response,
        transactionStates: response.transactionStates
          .filter((each) => own.has(each.transactionalId))
          .toSorted((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1)),
      });
      const step = (name: string, filters: object) => stage.step(name, { ...all, ...filters }, show as never);
      await step('all', {});
      await step('by state', { stateFilters: ['Ongoing', 'Empty'] });
      await step('by states that do not exist', { stateFilters: ['ongoing', 'Nope'] });
      await step('by producer', { producerIdFilters: [ongoing.producerId, 1_000_000] });
      if (stage.version >= 1) {
        await step('that last for more than an hour', { durationFilter: 3_600_000 });
        await step('that last', { durationFilter: 0 });
      }
      if (stage.version < 2) return;
      await step('by a pattern', { transactionalIdPattern: `${empty.transactionalId.slice(0, -1)}[ec]` });
      await step('by a part', { transactionalIdPattern: empty.transactionalId.slice(0, -1) });
      await step('by an empty pattern', { transactionalIdPattern: '' });
      await step('by no pattern', { transactionalIdPattern: '(' });
    },
    [0, 2],
  ),
];

export const describeProducersScenarios = [
  scenario(
    DescribeProducers,
    'of partitions',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      const who = await producer(stage);
      await transactionalId(stage);
      const asked = { topics: [{ name: topic.name, partitionIndexes: [0, 1] }] };
      const show = ({
        topics,
      }: {
        topics: readonly { partitions: readonly { activeProducers: readonly { lastTimestamp: number }[] }[] }[];
      }) => ({
        topics: topics.map((each) => ({
          ...each,
          partitions: each.partitions.map((partition) => ({
            ...partition,
            activeProducers: partition.activeProducers.map((active) => ({ ...active, lastTimestamp: Math.sign(active.lastTimestamp) })),
          })),
        })),
      });
      await stage.step('without any', asked);
      await begin(stage, who, topic, 0);
      await stage.ask(Produce, 9, { ...one(topic, transactional(who, 0, 'a', 'b')), transactionalId: who.transactionalId });
      await stage.step('with an open transaction', asked, show as never);
      await end(stage, who, true);
      await stage.step('when it is over', asked, show as never);
      await stage.step('a partition that does not exist', { topics: [{ name: topic.name, partitionIndexes: [9] }] });
      await stage.step('a topic that does not exist', { topics: [{ name: stage.name('none'), partitionIndexes: [0] }] });
      await stage.step('no partitions', { topics: [{ name: topic.name, partitionIndexes: [] }] });
      await stage.step('no topics', { topics: [] });
    },
    [0, 0],
  ),
];
