import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import {
  canJoinIsr,
  effectiveMinIsr,
  isAdmittedDisk,
  isForeign,
  isrChange,
  isSuspect,
  mayCommit,
  writeIsr,
} from '../../src/metadata/isr.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import type { PartitionValue } from '../../src/metadata/values.ts';
import { clusterOf } from './cluster-fixture.ts';

const disk = (id: number, generation = 0) => ({ id, directoryId: `dir-${id}`, generation });
const partition = (more: Partial<PartitionValue> = {}): PartitionValue => ({
  ...{
    replicas: [1, 2, 3],
    adding: [],
    removing: [],
    isr: [1, 2, 3],
    elr: [],
    leader: 1,
    leaderBrokerEpoch: 5,
    leaderEpoch: 7,
    partitionEpoch: 9,
  },
  disks: [...(more.isr ?? [1, 2, 3]), ...(more.elr ?? [])].map((id) => disk(id)),
  ...more,
});
const facts = { minIsr: 2, diskOf: (id: number) => disk(id, 4) };

test('min ISR is at most the replicas that a partition has now and will have', () => {
  expect(effectiveMinIsr(partition(), 2)).toBe(2);
  expect(effectiveMinIsr(partition({ replicas: [1] }), 2)).toBe(1);
  expect(effectiveMinIsr(partition({ adding: [2, 3] }), 2)).toBe(1); // growing from one replica
  expect(effectiveMinIsr(partition({ removing: [2, 3] }), 2)).toBe(1); // shrinking to one
  expect(effectiveMinIsr(partition({ replicas: [4, 5, 1, 2], adding: [4, 5], removing: [1, 2] }), 3)).toBe(2); // moving from two to two others
});

test('who leaves an ISR that stays at min ISR is out; who leaves one that falls below it stays eligible', () => {
  expect(isrChange(partition(), [1, 2], facts)).toEqual(partition({ isr: [1, 2], partitionEpoch: 10 }));
  const below = isrChange(partition(), [1], facts);
  expect(below).toEqual(partition({ isr: [1], elr: [2, 3], partitionEpoch: 10 }));
  expect(isrChange(partition({ isr: [1, 2], elr: [3] }), [1], facts)).toMatchObject({ isr: [1], elr: [2, 3] });
});

test('who joins is noted with the disk of now, and the ELR empties when min ISR is reached again', () => {
  const one = partition({ isr: [1], elr: [2, 3] });
  expect(isrChange(one, [1, 3], facts)).toEqual({ ...one, isr: [1, 3], elr: [], disks: [disk(1), disk(3, 4)], partitionEpoch: 10 });
  // From below min ISR to still below it: the other one stays eligible, on the disk with which it was.
  expect(isrChange(one, [1, 3], { ...facts, minIsr: 3 })).toMatchObject({ isr: [1, 3], elr: [2], disks: [disk(1), disk(3, 4), disk(2)] });
});

test('a suspect in the ISR is admitted again with its disk of now; the others keep theirs', () => {
  const next = isrChange(partition(), [1, 2, 3], { ...facts, readmitted: [2] });
  expect(next).toMatchObject({ isr: [1, 2, 3], disks: [disk(1), disk(2, 4), disk(3)], partitionEpoch: 10 });
});

test('a change to the ISR that stands settles a proposal: nothing but the partition epoch differs', () => {
  expect(isrChange(partition({ isr: [1], elr: [2] }), [1], facts)).toEqual(partition({ isr: [1], elr: [2], partitionEpoch: 10 }));
});

test('a member is suspect by its generation, foreign by its directory, and neither without a disk on record', () => {
  const p = partition({ disks: [disk(1), disk(2, 3)] });
  const judge = (id: number, now: { directoryId: string; generation: number }) => [
    isAdmittedDisk(p, id, now),
    isSuspect(p, id, now),
    isForeign(p, id, now),
  ];
  expect(judge(2, disk(2, 3))).toEqual([true, false, false]);
  expect(judge(2, disk(2, 4))).toEqual([false, true, false]);
  expect(judge(2, disk(9, 3))).toEqual([false, false, true]);
  expect(judge(3, disk(3, 8))).toEqual([true, false, false]);
});

test('the high watermark stands still below min ISR, and while anybody else is eligible', () => {
  expect(mayCommit(partition(), 2)).toBe(true);
  expect(mayCommit(partition({ isr: [1] }), 2)).toBe(false);
  expect(mayCommit(partition({ isr: [1] }), 1)).toBe(true);
  expect(mayCommit(partition({ isr: [1], elr: [2] }), 1)).toBe(false); // min ISR was lowered just now
});

test('an ISR write holds only at the partition as read, under the registrations that it names', async () => {
  const store = openMemoryStore({ clock: fakeClock() });
  const put = async (key: string) => (await store.txn([], [{ put: key, value: Buffer.from('{}') }])).rev;
  const id = 'abcdefghijklmnopqrstuv';
  const [rev, one, two] = [await put(`/p/${id}/0`), await put('/b/live/1'), await put('/b/live/2')];
  const write = (rev: number, leader: number, follower: number) =>
    writeIsr(store, {
      partition: { topicId: id, partition: 0, rev },
      value: partition(),
      leader: { id: 1, epoch: leader },
      admitted: [{ id: 2, epoch: follower }],
    });
  expect([await write(rev + 9, one, two), await write(rev, 9, two), await write(rev, one, 9)].map(({ ok }) => ok)).toEqual([
    false,
    false,
    false,
  ]);
  const { ok, rev: written } = await write(rev, one, two);
  expect([ok, (await store.get(`/p/${id}/0`)).kv?.rev]).toEqual([true, written]);
  await store.close();
});

test('a broker may join under its own registration only, and not while it stops, nor with a failed disk', async () => {
  const cluster = await clusterOf([1, 2]);
  const epoch = cluster.feed.current.brokers.get(2)!.epoch;
  const partition = { topicId: 'x'.repeat(22), partition: 3 };
  const can = (id: number, at: number) => canJoinIsr(cluster.feed.current, partition, id, at);
  expect([can(2, epoch), can(2, epoch - 1), can(3, epoch)]).toEqual([true, false, false]);
  const tell = (topics: object) => cluster.txn({ put: '/b/offline/2', value: Buffer.from(JSON.stringify({ all: false, topics })) });
  await tell({ [partition.topicId]: '0-2,4' });
  expect(can(2, epoch)).toBe(true);
  await tell({ [partition.topicId]: '3' });
  expect(can(2, epoch)).toBe(false);
  await tell({});
  await cluster.txn({ put: '/b/stopping/2', value: Buffer.from(String(epoch - 1)) }); // of a registration before
  expect(can(2, epoch)).toBe(true);
  await cluster.txn({ put: '/b/stopping/2', value: Buffer.from(String(epoch)) });
  expect(can(2, epoch)).toBe(false);
  await cluster.close();
});
