import { expect, test } from 'vitest';
import { type ElectionType, electLeaders } from '../../src/metadata/admin-elections.ts';
import { unregisterBroker } from '../../src/metadata/cluster.ts';
import { handOver } from '../../src/metadata/controlled-shutdown.ts';
import { admit, type Brokers, brokersOf, type TestBroker } from './brokers-fixture.ts';

const MIN_ISR_2 = { 'min.insync.replicas': '2' };

async function elect(brokers: Brokers, type: ElectionType, topic = 'a'): Promise<string | null> {
  const { store, config } = brokers;
  const [error] = await electLeaders({ store, config, metadata: brokers.running.get(1)!.feed }, type, [{ topic, partition: 0 }]);
  return error?.errorName ?? null;
}

function leave({ clock }: Brokers, { id, link, feed, registration }: TestBroker): Promise<boolean> {
  const registered = () => registration.current;
  return handOver({ store: link.store, metadata: feed, clock, nodeId: id, registered, timeoutMs: 5_000 });
}

test('the first replica leads again when an operator says so, or by itself after a while', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[3, 2]]);
  await brokers.create('b', [[3, 2]]);
  expect(await elect(brokers, 'preferred')).toBe('ELECTION_NOT_NEEDED');
  await brokers.expire(brokers.kill(3));
  await brokers.settle();
  expect(await elect(brokers, 'preferred')).toBe('PREFERRED_LEADER_NOT_AVAILABLE');
  await brokers.start(3);
  await admit(brokers, 'a', [3]);
  await admit(brokers, 'b', [3]);
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3] });
  expect(await elect(brokers, 'preferred')).toBeNull();
  expect(await brokers.partition('a')).toMatchObject({ leader: 3, leaderEpoch: 2, isr: [2, 3] });
  expect(await elect(brokers, 'preferred', 'c')).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  await brokers.clock.advance(300_000);
  await brokers.settle();
  expect(await brokers.partition('b')).toMatchObject({ leader: 3, leaderEpoch: 2 });
  await brokers.close();
});

test('auto.leader.rebalance.enable=false leaves leaders where they are', async () => {
  const brokers = await brokersOf([1, 2], { 'auto.leader.rebalance.enable': 'false' });
  await brokers.create('a', [[2, 1]]);
  await brokers.expire(brokers.kill(2));
  await brokers.settle();
  await brokers.start(2);
  await admit(brokers, 'a', [2]);
  await brokers.clock.advance(700_000);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, isr: [1, 2] });
  await brokers.close();
});

test('where nobody may lead without a loss, an operator chooses to lose: a live replica leads with what it has', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[2, 3]]);
  await brokers.expire(brokers.kill(2));
  await brokers.settle();
  expect(await elect(brokers, 'unclean')).toBe('ELECTION_NOT_NEEDED');
  await brokers.expire(brokers.kill(3));
  await brokers.settle();
  expect(await elect(brokers, 'unclean')).toBe('ELIGIBLE_LEADERS_NOT_AVAILABLE');
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: -1, isr: [3] });
  expect(await elect(brokers, 'unclean')).toBeNull();
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2], elr: [], disks: [{ id: 2 }] });
  await brokers.close();
});

test('an emptied directory serves again on an operator’s word', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[2]]);
  await brokers.expire(brokers.kill(2));
  brokers.disks.get(2)!.directoryId = 'another';
  await brokers.start(2);
  await brokers.settle();
  expect(await elect(brokers, 'unclean')).toBeNull();
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2], disks: [{ id: 2, directoryId: 'another' }] });
  await brokers.close();
});

