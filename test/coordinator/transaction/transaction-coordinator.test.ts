import { expect, test } from 'vitest';
import type { EndTransaction } from '../../../src/coordinator/transaction/end-transaction.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { transactionRecord } from '../../../src/protocol/messages/internal/transaction-records.ts';
import { errorOf, partitions, transactionsFixture } from './transaction-fixture.ts';

const BEGINS = { timeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
const commit = (version = 1): Pick<EndTransaction, 'commits' | 'version'> => ({ commits: true, version });
const abort = (version = 1): Pick<EndTransaction, 'commits' | 'version'> => ({ commits: false, version });

test('a transactional id keeps its producer id, and each producer that takes it over gets the next epoch', async () => {
  const { coordinator } = await transactionsFixture();
  expect(await coordinator.init('t', BEGINS)).toEqual({ producerId: 1000, producerEpoch: 0 });
  expect(await coordinator.init('t', BEGINS)).toEqual({ producerId: 1000, producerEpoch: 1 });
  expect(await coordinator.init('u', BEGINS)).toEqual({ producerId: 1001, producerEpoch: 0 });
});

test('a producer that names its epoch gets the next one, twice the same when it asks again, and is fenced behind another (KIP-360)', async () => {
  const { coordinator } = await transactionsFixture();
  const first = await coordinator.init('t', BEGINS);
  const second = await coordinator.init('t', { ...BEGINS, ...first });
  expect(second).toEqual({ producerId: 1000, producerEpoch: 1 });
  expect(await coordinator.init('t', { ...BEGINS, ...first })).toEqual(second);
  await coordinator.init('t', BEGINS);
  expect(await errorOf(coordinator.init('t', { ...BEGINS, ...second }))).toBe('PRODUCER_FENCED');
  expect(await errorOf(coordinator.init('t', { ...BEGINS, producerId: 4711, producerEpoch: 0 }))).toBe('PRODUCER_FENCED');
});

test.each([0, -1, 900_001])('a timeout of %i ms is refused', async (timeoutMs) => {
  const { coordinator } = await transactionsFixture();
  expect(await errorOf(coordinator.init('t', { ...BEGINS, timeoutMs }))).toBe('INVALID_TRANSACTION_TIMEOUT');
});

test('an empty transactional id is refused', async () => {
  const { coordinator } = await transactionsFixture();
  const producer = { producerId: 0, producerEpoch: 0 };
  expect(await errorOf(coordinator.init('', BEGINS))).toBe('INVALID_REQUEST');
  expect(await errorOf(coordinator.add('', producer, partitions('a', 0), 1))).toBe('INVALID_REQUEST');
  expect(await errorOf(coordinator.end('', { ...producer, ...commit() }))).toBe('INVALID_REQUEST');
});

test('a transaction is ongoing with its first partition, decided when its end is in the log, and complete when all have their markers', async () => {
  const { coordinator, markers, clock } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await clock.advance(5);
  await coordinator.add('t', producer, partitions('a', 0, 1), 1);
  await coordinator.add('t', producer, partitions('b', 0), 1);
  expect(await coordinator.describe('t')).toMatchObject({ status: 'Ongoing', startMs: clock.now(), timeoutMs: 60_000 });
  expect(await coordinator.end('t', { ...producer, ...commit() })).toEqual(producer);
  expect(markers.sent).toEqual([
    {
      ...{ transactionalId: 't', ...producer, commits: true, coordinatorEpoch: 1, transactionVersion: 1 },
      partitions: new Map([
        ['a', new Set([0, 1])],
        ['b', new Set([0])],
      ]),
    },
  ]);
  expect((await coordinator.describe('t')).status).toBe('PrepareCommit');
  expect(await errorOf(coordinator.add('t', producer, partitions('a', 0), 1))).toBe('CONCURRENT_TRANSACTIONS');
  expect(await errorOf(coordinator.init('t', BEGINS))).toBe('CONCURRENT_TRANSACTIONS');
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit() }))).toBe('CONCURRENT_TRANSACTIONS');
  expect(await errorOf(coordinator.end('t', { ...producer, ...abort() }))).toBe('INVALID_TXN_STATE');
  markers.arrive();
  expect((await coordinator.describe('t')).status).toBe('CompleteCommit');
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit() }))).toBe('NONE');
  expect(await errorOf(coordinator.end('t', { ...producer, ...abort() }))).toBe('INVALID_TXN_STATE');
  await coordinator.add('t', producer, partitions('a', 0), 1);
  expect((await coordinator.describe('t')).partitions).toEqual(partitions('a', 0));
});

