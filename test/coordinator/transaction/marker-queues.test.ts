import { expect, test } from 'vitest';
import { MarkerQueues, type MarkerResult, type MarkersToWrite } from '../../../src/coordinator/transaction/marker-queues.ts';
import type { Markers } from '../../../src/coordinator/transaction/transaction-env.ts';
import type { ErrorName } from '../../../src/core/error-codes.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { fakeClock } from '../../../src/core/fake-clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';

interface Request {
  readonly nodeId: number;
  readonly markers: readonly MarkersToWrite[];
  /** Answers each partition with the error of its number, NONE without one; and those of `silent` not at all. */
  answer(errors?: Readonly<Record<number, ErrorName>>, silent?: readonly number[]): void;
  fail(): void;
}

function fixture() {
  const clock = fakeClock();
  const requests: Request[] = [];
  /** Partition -> who leads it; missing: there is no such partition. */
  const leaders = new Map<number, number>();
  const queues = new MarkerQueues({
    clock,
    logger: silentLogger,
    leaderOf: (_topic, partition) => leaders.get(partition),
    write: (nodeId, markers) =>
      new Promise((resolve, reject) => {
        const answer = (errors: Readonly<Record<number, ErrorName>> = {}, silent: readonly number[] = []) =>
          resolve(
            markers.map(({ topics }) =>
              [...topics].flatMap(([topic, partitions]) =>
                [...partitions]
                  .filter((partition) => !silent.includes(partition))
                  .map((partition): MarkerResult => ({ topic, partition, error: errors[partition] ?? 'NONE' })),
              ),
            ),
          );
        requests.push({ nodeId, markers, answer, fail: () => reject(new KafkaError('NETWORK_EXCEPTION')) });
      }),
  });
  const asked = () => requests.splice(0);
  return { clock, leaders, queues, asked };
}

function markers(...partitions: number[]): Markers {
  return {
    ...{ transactionalId: 't', producerId: 7, producerEpoch: 1, commits: true, coordinatorEpoch: 3, transactionVersion: 2 },
    partitions: new Map([['orders', new Set(partitions)]]),
  };
}

const partitionsOf = ({ markers }: Request) => markers.map(({ topics }) => [...(topics.get('orders') ?? [])]);

test('each leader gets the markers of its partitions in one request, and done is called when all are written', async () => {
  const { asked, clock, leaders, queues } = fixture();
  for (const [partition, leader] of [
    [0, 1],
    [1, 2],
    [2, 1],
  ] as const)
    leaders.set(partition, leader);
  let done = 0;
  queues.send(markers(0, 1, 2), () => done++);
  await clock.advance(0);
  const [first, second] = asked();
  expect([first!.nodeId, partitionsOf(first!), second!.nodeId, partitionsOf(second!)]).toEqual([1, [[0, 2]], 2, [[1]]]);
  expect(first!.markers[0]).toMatchObject({ producerId: 7, producerEpoch: 1, commits: true, coordinatorEpoch: 3, transactionVersion: 2 });
  first!.answer();
  await clock.advance(0);
  expect(done).toBe(0);
  second!.answer();
  await clock.advance(0);
  expect(done).toBe(1);
});

test('what was refused or met nobody is tried again with whoever leads then, and only that', async () => {
  const { asked, clock, leaders, queues } = fixture();
  for (const [partition, leader] of [
    [0, 1],
    [1, 1],
    [2, -1],
  ] as const)
    leaders.set(partition, leader);
  let done = 0;
  queues.send(markers(0, 1, 2), () => done++);
  await clock.advance(0);
  asked()[0]!.answer({ 1: 'NOT_LEADER_OR_FOLLOWER' });
  leaders.set(1, 2);
  leaders.set(2, 3);
  await clock.advance(100);
  const again = asked();
  expect(again.map((request) => [request.nodeId, partitionsOf(request)])).toEqual([
    [3, [[2]]],
    [2, [[1]]],
  ]);
  again[0]!.fail();
  again[1]!.answer();
  await clock.advance(100);
  const last = asked();
  expect(last.map((request) => [request.nodeId, partitionsOf(request)])).toEqual([[3, [[2]]]]);
  last[0]!.answer();
  await clock.advance(0);
  expect(done).toBe(1);
});

test('one request to a leader is under way at a time, and the next carries all that has gathered', async () => {
  const { asked, clock, leaders, queues } = fixture();
  leaders.set(0, 1);
  let done = 0;
  queues.send(markers(0), () => done++);
  await clock.advance(0);
  queues.send({ ...markers(0), transactionalId: 'u' }, () => done++);
  queues.send({ ...markers(0), transactionalId: 'v' }, () => done++);
  await clock.advance(1000);
  const requests = asked();
  expect(requests.length).toBe(1);
  requests[0]!.answer();
  await clock.advance(0);
  const [next] = asked();
  expect(partitionsOf(next!)).toEqual([[0], [0]]);
  next!.answer();
  await clock.advance(0);
  expect(done).toBe(3);
});

test('a partition that is no more, and one that has the marker already, are done', async () => {
  const { asked, clock, leaders, queues } = fixture();
  leaders.set(1, 1);
  let done = 0;
  queues.send(markers(0, 1), () => done++);
  await clock.advance(0);
  asked()[0]!.answer({ 1: 'INVALID_PRODUCER_EPOCH' });
  await clock.advance(0);
  expect(done).toBe(1);
});

test.each(['a fence', 'cancelling'])('after %s nothing more is sent, and done is never called', async (how) => {
  const { asked, clock, leaders, queues } = fixture();
  leaders.set(0, 1);
  leaders.set(1, -1);
  let done = 0;
  const cancel = queues.send(markers(0, 1), () => done++);
  await clock.advance(0);
  const [request] = asked();
  if (how === 'cancelling') cancel();
  request!.answer(how === 'cancelling' ? {} : { 0: 'TRANSACTION_COORDINATOR_FENCED' });
  leaders.set(1, 1);
  await clock.advance(1000);
  expect(asked()).toEqual([]);
  expect(done).toBe(0);
});

test('a partition that its leader does not answer for is told again', async () => {
  const { asked, clock, leaders, queues } = fixture();
  for (const partition of [0, 1]) leaders.set(partition, 2);
  let done = 0;
  queues.send(markers(0, 1), () => done++);
  await clock.advance(0);
  asked()[0]!.answer({}, [1]);
  await clock.advance(100);
  const [again] = asked();
  expect([partitionsOf(again!), done]).toEqual([[[1]], 0]);
  again!.answer();
  await clock.advance(0);
  expect(done).toBe(1);
});

test('a request has at most 1,000 markers, or those of one transaction', async () => {
  const { asked, clock, leaders, queues } = fixture();
  const range = (count: number) => Array.from({ length: count }, (_, partition) => partition);
  for (const partition of range(1_500)) leaders.set(partition, 1);
  for (const count of [600, 400, 1, 1_500, 2]) queues.send(markers(...range(count)), () => {});
  const sizes: number[][] = [];
  for (let next = 0; next < 3; next++) {
    await clock.advance(0);
    const [request] = asked();
    sizes.push(partitionsOf(request!).map(({ length }) => length));
    request!.answer();
  }
  expect(sizes).toEqual([[600, 400], [1], [1_500]]);
  await clock.advance(0);
  expect(partitionsOf(asked()[0]!).map(({ length }) => length)).toEqual([2]);
});
