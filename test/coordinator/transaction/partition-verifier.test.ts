import { expect, test } from 'vitest';
import { type Asking, PartitionVerifier, type Questions } from '../../../src/coordinator/transaction/partition-verifier.ts';
import type { ErrorName } from '../../../src/core/error-codes.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { fakeClock } from '../../../src/core/fake-clock.ts';
import { VerificationGuard } from '../../../src/storage/verifications.ts';

interface Request {
  readonly nodeId: number;
  readonly questions: readonly Questions[];
  answer(error?: ErrorName): void;
  fail(error: Error): void;
}

function fixture() {
  const clock = fakeClock();
  const requests: Request[] = [];
  const coordinators = new Map([['t', 1]]);
  const answers: string[] = [];
  const verifier = new PartitionVerifier({
    clock,
    coordinatorOf: (id) => coordinators.get(id) ?? -1,
    retryMs: () => ({ backoffMs: 20, maxMs: 100 }),
    ask: (nodeId, questions) =>
      new Promise((resolve, reject) => {
        const answer = (error: ErrorName = 'NONE') => resolve(questions.map(() => () => error));
        requests.push({ nodeId, questions, answer, fail: reject });
      }),
  });
  const guards: VerificationGuard[] = [];
  const begin = () => guards[guards.push(new VerificationGuard()) - 1]!;
  const ask = (partition: number, adds = false, transactionalId = 't', asking: Partial<Asking> = {}) =>
    verifier.verify(
      { transactionalId, producer: { producerId: 7, producerEpoch: 0 }, adds },
      { topic: 'orders', partition, begin, ...asking },
      (error, guard) => answers.push(`${partition} ${error}${guard?.isSpent ? ' late' : ''}`),
    );
  return { clock, coordinators, verifier, ask, answers, guards, asked: () => requests.splice(0) };
}

test('what is asked in one turn goes to the coordinator in one question for each transaction, and is answered in its order', async () => {
  const { ask, asked, answers, clock, coordinators } = fixture();
  coordinators.set('u', 1);
  ask(0);
  ask(1);
  ask(2, false, 'u');
  await clock.advance(0);
  const [request, ...more] = asked();
  expect(more).toEqual([]);
  expect(request!.nodeId).toBe(1);
  expect(request!.questions.map(({ topics, transactionalId }) => [transactionalId, [...topics.get('orders')!]])).toEqual([
    ['t', [0, 1]],
    ['u', [2]],
  ]);
  request!.answer();
  await clock.advance(0);
  expect(answers).toEqual(['0 NONE', '1 NONE', '2 NONE']);
});

test('while a request is under way what is asked waits for the next', async () => {
  const { ask, asked, answers, clock } = fixture();
  ask(0);
  await clock.advance(0);
  const [first] = asked();
  ask(1);
  ask(0);
  await clock.advance(1000);
  expect(asked()).toEqual([]);
  first!.answer('TRANSACTION_ABORTABLE');
  await clock.advance(0);
  const [second] = asked();
  expect([...second!.questions[0]!.topics.get('orders')!]).toEqual([1, 0]);
  second!.answer();
  await clock.advance(0);
  expect(answers).toEqual(['0 TRANSACTION_ABORTABLE', '1 NONE', '0 NONE']);
});

test('a coordinator that nobody is, or that cannot be reached, is told as such', async () => {
  const { ask, asked, answers, clock } = fixture();
  ask(0, false, 'nobody');
  ask(1);
  await clock.advance(0);
  asked()[0]!.fail(new KafkaError('NETWORK_EXCEPTION'));
  await clock.advance(0);
  expect(answers).toEqual(['0 COORDINATOR_NOT_AVAILABLE', '1 NETWORK_EXCEPTION']);
});

test('with transactions v2 the end of the last transaction is waited for, but not for long', async () => {
  const { ask, asked, answers, clock } = fixture();
  ask(0, true);
  await clock.advance(0);
  asked()[0]!.answer('CONCURRENT_TRANSACTIONS');
  await clock.advance(20);
  asked()[0]!.answer();
  await clock.advance(0);
  ask(1, true);
  for (let i = 0; i < 10; i++) {
    await clock.advance(i === 0 ? 0 : 20);
    for (const request of asked()) request.answer('CONCURRENT_TRANSACTIONS');
  }
  ask(2, false);
  await clock.advance(0);
  asked()[0]!.answer('CONCURRENT_TRANSACTIONS');
  await clock.advance(0);
  expect(answers).toEqual(['0 NONE', '1 CONCURRENT_TRANSACTIONS', '2 CONCURRENT_TRANSACTIONS']);
});

