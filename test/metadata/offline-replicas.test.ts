import { describe, expect, test } from 'vitest';
import { electLeaders } from '../../src/metadata/admin-elections.ts';
import { offlineReplicasKey } from '../../src/metadata/keys.ts';
import { createTopic } from '../../src/metadata/topics.ts';
import { encodeOffline, parseOffline } from '../../src/metadata/values.ts';
import { admit, type Brokers, brokersOf } from './brokers-fixture.ts';
import { seededBytes } from './cluster-fixture.ts';

const MIN_ISR_2 = { 'min.insync.replicas': '2' };

/** What a broker does that finds its disks failed: all, or those under some partitions. */
async function fail(brokers: Brokers, id: number, ...partitions: string[]): Promise<void> {
  const disk = brokers.disks.get(id)!;
  disk.extent = partitions.length === 0 ? 'all' : 'some';
  for (const partition of partitions) disk.offline.add(partition);
  brokers.running.get(id)!.offline.kick();
  await brokers.settle();
}

/** It starts anew, and its disks work again. */
async function repair(brokers: Brokers, id: number): Promise<void> {
  Object.assign(brokers.disks.get(id)!, { extent: 'none' });
  brokers.disks.get(id)!.offline.clear();
  brokers.kill(id);
  await brokers.start(id);
  await brokers.settle();
}

test('others lead at once what a broker led on a disk that failed, and it leaves every ISR; on its other disks all goes on', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [
    [1, 2, 3],
    [2, 3, 1],
    [1, 3, 2],
  ]);
  await fail(brokers, 1, 'a/0', 'a/1');
  expect(await brokers.partition('a', 0)).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3], elr: [] });
  expect(await brokers.partition('a', 1)).toMatchObject({ leader: 2, leaderEpoch: 0, isr: [2, 3] });
  expect(await brokers.partition('a', 2)).toMatchObject({ leader: 1, leaderEpoch: 0, isr: [1, 3, 2], partitionEpoch: 0 });
  expect(Buffer.from((await brokers.store.get('/b/offline/1')).kv!.value).toString()).toMatch(
    /^{"all":false,"topics":{"[\w-]{22}":"0-1"}}$/,
  );
  await brokers.close();
});

test('nobody leads a partition whose only member is on a failed disk, until its broker is back with the disk; then it leads, though suspect', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[1, 2]]);
  const second = brokers.kill(2);
  brokers.noticed(second);
  await brokers.settle();
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, isr: [1] });
  await fail(brokers, 1);
  expect(await brokers.partition('a')).toMatchObject({ leader: -1, isr: [1], elr: [] });
  await repair(brokers, 1);
  expect(brokers.disks.get(1)!.generation).toBe(1);
  expect((await brokers.store.get('/b/offline/1')).kv).toBeUndefined();
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, isr: [1], disks: [{ id: 1, generation: 1 }] });
  await brokers.close();
});

test('below min ISR it stays eligible, as its records may be good, but is not elected before a leader has admitted it again', async () => {
  const brokers = await brokersOf([1, 2], MIN_ISR_2);
  await brokers.create('a', [[1, 2]]);
  brokers.logEnds.set(1, { lastEpoch: 0, logEndOffset: 5 });
  await fail(brokers, 1);
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2], elr: [1] });
  await repair(brokers, 1);
  const second = brokers.kill(2);
  brokers.noticed(second);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: -1, isr: [2], elr: [1] }); // it may lack what was synced last
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2], elr: [1] });
  await admit(brokers, 'a', [1], 2);
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2, 1], elr: [], disks: [{ id: 2 }, { id: 1, generation: 1 }] });
  await brokers.close();
});

test('an operator may have another replica lead, never the one on the failed disk', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[1, 2]]);
  const second = brokers.kill(2);
  brokers.noticed(second);
  await brokers.settle();
  await fail(brokers, 1);
  const cluster = { store: brokers.store, metadata: brokers.running.get(1)!.feed, config: brokers.config };
  const elect = () => electLeaders(cluster, 'unclean', [{ topic: 'a', partition: 0 }]);
  expect(await elect()).toMatchObject([{ errorName: 'ELIGIBLE_LEADERS_NOT_AVAILABLE' }]);
  await brokers.start(2);
  await brokers.settle();
  expect(await elect()).toEqual([null]);
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2] });
  await brokers.close();
});

test('a broker that registers anew with its disks still failed is never elected meanwhile', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[1, 2, 3]]);
  const leaders: number[] = [];
  brokers.view.onChange((_image, { partitions }) => leaders.push(...partitions.map(({ partition }) => partition.leader)));
  await fail(brokers, 1);
  const broker = brokers.running.get(1)!;
  await brokers.expire(broker);
  await brokers.settle();
  expect(broker.epochs).toHaveLength(2);
  expect((await brokers.store.get(offlineReplicasKey(1))).kv?.rev).toBe(broker.epochs[1]);
  await brokers.expire(brokers.running.get(2)!);
  await brokers.expire(brokers.running.get(3)!);
  await brokers.settle();
  expect(leaders).not.toContain(1);
  expect(await brokers.partition('a')).toMatchObject({ isr: expect.not.arrayContaining([1]) });
  await brokers.close();
});

