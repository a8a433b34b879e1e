import { expect, test } from 'vitest';
import { InDoubtError } from '../../src/metadata/store.ts';
import { brokersOf } from './brokers-fixture.ts';

const MIN_ISR_2 = { 'min.insync.replicas': '2' };

test('one of the brokers is the controller; when it dies another is at once, and leaders and ISRs follow', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [
    [1, 2, 3],
    [2, 3, 1],
  ]);
  expect([...brokers.running.values()].map(({ controller }) => controller.fence !== undefined)).toEqual([true, false, false]);
  const dead = brokers.kill(1);
  brokers.noticed(dead);
  await brokers.settle();
  const fences = [...brokers.running.values()].flatMap(({ controller }) => controller.fence ?? []);
  expect(fences).toHaveLength(1);
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3], elr: [], partitionEpoch: 1 });
  expect(await brokers.partition('a', 1)).toMatchObject({ leader: 2, leaderEpoch: 0, isr: [2, 3], partitionEpoch: 1 });
  expect((await brokers.store.get('/b/live/1')).kv).toBeUndefined();
  expect(Buffer.from((await brokers.store.get('/ctrl/epoch')).kv!.value).toString()).toBe('2');
  await brokers.close();
});

test('without its peers seeing it, a dead broker is out when its lease has ended', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[3, 1, 2]]);
  const dead = brokers.kill(3);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 3, isr: [3, 1, 2] });
  await brokers.expire(dead);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, leaderEpoch: 1, isr: [1, 2] });
  await brokers.close();
});

test('a controller that was paused beyond its lease changes nothing when it comes back', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [
    [1, 2, 3],
    [2, 3, 1],
  ]);
  const zombie = brokers.running.get(1)!;
  // Stopped in the midst of a write that it decided on: to take broker 2 out.
  const second = brokers.kill(2);
  zombie.link.stop();
  zombie.controller.brokerDied(2, second.epochs.at(-1)!);
  await brokers.clock.settle();
  await brokers.expire(zombie.link.leases.length > 0 ? zombie : second);
  await brokers.settle();
  expect(brokers.running.get(3)!.controller.fence).toBeDefined();
  const [before, live] = [await brokers.partition('a', 1), (await brokers.store.get('/b/live/2')).kv?.rev];
  expect(before).toMatchObject({ leader: 2, isr: [2, 3] });
  zombie.link.go();
  await brokers.settle();
  expect(zombie.controller.fence).toBeUndefined();
  expect((await brokers.store.get('/b/live/2')).kv?.rev).toBe(live);
  expect(await brokers.partition('a', 1)).toMatchObject({ leader: 2, leaderEpoch: before.leaderEpoch });
  await brokers.close();
});

test('a broker that lost its lease registers anew, with a new epoch, and is elected anew where it led', async () => {
  const brokers = await brokersOf([1]);
  await brokers.create('a', [[1]]);
  const broker = brokers.running.get(1)!;
  const first = broker.epochs[0]!;
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, leaderBrokerEpoch: first, leaderEpoch: 0 });
  await brokers.expire(broker);
  await brokers.settle();
  const second = broker.epochs[1]!;
  expect(second).toBeGreaterThan(first);
  expect([broker.lost, broker.registration.current?.epoch]).toEqual([1, second]);
  // While it was away nobody led: the epoch grew by one or two.
  const { leader, leaderBrokerEpoch, leaderEpoch, isr } = await brokers.partition('a');
  expect([leader, leaderBrokerEpoch, isr]).toEqual([1, second, [1]]);
  expect(leaderEpoch).toBeGreaterThan(0);
  await brokers.close();
});

test('brokers that all died come back at once, though their leases stand; one that stays away is seen dead', async () => {
  const brokers = await brokersOf([1, 2, 3], MIN_ISR_2);
  await brokers.create('a', [[1, 2, 3]]);
  const dead = [1, 2, 3].map((id) => brokers.kill(id));
  await brokers.start(2);
  await brokers.start(3);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, isr: [1, 2, 3] }); // nobody knows yet
  brokers.noticed(dead[0]!);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2, 3], leaderBrokerEpoch: brokers.running.get(2)!.epochs[0] });
  await brokers.close();
});

test('a broker that the controller took for dead registers anew by itself', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[2, 1]]);
  const { epochs, registration } = brokers.running.get(2)!;
  brokers.running.get(1)!.controller.brokerDied(2, epochs[0]!);
  await brokers.settle();
  expect(epochs).toHaveLength(2);
  expect(registration.current?.epoch).toBe(epochs[1]);
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, isr: [1] });
  await brokers.close();
});

