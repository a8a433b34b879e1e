import { beforeEach, describe, expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import { produced } from '../support/log-fixture.ts';
import { LAG_MS, PartitionFixture } from './partition-fixture.ts';

const nameOf = (act: () => unknown): string => {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof KafkaError ? error.errorName : String(error);
  }
};

let on: PartitionFixture;
beforeEach(async () => {
  on = await PartitionFixture.make();
});
const highWatermark = () => on.partition.highWatermark;
/** `count` records are written here, and nobody else has any. */
async function written(count: number): Promise<void> {
  on.produce(1, { count });
  await on.clock.settle();
}

describe('the high watermark', () => {
  test('is the least log end offset of the ISR', async () => {
    await written(10);
    await on.fetches(2, 7);
    expect(highWatermark()).toBe(0);
    await on.fetches(3, 4);
    expect(highWatermark()).toBe(4);
    await on.fetches(3, 10);
    expect(highWatermark()).toBe(7);
    await on.fetches(2, 10);
    expect(highWatermark()).toBe(10);
  });

  test('does not fall when a follower fetches from before it', async () => {
    await written(10);
    await on.fetches(2, 10);
    await on.fetches(3, 10);
    await on.fetches(3, 3);
    expect(highWatermark()).toBe(10);
    await written(2);
    await on.fetches(2, 12);
    expect(highWatermark()).toBe(10); // 3 is at 3, assigned, not at the most it ever had
  });

  test('counts nothing that was fetched in an earlier leader epoch', async () => {
    await written(10);
    await on.fetches(2, 10);
    await on.changes({ leaderEpoch: 6 });
    await on.fetches(3, 10);
    expect(highWatermark()).toBe(0);
    await on.fetches(2, 10);
    expect(highWatermark()).toBe(10);
  });

  test('counts nobody whose disk failed, nor goes on without him before he is out of the ISR; nor is he admitted again', async () => {
    await written(10);
    on.offline.add(2);
    on.partition.registrationsChanged();
    await on.fetches(2, 10); // one that was on its way
    await on.fetches(3, 10);
    expect(highWatermark()).toBe(0);
    await on.changes({ isr: [1, 3] });
    expect(highWatermark()).toBe(10);
    await on.fetches(2, 10);
    expect((await on.stored()).isr).toEqual([1, 3]);
    on.offline.clear();
    on.sees(2, 2);
    await on.fetches(2, 10);
    expect((await on.stored()).isr).toEqual([1, 3, 2]);
  });

  test('stands still below min ISR, and goes on with it', async () => {
    await on.changes({ isr: [1], elr: [2, 3] });
    expect(nameOf(() => on.produce(-1))).toBe('NOT_ENOUGH_REPLICAS');
    await written(5);
    expect(highWatermark()).toBe(0);
    on.mode = 'hold';
    await on.fetches(2, 5);
    expect(highWatermark()).toBe(0); // a proposal is no ISR
    await on.release();
    expect(await on.stored()).toMatchObject({ isr: [1, 2], elr: [] });
    expect(highWatermark()).toBe(5);
  });

  test('min.insync.replicas beyond the number of replicas asks for all of them', async () => {
    on = await PartitionFixture.make({ replicas: [1, 2], isr: [1, 2] }, 3);
    await written(3);
    await on.fetches(2, 3);
    expect(highWatermark()).toBe(3);
  });

  test('is the log end where there is one replica', async () => {
    on = await PartitionFixture.make({ replicas: [1], isr: [1] }, 2);
    expect(on.produce(-1)).toEqual({ outcome: null });
    await on.clock.settle();
    expect(highWatermark()).toBe(1);
    expect(on.clock.pending()).toBe(0);
  });

  test('does not count a member that fetches from another disk than the one admitted', async () => {
    await written(5);
    const epoch = await on.registers(2);
    on.sees(2, epoch, { generation: 1 });
    on.mode = 'hold';
    await on.fetches(3, 5);
    await on.fetches(2, 5, epoch);
    expect(highWatermark()).toBe(0);
    await on.release();
    expect(await on.stored()).toMatchObject({ isr: [1, 2, 3] });
    expect((await on.stored()).disks.find(({ id }) => id === 2)).toMatchObject({ generation: 1 });
    expect(highWatermark()).toBe(5);
  });

  test('does not count a registration that this broker has not heard of, until it has', async () => {
    await written(5);
    await on.fetches(3, 5);
    await on.fetches(2, 5, 20);
    expect(highWatermark()).toBe(0);
    on.sees(2, 20);
    expect(highWatermark()).toBe(5);
  });
});

