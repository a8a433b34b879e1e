import { beforeEach, describe, expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { produced } from '../support/log-fixture.ts';
import { PartitionFixture } from './partition-fixture.ts';

const nameOf = (act: () => unknown): string => {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof KafkaError ? error.errorName : String(error);
  }
};

/** Batches as a leader has them: of one record each, from `offset` on. */
function fetched(offset: number, epochs: readonly number[]): Buffer {
  return Buffer.concat(
    epochs.map((epoch, i) => {
      const bytes = produced(['k']);
      const batch = new BatchView(bytes);
      batch.setBaseOffset(offset + i);
      batch.setPartitionLeaderEpoch(epoch);
      return bytes;
    }),
  );
}

const LED_BY_2 = { leader: 2, leaderBrokerEpoch: 2, leaderEpoch: 6 };
let on: PartitionFixture;
const ends = () => [on.log.logStartOffset, on.partition.highWatermark, on.log.logEndOffset];
async function appendFetched(epoch: number, offset: number, epochs: readonly number[], highWatermark: number, logStartOffset = 0) {
  let outcome: Error | null | undefined;
  on.partition.appendFetched(epoch, { records: fetched(offset, epochs), highWatermark, logStartOffset }, (error) => {
    outcome = error;
  });
  await on.clock.settle();
  return outcome;
}

describe('who leads', () => {
  test('the broker that was elected, under the registration that was elected', async () => {
    on = await PartitionFixture.make();
    expect(nameOf(() => on.partition.leading())).toBe('none');
    const epoch = await on.registers(1);
    on.sees(1, epoch);
    expect(nameOf(() => on.partition.leading())).toBe('NOT_LEADER_OR_FOLLOWER');
    await on.changes({ leaderBrokerEpoch: epoch, leaderEpoch: 6 });
    expect(on.partition.leading().leaderEpoch).toBe(6);
  });

  test('nobody, once the registration is lost', async () => {
    on = await PartitionFixture.make();
    const lost = on.produce(-1);
    await on.clock.settle();
    on.registration = null;
    on.partition.registrationsChanged();
    expect(nameOf(() => on.partition.leading())).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(lost.outcome).toBe('NOT_LEADER_OR_FOLLOWER');
  });

  test('what is seen late changes nothing: an older revision than the one known', async () => {
    on = await PartitionFixture.make();
    const old = on.partition.state;
    await on.changes({ leaderEpoch: 6 });
    on.partition.update({ ...old, ...LED_BY_2 });
    expect(on.partition.leading().leaderEpoch).toBe(6);
  });

  test.each<[known: number, answer: string]>([
    [-1, 'none'],
    [5, 'none'],
    [4, 'FENCED_LEADER_EPOCH'],
    [-2, 'FENCED_LEADER_EPOCH'],
    [6, 'UNKNOWN_LEADER_EPOCH'],
  ])('asked in leader epoch %i, in epoch 5: %s', async (known, answer) => {
    on = await PartitionFixture.make();
    expect(nameOf(() => on.partition.checkLeaderEpoch(known))).toBe(answer);
  });
});

describe('whose disk failed', () => {
  const logOf = () => on.log as unknown as { fail(error: KafkaError): void };

  test('a leader serves nobody any more: what waits is told at once, and all that comes; when another leads it says so', async () => {
    on = await PartitionFixture.make();
    const waiting = on.produce(-1);
    await on.clock.settle();
    expect(waiting.outcome).toBeNull();
    logOf().fail(new KafkaError('KAFKA_STORAGE_ERROR'));
    on.partition.logFailed();
    expect(waiting.outcome).toBe('KAFKA_STORAGE_ERROR');
    expect(nameOf(() => on.partition.leading())).toBe('KAFKA_STORAGE_ERROR');
    expect(on.partition.isLeader).toBe(false);
    await on.changes({ leader: -1, leaderBrokerEpoch: -1, leaderEpoch: 6 });
    expect(nameOf(() => on.partition.leading())).toBe('KAFKA_STORAGE_ERROR');
    await on.changes({ ...LED_BY_2, leaderEpoch: 7 });
    expect(nameOf(() => on.partition.leading())).toBe('NOT_LEADER_OR_FOLLOWER');
    expect([on.partition.isFollower, on.partition.nextFetch(), on.followed]).toEqual([false, null, []]);
  });

  test('a follower fetches no more', async () => {
    on = await PartitionFixture.make(LED_BY_2);
    await on.clock.settle();
    expect(on.followed).toEqual([2]);
    logOf().fail(new KafkaError('KAFKA_STORAGE_ERROR'));
    on.partition.logFailed();
    expect([on.followed, on.partition.isFollower]).toEqual([[2, -1], false]);
  });
});

