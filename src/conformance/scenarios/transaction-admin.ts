import {
  DescribeProducers,
  DescribeTransactions,
  Fetch,
  ListOffsets,
  ListTransactions,
  Produce,
  WriteTxnMarkers,
} from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { one } from './produce-support.ts';
import { append, begin, end, inOrder, offsetAt, producer, read, transactional } from './transaction-support.ts';

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
      await stage.stepOf(ListOffsets, 6, 'the end', offsetAt(topic, 1));
      await stage.stepOf(DescribeProducers, 0, 'the producers', { topics: [{ name: topic.name, partitionIndexes: [0] }] });
      await stage.stepOf(Fetch, 11, 'the markers', read(topic, 0));
    },
    [0, 2],
  ),

  scenario(
    WriteTxnMarkers,
    'to a transaction that is open',
    async (stage) => {
      const topic = await stage.topic('a');
      for (const transactionResult of [true, false]) {
        await producer(stage, transactionResult ? 't' : 'u');
        const who = await producer(stage, transactionResult ? 't' : 'u');
        await begin(stage, who, topic, 0);
        await append(stage, who, topic, 0, ['a']);
        const { producerEpoch, producerId } = who;
        const marker = (changes: object) => ({
          markers: [
            {
              ...{ producerId, producerEpoch, transactionResult, coordinatorEpoch: 0 },
              topics: [{ name: topic.name, partitionIndexes: [0] }],
              ...changes,
            },
          ],
        });
        await stage.step(`${transactionResult}: an earlier epoch`, marker({ producerEpoch: producerEpoch - 1 }));
        await stage.step(`${transactionResult}: its own`, marker({}));
        await stage.stepOf(ListOffsets, 6, `${transactionResult}: the end`, offsetAt(topic, 1));
        await stage.step(`${transactionResult}: again, by the coordinator`, marker({ producerEpoch: producerEpoch + 1 }));
      }
      await stage.stepOf(Fetch, 11, 'read', read(topic, 1));
    },
    [0, 2],
  ),

  scenario(
    WriteTxnMarkers,
    'to several, and of several',
    async (stage) => {
      const [a, b] = [await stage.topic('a', { partitions: 2 }), await stage.topic('b')];
      const marker = (producerId: number, topics: { name: string; partitionIndexes: number[] }[], transactionResult = true) => {
        return { producerId, producerEpoch: 0, transactionResult, coordinatorEpoch: 0, topics };
      };
      const whole = [
        { name: a.name, partitionIndexes: [0, 1] },
        { name: b.name, partitionIndexes: [0] },
      ];
      await stage.step('two producers', { markers: [marker(7_000_000, whole), marker(7_000_001, whole, false)] });
      await stage.step('a topic without partitions', { markers: [marker(7_000_002, [{ name: a.name, partitionIndexes: [] }])] });
      await stage.step('a name that is none', { markers: [marker(7_000_002, [{ name: '', partitionIndexes: [0] }])] });
      // One of them without any, or a partition twice, Apache Kafka never answers.
      await stage.step('none', { markers: [marker(7_000_003, [])] });
      await stage.stepOf(Fetch, 11, 'the markers', read(b, 0));
    },
    [0, 2],
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
      await stage.step('empty', asked);
      await begin(stage, who, topic, 0, 1);
      await stage.step('ongoing', asked, inOrder);
      await end(stage, who, true);
      await stage.step('committed', asked);
      await begin(stage, who, topic, 1);
      await end(stage, who, false);
      await stage.step('aborted', asked);
      await stage.step('of nobody, and without a name', { transactionalIds: [await stage.transactionalId('nobody'), ''] });
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
        transactionStates: response.transactionStates.filter((each) => own.has(each.transactionalId)),
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
      await step('by a pattern', { transactionalIdPattern: `${stage.name('')}[ec](-\\d+)?` });
      await step('by a part', { transactionalIdPattern: stage.name('') });
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
      await stage.transactionalId('t');
      const asked = { topics: [{ name: topic.name, partitionIndexes: [0, 1] }] };
      await stage.step('without any', asked);
      await begin(stage, who, topic, 0);
      await stage.ask(Produce, 9, { ...one(topic, transactional(who, 0, 'a', 'b')), transactionalId: who.transactionalId });
      await stage.step('with an open transaction', asked);
      await end(stage, who, true);
      await stage.step('when it is over', asked);
      await stage.step('a partition that does not exist', { topics: [{ name: topic.name, partitionIndexes: [9] }] });
      await stage.step('a topic that does not exist', { topics: [{ name: stage.name('none'), partitionIndexes: [0] }] });
      for (const name of ['', '.', 'a b', 'x'.repeat(250)])
        await stage.step(`a topic "${name}"`, { topics: [{ name, partitionIndexes: [0] }] });
      await stage.step('a negative partition', { topics: [{ name: topic.name, partitionIndexes: [-1] }] });
      await stage.step('no partitions', { topics: [{ name: topic.name, partitionIndexes: [] }] });
      await stage.step('no topics', { topics: [] });
    },
    [0, 0],
  ),
];