test('markers leave only once the decision is committed', async () => {
  const { coordinator, log, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 1);
  log.isHeld = true;
  const ended = coordinator.end('t', { ...producer, ...commit() });
  expect(markers.sent).toEqual([]);
  log.commit();
  expect(await errorOf(ended)).toBe('NONE');
  expect(markers.sent.length).toBe(1);
});

test('a partition that is added again is in the transaction once nothing can take it out again', async () => {
  const { clock, coordinator, log } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  log.isHeld = true;
  const added: string[] = [];
  // As its next leader asks, when the first one died before it was told.
  for (let n = 0; n < 2; n++) coordinator.add('t', producer, partitions('a', 0), 2).then(() => added.push('added'));
  await clock.settle();
  expect(added).toEqual([]);
  log.commit();
  await clock.settle();
  expect(added).toEqual(['added', 'added']);
});

test('a decision whose commit came too late for its sender is carried out all the same', async () => {
  const { coordinator, clock, log, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 1);
  log.isHeld = true;
  const ended = errorOf(coordinator.end('t', { ...producer, ...commit() }));
  await clock.advance(5_000);
  expect(await ended).toBe('COORDINATOR_NOT_AVAILABLE');
  log.commit();
  expect(markers.sent).toEqual([]);
  await clock.advance(500);
  expect(markers.sent.length).toBe(1);
  markers.arrive();
  expect((await coordinator.describe('t')).status).toBe('CompleteCommit');
});

test('a decision that the log refuses was never made', async () => {
  const { coordinator, log, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 1);
  log.refusal = new KafkaError('NOT_ENOUGH_REPLICAS');
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit() }))).toBe('COORDINATOR_NOT_AVAILABLE');
  expect((await coordinator.describe('t')).status).toBe('Ongoing');
  expect(markers.sent).toEqual([]);
});

test('the end of a transaction whose markers are written is tried until the log takes it', async () => {
  const { coordinator, clock, log, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 1);
  await coordinator.end('t', { ...producer, ...abort() });
  log.refusal = new KafkaError('NOT_ENOUGH_REPLICAS');
  markers.arrive();
  expect((await coordinator.describe('t')).status).toBe('PrepareAbort');
  await clock.advance(500);
  expect((await coordinator.describe('t')).status).toBe('CompleteAbort');
  expect(markers.sent.length).toBe(1);
});

test('who is not the producer of the transaction may neither add to it nor end it', async () => {
  const { coordinator } = await transactionsFixture();
  const { producerEpoch, producerId } = await coordinator.init('t', BEGINS);
  const other = { producerId: producerId + 1, producerEpoch };
  const newer = { producerId, producerEpoch: producerEpoch + 1 };
  for (const version of [1, 2]) {
    expect(await errorOf(coordinator.add('t', other, partitions('a', 0), version))).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await errorOf(coordinator.add('t', newer, partitions('a', 0), version))).toBe('PRODUCER_FENCED');
    expect(await errorOf(coordinator.end('t', { ...other, ...commit(version) }))).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await errorOf(coordinator.end('t', { ...newer, ...commit(version) }))).toBe('PRODUCER_FENCED');
    expect(await errorOf(coordinator.end('nobody', { ...newer, ...commit(version) }))).toBe('INVALID_PRODUCER_ID_MAPPING');
  }
  expect(await errorOf(coordinator.verify('t', other))).toBe('INVALID_PRODUCER_ID_MAPPING');
});

test('a leader that asks is told which partitions are in the transaction (KIP-890)', async () => {
  const { coordinator } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 1);
  const has = await coordinator.verify('t', producer);
  expect([has('a', 0), has('a', 1), has('b', 0)]).toEqual(['NONE', 'TRANSACTION_ABORTABLE', 'TRANSACTION_ABORTABLE']);
});