describe('an acknowledgement', () => {
  test('of acks=all comes when the high watermark has passed the batch, of acks=1 when it is written', async () => {
    const all = on.produce(-1, { count: 3 });
    const one = on.produce(1);
    await on.clock.settle();
    expect([all.outcome, one.outcome]).toEqual([null, 'at 3']);
    await on.fetches(2, 4);
    await on.fetches(3, 2);
    expect(all.outcome).toBeNull();
    await on.fetches(3, 3);
    expect(all.outcome).toBe('at 0');
  });

  test('is given up after the timeout; the batch stays', async () => {
    const late = on.produce(-1, { timeoutMs: 100 });
    const patient = on.produce(-1, { timeoutMs: 500 });
    await on.clock.advance(99);
    expect(late.outcome).toBeNull();
    await on.clock.advance(1);
    expect([late.outcome, patient.outcome]).toEqual(['REQUEST_TIMED_OUT', null]);
    await on.fetches(2, 2);
    await on.fetches(3, 2);
    expect([patient.outcome, highWatermark()]).toEqual(['at 1', 2]);
    await on.clock.advance(1_000);
    expect(late.outcome).toBe('REQUEST_TIMED_OUT');
  });

  test('is refused when another leads before it came: the high watermark of others says nothing of this batch', async () => {
    const lost = on.produce(-1);
    await on.clock.settle();
    await on.changes({ leader: 2, leaderEpoch: 6 });
    expect(lost.outcome).toBe('NOT_LEADER_OR_FOLLOWER');
  });

  test('is refused when the leadership ends; who hears of it can append nothing in that epoch any more', async () => {
    const told: string[] = [];
    on.partition.append(produced(['k']), (error) => {
      told.push(error instanceof KafkaError ? error.errorName : 'committed');
      told.push(nameOf(() => on.partition.append(produced(['k']), () => {})));
    });
    await on.clock.settle();
    await on.changes({ leader: 2, leaderEpoch: 6 });
    expect(told).toEqual(['NOT_LEADER_OR_FOLLOWER', 'NOT_LEADER_OR_FOLLOWER']);
    expect(on.log.logEndOffset).toBe(1);
  });

  test('is refused when this broker leads again, in another epoch', async () => {
    const lost = on.produce(-1);
    await on.clock.settle();
    await on.changes({ leaderEpoch: 6 });
    expect(lost.outcome).toBe('NOT_LEADER_OR_FOLLOWER');
  });

  test('by this broker alone needs its lease; by all in sync it does not', async () => {
    on.registration = { epoch: 1, validUntil: () => 50 };
    const held: (() => void)[] = [];
    on.held = held;
    const slow = on.produce(1, { valueBytes: 200_000 });
    const all = on.produce(-1, { valueBytes: 200_000 });
    await on.clock.advance(51);
    on.held = null;
    for (const fire of held) fire();
    await on.clock.settle();
    expect(slow.outcome).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(nameOf(() => on.produce(1))).toBe('NOT_LEADER_OR_FOLLOWER');
    await on.fetches(2, 2);
    await on.fetches(3, 2);
    expect(all.outcome).toBe('at 1');
  });
});

