import { existsSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type StartClusterOptions, startCluster, type TestCluster } from '../../src/testing.ts';

// Several processes in each test, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
});

async function started(options: StartClusterOptions): Promise<TestCluster> {
  const cluster = await startCluster(options);
  clusters.push(cluster);
  return cluster;
}

describe.each(['processes', 'in-process'] as const)('%s', (mode) => {
  test('three brokers serve, with the topics that were asked for, and can be told apart', async () => {
    const cluster = await started({ mode, topics: { orders: { partitions: 3, replicationFactor: 1 } }, racks: ['a', 'b', 'c'] });
    expect(cluster.brokers.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(cluster.bootstrapServers.split(',')).toEqual(cluster.brokers.map(({ port }) => `localhost:${port}`));
    const leaders = await Promise.all([0, 1, 2].map((partition) => cluster.waitForLeader('orders', partition)));
    expect(new Set(leaders).size).toBe(3);
    await cluster.waitForIsr('orders', 0, [leaders[0]!]);
    await expect(cluster.createTopic('orders', { replicationFactor: 1 })).rejects.toMatchObject({ errorName: 'TOPIC_ALREADY_EXISTS' });
    expect(() => cluster.broker(4)).toThrow('there is no broker 4; there are 1, 2, 3');
  });

  test('a broker that was killed comes back on its port with its topics', async () => {
    const cluster = await started({ mode, brokers: 2 });
    const broker = cluster.broker(2);
    const { port } = broker;
    await broker.kill();
    expect(broker.running).toBe(false);
    await broker.start();
    expect(broker).toMatchObject({ running: true, port });
    await cluster.waitForController();
  });

  test('a broker that is paused answers when it is resumed', async () => {
    const cluster = await started({ mode, brokers: 2 });
    cluster.broker(1).pause();
    await cluster.waitForController({ timeoutMs: 5_000 }); // asked of broker 2
    cluster.broker(1).resume();
    await cluster.broker(1).restart();
    await cluster.waitForController();
  });

  test('after close nothing is left', async () => {
    const cluster = await started({ mode, brokers: 1 });
    const { data, bootstrapServers } = cluster;
    await cluster.close();
    await cluster.close();
    if (data !== null) expect(existsSync(data)).toBe(false);
    await expect(fetch(`http://${bootstrapServers}`)).rejects.toThrow();
  });
});

test('what is wrong with the options is named', async () => {
  await expect(startCluster({ brokers: 0 })).rejects.toThrow('startCluster: brokers must be a number from 1 to 16');
  await expect(startCluster({ broker: 3 } as StartClusterOptions)).rejects.toThrow('there is no option broker; there are brokers,');
  await expect(startCluster({ mode: 'in-process', data: '/x' })).rejects.toThrow('data is for processes');
});

test('a wait that is not fulfilled says what it saw', async () => {
  const cluster = await started({ mode: 'in-process', brokers: 1 });
  await expect(cluster.waitForLeader('nothing', 0, { timeoutMs: 200 })).rejects.toThrow(
    'a leader of nothing-0: not as wanted after 200 ms; no such partition',
  );
});