test('nothing was begun: v1 can neither commit nor abort it, v2 can abort it', async () => {
  const { coordinator } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit() }))).toBe('INVALID_TXN_STATE');
  expect(await errorOf(coordinator.end('t', { ...producer, ...abort() }))).toBe('INVALID_TXN_STATE');
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit(2) }))).toBe('INVALID_TXN_STATE');
  expect(await coordinator.end('t', { ...producer, ...abort(2) })).toEqual({ producerId: 1000, producerEpoch: 1 });
});

test('with transactions v2 each end gives the next epoch, the markers carry it, and a repeated end is told the same', async () => {
  const { coordinator, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 2);
  const next = await coordinator.end('t', { ...producer, ...commit(2) });
  expect(next).toEqual({ producerId: 1000, producerEpoch: 1 });
  expect(markers.sent).toMatchObject([{ producerEpoch: 1, transactionVersion: 2 }]);
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit(2) }))).toBe('CONCURRENT_TRANSACTIONS');
  markers.arrive();
  expect(await coordinator.end('t', { ...producer, ...commit(2) })).toEqual(next);
  expect(await errorOf(coordinator.end('t', { ...producer, ...abort(2) }))).toBe('INVALID_TXN_STATE');
  expect(await errorOf(coordinator.end('t', { ...next, ...commit(2) }))).toBe('INVALID_TXN_STATE');
  expect(await errorOf(coordinator.add('t', producer, partitions('a', 0), 2))).toBe('PRODUCER_FENCED');
  await coordinator.add('t', next, partitions('a', 0), 2);
});

test('with transactions v2 a repeated end that comes late ends neither the next transaction nor that of who took the id over', async () => {
  const { coordinator, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 2);
  const next = await coordinator.end('t', { ...producer, ...commit(2) });
  markers.arrive();
  await coordinator.add('t', next, partitions('a', 0), 2);
  const late = async () => {
    const errors = [
      await errorOf(coordinator.end('t', { ...producer, ...commit(2) })),
      await errorOf(coordinator.end('t', { ...producer, ...abort(2) })),
    ];
    expect(errors).toEqual(['PRODUCER_FENCED', 'PRODUCER_FENCED']); // as Apache Kafka 4.4.0 answers
  };
  await late();
  expect((await coordinator.describe('t')).status).toBe('Ongoing');
  await coordinator.end('t', { ...next, ...commit(2) });
  markers.arrive();
  const taken = await coordinator.init('t', BEGINS);
  expect(await errorOf(coordinator.end('t', { ...taken, producerEpoch: taken.producerEpoch - 1, ...abort(2) }))).toBe('PRODUCER_FENCED');
  expect((await coordinator.describe('t')).status).toBe('Empty');
  await coordinator.add('t', taken, partitions('a', 0), 2);
  expect(await errorOf(coordinator.end('t', { ...taken, producerEpoch: taken.producerEpoch - 1, ...commit(2) }))).toBe('PRODUCER_FENCED');
});

test('with transactions v2 an end in the last epoch that comes late does not end the first transaction of the next producer id', async () => {
  const { coordinator, markers, producer } = await exhausted();
  await coordinator.add('t', producer, partitions('a', 0), 2);
  const next = await coordinator.end('t', { ...producer, ...commit(2) });
  markers.arrive();
  await coordinator.add('t', next, partitions('a', 0), 2);
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit(2) }))).toBe('PRODUCER_FENCED');
});

test('with transactions v2 an end that comes once more, late, does not end what its producer has begun since', async () => {
  const { coordinator, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 2);
  const next = await coordinator.end('t', { ...producer, ...commit(2) });
  expect(await errorOf(coordinator.end('t', { ...next, ...commit(2) }))).toBe('PRODUCER_FENCED'); // not while it is being carried out
  markers.arrive();
  await coordinator.add('t', next, partitions('a', 0), 2);
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit(2) }))).toBe('PRODUCER_FENCED');
  expect(await errorOf(coordinator.end('t', { ...producer, ...abort(2) }))).toBe('PRODUCER_FENCED');
  expect(await coordinator.describe('t')).toMatchObject({ status: 'Ongoing', producerEpoch: 1 });
});

