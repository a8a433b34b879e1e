import { AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, InitProducerId } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { adding, begin, end, isSettled, type Producer, producer, transactionalId } from './transaction-support.ts';

const BATCHED_SINCE = 4;

export const initTransactionalScenarios = [
  scenario(
    InitProducerId,
    'with a transactional id',
    async (stage) => {
      const id = await transactionalId(stage);
      const fresh = { transactionalId: id, transactionTimeoutMs: 60_000 };
      for (const transactionTimeoutMs of [0, -1, 900_001])
        await stage.step(`timeout ${transactionTimeoutMs}`, { ...fresh, transactionTimeoutMs });
      await stage.until(InitProducerId, 4, { ...fresh, transactionalId: stage.name('other') }, isSettled);
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
        transactionalId: stage.name('new'),
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
      await stage.eventually('when it is', again, isSettled);
      await stage.stepOf(EndTxn, 3, 'the one before commits', { ...who, committed: true });
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
      await stage.step('an id of nobody', add([0], { transactionalId: stage.name('nobody') }));
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
      await stage.step('an id of nobody', ask(0, { transactionalId: stage.name('nobody') }));
      await stage.step('no id', ask(0, { transactionalId: '' }));
      await stage.step('a partition that does not exist', ask(9));
      await end(stage, who, false);
      await stage.step('when it is over', ask(0));
      await stage.step('no transactions', { transactions: [] });
    },
    [4, 5],
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
      await stage.step('an id of nobody', { ...who, groupId, transactionalId: stage.name('nobody') });
      await stage.step('no id', { ...who, groupId, transactionalId: '' });
      await stage.step('no group', { ...who, groupId: '' });
    },
    [0, 4],
  ),
];

export const endTxnScenarios = [
  scenario(
    EndTxn,
    'of a transaction',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      for (const committed of [true, false]) {
        const who = await producer(stage, committed ? 't' : 'u');
        await stage.step(`${committed}: nothing has begun`, { ...who, committed: true });
        await begin(stage, who, topic, 0, 1);
        await stage.step(`${committed}: a later epoch`, { ...who, producerEpoch: who.producerEpoch + 1, committed });
        await stage.step(`${committed}: another producer`, { ...who, producerId: who.producerId + 1000, committed });
        await stage.step(`${committed}: it`, { ...who, committed });
        await stage.eventually(`${committed}: again`, { ...who, committed }, isSettled);
        await stage.step(`${committed}: the other way round`, { ...who, committed: !committed });
        await stage.step(`${committed}: by what it has next`, { ...who, producerEpoch: who.producerEpoch + 1, committed });
      }
      const nobody = { transactionalId: stage.name('nobody'), producerId: 1, producerEpoch: 0, committed: true };
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
      await stage.eventually('again', { ...who, committed: false }, isSettled);
      await stage.eventually('in the next epoch', { ...who, producerEpoch: who.producerEpoch + 1, committed: false }, isSettled);
      await stage.eventually('in the one after that', { ...who, producerEpoch: who.producerEpoch + 2, committed: false }, isSettled);
    },
    [5, 5],
  ),
];