test('what its peers saw die under an earlier registration is not taken out', async () => {
  const brokers = await brokersOf([1, 2]);
  const live = (await brokers.store.get('/b/live/2')).kv?.rev;
  brokers.running.get(1)!.controller.brokerDied(2, live! - 1);
  await brokers.settle();
  expect((await brokers.store.get('/b/live/2')).kv?.rev).toBe(live);
  await brokers.close();
});

test('the last of an ISR stays in it, dead; those who left before are eligible, and lead when they come back', async () => {
  const brokers = await brokersOf([1, 2, 3], MIN_ISR_2);
  await brokers.create('a', [[2, 3]]);
  await brokers.expire(brokers.kill(2));
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 3, isr: [3], elr: [2] });
  await brokers.expire(brokers.kill(3));
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: -1, leaderEpoch: 2, isr: [3], elr: [2] });
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, leaderEpoch: 3, isr: [2], elr: [3] });
  await brokers.close();
});

test('who fell out of an ISR of min ISR members is not eligible: the partition waits for the last member', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[2, 3]]);
  await brokers.expire(brokers.kill(2));
  await brokers.settle();
  await brokers.expire(brokers.kill(3));
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: -1, isr: [3], elr: [] });
  await brokers.start(3);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 3, isr: [3] });
  await brokers.close();
});

test('with unclean.leader.election.enable a replica outside the ISR leads rather than none', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[2, 3]], { 'unclean.leader.election.enable': 'true' });
  await brokers.expire(brokers.kill(2));
  await brokers.settle();
  await brokers.expire(brokers.kill(3));
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2], elr: [] });
  await brokers.close();
});

test('a member whose disk may have lost records stays in the ISR, and another one is elected', async () => {
  const brokers = await brokersOf([1, 2, 3]);
  await brokers.create('a', [[2, 3, 1]]);
  const dead = brokers.kill(2);
  brokers.disks.get(2)!.generation = 1;
  await brokers.start(2); // before its lease has ended: it holds the directory
  await brokers.settle();
  expect(dead.epochs[0]).toBeLessThan(brokers.running.get(2)!.epochs[0]!);
  expect(await brokers.partition('a')).toMatchObject({ leader: 3, leaderEpoch: 1, isr: [2, 3, 1] });
  await brokers.close();
});

test('a broker back with an empty directory is no member of what it had; where it was the last, the partition waits for an operator', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[2, 1]]);
  await brokers.create('b', [[2]]);
  await brokers.expire(brokers.kill(2));
  brokers.disks.get(2)!.directoryId = 'another';
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, isr: [1] });
  expect(await brokers.partition('b')).toMatchObject({ leader: -1, isr: [2], disks: [{ id: 2, directoryId: 'directory-2' }] });
  await brokers.close();
});

test('another directory under the same id waits until the registration of the first has ended', async () => {
  const brokers = await brokersOf([1, 2]);
  const dead = brokers.kill(2);
  brokers.disks.get(2)!.directoryId = 'another';
  let started = false;
  const starting = brokers.start(2).then(() => {
    started = true;
  });
  await brokers.clock.advance(1_000);
  expect(started).toBe(false);
  await brokers.expire(dead);
  await brokers.clock.advance(1_000);
  await starting;
  expect(brokers.running.get(2)!.registration.current).toBeDefined();
  await brokers.close();
});

test('when all members may have lost records, the one with the most leads, once all have told; the others are to be admitted again', async () => {
  const brokers = await brokersOf([1, 2, 3], MIN_ISR_2);
  await brokers.create('a', [[1, 2, 3]]);
  for (const id of [1, 2, 3]) await brokers.expire(brokers.kill(id));
  for (const id of [1, 2, 3]) brokers.disks.get(id)!.generation = 1;
  brokers.logEnds.set(1, { lastEpoch: 3, logEndOffset: 100 });
  brokers.logEnds.set(2, { lastEpoch: 4, logEndOffset: 40 });
  brokers.logEnds.set(3, { lastEpoch: 4, logEndOffset: 50 });
  await brokers.start(1);
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: -1, isr: [1, 2, 3] });
  await brokers.start(3);
  await brokers.settle();
  const partition = await brokers.partition('a');
  expect(partition).toMatchObject({ leader: 3, isr: [3], elr: [1, 2], leaderBrokerEpoch: brokers.running.get(3)!.epochs[0] });
  expect(partition.disks.map(({ id, generation }) => [id, generation])).toEqual([
    [3, 1],
    [1, 0],
    [2, 0],
  ]);
  await brokers.settle();
  expect((await brokers.store.range('/b/end/')).kvs).toEqual([]); // it decides nothing any more
  await brokers.close();
});