test('a partition that is added once more is answered when the first answer may leave: what it rests on could be lost', async () => {
  const { coordinator, log } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  log.isHeld = true;
  const answers: string[] = [];
  for (const each of ['first', 'again'])
    void errorOf(coordinator.add('t', producer, partitions('a', 0), 2)).then((error) => answers.push(`${each} ${error}`));
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  expect(answers).toEqual([]);
  expect(log.pending()).toBe(1);
  log.fail(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  expect(answers).toEqual(['first NOT_COORDINATOR', 'again NOT_COORDINATOR']);
});

test('who took too long begins anew by the epoch that it had, unless another has taken the id over', async () => {
  const { coordinator, clock, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', { ...BEGINS, timeoutMs: 5_000 });
  await coordinator.add('t', producer, partitions('a', 0), 2);
  await clock.advance(10_000);
  markers.arrive();
  expect(await coordinator.init('t', { ...BEGINS, ...producer })).toEqual({ ...producer, producerEpoch: 1 });
  await coordinator.init('t', BEGINS);
  expect(await errorOf(coordinator.init('t', { ...BEGINS, ...producer }))).toBe('PRODUCER_FENCED');
});

test('a transaction past its timeout is aborted, and its producer fenced', async () => {
  const { coordinator, clock, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', { ...BEGINS, timeoutMs: 15_000 });
  await coordinator.add('t', producer, partitions('a', 0), 1);
  await clock.advance(10_000);
  expect(markers.sent).toEqual([]);
  await clock.advance(10_000);
  expect(markers.sent).toMatchObject([{ commits: false, producerEpoch: 1 }]);
  expect(await errorOf(coordinator.end('t', { ...producer, ...commit() }))).toBe('PRODUCER_FENCED');
  markers.arrive();
  expect((await coordinator.describe('t')).status).toBe('CompleteAbort');
});

test('a producer that takes an id over aborts the transaction under way, and is told to come again', async () => {
  const { coordinator, markers } = await transactionsFixture();
  const producer = await coordinator.init('t', BEGINS);
  await coordinator.add('t', producer, partitions('a', 0), 1);
  expect(await errorOf(coordinator.init('t', BEGINS))).toBe('CONCURRENT_TRANSACTIONS');
  expect(markers.sent).toMatchObject([{ commits: false, producerEpoch: 1 }]);
  expect(await errorOf(coordinator.add('t', producer, partitions('a', 1), 1))).toBe('PRODUCER_FENCED');
  markers.arrive();
  expect(await coordinator.init('t', BEGINS)).toEqual({ producerId: 1000, producerEpoch: 2 });
});

test('whoever takes over carries out what was decided, and keeps what was not', async () => {
  const fixture = await transactionsFixture();
  const { markers } = fixture;
  const decided = await fixture.coordinator.init('decided', BEGINS);
  const open = await fixture.coordinator.init('open', BEGINS);
  await fixture.coordinator.add('decided', decided, partitions('a', 0), 2);
  await fixture.coordinator.add('open', open, partitions('b', 0), 2);
  await fixture.coordinator.end('decided', { ...decided, ...commit(2) });
  await fixture.takeOver();
  expect(markers.pending()).toBe(1);
  expect(markers.sent[1]).toEqual({ ...markers.sent[0], coordinatorEpoch: 2 });
  markers.arrive();
  expect((await fixture.coordinator.describe('decided')).status).toBe('CompleteCommit');
  expect(await fixture.coordinator.end('open', { ...open, ...commit(2) })).toEqual({ ...open, producerEpoch: 1 });
});

test('an id that nobody has used for a week is forgotten, but not while a transaction is open', async () => {
  const { coordinator, clock } = await transactionsFixture({ maxTimeoutMs: 2 ** 31 - 1 });
  await coordinator.init('idle', BEGINS);
  const producer = await coordinator.init('busy', { ...BEGINS, timeoutMs: 2 ** 31 - 1 });
  await coordinator.add('busy', producer, partitions('a', 0), 1);
  await clock.advance(604_800_000 - 3_600_000);
  expect((await coordinator.list()).map(({ transactionalId }) => transactionalId)).toEqual(['idle', 'busy']);
  await clock.advance(7_200_000);
  expect((await coordinator.list()).map(({ transactionalId }) => transactionalId)).toEqual(['busy']);
  expect(await errorOf(coordinator.describe('idle'))).toBe('TRANSACTIONAL_ID_NOT_FOUND');
});

/** A coordinator that takes over where a producer is in its last epoch. */
async function exhausted() {
  const fixture = await transactionsFixture();
  const value = {
    ...{ producerId: 999, producerEpoch: 32766, transactionTimeoutMs: 60_000, transactionStatus: 4, transactionPartitions: [] },
    ...{ transactionLastUpdateTimestampMs: fixture.clock.now(), transactionStartTimestampMs: -1 },
  };
  fixture.log.append([transactionRecord('t', value)], () => {});
  await fixture.takeOver();
  return { ...fixture, coordinator: fixture.coordinator, producer: { producerId: 999, producerEpoch: 32766 } };
}

test('when the epochs of a producer id are used up the next one is taken, and the last end may be repeated', async () => {
  const { coordinator, markers, producer } = await exhausted();
  await coordinator.add('t', producer, partitions('a', 0), 2);
  const next = await coordinator.end('t', { ...producer, ...commit(2) });
  expect(next).toEqual({ producerId: 1000, producerEpoch: 0 });
  expect(markers.sent.at(-1)).toMatchObject({ producerId: 999, producerEpoch: 32767 });
  markers.arrive();
  expect(await coordinator.end('t', { ...producer, ...commit(2) })).toEqual(next);
  await coordinator.add('t', next, partitions('a', 0), 2);
});

test('InitProducerId takes the next producer id when the epochs are used up', async () => {
  const { coordinator, producer } = await exhausted();
  const next = await coordinator.init('t', { ...BEGINS, ...producer });
  expect(next).toEqual({ producerId: 1000, producerEpoch: 0 });
  expect(await coordinator.init('t', { ...BEGINS, ...producer })).toEqual(next);
});

for (const how of ['ran out of time', 'was given up by itself'] as const) {
  test(`a producer whose transaction ${how} begins anew in the epoch that fenced it, until another takes the id over (KIP-588)`, async () => {
    const { coordinator, clock, markers } = await transactionsFixture();
    const producer = await coordinator.init('t', BEGINS);
    await coordinator.add('t', producer, partitions('a', 0), 1);
    if (how === 'ran out of time') await clock.advance(BEGINS.timeoutMs + 20_000);
    else expect(await errorOf(coordinator.init('t', { ...BEGINS, ...producer }))).toBe('CONCURRENT_TRANSACTIONS');
    markers.arrive();
    const fenced = { producerId: 1000, producerEpoch: 1 };
    expect(await coordinator.init('t', { ...BEGINS, ...producer })).toEqual(fenced);
    expect(await coordinator.init('t', { ...BEGINS, ...producer })).toEqual(fenced);
    expect(await coordinator.init('t', BEGINS)).toEqual({ producerId: 1000, producerEpoch: 2 });
    expect(await errorOf(coordinator.init('t', { ...BEGINS, ...producer }))).toBe('PRODUCER_FENCED');
  });
}

test('a producer that was fenced in its last epoch begins anew with the next producer id', async () => {
  const { coordinator, markers, producer } = await exhausted();
  await coordinator.add('t', producer, partitions('a', 0), 1);
  expect(await errorOf(coordinator.init('t', { ...BEGINS, ...producer }))).toBe('CONCURRENT_TRANSACTIONS');
  markers.arrive();
  const next = { producerId: 1000, producerEpoch: 0 };
  expect(await coordinator.init('t', { ...BEGINS, ...producer })).toEqual(next);
  expect(await coordinator.init('t', { ...BEGINS, ...producer })).toEqual(next);
});

test('a producer in its last epoch is fenced by the one that no producer gets', async () => {
  const { coordinator, markers, producer } = await exhausted();
  await coordinator.add('t', producer, partitions('a', 0), 2);
  expect(await errorOf(coordinator.init('t', BEGINS))).toBe('CONCURRENT_TRANSACTIONS');
  expect(markers.sent.at(-1)).toMatchObject({ producerId: 999, producerEpoch: 32767 });
  markers.arrive();
  expect(await coordinator.init('t', { ...BEGINS, ...producer })).toEqual({ producerId: 1000, producerEpoch: 0 });
  expect(await coordinator.init('t', BEGINS)).toEqual({ producerId: 1000, producerEpoch: 1 });
});
