import { describe, expect, test } from 'vitest';
import { batchBytes } from '../src/conformance/batch-bytes.ts';
import { type FakeClock, fakeClock } from '../src/core/fake-clock.ts';
import { memoryFiles } from '../src/core/memory-files.ts';
import { memoryNetwork } from '../src/core/memory-transport.ts';
import { openMemoryStore } from '../src/metadata/memory-store.ts';
import type { Struct } from './support/interpreter.ts';
import { fetchBody, firstPartition, keptStore, memoryBroker, produceBody } from './support/memory-broker.ts';
import { RawClient } from './support/raw-client.ts';

const batch = () => batchBytes({ values: ['v'] });
const partitionsIn = (reply: Struct) => (reply.topics as Struct[]).flatMap(({ partitions }) => partitions as Struct[]);

/** A clock whose process can be stopped: time passes, no timer fires. */
function pausable(): { clock: FakeClock; stopFor(ms: number): void } {
  const inner = fakeClock();
  let stopped = 0;
  const clock = { ...inner, now: () => inner.now() + stopped, monotonicMs: () => inner.monotonicMs() + stopped };
  return { clock, stopFor: (ms) => void (stopped += ms) };
}

describe('the registration', () => {
  test('after a pause longer than its lease the broker registers anew and leads again, in the next epoch', async () => {
    const { clock, stopFor } = pausable();
    const on = await memoryBroker({ clock });
    await on.broker.createTopic('orders', { partitions: 2 });
    const client = await on.client();
    const before = await client.call('Metadata', 9, { topics: null });
    expect(partitionsIn(before)).toMatchObject([
      { leaderId: 1, leaderEpoch: 0 },
      { leaderId: 1, leaderEpoch: 0 },
    ]);
    stopFor(60_000);
    await clock.advance(3_000);
    const after = await client.call('Metadata', 9, { topics: null });
    expect(after.brokers).toMatchObject([{ nodeId: 1 }]);
    expect(partitionsIn(after)).toMatchObject([
      { leaderId: 1, leaderEpoch: 1 },
      { leaderId: 1, leaderEpoch: 1 },
    ]);
    expect(firstPartition(await client.call('Produce', 9, produceBody('orders', batch())))).toMatchObject({ errorCode: 0 });
    await on.broker.createTopic('more');
    expect(on.logged.map(({ level }) => level)).toEqual(['warn', 'info']);
    await on.broker.close();
    expect(clock.pending()).toBe(0);
  });

  test('it is kept while nothing stops the broker', async () => {
    const on = await memoryBroker();
    await on.clock.advance(120_000);
    expect(on.logged).toEqual([]);
    await on.broker.close();
  });

  test('while the store refuses, it is tried again and again without piling up leases, and told of once', async () => {
    const { clock, stopFor } = pausable();
    const store = openMemoryStore({ clock });
    let refuse = false;
    let leases = 0;
    const refusing: typeof store = Object.assign(Object.create(store), {
      txn: async (...args: Parameters<typeof store.txn>) => {
        if (refuse) throw new Error('no');
        return store.txn(...args);
      },
      async grantLease(ttlMs: number) {
        const lease = await store.grantLease(ttlMs);
        leases++;
        lease.lost.addEventListener('abort', () => leases--);
        return lease;
      },
    });
    const on = await memoryBroker({ clock, openStore: async () => refusing });
    refuse = true;
    stopFor(60_000);
    await clock.advance(30_000);
    expect(leases).toBe(0);
    expect(on.logged.filter(({ level }) => level === 'warn')).toHaveLength(2); // lost, and why it cannot come back
    refuse = false;
    await clock.advance(1_000);
    expect([leases, on.logged.at(-1)?.level]).toEqual([1, 'info']);
    refuse = true;
    stopFor(60_000);
    await clock.advance(4_000);
    refuse = false;
    await on.broker.close(); // in the middle of trying
    await clock.advance(10_000);
    expect(clock.pending()).toBe(0);
  });
});