test('what was told is told again when an earlier write of it, in doubt until then, comes through after it', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[1, 2]]);
  for (const id of [1, 2]) await brokers.expire(brokers.kill(id));
  for (const id of [1, 2]) brokers.disks.get(id)!.generation = 1;
  brokers.logEnds.set(1, { lastEpoch: 0, logEndOffset: 1 }).set(2, { lastEpoch: 0, logEndOffset: 2 });
  await brokers.start(1);
  await brokers.settle();
  const [kv] = (await brokers.store.range('/b/end/1/')).kvs;
  const late = { ...JSON.parse(Buffer.from(kv!.value).toString()), leaderEpoch: 0 };
  await brokers.store.txn([], [{ put: kv!.key, value: Buffer.from(JSON.stringify(late)), lease: kv!.lease! }]);
  await brokers.settle();
  expect((await brokers.store.get(kv!.key)).kv!.value).toEqual(kv!.value);
  await brokers.start(2);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2] });
  await brokers.close();
});

test('a log that cannot be read yet is told of later', async () => {
  const brokers = await brokersOf([1, 2]);
  await brokers.create('a', [[1, 2]]);
  for (const id of [1, 2]) await brokers.expire(brokers.kill(id));
  for (const id of [1, 2]) brokers.disks.get(id)!.generation = 1;
  brokers.logEnds.set(1, { lastEpoch: 0, logEndOffset: 1 }).set(2, { lastEpoch: 0, logEndOffset: 2 });
  let readable = false;
  const { endOf } = brokers;
  brokers.endOf = (id, topic, partition) => {
    if (id === 2 && !readable) throw new Error('not yet');
    return endOf(id, topic, partition);
  };
  for (const id of [1, 2]) await brokers.start(id);
  await brokers.clock.advance(2_000);
  expect(await brokers.partition('a')).toMatchObject({ leader: -1 });
  readable = true;
  await brokers.clock.advance(500);
  expect(await brokers.partition('a')).toMatchObject({ leader: 2, isr: [2] });
  await brokers.close();
  expect(brokers.clock.pending()).toBe(0);
});

test('the only member, on the disk it had, leads again at once though that may have lost records', async () => {
  const brokers = await brokersOf([1]);
  await brokers.create('a', [[1]]);
  await brokers.expire(brokers.kill(1));
  brokers.disks.get(1)!.generation = 1;
  await brokers.start(1);
  await brokers.settle();
  expect(await brokers.partition('a')).toMatchObject({ leader: 1, isr: [1], disks: [{ id: 1, generation: 1 }] });
  await brokers.close();
});

test('10,000 partitions of one broker are elected in transactions of a hundred', async () => {
  const brokers = await brokersOf([1]);
  for (const name of ['a', 'b'])
    await brokers.create(
      name,
      Array.from({ length: 5_000 }, () => [1]),
    );
  await brokers.running.get(1)!.close();
  brokers.running.clear();
  const before = (await brokers.store.get('/')).rev;
  const { epochs } = await brokers.start(1);
  const after = (await brokers.store.get('/')).rev;
  for (const name of ['a', 'b']) expect(await brokers.partition(name, 4_999)).toMatchObject({ leader: 1, leaderBrokerEpoch: epochs[0] });
  expect(after - before).toBe(1 + 1 + 100); // the registration, the controller, the elections
  await brokers.close();
});

test('an election in doubt is decided anew, whether it was applied or not', async () => {
  for (const applied of [true, false]) {
    const brokers = await brokersOf([1, 2, 3]);
    await brokers.create('a', [[3, 2]]);
    const { link } = brokers.running.get(1)!;
    link.txn = async (go) => {
      link.txn = (next) => next();
      if (applied) await go();
      throw new InDoubtError('no answer');
    };
    await brokers.expire(brokers.kill(3));
    await brokers.settle();
    await brokers.clock.advance(100);
    await brokers.settle();
    expect(await brokers.partition('a')).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2] });
    await brokers.close();
  }
});

test('a campaign in doubt that was won is a term', async () => {
  const brokers = await brokersOf([1, 2]);
  const { link, controller } = brokers.running.get(2)!;
  link.txn = async (go) => {
    link.txn = (next) => next();
    await go();
    throw new InDoubtError('no answer');
  };
  await brokers.expire(brokers.kill(1));
  await brokers.settle();
  expect(controller.fence).toBe((await brokers.store.get('/ctrl/epoch')).kv!.rev);
  await brokers.close();
});
