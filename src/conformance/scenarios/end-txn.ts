import {
  DeleteTopics,
  DescribeProducers,
  DescribeTransactions,
  EndTxn,
  Fetch,
  InitProducerId,
  Produce,
} from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';
import { one } from './produce-support.ts';
import { almostExhausted, append, begin, endAlone, isOver, isSettled, producer, read, told, transactional } from './transaction-support.ts';

export const endTxnScenarios = [
  scenario(
    EndTxn,
    'of a transaction',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      for (const committed of [true, false]) {
        await producer(stage, committed ? 't' : 'u');
        const who = await producer(stage, committed ? 't' : 'u');
        await stage.step(`${committed}: nothing has begun`, { ...who, committed: true });
        await begin(stage, who, topic, 0, 1);
        await stage.step(`${committed}: a later epoch`, { ...who, producerEpoch: who.producerEpoch + 1, committed });
        await stage.step(`${committed}: an earlier epoch`, { ...who, producerEpoch: who.producerEpoch - 1, committed });
        await stage.step(`${committed}: another producer`, { ...who, producerId: who.producerId + 1000, committed });
        await stage.step(`${committed}: it`, { ...who, committed });
        await stage.eventually(`${committed}: again`, { ...who, committed }, isSettled);
        await stage.step(`${committed}: the other way round`, { ...who, committed: !committed });
        await stage.step(`${committed}: by what it has next`, { ...who, producerEpoch: who.producerEpoch + 1, committed });
      }
      const nobody = { transactionalId: await stage.transactionalId('nobody'), producerId: 1, producerEpoch: 0, committed: true };
      await stage.step('an id of nobody', nobody);
      await stage.step('no id', { ...nobody, transactionalId: '' });
    },
    [0, 5],
  ),

  scenario(
    EndTxn,
    'that has not begun, aborted',
    async (stage) => {
      const who = await producer(stage);
      await stage.step('once', { ...who, committed: false });
      await isOver(stage, who);
      await stage.step('again', { ...who, committed: false });
      for (let n = 1; n <= 2; n++) {
        await stage.step(`in epoch ${n}`, { ...who, producerEpoch: who.producerEpoch + n, committed: false });
        await isOver(stage, who);
      }
      await stage.step('in the next, commits', { ...who, producerEpoch: who.producerEpoch + 3, committed: true });
    },
    [5, 5],
  ),

  scenario(
    EndTxn,
    'of a transaction in an epoch of its own',
    async (stage) => {
      const topic = await stage.topic('a');
      let who = await producer(stage);
      for (const committed of [true, false]) {
        const at = (producerEpoch: number, commits = committed) => ({ ...who, producerEpoch, committed: commits });
        const { producerEpoch } = who;
        await append(stage, who, topic, 0, [`${committed}`], 12);
        await stage.step(`${committed}: an earlier epoch`, at(producerEpoch - 2));
        await stage.step(`${committed}: the epoch before`, at(producerEpoch - 1));
        await stage.step(`${committed}: a later epoch`, at(producerEpoch + 1));
        await stage.step(`${committed}: another producer`, { ...at(producerEpoch), producerId: who.producerId + 1000 });
        await stage.step(`${committed}: it`, at(producerEpoch));
        await stage.eventually(`${committed}: again`, at(producerEpoch), isSettled);
        await stage.step(`${committed}: again, the other way round`, at(producerEpoch, !committed));
        await stage.step(`${committed}: nothing has begun, commit`, at(producerEpoch + 1, true));
        await stage.stepOf(Fetch, 11, `${committed}: read`, read(topic, 1));
        await stage.stepOf(DescribeProducers, 0, `${committed}: the producers`, { topics: [{ name: topic.name, partitionIndexes: [0] }] });
        who = { ...who, producerEpoch: producerEpoch + 1 };
      }
      await stage.stepOf(EndTxn, 4, 'by an older client, when nothing has begun', { ...who, committed: true });
      await append(stage, who, topic, 0, ['a'], 12);
      await stage.stepOf(EndTxn, 4, 'by an older client', { ...who, committed: true });
      await stage.until(EndTxn, 4, { ...who, committed: true }, isSettled);
      await append(stage, who, topic, 1, ['b'], 12);
      await stage.step('by a newer one again', { ...who, committed: true });
      await isOver(stage, who);
      const next = { ...who, producerEpoch: who.producerEpoch + 1 };
      await stage.stepOf(InitProducerId, 5, 'a producer begins anew from there', { ...next, transactionTimeoutMs: 60_000 });
      await stage.stepOf(InitProducerId, 5, 'and from where it was', { ...who, transactionTimeoutMs: 60_000 });
    },
    [5, 5],
  ),

  scenario(
    EndTxn,
    'in the last epochs of a producer id',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await almostExhausted(stage, 't');
      const last = await endAlone(stage, who, false);
      await append(stage, last, topic, 0, ['the last'], 12);
      await stage.step('the last', { ...last, committed: true });
      await isOver(stage, last);
      await stage.step('again', { ...last, committed: true });
      await stage.step('the other way round', { ...last, committed: false });
      await stage.step('the epoch before', { ...who, committed: true });
      await stage.stepOf(DescribeTransactions, 0, 'told', told(who));
      await stage.stepOf(Fetch, 11, 'read', read(topic, 1));
    },
    [5, 5],
  ),

  scenario(
    EndTxn,
    'whose partitions are deleted meanwhile',
    async (stage) => {
      const [gone, kept] = [await stage.topic('a'), await stage.topic('b')];
      const who = await producer(stage);
      await begin(stage, who, gone, 0);
      await begin(stage, who, kept, 0);
      await append(stage, who, gone, 0, ['gone']);
      await append(stage, who, kept, 0, ['kept']);
      await stage.ask(DeleteTopics, 5, { topicNames: [gone.name], timeoutMs: 10_000 });
      await stage.step('it', { ...who, committed: true });
      await isOver(stage, who);
      await stage.stepOf(DescribeTransactions, 0, 'it is over', told(who));
      await stage.stepOf(Fetch, 11, 'what is left', read(kept, 1));
    },
    [3, 5],
  ),

  scenario(
    EndTxn,
    'that took too long',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage, 't', 1);
      await begin(stage, who, topic, 0);
      await append(stage, who, topic, 0, ['late']);
      // Apache Kafka looks every 10 s.
      await stage.until(DescribeTransactions, 0, told(who), isAborted);
      await stage.stepOf(DescribeTransactions, 0, 'it is aborted', told(who));
      await stage.step('it commits', { ...who, committed: true });
      await stage.step('it aborts', { ...who, committed: false });
      await stage.step('in the next epoch', { ...who, producerEpoch: who.producerEpoch + 1, committed: false });
      const more = { ...one(topic, transactional(who, 1, 'more')), transactionalId: who.transactionalId };
      for (const version of [9, 11]) await stage.stepOf(Produce, version, `it writes, version ${version}`, more);
      await stage.stepOf(Fetch, 11, 'nothing of it is committed', read(topic, 1));
      await stage.stepOf(InitProducerId, 4, 'it begins anew', { ...who, transactionTimeoutMs: 60_000 });
      await stage.stepOf(InitProducerId, 4, 'without its id', { transactionalId: who.transactionalId, transactionTimeoutMs: 60_000 });
    },
    [4, 5],
  ),
];

const isAborted = ({ transactionStates: [state] }: ResponseOf<typeof DescribeTransactions>) => state?.transactionState === 'CompleteAbort';
