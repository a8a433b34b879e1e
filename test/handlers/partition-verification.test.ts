import { beforeEach, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { PartitionVerifier } from '../../src/coordinator/transaction/partition-verifier.ts';
import type { ErrorName } from '../../src/core/error-codes.ts';
import { KafkaError } from '../../src/core/errors.ts';
import { verifyPartition } from '../../src/handlers/partition-verification.ts';
import { TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import { PartitionFixture } from '../replication/partition-fixture.ts';

const PRODUCER_ID = 7;

let on: PartitionFixture;
/** Questions to the coordinator that wait for its answer. */
let questions: ((error: ErrorName) => void)[];
let verifier: PartitionVerifier;

beforeEach(async () => {
  on = await PartitionFixture.make();
  await on.clock.settle();
  questions = [];
  verifier = new PartitionVerifier({
    clock: on.clock,
    coordinatorOf: () => 2,
    retryMs: () => ({ backoffMs: 20, maxMs: 100 }),
    ask: (_, asked) => new Promise((resolve) => questions.push((error) => resolve(asked.map(() => () => error)))),
  });
});

/** What a transactional batch of one record is answered with, once the coordinator has answered. */
function send(producerEpoch: number, { adds = true, baseSequence = 0 } = {}): { outcome: string } {
  const told = { outcome: 'pending' };
  const { partition } = on;
  const of = { transactionalId: 't', producerId: PRODUCER_ID, producerEpoch, baseSequence, adds, topic: 'orders', partition };
  verifyPartition(of, verifier, (error, verification) => {
    if (error !== 'NONE') {
      told.outcome = error;
      return;
    }
    const bytes = batchBytes({ values: ['x'], producerId: PRODUCER_ID, producerEpoch, baseSequence, attributes: TRANSACTIONAL_BIT });
    const produced = (failure: Error | null, appended: { baseOffset: number } | null) => {
      told.outcome = failure ? (failure as KafkaError).errorName : `at ${appended!.baseOffset}`;
    };
    partition.produce(bytes, 1, 1000, produced, verification);
  });
  return told;
}

async function answered(error: ErrorName = 'NONE'): Promise<void> {
  await on.clock.settle();
  expect(questions).toHaveLength(1);
  questions.shift()!(error);
  await on.clock.settle();
}

async function marker(producerEpoch: number, transactionVersion = 2): Promise<void> {
  on.partition.appendMarker({ producerId: PRODUCER_ID, producerEpoch, commits: false, coordinatorEpoch: 0, transactionVersion }, () => {});
  await on.clock.settle();
}

test('a transactional batch waits for the coordinator; the next of its transaction does not', async () => {
  const first = send(0);
  await on.clock.settle();
  expect(first.outcome).toBe('pending');
  await answered();
  expect(first.outcome).toBe('at 0');
  const second = send(0, { baseSequence: 1 });
  await on.clock.settle();
  expect([second.outcome, questions]).toEqual(['at 1', []]);
});

test('transactions v2: a question that was overtaken by the marker of the transaction before is asked again', async () => {
  send(0);
  await answered();
  const next = send(1);
  await on.clock.settle();
  await marker(1);
  await answered();
  expect(next.outcome).toBe('pending');
  await answered();
  expect(next.outcome).toBe('at 2');
});

test('transactions v2: the marker of the transaction before may come while the coordinator is waited for', async () => {
  send(0);
  await answered();
  const next = send(1);
  await answered('CONCURRENT_TRANSACTIONS');
  await marker(1);
  await on.clock.advance(20);
  await answered();
  await answered();
  expect(next.outcome).toBe('at 2');
});

test('transactions v2: a batch whose own transaction has ended meanwhile stays out', async () => {
  send(0);
  await answered();
  const late = send(1);
  await on.clock.settle();
  await marker(2);
  await answered();
  expect(late.outcome).toBe('INVALID_PRODUCER_EPOCH');
  expect(on.partition.logEndOffset).toBe(2);
});

test('transactions v1: a batch that was overtaken by a marker stays out, for it may be of the transaction that has ended', async () => {
  const late = send(0, { adds: false });
  await on.clock.settle();
  await marker(0, 1);
  await answered();
  expect(late.outcome).toBe('INVALID_TXN_STATE');
});

test('what markers overtake again and again is told to come later', async () => {
  const next = send(1);
  for (let n = 0; n < 3; n++) {
    await on.clock.settle();
    await marker(1);
    await answered();
  }
  expect([next.outcome, questions]).toEqual(['CONCURRENT_TRANSACTIONS', []]);
});

test('a batch is not let in when another broker leads by then', async () => {
  const next = send(0);
  await on.clock.settle();
  await on.changes({ leader: 2, leaderEpoch: 6, leaderBrokerEpoch: 2 });
  await answered();
  expect(next.outcome).toBe('NOT_LEADER_OR_FOLLOWER');
  expect(() => send(0)).toThrow(KafkaError);
});