describe('with a write in flight', () => {
  let release: () => Promise<void>;
  beforeEach(async () => {
    on = await PartitionFixture.make();
    const held: (() => void)[] = [];
    on.held = held;
    release = async () => {
      on.held = null;
      for (const fire of held.splice(0)) fire();
      await on.clock.settle();
    };
  });
  /** The first write leaves through the thread pool and is held back; the second waits behind it. */
  async function twoWrites() {
    const inFlight = on.produce(-1, { valueBytes: 200_000 });
    await on.clock.settle();
    const queued = on.produce(-1);
    await on.clock.settle();
    return { inFlight, queued };
  }

  test('a leader that becomes a follower fails what is queued, and fetches only when the write is finished', async () => {
    const { inFlight, queued } = await twoWrites();
    await on.changes(LED_BY_2);
    expect([inFlight.outcome, queued.outcome]).toEqual([null, 'NOT_LEADER_OR_FOLLOWER']);
    expect([on.followed, on.partition.nextFetch()]).toEqual([[], null]);
    await release();
    expect(inFlight.outcome).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(on.followed).toEqual([2]);
    expect(on.partition.nextFetch()).toEqual({ leaderEpoch: 6, fetchOffset: 1, logStartOffset: 0, lastFetchedEpoch: 5 });
  });

  test('a leader that is elected again begins its new epoch behind it', async () => {
    await twoWrites();
    await on.changes({ leaderEpoch: 6 });
    expect(nameOf(() => on.partition.leading())).toBe('NOT_LEADER_OR_FOLLOWER');
    await release();
    expect(on.partition.leading().startOffset).toBe(1);
    // KIP-101: also before the first record of the epoch.
    expect(on.log.endOffsetForEpoch(5)).toEqual({ leaderEpoch: 5, endOffset: 1 });
    expect(on.log.latestLeaderEpoch).toBe(6);
  });

  test('only the last of several changes counts', async () => {
    await twoWrites();
    await on.changes(LED_BY_2);
    await on.changes({ leader: 3, leaderBrokerEpoch: 3, leaderEpoch: 7 });
    await release();
    expect(on.followed).toEqual([3]);
    expect(on.partition.nextFetch()?.leaderEpoch).toBe(7);
  });

  test('where the log ends is told when it is finished, and only while nobody leads', async () => {
    await twoWrites();
    const told: unknown[] = [];
    const note = (error: Error | null, end: unknown) => told.push(error instanceof KafkaError ? error.errorName : end);
    await on.changes({ leader: -1, leaderEpoch: 6 });
    on.partition.endWithoutLeader(on.partition.state, note);
    expect(told).toEqual([]);
    await release();
    expect(told).toEqual([{ lastEpoch: 5, logEndOffset: 1 }]);
    await on.changes({ leader: 1, leaderEpoch: 7 });
    on.partition.endWithoutLeader(on.partition.state, note);
    expect(told[1]).toBe('NOT_LEADER_OR_FOLLOWER');
  });
});

