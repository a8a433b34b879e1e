import { AddOffsetsToTxn, AddPartitionsToTxn, DescribeTransactions, EndTxn, Fetch, InitProducerId } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  adding,
  almostExhausted,
  append,
  begin,
  end,
  inOrder,
  isOver,
  isSettled,
  type Producer,
  producer,
  read,
  told,
} from './transaction-support.ts';

const BATCHED_SINCE = 4;

const exhaustedScenario = scenario(
  InitProducerId,
  'when its epochs are used up',
  async (stage) => {
    const topic = await stage.topic('a');
    const who = await almostExhausted(stage, 't');
    const request = { transactionalId: who.transactionalId, transactionTimeoutMs: 60_000 };
    await stage.step('the last epoch', { ...request, ...who });
    const last = { ...who, producerEpoch: who.producerEpoch + 1 };
    await begin(stage, last, topic, 0);
    await append(stage, last, topic, 0, ['a']);
    await stage.step('a transaction in it is aborted', request);
    await isOver(stage, last);
    await stage.stepOf(Fetch, 11, 'read', read(topic, 1));
    await stage.stepOf(DescribeTransactions, 0, 'told', told(who));
    await stage.step('another producer id', request);
    await stage.step('the one before', { ...request, ...last });
  },
  [4, 4],
);

export const initTransactionalScenarios = [
  exhaustedScenario,
  scenario(
    InitProducerId,
    'with a transactional id',
    async (stage) => {
      const id = await stage.transactionalId('t');
      const fresh = { transactionalId: id, transactionTimeoutMs: 60_000 };
      for (const transactionTimeoutMs of [0, -1, 900_001])
        await stage.step(`timeout ${transactionTimeoutMs}`, { ...fresh, transactionTimeoutMs });
      await stage.until(InitProducerId, 4, { ...fresh, transactionalId: await stage.transactionalId('other') }, isSettled);
      const first = await stage.step('the first', fresh);
      const second = await stage.step('the next', fresh);
      if (stage.version < 3) return;
      const { producerId = 0 } = first ?? {};
      const at = (producerEpoch: number) => ({ ...fresh, producerId, producerEpoch });
      await stage.step('with what it has', at(second?.producerEpoch ?? 0));
      await stage.step('with what it had, again', at(second?.producerEpoch ?? 0));
      await stage.step('with what it had before', at(first?.producerEpoch ?? 0));
      await stage.step('with an epoch that nobody has', at(99));
      await stage.step('with an id that is another’s', { ...fresh, producerId: producerId + 1000, producerEpoch: 1 });
      await stage.step('with an id and no epoch', { ...fresh, producerId, producerEpoch: -1 });
      await stage.step('the id of nobody yet, with an id', {
        ...fresh,
        transactionalId: await stage.transactionalId('new'),
        producerId: producerId + 1000,
        producerEpoch: 1,
      });
    },
    [0, 5],
  ),

  scenario(
    InitProducerId,
    'while a transaction is open',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage);
      await begin(stage, who, topic, 0);
      const again = { transactionalId: who.transactionalId, transactionTimeoutMs: 60_000 };
      await stage.step('which is aborted', again);
      await isOver(stage, who);
      if (stage.version >= 3) await stage.step('the one before asks first', { ...again, ...who });
      await stage.step('when it is', again);
      if (stage.version >= 3) await stage.step('the one before asks then', { ...again, ...who });
      await stage.stepOf(EndTxn, 3, 'the one before commits', { ...who, committed: true });
    },
    [0, 5],
  ),

  scenario(
    InitProducerId,
    'while its own transaction is open',
    async (stage) => {
      const topic = await stage.topic('a');
      const who = await producer(stage);
      const again = (producerEpoch: number) => ({ ...who, producerEpoch, transactionTimeoutMs: 60_000 });
      await begin(stage, who, topic, 0);
      await stage.step('no epoch', again(-1));
      await stage.step('another producer', { ...again(who.producerEpoch), producerId: who.producerId + 1000 });
      await stage.stepOf(DescribeTransactions, 0, 'it is still open', told(who), inOrder);
      await stage.step('its own', again(who.producerEpoch));
      await isOver(stage, who);
      await stage.step('when it is aborted', again(who.producerEpoch));
      await stage.step('in the next epoch', again(who.producerEpoch + 1));
      const next = { ...who, producerEpoch: who.producerEpoch + 2 };
      await begin(stage, next, topic, 0);
      await stage.step('a later epoch', again(next.producerEpoch + 1));
      await isOver(stage, who);
      await stage.step('the later epoch, when it is aborted', again(next.producerEpoch + 1));
      await stage.step('its own, when it is aborted', again(next.producerEpoch));
    },
    [3, 5],
  ),

  scenario(
    InitProducerId,
    'after a transaction',
    async (stage) => {
      const topic = await stage.topic('a');
      for (const committed of [true, false]) {
        const who = await producer(stage, committed ? 't' : 'u');
        await begin(stage, who, topic, 0);
        await end(stage, who, committed);
        const request = { transactionalId: who.transactionalId, transactionTimeoutMs: 30_000 };
        await stage.step(`${committed}: another producer`, request);
        await stage.stepOf(DescribeTransactions, 0, `${committed}: told`, told(who));
        if (stage.version < 3) continue;
        await stage.step(`${committed}: the one before`, { ...who, transactionTimeoutMs: 30_000 });
      }
    },
    [0, 5],
  ),
];