describe('the ISR shrinks', () => {
  test('by who did not have everything for replica.lag.time.max.ms', async () => {
    await written(5);
    await on.fetches(2, 5);
    await on.fetches(3, 2);
    await on.clock.advance(LAG_MS);
    on.partition.checkIsr(on.clock.monotonicMs());
    expect(on.sent).toEqual([]);
    await on.clock.advance(1);
    on.partition.checkIsr(on.clock.monotonicMs());
    await on.clock.settle();
    expect(await on.stored()).toMatchObject({ isr: [1, 2], elr: [], leaderEpoch: 5, partitionEpoch: 10 });
    expect(highWatermark()).toBe(5);
    expect(on.sent[0]!.conds).toHaveLength(2); // its own registration, and the partition as it was read
  });

  test('not by who always has what there was a fetch ago, however fast records come', async () => {
    for (let i = 1; i < 100; i++) {
      await written(1);
      await on.fetches(2, i - 1);
      await on.fetches(3, i);
      await on.clock.advance(LAG_MS / 10);
    }
    on.partition.checkIsr(on.clock.monotonicMs());
    expect(on.sent).toEqual([]);
  });

  test('not by who had everything until a moment ago, though its last fetch was long before', async () => {
    await written(5);
    await on.fetches(2, 5);
    await on.fetches(3, 5);
    await on.clock.advance(3_600_000);
    await written(1);
    on.partition.checkIsr(on.clock.monotonicMs());
    expect(on.sent).toEqual([]);
    await on.clock.advance(LAG_MS + 1);
    on.partition.checkIsr(on.clock.monotonicMs());
    await on.clock.settle();
    // They have all that is committed, but nobody has heard of them for so long.
    expect(await on.stored()).toMatchObject({ isr: [1], elr: [2, 3] });
    await on.fetches(2, 5);
    expect(await on.stored()).toMatchObject({ isr: [1, 2], elr: [] });
  });

  test('who leaves goes on counting until that is committed, and is eligible where min ISR needs it', async () => {
    on = await PartitionFixture.make({ isr: [1, 2] });
    await written(5);
    await on.clock.advance(LAG_MS + 1);
    on.mode = 'hold';
    on.partition.checkIsr(on.clock.monotonicMs());
    expect(highWatermark()).toBe(0);
    await on.release();
    expect(await on.stored()).toMatchObject({ isr: [1], elr: [2] });
    expect(highWatermark()).toBe(0); // below min ISR
  });

  test('the ELR is emptied when min.insync.replicas asks for no more than the ISR has', async () => {
    on = await PartitionFixture.make({ isr: [1], elr: [2] });
    await written(5);
    on.mode = 'hold';
    on.partition.configure({ ...on.config, minIsr: 1 });
    expect(highWatermark()).toBe(0);
    await on.release();
    expect(await on.stored()).toMatchObject({ isr: [1], elr: [] });
    expect(highWatermark()).toBe(5);
  });
});