test('a topic that is created meanwhile has its replica there offline as soon as it is known, and one that is deleted is forgotten', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[1, 2]]);
  await fail(brokers, 1, 'a/0', 'b/0');
  await brokers.create('b', [[1, 2]]);
  expect(await brokers.partition('b')).toMatchObject({ leader: 2, isr: [2] });
  const topics = async () => parseOffline('', (await brokers.store.get('/b/offline/1')).kv!.value).topics.size;
  expect(await topics()).toBe(2);
  await brokers.store.txn([], [{ del: '/t/b' }]);
  await brokers.settle();
  expect(await topics()).toBe(1);
  await brokers.close();
});

test('new topics are not led by a broker without any disk', async () => {
  const brokers = await brokersOf([1, 2]);
  await fail(brokers, 1);
  await createTopic(brokers.store, brokers.view.current, { name: 'a', configs: new Map() }, [[1, 2]], seededBytes(7));
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 0 });
  await brokers.close();
});

describe('on a disk in whose place there is an empty one', () => {
  /** Broker 1 starts anew, and has nothing of partition 0. */
  async function replace(brokers: Brokers): Promise<void> {
    const { topicId } = await brokers.partition('a');
    const disk = brokers.disks.get(1)!;
    disk.generation++;
    await restart(brokers, [{ topicId, partition: 0 }]);
  }
  async function restart(brokers: Brokers, lost: { topicId: string; partition: number }[] = []): Promise<void> {
    brokers.disks.get(1)!.lost = lost;
    brokers.kill(1);
    await brokers.start(1);
    await brokers.settle();
  }

  test('a replica that nobody else has is led by nobody, whatever is started again, until an operator says so', async () => {
    const brokers = await brokersOf([1]);
    await brokers.create('a', [[1], [1]]);
    await replace(brokers);
    expect(await brokers.partition('a', 0)).toMatchObject({ leader: -1, isr: [1] });
    expect(await brokers.partition('a', 1)).toMatchObject({ leader: 1, isr: [1] }); // it has that
    await restart(brokers);
    expect(await brokers.partition('a', 0)).toMatchObject({ leader: -1, isr: [1] });
    await brokers.expire(brokers.running.get(1)!); // it registers anew
    await brokers.settle();
    expect(await brokers.partition('a', 0)).toMatchObject({ leader: -1, isr: [1] });
    const cluster = { store: brokers.store, metadata: brokers.running.get(1)!.feed, config: brokers.config };
    expect(await electLeaders(cluster, 'unclean', [{ topic: 'a', partition: 0 }])).toEqual([null]);
    await brokers.settle();
    expect(await brokers.partition('a', 0)).toMatchObject({ leader: 1, isr: [1], disks: [{ generation: 1 }] });
    await restart(brokers);
    expect(await brokers.partition('a', 0)).toMatchObject({ leader: 1, isr: [1] });
    expect((await brokers.store.get('/b/offline/1')).kv).toBeUndefined();
    await brokers.close();
  });

  test('a replica that others have is copied from them, and then is one like any other', async () => {
    const brokers = await brokersOf([1, 2], MIN_ISR_2);
    await brokers.create('a', [[1, 2]]);
    await replace(brokers);
    expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2], elr: [] });
    await admit(brokers, 'a', [1], 2);
    brokers.disks.get(1)!.generation++; // after a power failure, later
    await restart(brokers);
    const second = brokers.kill(2);
    brokers.noticed(second);
    brokers.logEnds.set(1, { lastEpoch: 0, logEndOffset: 5 });
    await brokers.settle();
    expect(await brokers.partition('a')).toMatchObject({ isr: expect.arrayContaining([1]) }); // suspect, as it may be, but a member
    await brokers.close();
  });
});

test('the value is bounded: what does not fit is all', () => {
  const some = { all: false, topics: new Map([['x'.repeat(22), new Set([7, 0, 1, 2, 9_999])]]) };
  const few = { ...some, lost: { generation: 7, ...some } };
  expect(parseOffline('', encodeOffline(few))).toEqual(few);
  expect(JSON.parse(Buffer.from(encodeOffline(few)).toString()).topics).toEqual({ ['x'.repeat(22)]: '0-2,7,9999' });
  const many = { all: false, topics: new Map(Array.from({ length: 10_000 }, (_, i) => [String(i).padStart(22, 'x'), new Set([0])])) };
  expect(encodeOffline(many).byteLength).toBeLessThan(64);
  expect(parseOffline('', encodeOffline({ ...some, lost: { generation: 7, ...many } })).lost).toEqual({
    generation: 7,
    all: true,
    topics: new Map(),
  });
  expect(parseOffline('', encodeOffline(many))).toEqual({ all: true, topics: new Map() });
  for (const broken of ['5-3', '-1', 'x', '0-99999999'])
    expect(() => parseOffline('/b/offline/1', Buffer.from(JSON.stringify({ all: false, topics: { t: broken } })))).toThrow('/b/offline/1');
});