/** In the form of each version. */
const toAdd = (version: number, who: Producer, topics: { name: string; partitions: number[] }[], verifyOnly = false) =>
  version < BATCHED_SINCE ? adding(who, ...topics) : { transactions: [{ ...who, verifyOnly, topics }] };

export const addPartitionsToTxnScenarios = [
  scenario(
    AddPartitionsToTxn,
    'partitions of a transaction',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      const who = await producer(stage);
      const add = (partitions: number[], changes: Partial<Producer> = {}, name = topic.name) =>
        toAdd(stage.version, { ...who, ...changes }, [{ name, partitions }]);
      await stage.step('one', add([0]));
      await stage.step('it again, and another', add([0, 1]));
      await stage.step('one that does not exist', add([9]));
      await stage.step('a topic that does not exist', add([0], {}, stage.name('none')));
      await stage.step('none', add([]));
      await stage.step('no topics', toAdd(stage.version, who, []));
      await stage.step('a later epoch', add([0], { producerEpoch: who.producerEpoch + 1 }));
      await stage.step('an earlier epoch', add([0], { producerEpoch: who.producerEpoch - 1 }));
      await stage.step('another producer', add([0], { producerId: who.producerId + 1000 }));
      await stage.step('an id of nobody', add([0], { transactionalId: await stage.transactionalId('nobody') }));
      await stage.step('no id', add([0], { transactionalId: '' }));
      await end(stage, who, true);
      await stage.step('of the next transaction', add([2]));
    },
    [0, 5],
  ),

  scenario(
    AddPartitionsToTxn,
    'asked by leaders',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      const who = await producer(stage);
      const ask = (partition: number, changes: Partial<Producer> = {}) =>
        toAdd(stage.version, { ...who, ...changes }, [{ name: topic.name, partitions: [partition] }], true);
      await stage.step('before it has begun', ask(0));
      await begin(stage, who, topic, 0);
      await stage.step('one that it has', ask(0));
      await stage.step('one that it has not', ask(1));
      await stage.step('a later epoch', ask(0, { producerEpoch: who.producerEpoch + 1 }));
      await stage.step('another producer', ask(0, { producerId: who.producerId + 1000 }));
      await stage.step('an id of nobody', ask(0, { transactionalId: await stage.transactionalId('nobody') }));
      await stage.step('no id', ask(0, { transactionalId: '' }));
      await stage.step('a partition that does not exist', ask(9));
      await end(stage, who, false);
      await stage.step('when it is over', ask(0));
      await stage.step('no transactions', { transactions: [] });
    },
    [4, 5],
  ),

  scenario(
    AddPartitionsToTxn,
    'several transactions',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      const old = await producer(stage, 't');
      const [one, two, three] = [await producer(stage, 't'), await producer(stage, 'u'), await producer(stage, 'v')];
      const of = (who: Producer, partitions: number[], verifyOnly = false, name = topic.name) => ({
        ...who,
        verifyOnly,
        topics: [{ name, partitions }],
      });
      const step = (name: string, ...transactions: ReturnType<typeof of>[]) => stage.step(name, { transactions });
      await step('two', of(one, [0, 1]), of(two, [0]));
      await step('a fenced one, and a good one', of(old, [2]), of(two, [1]));
      await step('one of a partition that does not exist, and a good one', of(one, [9, 2]), of(two, [1]));
      await step('one that is added to, one that is asked about', of(three, [0]), of(two, [0, 2], true));
      await step('asked about, and added to', of(two, [2], true), of(one, [2]));
      const twice = [
        { name: topic.name, partitions: [1, 1] },
        { name: topic.name, partitions: [2] },
      ];
      await stage.step('a topic twice, a partition twice', { transactions: [{ ...three, verifyOnly: false, topics: twice }] });
      for (const [name, who] of Object.entries({ one, two, three }))
        await stage.stepOf(DescribeTransactions, 0, `${name} has them`, told(who), inOrder);
    },
    [4, 5],
  ),

  scenario(
    AddPartitionsToTxn,
    'no partitions, of a transaction that has not begun',
    async (stage) => {
      const who = await producer(stage);
      await stage.step('no topics', toAdd(stage.version, who, []));
      await stage.stepOf(DescribeTransactions, 0, 'it has begun', told(who));
      await stage.stepOf(EndTxn, 3, 'it commits', { ...who, committed: true });
      await isOver(stage, who);
      await stage.stepOf(DescribeTransactions, 0, 'it is committed', told(who));
    },
    [0, 5],
  ),

  scenario(
    AddPartitionsToTxn,
    'by a producer that is fenced',
    async (stage) => {
      const topic = await stage.topic('a');
      const old = await producer(stage);
      await begin(stage, old, topic, 0);
      const who = await producer(stage);
      const of = (producerEpoch: number) => toAdd(stage.version, { ...who, producerEpoch }, [{ name: topic.name, partitions: [0] }]);
      for (let epoch = old.producerEpoch; epoch <= who.producerEpoch; epoch++) await stage.step(`in epoch ${epoch}`, of(epoch));
      const offsets = (producerEpoch: number) => ({ ...who, producerEpoch, groupId: stage.name('g') });
      await stage.until(AddOffsetsToTxn, 3, offsets(who.producerEpoch), isSettled);
      for (const version of [1, 3]) {
        await stage.stepOf(AddOffsetsToTxn, version, `AddOffsetsToTxn ${version}`, offsets(old.producerEpoch));
        await stage.stepOf(EndTxn, version, `EndTxn ${version}`, { ...old, committed: true });
      }
      await stage.stepOf(DescribeTransactions, 0, 'the transaction of the other goes on', told(who), inOrder);
      await end(stage, who, true);
      for (const version of [3, 4]) {
        const again = { ...old, transactionTimeoutMs: 60_000 };
        await stage.stepOf(InitProducerId, version, `InitProducerId ${version}`, again);
      }
    },
    [0, 5],
  ),
];

export const addOffsetsToTxnScenarios = [
  scenario(
    AddOffsetsToTxn,
    'a group of a transaction',
    async (stage) => {
      const groupId = await stage.group('g');
      const who = await producer(stage);
      await stage.step('a group', { ...who, groupId });
      await stage.step('again', { ...who, groupId });
      await stage.step('a later epoch', { ...who, groupId, producerEpoch: who.producerEpoch + 1 });
      await stage.step('an earlier epoch', { ...who, groupId, producerEpoch: who.producerEpoch - 1 });
      await stage.step('another producer', { ...who, groupId, producerId: who.producerId + 1000 });
      await stage.step('an id of nobody', { ...who, groupId, transactionalId: await stage.transactionalId('nobody') });
      await stage.step('no id', { ...who, groupId, transactionalId: '' });
      await stage.step('no group', { ...who, groupId: '' });
    },
    [0, 4],
  ),
];