test('the marker of the transaction before may come while its end is waited for: the batch goes with what began after it', async () => {
  const { ask, asked, answers, clock, guards } = fixture();
  ask(0, true);
  await clock.advance(0);
  guards[0]!.isSpent = true;
  asked()[0]!.answer('CONCURRENT_TRANSACTIONS');
  await clock.advance(20);
  asked()[0]!.answer();
  await clock.advance(0);
  expect(answers).toEqual(['0 NONE']);
});

test('a marker between question and answer has it asked again at once, with transactions v2, for as long as the end of a transaction is waited for', async () => {
  const { ask, asked, answers, clock, guards } = fixture();
  const answerLate = () => {
    guards.at(-1)!.isSpent = true;
    asked()[0]!.answer();
    return clock.advance(0);
  };
  ask(0, true);
  await clock.advance(0);
  await answerLate();
  asked()[0]!.answer();
  await clock.advance(0);
  ask(1, false); // its epoch may have another transaction by now, of which the answer is
  await clock.advance(0);
  await answerLate();
  ask(2, true);
  for (let i = 0; i < 7; i++) {
    await clock.advance(i === 0 ? 0 : 20);
    if (answers.length < 3) await answerLate();
  }
  expect(answers).toEqual(['0 NONE', '1 NONE late', '2 CONCURRENT_TRANSACTIONS late']);
});

test('before it asks again the partition is asked: its transaction may be open by then, or its epoch over', async () => {
  const { ask, asked, answers, clock } = fixture();
  const first = new VerificationGuard();
  const once = (then: () => null) => {
    let isFirst = true;
    return () => {
      if (!isFirst) return then();
      isFirst = false;
      return first;
    };
  };
  const fenced = () => {
    throw new KafkaError('INVALID_PRODUCER_EPOCH');
  };
  ask(0, true, 't', { begin: once(() => null) });
  ask(1, true, 't', { begin: once(fenced) });
  await clock.advance(0);
  asked()[0]!.answer('CONCURRENT_TRANSACTIONS');
  await clock.advance(20);
  expect(asked()).toEqual([]);
  expect(answers).toEqual(['0 NONE', '1 INVALID_PRODUCER_EPOCH']);
  ask(2, false, 't', { begin: () => null });
  expect(answers.at(-1)).toBe('2 NONE');
});

test('batches for one partition are answered in their order, also those that come while the first is waiting, or when the transaction is open', async () => {
  const { ask, asked, answers, clock } = fixture();
  const guard = new VerificationGuard();
  ask(0, true, 't', { begin: () => guard });
  await clock.advance(0);
  asked()[0]!.answer('CONCURRENT_TRANSACTIONS');
  await clock.advance(10);
  ask(0, true, 't', { begin: () => new VerificationGuard() }); // the marker came
  ask(0, true, 't', { begin: () => null });
  ask(1, true);
  await clock.advance(0);
  asked()[0]!.answer();
  await clock.advance(0);
  expect(answers).toEqual(['1 NONE']);
  await clock.advance(10);
  expect(asked().map(({ questions, answer }) => [questions.length, answer()])).toEqual([[1, undefined]]);
  await clock.advance(0);
  expect(answers).toEqual(['1 NONE', '0 NONE', '0 NONE', '0 NONE']);
});

test('with transactions v1 what was asked before a marker is not the answer for what comes after it', async () => {
  const { ask, asked, answers, clock } = fixture();
  const before = new VerificationGuard();
  ask(0, false, 't', { begin: () => before });
  ask(0, false, 't', { begin: () => before });
  await clock.advance(0);
  before.isSpent = true;
  ask(0, false);
  ask(0, false, 't', { begin: () => null });
  const [first] = asked();
  expect(first!.questions).toHaveLength(1);
  first!.answer();
  await clock.advance(0);
  expect(answers).toEqual(['0 NONE late', '0 NONE late']);
  asked()[0]!.answer('TRANSACTION_ABORTABLE');
  await clock.advance(0);
  expect(answers.slice(2)).toEqual(['0 TRANSACTION_ABORTABLE', '0 TRANSACTION_ABORTABLE']);
});

test('no more than 10,000 questions wait', async () => {
  const { ask, answers } = fixture();
  for (let i = 0; i <= 10_000; i++) ask(i);
  expect(answers).toEqual(['10000 COORDINATOR_NOT_AVAILABLE']);
});
