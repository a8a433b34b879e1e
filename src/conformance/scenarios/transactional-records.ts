import { DeleteRecords, DescribeProducers, DescribeTransactions, Fetch, ListOffsets, Produce } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { batchBytes, T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { one, UNKNOWN_ID } from './produce-support.ts';
import {
  append,
  begin,
  end,
  endAlone,
  isTold,
  offsetAt,
  type Producer,
  producer,
  read,
  told,
  transactional,
} from './transaction-support.ts';

const ADDS_SINCE = 12;
const KNOWS_ABORTABLE_SINCE = 11;
const isKnown = (version: number) => (response: ResponseOf<typeof Produce>) =>
  isTold(
    response.responses.flatMap((topic) => topic.partitionResponses.map(({ errorCode }) => errorCode)),
    version >= KNOWS_ABORTABLE_SINCE,
  );

/** Timestamps to ask for, and the version of ListOffsets that knows them. */
const TIMES = [
  ['the earliest', -2, 2],
  ['the first record’s time', T0, 2],
  ['the second record’s time', T0 + 1, 2],
  ['a later time', T0 + 2, 2],
  ['the newest record', -3, 7],
  ['the earliest on this disk', -4, 8],
  ['the latest of other disks', -5, 9],
] as const;

export const transactionalProduceScenarios = [
  scenario(
    Produce,
    'in a transaction',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage);
      const write = (records: Uint8Array, id: string | null = who.transactionalId) => ({ ...one(topic, records), transactionalId: id });
      if (stage.version < ADDS_SINCE)
        await stage.once('a partition that it has not', write(transactional(who, 0, 'early')), isKnown(stage.version));
      await begin(stage, who, topic, 0);
      await stage.step('a partition that it has', write(transactional(who, 0, 'a', 'b')));
      await stage.step('the next', write(transactional(who, 2, 'c')));
      await stage.step('again', write(transactional(who, 2, 'c')));
      await stage.step('a gap', write(transactional(who, 9, 'x')));
      await stage.step('not transactional', write(batchBytes({ values: ['x'], ...ids(who), baseSequence: 3 })));
      await stage.step('an earlier epoch', write(transactional({ ...who, producerEpoch: who.producerEpoch - 1 }, 0, 'x')));
      await stage.step('no transactional id', write(transactional(who, 3, 'x'), null));
      await stage.stepOf(ListOffsets, 6, 'the end for everybody', offsetAt(topic, 0));
      await stage.stepOf(ListOffsets, 6, 'the end for readers of committed records', offsetAt(topic, 1));
      await stage.stepOf(Fetch, 11, 'read while it is open', read(topic, 1));
      await end(stage, who, true);
      await stage.stepOf(Fetch, 11, 'read when it is committed', read(topic, 1));
      if (stage.version < ADDS_SINCE) await stage.once('when it is over', write(transactional(who, 3, 'late')), isKnown(stage.version));
      await begin(stage, who, topic, 0);
      await stage.step('in the next transaction', write(transactional(who, 3, 'd'), who.transactionalId));
      await end(stage, who, false);
      await stage.stepOf(Fetch, 11, 'read when that is aborted', read(topic, 1));
    },
    [3, 13],
    { oneAtATime: true },
  ),

  scenario(
    Produce,
    'in a transaction, refused',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      const old = await producer(stage);
      await begin(stage, old, topic, 0, 1);
      await append(stage, old, topic, 0, ['old']);
      const who = await producer(stage);
      const write = (by: Producer, sequence: number, id: string | null = who.transactionalId) => ({
        ...one(topic, transactional(by, sequence, 'x')),
        transactionalId: id,
      });
      await stage.step('one that is fenced', write(old, 1));
      await stage.step('one that is fenced, to a partition that it had not written to', {
        ...one(topic, transactional(old, 0, 'x'), -1, 1),
        transactionalId: old.transactionalId,
      });
      await stage.step('a later epoch', write({ ...who, producerEpoch: who.producerEpoch + 1 }, 0));
      await stage.step('another producer', write({ ...who, producerId: who.producerId + 1_000_000 }, 0));
      await stage.step('an id of nobody', write(who, 0, await stage.transactionalId('nobody')));
      await stage.step('an empty id', write(who, 0, ''));
      await begin(stage, who, topic, 0);
      await stage.step('not the first sequence of an epoch', write(who, 5));
      await stage.step('acks 1', { ...write(who, 0), acks: 1 });
      // Sent once before, so that the partition that it has answers the same however often it is asked.
      await stage.ask(Produce, 9, { ...one(topic, transactional(who, 1, 'partition 0')), transactionalId: who.transactionalId });
      const some = [0, 1, 2].map((index) => ({ index, records: transactional(who, index === 0 ? 1 : 0, `partition ${index}`) }));
      await stage.once(
        'partitions that it has and that it has not',
        { ...write(who, 0), topicData: [{ ...topic, partitionData: some }] },
        isKnown(stage.version),
      );
      await stage.step('a topic that does not exist', {
        ...write(who, 0),
        topicData: [{ name: stage.name('none'), topicId: UNKNOWN_ID, partitionData: [{ index: 0, records: transactional(who, 0, 'x') }] }],
      });
      await stage.stepOf(Fetch, 11, 'what was taken', read(topic, 0));
    },
    [3, 13],
    { oneAtATime: true },
  ),

  scenario(
    Produce,
    'to partitions that its transaction has not yet',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      const old = await producer(stage);
      let who = await producer(stage);
      const write = (by: Producer, sequence: number, partition = 0) => ({
        ...one(topic, transactional(by, sequence, `sequence ${sequence}`), -1, partition),
        transactionalId: by.transactionalId,
      });
      await stage.step('not the first sequence', write(who, 3));
      await stage.step('the first', write(who, 0));
      await stage.step('another partition', write(who, 0, 1));
      await stage.step('a partition that does not exist', write(who, 0, 9));
      await stage.step('one that is fenced', write(old, 0));
      await stage.stepOf(DescribeTransactions, 0, 'what it has', told(who), ({ transactionStates: [state] }) => ({
        ...state,
        topics: state!.topics.map(({ partitions, topic: name }) => ({ name, partitions: partitions.toSorted() })),
      }));
      const before = who;
      who = await endAlone(stage, who, true);
      await stage.step('in the epoch before', write(before, 1));
      await stage.step('a new epoch, not from its first sequence', write(who, 1));
      await stage.step('a new epoch', write(who, 0));
      who = await endAlone(stage, who, false);
      await stage.step('after an abort', write(who, 0));
      await stage.stepOf(Fetch, 11, 'read', read(topic, 1));
      await stage.stepOf(DescribeProducers, 0, 'the producers', { topics: [{ name: topic.name, partitionIndexes: [0, 1] }] });
    },
    [12, 13],
    { oneAtATime: true },
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
      const show = (isolationLevel: number, fetchOffset = 0) => read(topic, isolationLevel, fetchOffset);
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
    Fetch,
    'that waits for a transaction',
    async (stage) => {
      const topic = await stage.topic('a');
      for (const committed of [true, false]) {
        const who = await producer(stage, committed ? 't' : 'u');
        await begin(stage, who, topic, 0);
        await append(stage, who, topic, 0, [`${committed}`]);
        const from = committed ? 0 : 2;
        const waiting = await stage.begin(
          Fetch,
          stage.version,
          `${committed}: until it ends`,
          read(topic, 1, from, { maxWaitMs: 20_000, minBytes: 1 }),
          'waiting',
        );
        await stage.stepOf(Fetch, 11, `${committed}: not waiting`, read(topic, 1, from));
        await end(stage, who, committed);
        await waiting.finish();
      }
    },
    [4, 18],
  ),

  scenario(
    Fetch,
    'of transactions that overlap',
    async (stage) => {
      const topic = await stage.topic('a');
      const all = [await producer(stage, 't'), await producer(stage, 'u'), await producer(stage, 'v')];
      for (const [i, who] of all.entries()) {
        await begin(stage, who, topic, 0);
        await append(stage, who, topic, 0, [`producer ${i}`]);
      }
      const [first, second, third] = all as [Producer, Producer, Producer];
      await append(stage, second, topic, 1, ['second']);
      await end(stage, second, false);
      await append(stage, third, topic, 1, ['third']);
      await end(stage, third, true);
      await stage.step('the first is open', read(topic, 1));
      await append(stage, first, topic, 1, ['first']);
      await end(stage, first, false);
      for (let from = 0; from <= 9; from++) await stage.step(`from ${from}`, read(topic, 1, from));
      await stage.stepOf(DeleteRecords, 2, 'the first three go', {
        topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset: 3 }] }],
        timeoutMs: 5000,
      });
      await stage.step('what is left', read(topic, 1, 3));
    },
    [4, 18],
  ),

  scenario(
    DeleteRecords,
    'of a transaction that is open',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage);
      await begin(stage, who, topic, 0);
      await append(stage, who, topic, 0, ['a', 'b', 'c']);
      const before = (offset: number) => ({ topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset }] }], timeoutMs: 5000 });
      await stage.step('some of it', before(1));
      await stage.stepOf(ListOffsets, 6, 'the end for readers of committed records', offsetAt(topic, 1));
      await stage.step('all', before(-1));
      await stage.stepOf(ListOffsets, 6, 'and then', offsetAt(topic, 1));
      await append(stage, who, topic, 3, ['d']);
      await end(stage, who, true);
      await stage.stepOf(Fetch, 11, 'what is committed', read(topic, 1, 3));
    },
    [0, 2],
  ),

  scenario(
    ListOffsets,
    'by isolation level',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage);
      await begin(stage, who, topic, 0);
      await stage.ask(Produce, 9, { ...one(topic, transactional(who, 0, 'a', 'b')), transactionalId: who.transactionalId });
      await stage.step('uncommitted', offsetAt(topic, 0));
      await stage.step('committed', offsetAt(topic, 1));
      await end(stage, who, false);
      for (const [name, timestamp, since] of TIMES) {
        if (stage.version < since) continue;
        for (const isolationLevel of [0, 1]) await stage.step(`${name}, ${isolationLevel}`, offsetAt(topic, isolationLevel, timestamp));
      }
      await end(stage, who, false);
      await stage.step('committed, when it is aborted', offsetAt(topic, 1));
      for (const [name, timestamp, since] of TIMES)
        if (stage.version >= since) await stage.step(`${name}, when it is aborted`, offsetAt(topic, 1, timestamp));
    },
    [2, 11],
  ),
];

const ids = ({ producerEpoch, producerId }: Producer) => ({ producerId, producerEpoch });