describe('the ISR grows', () => {
  beforeEach(async () => {
    await written(4);
    await on.changes({ isr: [1, 2], leaderEpoch: 6 });
    await on.fetches(2, 4);
    await written(6);
    await on.fetches(2, 8);
    expect(highWatermark()).toBe(8);
  });

  test('by who has come to the high watermark; its registration is a condition (KIP-903)', async () => {
    await on.fetches(3, 7);
    expect(on.sent).toEqual([]);
    await on.fetches(3, 8);
    expect(on.sent).toHaveLength(1);
    expect(on.sent[0]!.conds.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toMatchObject([
      { key: '/b/live/1', rev: 1 },
      { key: '/b/live/3', rev: 3 },
      { rev: 5 },
    ]);
    expect((await on.stored()).isr).toEqual([1, 2, 3]);
  });

  test('not by who is stopping, nor by who is not registered as it fetched', async () => {
    on.stopping.set(3, { brokerEpoch: 3, rev: 70 });
    await on.fetches(3, 8);
    on.stopping.clear();
    on.sees(3, 30);
    await on.fetches(3, 8);
    expect(on.sent).toEqual([]);
    on.mode = 'hold';
    await on.fetches(3, 8, 30);
    expect(on.sent).toHaveLength(1);
    expect(nameOf(() => on.partition.leading().noteFetch({ replicaId: 3, brokerEpoch: 3, fetchOffset: 8, logStartOffset: 0 }))).toBe(
      'NOT_LEADER_OR_FOLLOWER',
    );
  });

  test('who is proposed counts from then on (KIP-497)', async () => {
    on.mode = 'hold';
    await on.fetches(3, 8);
    await on.fetches(2, 10);
    expect(highWatermark()).toBe(8);
    await on.fetches(3, 10);
    expect(highWatermark()).toBe(10);
    await on.release();
    expect((await on.stored()).isr).toEqual([1, 2, 3]);
  });

  test('a refused proposal counts no more, and the partition is read again', async () => {
    on.mode = 'hold';
    await on.fetches(3, 8);
    await on.changes({ isr: [1, 2], partitionEpoch: 50 }, false);
    await on.release();
    expect(on.partition.state).toMatchObject({ isr: [1, 2], partitionEpoch: 50 });
    await on.fetches(2, 10);
    expect(highWatermark()).toBe(10);
  });

  test('while the store is away nothing changes; later it is proposed again, without a new fetch', async () => {
    on.mode = 'unavailable';
    await on.fetches(3, 8);
    await on.fetches(3, 8);
    expect(on.sent).toHaveLength(1);
    await on.fetches(2, 9);
    expect(highWatermark()).toBe(9);
    on.mode = 'now';
    await on.fetches(3, 9);
    await on.clock.advance(100);
    expect((await on.stored()).isr).toEqual([1, 2, 3]);
  });

  test('not by who has not come to the start of the leader epoch, though it has all that this leader knows to be committed', async () => {
    on = await PartitionFixture.make({ isr: [1, 2] });
    await written(5);
    await on.fetches(2, 3);
    await on.changes({ leaderEpoch: 6 });
    expect(highWatermark()).toBe(3);
    await on.fetches(3, 3);
    await on.fetches(3, 4);
    expect(on.sent).toEqual([]);
    await on.fetches(3, 5);
    expect(on.sent).toHaveLength(1);
  });
});

describe('a proposal in doubt', () => {
  beforeEach(async () => {
    await on.changes({ isr: [1, 2] });
    await written(5);
    on.mode = 'inDoubt';
    await on.fetches(3, 5 - 5 + 0); // at the high watermark: admitted
  });

  test('goes on counting, since the write may come through; a write at its revision settles it', async () => {
    expect(on.sent[0]!.value.isr).toEqual([1, 2, 3]);
    await on.fetches(2, 5);
    expect(highWatermark()).toBe(0); // 3 may be in the ISR by now
    on.mode = 'now';
    await on.clock.advance(100);
    expect(on.sent[1]).toMatchObject({ value: { isr: [1, 2], partitionEpoch: on.sent[0]!.value.partitionEpoch } });
    expect(await on.comeThrough()).toEqual([false]);
    expect(highWatermark()).toBe(5);
  });

  test('that did come through is taken over', async () => {
    await on.fetches(2, 5);
    expect(await on.comeThrough()).toEqual([true]);
    on.mode = 'now';
    await on.clock.advance(100);
    expect((await on.stored()).isr).toEqual([1, 2, 3]);
    expect(on.partition.state.isr).toEqual([1, 2, 3]);
    expect(highWatermark()).toBe(0);
    await on.fetches(3, 5);
    expect(highWatermark()).toBe(5);
  });

  test('is settled when the partition is seen at a higher revision', async () => {
    await on.fetches(2, 5);
    await on.changes({ isr: [1, 2] });
    expect(highWatermark()).toBe(5);
  });
});

describe('KIP-207', () => {
  test('after an election the leader does not know what is committed until the ISR has fetched what was there', async () => {
    await written(5);
    await on.fetches(2, 3);
    await on.fetches(3, 3);
    await on.changes({ leaderEpoch: 6 });
    expect(on.partition.leading().isCaughtUp).toBe(false);
    await on.fetches(2, 5);
    await on.fetches(3, 5);
    expect(on.partition.leading().isCaughtUp).toBe(true);
  });
});
