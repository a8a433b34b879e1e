import { expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { memoryNetwork } from '../../src/core/memory-transport.ts';
import type { Wire } from '../../src/core/transport.ts';

interface Ear {
  text: string;
  drained: number;
  closed: (Error | null)[];
}

function listenTo(wire: Wire): Ear {
  const ear: Ear = { text: '', drained: 0, closed: [] };
  wire.start({
    data: (chunk) => (ear.text += Buffer.from(chunk).toString()),
    drained: () => ear.drained++,
    closed: (error) => ear.closed.push(error),
  });
  return ear;
}

async function twoHosts(clock: FakeClock = fakeClock()) {
  const network = memoryNetwork(clock);
  let far!: Wire;
  const listening = await network.transport('b').listen({ host: 'b', port: 0 }, (wire) => (far = wire));
  const connect = () => network.transport('a').connect(listening.address, 1000);
  const near = await connect();
  return { clock, network, listening, connect, near, far };
}

const bytes = (text: string) => [Buffer.from(text)];

test('bytes arrive in order at the other end, and the memory of what was written is free once they are there', async () => {
  const { clock, near, far } = await twoHosts();
  const ear = listenTo(far);
  const own = Buffer.from('one ');
  let freed = 0;
  near.write([own, Buffer.from('two ')], () => freed++);
  own.fill(0);
  near.write(bytes('three'));
  expect(near.unsentBytes()).toBe(13);
  await clock.settle();
  expect(ear.text).toBe('one two three');
  expect(freed).toBe(1);
  expect(near.unsentBytes()).toBe(0);
});

test('a paused end reads nothing, and its sender sees the bytes as unsent', async () => {
  const { clock, near, far } = await twoHosts();
  const ear = listenTo(far);
  const own = listenTo(near);
  far.pause();
  near.write(bytes('wait'));
  await clock.settle();
  expect([ear.text, near.unsentBytes(), own.drained]).toEqual(['', 4, 0]);
  far.resume();
  await clock.settle();
  expect([ear.text, near.unsentBytes(), own.drained]).toEqual(['wait', 0, 1]);
});

test('close sends what is queued first, and both ends are told once', async () => {
  const { clock, network, near, far } = await twoHosts();
  const [here, there] = [listenTo(near), listenTo(far)];
  near.write(bytes('last words'));
  near.close();
  near.write(bytes('too late'));
  await clock.settle();
  expect(there.text).toBe('last words');
  expect([here.closed, there.closed]).toEqual([[null], [null]]);
  expect(network.open()).toBe(0);
});

test('a delay holds bytes back for that long', async () => {
  const { clock, network, near, far } = await twoHosts();
  const ear = listenTo(far);
  network.delay('a', 'b', 40);
  near.write(bytes('slow'));
  await clock.advance(39);
  expect(ear.text).toBe('');
  await clock.advance(1);
  expect(ear.text).toBe('slow');
});

test('a cut breaks what stands and refuses what comes, until it is healed', async () => {
  const { clock, network, connect, near, far } = await twoHosts();
  const [here, there] = [listenTo(near), listenTo(far)];
  network.cut('b', 'a');
  await clock.settle();
  expect(here.closed).toMatchObject([{ code: 'ECONNRESET' }]);
  expect(there.closed).toMatchObject([{ code: 'ECONNRESET' }]);
  await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  network.heal('a', 'b');
  await expect(connect()).resolves.toBeDefined();
});

test('a network that drops is silent: connections stand, connecting times out, healing breaks what lost bytes', async () => {
  const { clock, network, connect, near, far } = await twoHosts();
  const [here, there] = [listenTo(near), listenTo(far)];
  network.drop('a', 'b');
  near.write(bytes('lost'));
  const late = connect();
  late.catch(() => {});
  await clock.advance(999);
  expect([there.text, here.closed, there.closed]).toEqual(['', [], []]);
  await clock.advance(1);
  await expect(late).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  network.heal('a', 'b');
  await clock.settle();
  expect(here.closed).toHaveLength(1);
});

test('a port is taken once, and free again after its listener is closed', async () => {
  const { network, listening, connect } = await twoHosts();
  const again = () => network.transport('b').listen(listening.address, () => {});
  await expect(again()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await listening.close();
  await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await expect(again()).resolves.toBeDefined();
});

test('a socket with a path is found from every host by its path, and lies on the host that listens', async () => {
  const { clock, network } = await twoHosts();
  const address = { host: 'localhost', port: 0, path: '/cluster/a.sock' };
  let far!: Wire;
  const listening = await network.transport('b').listen(address, (wire) => (far = wire));
  expect(listening.address).toEqual(address);
  const near = await network.transport('a').connect(address, 1_000);
  const ear = listenTo(far);
  near.write(bytes('hello'));
  await clock.settle();
  expect(ear.text).toBe('hello');
  network.cut('a', 'b');
  await expect(network.transport('a').connect(address, 1_000)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  network.heal('a', 'b');
  await listening.close();
  await expect(network.transport('a').connect(address, 1_000)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