describe('a follower', () => {
  beforeEach(async () => {
    on = await PartitionFixture.make(LED_BY_2);
  });

  test('fetches from the leader from its own end on, and serves no client as a leader', () => {
    expect(on.followed).toEqual([2]);
    expect(on.partition.nextFetch()).toEqual({ leaderEpoch: 6, fetchOffset: 0, logStartOffset: 0, lastFetchedEpoch: -1 });
    expect(nameOf(() => on.partition.leading())).toBe('NOT_LEADER_OR_FOLLOWER');
  });

  test('has as high watermark what the leader says, as far as it has records', async () => {
    expect(await appendFetched(6, 0, [4, 6, 6], 7)).toBeNull();
    expect(ends()).toEqual([0, 3, 3]);
    expect(on.partition.nextFetch()).toMatchObject({ fetchOffset: 3, lastFetchedEpoch: 6 });
    await appendFetched(6, 3, [6, 6], 4);
    expect(ends()).toEqual([0, 4, 5]);
    await appendFetched(6, 5, [], 2); // a new leader may know less: what is committed stays committed
    expect(ends()).toEqual([0, 4, 5]);
    await appendFetched(6, 5, [], 5, 3);
    expect(ends()).toEqual([3, 5, 5]);
  });

  test('fetches no further before what came is written', async () => {
    const held: (() => void)[] = [];
    on.held = held;
    await appendFetched(6, 0, [6], 0);
    expect(on.partition.nextFetch()).toMatchObject({ fetchOffset: 1 }); // small: written at once
    const large = produced(['k'], 1000, 200_000);
    new BatchView(large).setBaseOffset(1);
    new BatchView(large).setPartitionLeaderEpoch(6);
    on.partition.appendFetched(6, { records: large, highWatermark: 2, logStartOffset: 0 }, () => {});
    await on.clock.settle();
    expect([on.partition.nextFetch(), on.partition.highWatermark]).toEqual([null, 0]);
    on.held = null;
    for (const fire of held) fire();
    await on.clock.settle();
    expect([on.partition.nextFetch()?.fetchOffset, on.partition.highWatermark]).toEqual([2, 2]);
  });

  test('takes nothing of another leader epoch', async () => {
    expect(await appendFetched(5, 0, [5], 1)).toBeNull();
    expect(ends()).toEqual([0, 0, 0]);
    await on.changes({ leader: 3, leaderBrokerEpoch: 3, leaderEpoch: 7 });
    expect(await appendFetched(6, 0, [6], 1)).toBeNull();
    expect(ends()).toEqual([0, 0, 0]);
    expect(on.followed).toEqual([2, 3]);
  });

  test('follows nobody when it is not registered, and again when it is', async () => {
    on.registration = null;
    on.partition.registrationsChanged();
    expect([on.followed, on.partition.nextFetch()]).toEqual([[2, -1], null]);
    on.sees(1, await on.registers(1));
    expect(on.followed).toEqual([2, -1, 2]);
    expect(on.partition.nextFetch()?.leaderEpoch).toBe(6);
  });

  test.each<[name: string, diverging: { epoch: number; endOffset: number }, end: number]>([
    ['the end of the epoch in the leader’s log, where that is shorter', { epoch: 4, endOffset: 1 }, 1],
    ['its own end of that epoch, where that is shorter', { epoch: 4, endOffset: 9 }, 2],
    ['the end of the epoch below, where it does not have that one', { epoch: 5, endOffset: 9 }, 2],
    ['where the leader says, when no epoch is named', { epoch: -1, endOffset: 3 }, 3],
  ])('that diverges is cut to %s', async (_name, diverging, end) => {
    await appendFetched(6, 0, [4, 4, 6, 6], 2);
    let outcome: unknown = 'under way';
    on.partition.truncate(6, diverging, (error) => {
      outcome = error;
    });
    await on.clock.settle();
    expect(outcome).toBeNull();
    expect(on.partition.nextFetch()).toMatchObject({ fetchOffset: end });
    expect(ends()[1]).toBe(Math.min(2, end));
  });

  test('that the leader has nothing for begins anew', async () => {
    await appendFetched(6, 0, [4, 6], 2);
    on.partition.restartAt(6, 40, () => {});
    await on.clock.settle();
    expect(on.partition.nextFetch()).toEqual({ leaderEpoch: 6, fetchOffset: 40, logStartOffset: 40, lastFetchedEpoch: -1 });
    expect(ends()).toEqual([40, 40, 40]);
  });

  test('that is elected goes on from what it has', async () => {
    await appendFetched(6, 0, [4, 6, 6], 2);
    await on.changes({ leader: 1, leaderBrokerEpoch: 1, leaderEpoch: 7, isr: [1, 3] });
    expect(on.followed).toEqual([2, -1]);
    expect(on.partition.leading()).toMatchObject({ leaderEpoch: 7, startOffset: 3, isCaughtUp: false });
    expect(ends()).toEqual([0, 2, 3]);
    on.produce(1);
    await on.clock.settle();
    await on.fetches(3, 4);
    expect(ends()).toEqual([0, 4, 4]);
  });

  test.each([
    ['__consumer_offsets', 1],
    ['orders', 0],
  ])('of %s asks for %i compaction when a segment’s worth has come', async (topic, count) => {
    on = await PartitionFixture.make(LED_BY_2, 2, topic, { segmentBytes: 3 * fetched(0, [6]).byteLength, compacted: true });
    await appendFetched(6, 0, [6, 6], 0);
    expect(on.compactions).toBe(0);
    await appendFetched(6, 2, [6], 0);
    expect(on.compactions).toBe(count);
  });

  test('is none once this broker is not among the replicas', async () => {
    await on.changes({ replicas: [2, 3], isr: [2, 3] });
    expect([on.followed, on.partition.nextFetch()]).toEqual([[2, -1], null]);
  });
});
