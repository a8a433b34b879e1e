import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { KafkaError } from '../../src/core/errors.ts';
import { TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import type { TransactionMarker } from '../../src/storage/producer-state.ts';
import type { Verification } from '../../src/storage/verifications.ts';
import { PartitionFixture } from './partition-fixture.ts';

const PRODUCER = { producerId: 7, producerEpoch: 0 };

let on: PartitionFixture;
beforeEach(async () => {
  on = await PartitionFixture.make();
  await on.clock.settle();
});

const nameOf = (error: unknown) => (error instanceof KafkaError ? error.errorName : String(error));
const verify = (more: Partial<typeof PRODUCER> = {}, supportsEpochBump = false, baseSequence = 0) =>
  on.partition.beginVerification({ ...PRODUCER, ...more, baseSequence, supportsEpochBump });

/** What a transactional batch of one record is answered with. */
async function send(baseSequence: number, verification?: Verification, acks = 1, more: Partial<typeof PRODUCER> = {}): Promise<string> {
  const bytes = batchBytes({ values: ['x'], ...PRODUCER, ...more, baseSequence, attributes: TRANSACTIONAL_BIT });
  let outcome = 'pending';
  const told = (error: Error | null, appended: { baseOffset: number } | null) => {
    outcome = error ? nameOf(error) : `at ${appended!.baseOffset}`;
  };
  on.partition.produce(bytes, acks, 1000, told, verification);
  await on.clock.settle();
  return outcome;
}
function end(commits: boolean, more: Partial<TransactionMarker> = {}): { outcome: string } {
  const told = { outcome: 'pending' };
  const marker = { ...PRODUCER, commits, coordinatorEpoch: 0, transactionVersion: 1, ...more };
  on.partition.appendMarker(marker, (error) => {
    told.outcome = error ? nameOf(error) : 'committed';
  });
  return told;
}
async function replicated(offset: number): Promise<void> {
  for (const id of [2, 3]) await on.fetches(id, offset);
}

describe('a marker', () => {
  test('is told of when the high watermark has passed it; the last stable offset waits for that, too', async () => {
    await send(0, verify()!);
    await replicated(1);
    const told = end(true);
    await on.clock.settle();
    expect([on.partition.highWatermark, on.partition.lastStableOffset, told.outcome]).toEqual([1, 0, 'pending']);
    await replicated(2);
    expect([on.partition.highWatermark, on.partition.lastStableOffset, told.outcome]).toEqual([2, 2, 'committed']);
  });

  test('waits for as long as it takes, and fails with the leadership', async () => {
    await send(0, verify()!);
    const told = end(false);
    await on.clock.advance(100_000);
    expect(told.outcome).toBe('pending');
    await on.changes({ leader: 2, leaderEpoch: 6, leaderBrokerEpoch: 2 });
    expect(told.outcome).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(() => end(false)).toThrow(expect.objectContaining({ errorName: 'NOT_LEADER_OR_FOLLOWER' }));
  });

  test('is refused below min.insync.replicas', async () => {
    await on.changes({ isr: [1], elr: [2, 3] });
    expect(() => end(true)).toThrow(expect.objectContaining({ errorName: 'NOT_ENOUGH_REPLICAS' }));
  });

  test('is refused with its log as it was', async () => {
    await send(0, verify({ producerEpoch: 3 })!, 1, { producerEpoch: 3 });
    expect(() => end(true)).toThrow(expect.objectContaining({ errorName: 'INVALID_PRODUCER_EPOCH' }));
    expect([on.partition.logEndOffset, on.partition.hasOpenTransaction(7, 3)]).toEqual([1, true]);
  });
});

describe('the last stable offset', () => {
  test('is known to the next leader, for markers that were not committed yet as well', async () => {
    await send(0, verify()!);
    end(true);
    await on.clock.settle();
    await replicated(1);
    await on.changes({ leader: 2, leaderEpoch: 6, leaderBrokerEpoch: 2 });
    expect([on.partition.highWatermark, on.partition.lastStableOffset]).toEqual([1, 0]);
    await on.changes({ leader: 1, leaderEpoch: 7, leaderBrokerEpoch: 1 });
    expect([on.partition.highWatermark, on.partition.lastStableOffset]).toEqual([1, 0]);
    await replicated(2);
    expect([on.partition.highWatermark, on.partition.lastStableOffset]).toEqual([2, 2]);
  });

  test('is where a reader of committed records stops', async () => {
    on.produce(1);
    await on.clock.settle();
    await send(0, verify()!);
    await replicated(2);
    expect([on.partition.visibleEnd('consumer'), on.partition.visibleEnd('committed'), on.partition.visibleEnd('follower')]).toEqual([
      2, 1, 2,
    ]);
    expect(on.partition.availableBytes(1, 'committed', 1)).toBe(0);
    expect(on.partition.availableBytes(1, 'consumer', 1)).toBeGreaterThan(0);
  });
});

describe('verification (KIP-890)', () => {
  test('lets the first batch in, and those behind it need none', async () => {
    expect(await send(0)).toBe('INVALID_TXN_STATE');
    const guard = verify();
    expect(guard).not.toBeNull();
    expect(on.partition.hasOpenTransaction(7, 0)).toBe(false);
    expect(await send(0, guard!)).toBe('at 0');
    expect(on.partition.hasOpenTransaction(7, 0)).toBe(true);
    expect(verify()).toBeNull();
    expect(await send(1)).toBe('at 1');
  });

  test('of several batches at once is one: each gets in with its guard, in order', async () => {
    const guards = [0, 1, 2].map((sequence) => verify({}, false, sequence));
    expect(new Set(guards).size).toBe(1);
    expect(await send(1, guards[1]!)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER'); // it has overtaken the first
    expect(await send(0, guards[0]!)).toBe('at 0');
    expect([await send(1, guards[1]!), await send(2, guards[2]!)]).toEqual(['at 1', 'at 2']);
  });

  test('says nothing of a transaction that ended while it was on its way', async () => {
    const late = verify()!;
    expect(late.isSpent).toBe(false);
    end(false);
    expect(late.isSpent).toBe(true);
    expect(await send(0, late)).toBe('INVALID_TXN_STATE');
    const again = verify()!;
    expect(again).not.toBe(late);
    expect(await send(0, late)).toBe('INVALID_TXN_STATE');
    expect(await send(0, again)).toBe('at 1');
  });

  test('says nothing to the next leadership: its producer must ask who leads', async () => {
    const late = verify()!;
    await on.changes({ leaderEpoch: 6 });
    expect(await send(0, late)).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(await send(0, verify()!)).toBe('at 0');
  });

  test('is not begun for an epoch that is over', async () => {
    end(true, { producerEpoch: 4 });
    expect(() => verify({ producerEpoch: 3 })).toThrow(expect.objectContaining({ errorName: 'INVALID_PRODUCER_EPOCH' }));
    expect(await send(0, 'off', 1, { producerEpoch: 3 })).toBe('INVALID_PRODUCER_EPOCH');
    expect(verify({ producerEpoch: 4 })).not.toBeNull();
  });

  test('with transactions v2 wants sequence 0 of a producer that nobody knows', async () => {
    expect(await send(5, verify({}, true, 5)!)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await send(0, verify({}, true, 0)!)).toBe('at 0');
    await on.changes({ leaderEpoch: 6 });
    const other = { producerId: 8 };
    expect(await send(5, verify(other, false, 5)!, 1, other)).toBe('at 1');
  });

  test('can be off', async () => {
    expect(await send(0, 'off')).toBe('at 0');
  });

  test('is needed for what a coordinator writes in a transaction as well', async () => {
    const bytes = () => batchBytes({ values: ['x'], ...PRODUCER, attributes: TRANSACTIONAL_BIT });
    expect(() => on.partition.append(bytes(), () => {})).toThrow(expect.objectContaining({ errorName: 'INVALID_TXN_STATE' }));
    on.partition.append(bytes(), () => {}, 1000, verify()!);
    on.partition.append(bytes(), () => {});
    await on.clock.settle();
    expect(on.partition.producers()).toMatchObject([
      [7, { transactionFirstOffset: 0, batches: [{ lastSequence: -1 }, { lastSequence: -1 }] }],
    ]);
    expect(verify()).toBeNull();
  });
});

test('a producer writes nothing outside of its transaction while it is open', async () => {
  await send(0, verify()!);
  const plain = batchBytes({ values: ['x'], ...PRODUCER, baseSequence: 1 });
  let outcome = '';
  on.partition.produce(plain, 1, 1000, (error) => {
    outcome = nameOf(error);
  });
  expect(outcome).toBe('INVALID_TXN_STATE');
  end(true);
  on.partition.produce(plain, 1, 1000, (error, appended) => {
    outcome = error ? nameOf(error) : `at ${appended!.baseOffset}`;
  });
  await on.clock.settle();
  expect(outcome).toBe('at 2');
});