test('a broker that stops hands over what it leads and leaves the ISRs; then nobody waits for it', async () => {
  const brokers = await brokersOf([1, 2, 3], MIN_ISR_2);
  await brokers.create('a', [[2, 1, 3]]);
  await brokers.create('b', [[1, 2]]);
  await brokers.create('alone', [[2]]);
  const stopping = brokers.running.get(2)!;
  const left = leave(brokers, stopping);
  await brokers.settle();
  expect(await left).toBe(true);
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, leaderEpoch: 1, isr: [1, 3], elr: [] });
  expect(await brokers.partition('b')).toMatchObject({ leader: 1, leaderEpoch: 0, isr: [1], elr: [2] });
  expect(await brokers.partition('alone')).toMatchObject({ leader: 2, leaderEpoch: 0, isr: [2] });
  await stopping.close();
  brokers.running.delete(2);
  await brokers.start(2); // what its registration before asked for does not hold for this one
  await brokers.settle();
  expect(await brokers.partition('alone')).toMatchObject({ leader: 2 });
  await admit(brokers, 'b', [2], 2);
  expect(await brokers.partition('b')).toMatchObject({ leader: 1, isr: [1, 2], elr: [] });
  await brokers.close();
});

test('the controller stops like any other, and the next one takes over at once', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[1, 2, 3]]);
  const stopping = brokers.running.get(1)!;
  const left = leave(brokers, stopping);
  await brokers.settle();
  expect(await left).toBe(true);
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2, 3] });
  await stopping.close();
  brokers.running.delete(1);
  await brokers.settle();
  expect([...brokers.running.values()].filter(({ controller }) => controller.fence !== undefined)).toHaveLength(1);
  await brokers.close();
});

test('brokers that all stop at once wait for nobody; one that nobody answers stops after its time', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[2, 1]]);
  const [one, two] = [brokers.running.get(1)!, brokers.running.get(2)!];
  one.link.stop(); // the controller stands still
  const left = leave(brokers, two);
  let result: boolean | undefined;
  void left.then((done) => {
    result = done;
  });
  await brokers.clock.advance(4_900);
  expect(result).toBeUndefined();
  await brokers.clock.advance(200);
  expect(result).toBe(false);
  one.link.go();
  await brokers.close();
  const others = await brokersOf([1, 2]);
  await others.create('a', [[1, 2]]);
  const results = [...others.running.values()].map((broker) => leave(others, broker));
  await others.settle();
  expect(await Promise.all(results)).toEqual([true, true]);
  await others.close();
});

test('one broker alone has nobody to hand over to, and asks nobody', async () => {
  const brokers = await brokersOf([1]);
  await brokers.create('a', [[1]]);
  const before = (await brokers.store.get('/')).rev;
  expect(await leave(brokers, brokers.running.get(1)!)).toBe(true);
  expect((await brokers.store.get('/')).rev).toBe(before);
  await brokers.close();
});

test('a broker that is down is forgotten when an operator says so; one that is alive is not', async () => {
  const brokers = await brokersOf([1, 2]);
  await expect(unregisterBroker(brokers.store, 2)).rejects.toMatchObject({ errorName: 'INVALID_REQUEST' });
  await brokers.expire(brokers.kill(2));
  await unregisterBroker(brokers.store, 2);
  await brokers.settle();
  expect([...brokers.running.get(1)!.feed.current.knownBrokers.keys()]).toEqual([1]);
  await expect(unregisterBroker(brokers.store, 2)).rejects.toThrow('Broker ID 2 is not currently registered');
  await brokers.close();
});

test('partition keys that nobody names are swept, at once by a broker that is alone, by others when they are old', async () => {
  const brokers = await brokersOf([1]);
  await brokers.create('a', [[1], [1]]);
  const { kv } = await brokers.store.get(`/p/${(await brokers.partition('a')).topicId}/0`);
  const lost = Array.from({ length: 150 }, (_, i) => ({ put: `/p/abcdefghijklmnopqrstuv/${i}`, value: kv!.value }));
  const leaveBehind = async () => {
    for (const from of [0, 100]) await brokers.store.txn([], lost.slice(from, from + 100));
  };
  const found = async () => (await brokers.store.range('/p/')).kvs.length;
  await brokers.running.get(1)!.close();
  brokers.running.clear();
  await leaveBehind();
  await brokers.start(1);
  expect(await found()).toBe(2);
  await brokers.start(2);
  await leaveBehind();
  await brokers.clock.advance(60_000);
  expect(await found()).toBe(152);
  await brokers.clock.advance(60_000);
  expect(await found()).toBe(2);
  await brokers.close();
});
