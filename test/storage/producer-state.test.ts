import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { buildEndMarker } from '../../src/protocol/records/end-marker.ts';
import { DEFAULT_PRODUCER_LIMITS, type ProducerLimits, ProducerState } from '../../src/storage/producer-state.ts';

const DAY_MS = 86_400_000;
const LAST_SEQUENCE = 2147483647;

let clock: FakeClock;
let state: ProducerState;
let nextOffset: number;

function start(limits: ProducerLimits = DEFAULT_PRODUCER_LIMITS): void {
  clock = fakeClock();
  state = new ProducerState(clock, limits, 'orders-0');
  nextOffset = 100;
}
beforeEach(() => start());

const batchOf = (baseSequence: number, records = 1, producerEpoch = 0, producerId = 7, attributes = 0) =>
  new BatchView(batchBytes({ values: Array.from({ length: records }, () => 'x'), baseSequence, producerEpoch, producerId, attributes }));

const markerOf = (producerEpoch: number) =>
  new BatchView(buildEndMarker({ producerId: 7, producerEpoch, commits: true, coordinatorEpoch: 0 }, 1));

/** The base offset that the batch gets, or has. */
function write(baseSequence: number, records = 1, producerEpoch = 0, producerId = 7): number {
  const batch = batchOf(baseSequence, records, producerEpoch, producerId);
  const earlier = state.check(batch);
  if (earlier) return earlier.lastOffset - earlier.offsetDelta;
  const baseOffset = nextOffset;
  nextOffset += records;
  state.add(batch, nextOffset - 1, batch.maxTimestamp);
  return baseOffset;
}
const outOfOrder = expect.objectContaining({ errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
const fenced = expect.objectContaining({ errorName: 'INVALID_PRODUCER_EPOCH' });

test('a producer that nobody knows may begin anywhere, and goes on from there', () => {
  expect(write(41)).toBe(100);
  expect(() => write(43)).toThrow(outOfOrder);
  expect(() => write(40)).toThrow(outOfOrder);
  expect(write(42)).toBe(101);
});

test('each of the last five batches is known again by its first and last sequence, the sixth is not', () => {
  const offsets = [3, 1, 4, 1, 5, 9].map((records, i) => write([0, 3, 4, 8, 9, 14][i]!, records));
  expect(offsets).toEqual([100, 103, 104, 108, 109, 114]);
  expect([write(3, 1), write(4, 4), write(8, 1), write(9, 5), write(14, 9)]).toEqual(offsets.slice(1));
  expect(() => write(0, 3)).toThrow(outOfOrder);
  expect(() => write(4, 3)).toThrow(outOfOrder);
  expect(() => write(5, 3)).toThrow(outOfOrder);
  expect(write(23)).toBe(123);
});

test('the timestamp of a repeated batch is that of the first', () => {
  state.add(batchOf(0), 100, 4711);
  expect(state.check(batchOf(0))).toEqual({ lastSequence: 0, lastOffset: 100, offsetDelta: 0, timestamp: 4711 });
});

test('0 follows 2147483647, between batches and inside one', () => {
  write(LAST_SEQUENCE - 3, 3);
  expect(write(LAST_SEQUENCE, 1)).toBe(103);
  expect(() => write(1)).toThrow(outOfOrder);
  expect(write(0)).toBe(104);
  expect(write(LAST_SEQUENCE)).toBe(103);
  start();
  expect([write(LAST_SEQUENCE - 1, 5), write(3), write(LAST_SEQUENCE - 1, 5)]).toEqual([100, 105, 100]);
});

test('a newer epoch begins at 0 and forgets the batches of the older one, which is refused from then on', () => {
  write(0);
  write(1);
  expect(() => write(2, 1, 1)).toThrow(outOfOrder);
  expect(write(0, 1, 5)).toBe(102);
  expect(() => write(2, 1, 0)).toThrow(fenced);
  expect(() => write(0, 1, 4)).toThrow(fenced);
  expect(() => write(1, 2, 5)).not.toThrow();
  expect(write(0, 1, 5)).toBe(102);
});

test('a marker of a newer epoch lets the sequences begin anew, one of the same epoch does not', () => {
  write(0);
  state.add(markerOf(0), 101, 5);
  expect(write(0)).toBe(100);
  state.add(markerOf(1), 102, 5);
  expect(() => write(1, 1, 1)).toThrow(outOfOrder);
  expect(() => write(0, 1, 0)).toThrow(fenced);
  expect(write(0, 1, 1)).toBe(101);
});

test('producers do not mix, and a batch without producer id leaves no trace', () => {
  expect([write(0, 1, 0, 1), write(0, 1, 0, 2), write(1, 1, 0, 1), write(0, 1, 0, 2)]).toEqual([100, 101, 102, 101]);
  const plain = batchOf(-1, 1, -1, -1);
  expect([state.check(plain), state.add(plain, 5, 5), state.size]).toEqual([null, null, 2]);
});

test('what is taken back from the end is as if it had never been', () => {
  write(0);
  const lost = [batchOf(1), batchOf(2), batchOf(0, 1, 1)].map((batch, i) => state.add(batch, 101 + i, 0)!);
  const stranger = state.add(batchOf(9, 1, 0, 8), 104, 0)!;
  for (const before of [stranger, ...lost.reverse()]) state.takeBack(before);
  expect(state.size).toBe(1);
  nextOffset = 101;
  expect(() => write(2)).toThrow(outOfOrder);
  expect([write(1), write(0)]).toEqual([101, 100]);
});

test('a producer is forgotten a day after its last batch, whatever time its batches say, and not a moment before', async () => {
  write(0, 1, 3);
  await clock.advance(DAY_MS - 1);
  expect(write(1, 1, 3)).toBe(101);
  await clock.advance(DAY_MS - 1);
  expect(write(0, 1, 3)).toBe(100);
  await clock.advance(1);
  expect(state.size).toBe(0);
  expect(write(77, 1, 0)).toBe(102);
});

test('beyond the bound the producer that was idle for the longest is forgotten', () => {
  start({ expirationMs: DAY_MS, maxProducers: 3 });
  for (const id of [1, 2, 3]) write(0, 1, 0, id);
  write(1, 1, 0, 1);
  write(0, 1, 0, 4);
  expect(state.size).toBe(3);
  expect([...state.entries()].map(([id]) => id)).toEqual([3, 1, 4]);
  expect(write(50, 1, 0, 2)).toBe(105); // forgotten, so it may begin anywhere
  expect(() => write(50, 1, 0, 4)).toThrow(outOfOrder);
});

test('100,000 producers are remembered by default', () => {
  for (let id = 0; id < 100_001; id++)
    state.set(id, { epoch: 0, batches: [], timestamp: 0, coordinatorEpoch: -1, transactionFirstOffset: -1 });
  expect([state.size, state.entries().next().value![0]]).toEqual([100_000, 1]);
});

test('a producer id that a number cannot hold is refused, since two of them could look the same', () => {
  const bytes = batchBytes({ values: ['x'], producerId: 1, producerEpoch: 0, baseSequence: 0 });
  bytes.writeBigInt64BE(2n ** 53n + 1n, 43);
  expect(() => state.check(new BatchView(bytes))).toThrow(expect.objectContaining({ errorName: 'INVALID_RECORD' }));
});

describe('transactions', () => {
  const TRANSACTIONAL = 0x10;
  const begin = (producerId: number, verification: 'off' | undefined = 'off') => {
    const batch = batchOf(0, 1, 0, producerId, TRANSACTIONAL);
    state.check(batch, { verification });
    return state.add(batch, nextOffset++, 5)!;
  };
  const end = (producerId: number, commits = true) => {
    const marker = buildEndMarker({ producerId, producerEpoch: 0, commits, coordinatorEpoch: 0 }, 1);
    return state.add(new BatchView(marker), nextOffset++, 5)!;
  };
  const known = () => Array.from(state.entries(), ([producerId]) => producerId).sort((a, b) => a - b);

  test('a producer is not forgotten while its transaction is open, be it for years', async () => {
    write(0, 1, 0, 1);
    begin(2);
    await clock.advance(DAY_MS);
    expect([known(), state.size, state.firstUnstableOffset]).toEqual([[2], 1, 101]);
    await clock.advance(1000 * DAY_MS);
    expect(state.hasOpenTransaction(2, 0)).toBe(true);
    end(2);
    await clock.advance(DAY_MS - 1);
    expect(known()).toEqual([2]);
    await clock.advance(1);
    expect(known()).toEqual([]);
  });

  test('beyond the bound those without a transaction are forgotten first; when all have one, no other may begin', () => {
    start({ expirationMs: DAY_MS, maxProducers: 3 });
    begin(1);
    write(0, 1, 0, 2);
    write(0, 1, 0, 3);
    write(0, 1, 0, 4);
    expect(known()).toEqual([1, 3, 4]);
    begin(3);
    begin(4);
    write(0, 1, 0, 5);
    expect(() => begin(6)).toThrow(expect.objectContaining({ errorName: 'KAFKA_STORAGE_ERROR' }));
    expect([1, 3, 4].every((producerId) => state.hasOpenTransaction(producerId, 0))).toBe(true);
    end(1);
    begin(6);
    expect(state.firstUnstableOffset).toBe(104);
  });

  test('the first open one is known in whatever order they end, are taken back, or come from a snapshot', () => {
    const [first, second, third] = [begin(1), begin(2), begin(3)];
    const ended = [end(1), end(3)];
    expect(state.firstUnstableOffset).toBe(101);
    for (const before of [...ended].reverse()) state.takeBack(before);
    expect(state.firstUnstableOffset).toBe(100);
    end(1);
    end(2);
    expect(state.firstUnstableOffset).toBe(102);
    state.clear();
    expect(state.firstUnstableOffset).toBe(Number.POSITIVE_INFINITY);
    const entry = { epoch: 0, batches: [], timestamp: 0, coordinatorEpoch: -1 };
    for (const [producerId, transactionFirstOffset] of [
      [9, 30],
      [8, 10],
      [7, 20],
    ] as const)
      state.set(producerId, { ...entry, transactionFirstOffset });
    expect(state.firstUnstableOffset).toBe(10);
    expect([first, second, third].every(({ ends }) => !ends)).toBe(true);
  });

  test('an abort is told with where all that began before it is decided, a commit is not', () => {
    begin(1); // 100
    begin(2); // 101
    expect(end(2, false).aborted).toEqual({ producerId: 2, firstOffset: 101, lastOffset: 102, lastStableOffset: 100 });
    expect(end(1).aborted).toBeNull();
    begin(3); // 104
    expect(end(3, false).aborted).toEqual({ producerId: 3, firstOffset: 104, lastOffset: 105, lastStableOffset: 106 });
    expect(end(3, false)).toMatchObject({ ends: false, aborted: null });
  });

  test('questions about them are bounded: the oldest must be asked again, at once or after a day', async () => {
    start({ expirationMs: DAY_MS, maxProducers: 3 });
    const ask = (producerId: number) =>
      state.beginVerification({ producerId, producerEpoch: 0, baseSequence: 0, supportsEpochBump: false })!;
    const passes = (producerId: number, verification: ReturnType<typeof ask>) => {
      try {
        state.check(batchOf(0, 1, 0, producerId, TRANSACTIONAL), { verification });
        return true;
      } catch {
        return false;
      }
    };
    const guards = [1, 2, 3, 4].map(ask);
    expect(guards.map((guard, i) => passes(i + 1, guard))).toEqual([false, true, true, true]);
    await clock.advance(DAY_MS);
    ask(9);
    expect(guards.map((guard, i) => passes(i + 1, guard))).toEqual([false, false, false, false]);
  });
});