describe('a start that fails lets go of everything', () => {
  const parts = () => {
    const clock = fakeClock();
    return { clock, files: memoryFiles({ clock }), network: memoryNetwork(clock) };
  };

  test('the store cannot be opened', async () => {
    const { clock, files } = parts();
    const failing = memoryBroker({ clock, files, openStore: () => Promise.reject(new Error('no store')) });
    await expect(failing).rejects.toThrow('no store');
    const again = await memoryBroker({ files });
    await again.broker.close();
    expect(clock.pending()).toBe(0);
  });

  test('a second listener finds its port taken', async () => {
    const { clock, files, network } = parts();
    const other = await network.transport('broker').listen({ host: 'broker', port: 9093 }, () => {});
    const configs = { listeners: 'A://broker:9092,B://broker:9093', 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT' };
    const start = () => memoryBroker({ clock, files, configs, network, openStore: async () => openMemoryStore({ clock }) });
    await expect(start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(clock.pending()).toBe(0);
    await other.close();
    await (await start()).broker.close();
  });

  test('the broker cannot register: clients that came early are let go as well', async () => {
    const { clock, files, network } = parts();
    const store = openMemoryStore({ clock });
    const early: RawClient[] = [];
    const refusing: typeof store = Object.assign(Object.create(store), {
      async grantLease() {
        early.push(await RawClient.connect(network.transport('client'), 'broker', 9092));
        throw new Error('no lease');
      },
    });
    const failing = memoryBroker({ clock, files, network, openStore: async () => refusing });
    await expect(failing).rejects.toThrow('no lease');
    await early[0]!.closed;
    expect([network.open(), clock.pending()]).toEqual([0, 0]);
  });

  test('the folder is held by another broker, who is named', async () => {
    const first = await memoryBroker({ holder: 'process 4711' });
    await expect(memoryBroker({ files: first.files })).rejects.toMatchObject({ name: 'LockedError', holder: 'process 4711' });
    await first.broker.close();
    await (await memoryBroker({ files: first.files })).broker.close();
  });
});

describe('close', () => {
  test('leaves no timer and no connection, and closing twice is closing once', async () => {
    const on = await memoryBroker();
    await on.broker.createTopic('orders');
    const client = await on.client();
    client.call('Fetch', 11, fetchBody([{ topic: 'orders' }], { maxWaitMs: 60_000 }));
    const joined = { groupId: 'g', sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 60_000, memberId: '', protocolType: 'consumer' };
    client.call('JoinGroup', 2, { ...joined, protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] });
    await on.clock.settle();
    const closing = [on.broker.close(), on.broker.close()];
    await on.clock.advance(100);
    await Promise.all(closing);
    await client.closed;
    expect([on.clock.pending(), on.network.open()]).toEqual([0, 0]);
    await expect(on.client()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('answers what is under way', async () => {
    const on = await memoryBroker();
    await on.broker.createTopic('orders');
    const client = await on.client();
    const reply = client.call('Produce', 9, produceBody('orders', batch()));
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    await on.broker.close();
    expect(firstPartition(await reply)).toMatchObject({ errorCode: 0 });
  });

  test('the lock is given up last, when the store is closed', async () => {
    const files = memoryFiles();
    const clock = fakeClock();
    const store = openMemoryStore({ clock });
    let heldAtClose: unknown;
    const watched: typeof store = Object.assign(Object.create(store), {
      async close() {
        try {
          files.lock('/data/.lock', 'thief').release();
        } catch (error) {
          heldAtClose = error;
        }
        await store.close();
      },
    });
    const on = await memoryBroker({ clock, files, openStore: async () => watched });
    await on.broker.close();
    expect(heldAtClose).toMatchObject({ name: 'LockedError' });
    files.lock('/data/.lock', 'next').release();
  });

  test('after a clean end everything is there again, with the same ids', async () => {
    const files = memoryFiles();
    const openStore = keptStore();
    const first = await memoryBroker({ files, openStore });
    await first.broker.createTopic('orders', { partitions: 2, configs: { 'retention.ms': '1234' } });
    const client = await first.client();
    await client.call('Produce', 9, produceBody('orders', batch(), { index: 1 }));
    const before = await client.call('Metadata', 12, { topics: null });
    await first.broker.close();
    const second = await memoryBroker({ files, openStore });
    const again = await second.client();
    const after = await again.call('Metadata', 12, { topics: null });
    expect(after.clusterId).toBe(before.clusterId);
    expect((after.topics as Struct[]).map(({ name, topicId }) => [name, topicId])).toEqual(
      (before.topics as Struct[]).map(({ name, topicId }) => [name, topicId]),
    );
    expect(firstPartition(await again.call('Fetch', 11, fetchBody([{ topic: 'orders', partition: 1 }])))).toMatchObject({
      highWatermark: 1,
    });
    expect(second.logged).toEqual([]); // nothing to verify
    await second.broker.close();
  });
});

test('folders of topics that the store does not know are named, not served, not deleted', async () => {
  const files = memoryFiles();
  const first = await memoryBroker({ files, openStore: keptStore() });
  await first.broker.createTopic('orders');
  await (await first.client()).call('Produce', 9, produceBody('orders', batch()));
  await first.broker.close();
  // A store that was lost; its cluster id stands in meta.properties.
  const second = await memoryBroker({ files, openStore: keptStore() });
  expect(second.logged).toMatchObject([{ level: 'warn', fields: { folders: ['orders-0'], count: 1 } }]);
  const client = await second.client();
  expect((await client.call('Metadata', 9, { topics: null })).topics).toEqual([]);
  expect(files.isDirectory('/data/orders-0')).toBe(true);
  await second.broker.close();
});

describe('listeners', () => {
  const configs = {
    listeners: 'INSIDE://broker:9092,OUTSIDE://broker:9094',
    'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT',
  };
  const brokersSeenAt = async (on: Awaited<ReturnType<typeof memoryBroker>>, port: number) =>
    (await (await on.client(port)).call('Metadata', 9, { topics: [] })).brokers;

  test('without advertised.listeners a client is told the address at which it arrived', async () => {
    const on = await memoryBroker({ configs });
    expect(on.broker.listeners).toEqual([
      { name: 'INSIDE', host: 'broker', port: 9092 },
      { name: 'OUTSIDE', host: 'broker', port: 9094 },
    ]);
    expect(await brokersSeenAt(on, 9092)).toMatchObject([{ nodeId: 1, host: 'broker', port: 9092 }]);
    expect(await brokersSeenAt(on, 9094)).toMatchObject([{ nodeId: 1, host: 'broker', port: 9094 }]);
    await on.broker.close();
  });

  test('advertised.listeners says what clients of each listener are told', async () => {
    const advertised = 'INSIDE://in.example:19092,OUTSIDE://out.example:443';
    const on = await memoryBroker({ configs: { ...configs, 'advertised.listeners': advertised } });
    expect(await brokersSeenAt(on, 9092)).toMatchObject([{ host: 'in.example', port: 19_092 }]);
    expect(await brokersSeenAt(on, 9094)).toMatchObject([{ host: 'out.example', port: 443 }]);
    const client = await on.client(9094);
    expect((await client.call('DescribeCluster', 0)).brokers).toMatchObject([{ brokerId: 1, host: 'out.example', port: 443 }]);
    expect(await client.call('FindCoordinator', 2, { key: 'g', keyType: 0 })).toMatchObject({
      errorCode: 0,
      host: 'out.example',
      port: 443,
    });
    await on.broker.close();
  });
});
