import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../src/conformance/batch-bytes.ts';
import { tcpTransport } from '../src/core/tcp-transport.ts';
import { ConfigError, KafkaError, LockedError, type RunningBroker, type StartOptions, startBroker } from '../src/index.ts';
import { eventually } from './support/eventually.ts';
import type { Struct } from './support/interpreter.ts';
import { fetchBody, firstPartition, produceBody } from './support/memory-broker.ts';
import { framed, RawClient, requestFrame } from './support/raw-client.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

async function started(options?: StartOptions): Promise<RunningBroker> {
  const broker = await startBroker(options);
  undo.push(() => broker.close());
  return broker;
}
async function clientOf({ port }: RunningBroker, host = '127.0.0.1'): Promise<RawClient> {
  const client = await RawClient.connect(tcpTransport, host, port);
  undo.push(() => client.close());
  return client;
}
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-test-'));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
const batch = (value = 'v') => batchBytes({ values: [value] });
const topicsOf = async (client: RawClient) =>
  ((await client.call('Metadata', 9, { topics: null })).topics as Struct[]).map(({ name, partitions }) => [
    name,
    (partitions as unknown[]).length,
  ]);
/** Sockets and servers that keep this process alive. (Timers of the real clock never do; that none is left is for server.test.ts.) */
const resources = () =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /TCP|Server/.test(kind))
    .sort();

describe('startBroker', () => {
  test('without options gives a broker on a free port of loopback, in both IP families', async () => {
    const broker = await started();
    expect(broker.port).toBeGreaterThan(0);
    expect(broker.bootstrapServers).toBe(`localhost:${broker.port}`);
    for (const host of ['127.0.0.1', '::1']) {
      const reply = await (await clientOf(broker, host)).call('Metadata', 9, { topics: [] });
      expect(reply.brokers).toMatchObject([{ nodeId: 1, host: 'localhost', port: broker.port }]);
    }
  });

  test('creates the topics it is told, by number of partitions or with configs', async () => {
    const broker = await started({ topics: { orders: 3, users: { partitions: 2, configs: { 'cleanup.policy': 'compact' } }, plain: {} } });
    const client = await clientOf(broker);
    expect((await topicsOf(client)).sort()).toEqual([
      ['orders', 3],
      ['plain', 1],
      ['users', 2],
    ]);
    const resources = [{ resourceType: 2, resourceName: 'users', configurationKeys: ['cleanup.policy'] }];
    const { results } = await client.call('DescribeConfigs', 4, { resources });
    expect(results).toMatchObject([{ errorCode: 0, configs: [{ name: 'cleanup.policy', value: 'compact', configSource: 1 }] }]);
  });

  test('createTopic makes more, and says what is wrong with one', async () => {
    const broker = await started({ config: { 'num.partitions': 4 } });
    await broker.createTopic('a', 2);
    await broker.createTopic('b');
    expect((await topicsOf(await clientOf(broker))).sort()).toEqual([
      ['a', 2],
      ['b', 4],
    ]);
    await expect(broker.createTopic('a')).rejects.toMatchObject({ errorName: 'TOPIC_ALREADY_EXISTS' });
    await expect(broker.createTopic('no spaces')).rejects.toBeInstanceOf(KafkaError);
    await expect(broker.createTopic('c', { configs: { 'retention.ms': 'soon' } })).rejects.toMatchObject({ errorName: 'INVALID_CONFIG' });
    await expect(broker.createTopic('d', 0)).rejects.toMatchObject({ errorName: 'INVALID_PARTITIONS' });
  });

  test.each<[string, StartOptions]>([
    ['an unknown key', { config: { 'num.partitionz': 1 } }],
    ['a bad value', { config: { 'num.partitions': 'many' } }],
    ['what is not implemented', { config: { listeners: 'SSL://localhost:0' } }],
  ])('%s in config is a ConfigError', async (_what, options) => {
    await expect(startBroker(options)).rejects.toBeInstanceOf(ConfigError);
  });

  const OPTIONS = 'port, host, topics, data, maxBytes, config, logLevel';
  test.each<[unknown, string]>([
    [{ topic: 1, prot: 2 }, `there is no option topic; there are ${OPTIONS}; there is no option prot; there are ${OPTIONS}`],
    [{ toString: 1 }, `there is no option toString; there are ${OPTIONS}`],
    [null, `give its options as an object, with any of ${OPTIONS}`],
    [9092, `give its options as an object, with any of ${OPTIONS}`],
    [{ port: '9092' }, 'port must be a whole number from 0 to 65535, not "9092"'],
    [{ port: 65_536 }, 'port must be a whole number from 0 to 65535, not 65536'],
    [{ port: -1 }, 'port must be a whole number from 0 to 65535, not -1'],
    [{ host: 5 }, 'host must be the name or address to listen on, not 5'],
    [{ data: '' }, 'data must be the path of a folder, not ""'],
    [{ maxBytes: -1 }, `maxBytes must be a whole number from 1 to ${2 ** 53 - 1}, not -1`],
    [{ maxBytes: Number.NaN }, `maxBytes must be a whole number from 1 to ${2 ** 53 - 1}, not NaN`],
    [{ logLevel: 'loud' }, 'logLevel must be one of debug, info, warn, error, silent, not "loud"'],
    [{ config: 'num.partitions=3' }, `config must be an object, as in { 'log.retention.ms': 60000 }, not "num.partitions=3"`],
    [{ config: { a: null } }, `config must be an object, as in { 'log.retention.ms': 60000 }, not an object with other values`],
    [{ topics: ['orders'] }, 'topics must be an object of topics with their partitions, as in { orders: 3 }, not an array'],
    [{ topics: { a: '3' } }, 'topic a must be a number of partitions, or an object with any of partitions, configs'],
    [{ topics: { a: { partitions: '3' } } }, 'topic a: partitions must be a number, not "3"'],
    [{ topics: { a: { partition: 3 } } }, 'topic a: there is no option partition; there are partitions, configs'],
  ])('%j is refused in one line that says what there is', async (options, message) => {
    const failure = await startBroker(options as StartOptions).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TypeError);
    expect((failure as Error).message).toBe(`startBroker: ${message}`);
  });

  test('createTopic checks its options in the same way', async () => {
    const broker = await started();
    await expect(broker.createTopic('a', { partition: 3 } as never)).rejects.toThrow(
      'createTopic: topic a: there is no option partition; there are partitions, configs',
    );
    await expect(broker.createTopic(5 as never)).rejects.toBeInstanceOf(TypeError);
  });

  test('what is left undefined has its default', async () => {
    const broker = await started({ port: undefined, topics: undefined, logLevel: 'silent' } as unknown as StartOptions);
    expect(broker.port).toBeGreaterThan(0);
  });

  test('internal topics are made by the broker itself, with the configs that it needs', async () => {
    const advice = '__consumer_offsets is made by the broker itself when it is needed; leave it out, and set offsets.topic.num.partitions';
    await expect(startBroker({ topics: { __consumer_offsets: 3 } })).rejects.toThrow(advice);
    await expect((await started()).createTopic('__consumer_offsets')).rejects.toThrow(advice);
  });

  test('a bad value says that it stands in config', async () => {
    await expect(startBroker({ config: { 'num.partitions': 'many' } })).rejects.toThrow(/^config: Invalid value many for configuration/);
    await expect(startBroker({ host: 'a b' })).rejects.toThrow(/^host: listeners: 'PLAINTEXT:\/\/a b:0' is not/);
  });

  test('a port beside config.listeners is a mistake', async () => {
    await expect(startBroker({ port: 0, config: { listeners: 'PLAINTEXT://localhost:0' } })).rejects.toBeInstanceOf(TypeError);
  });

  test('a topic that cannot be created ends the start, and nothing is left', async () => {
    await eventually(() => expect(resources()).toEqual([]));
    await expect(startBroker({ topics: { 'no spaces': 1 } })).rejects.toMatchObject({ errorName: 'INVALID_TOPIC_EXCEPTION' });
    await eventually(() => expect(resources()).toEqual([]));
  });

  test('a port in use is refused, and nothing is left', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    undo.push(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await eventually(() => expect(resources()).toEqual(['TCPServerWrap']));
    await expect(startBroker({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await eventually(() => expect(resources()).toEqual(['TCPServerWrap']));
  });

  test('in memory it takes maxBytes and no more', async () => {
    const client = await clientOf(await started({ topics: { orders: 1 }, maxBytes: 200_000 }));
    const codes: unknown[] = [];
    for (let i = 0; i < 5; i++)
      codes.push(firstPartition(await client.call('Produce', 9, produceBody('orders', batch('x'.repeat(60_000))))).errorCode);
    expect([codes[0], codes.at(-1)]).toEqual([0, 56]);
  });

  test('many live in one process, each for itself', async () => {
    const brokers = await Promise.all(['a', 'b', 'c'].map((topic) => started({ topics: { [topic]: 1 } })));
    expect(new Set(brokers.map(({ port }) => port)).size).toBe(3);
    const seen = await Promise.all(brokers.map(async (broker) => topicsOf(await clientOf(broker))));
    expect(seen).toEqual([[['a', 1]], [['b', 1]], [['c', 1]]]);
  });

  test('an IPv6 address is dialled in brackets', async () => {
    const broker = await started({ host: '::1' });
    expect(broker.bootstrapServers).toBe(`[::1]:${broker.port}`);
    await (await clientOf(broker, '::1')).call('ApiVersions', 0);
  });
});

describe('close', () => {
  test('leaves no socket and no server, though clients are connected and wait', async () => {
    await eventually(() => expect(resources()).toEqual([]));
    const broker = await startBroker({ topics: { orders: 1 } });
    const client = await RawClient.connect(tcpTransport, '127.0.0.1', broker.port);
    client.call('Fetch', 11, fetchBody([{ topic: 'orders' }], { maxWaitMs: 60_000 }));
    await broker.close();
    await client.closed;
    await eventually(() => expect(resources()).toEqual([]));
  });

  test('twice is once, and the broker is disposable', async () => {
    let port = 0;
    {
      await using broker = await startBroker();
      port = broker.port;
      await (await clientOf(broker)).call('ApiVersions', 0);
      await Promise.all([broker.close(), broker.close()]);
    }
    await expect(RawClient.connect(tcpTransport, '127.0.0.1', port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('data on disk', () => {
  test('is there again after a restart, topics and records; topics that exist are left alone', async () => {
    const data = temporaryFolder();
    const first = await startBroker({ data, topics: { orders: 2 } });
    const client = await clientOf(first);
    await client.call('Produce', 9, produceBody('orders', batch('kept'), { index: 1 }));
    await first.close();
    const second = await started({ data, topics: { orders: 7 } });
    const again = await clientOf(second);
    expect(await topicsOf(again)).toEqual([['orders', 2]]);
    const partition = firstPartition(await again.call('Fetch', 11, fetchBody([{ topic: 'orders', partition: 1 }])));
    expect((partition.records as Buffer).includes('kept')).toBe(true);
  });

  test('a folder in use is refused, and its holder named', async () => {
    const data = temporaryFolder();
    const first = await startBroker({ data });
    const refused = await startBroker({ data }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LockedError);
    expect(refused).toMatchObject({ name: 'LockedError', code: 'ELOCKED', holder: `process ${process.pid}` });
    await first.close();
    await (await startBroker({ data })).close();
  });

  test('in memory nothing touches the disk', async () => {
    const before = readdirSync('/');
    await (await startBroker({ topics: { orders: 1 } })).close();
    expect(readdirSync('/')).toEqual(before);
  });
});

describe('hostile and slow clients', () => {
  function socketTo(broker: RunningBroker): Socket {
    const socket = connect(broker.port, '127.0.0.1');
    socket.on('error', () => {});
    undo.push(() => socket.destroy());
    return socket;
  }

  /** Produces and consumes as a good client does, and says how long the slowest round took. */
  async function workNormally(broker: RunningBroker, rounds: number): Promise<number> {
    const [producer, consumer] = [await clientOf(broker), await clientOf(broker)];
    let slowestMs = 0;
    for (let i = 0; i < rounds; i++) {
      const startMs = performance.now();
      const waiting = consumer.call('Fetch', 11, fetchBody([{ topic: 'good', fetchOffset: i }], { maxWaitMs: 10_000 }));
      expect(firstPartition(await producer.call('Produce', 9, produceBody('good', batch(`${i}`))))).toMatchObject({
        errorCode: 0,
        baseOffset: i,
      });
      expect(firstPartition(await waiting)).toMatchObject({ errorCode: 0, highWatermark: i + 1 });
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
    }
    return slowestMs;
  }

  test('do not keep others from working', async () => {
    const broker = await started({ topics: { good: 1, large: 1 } });
    const filler = await clientOf(broker);
    for (let i = 0; i < 16; i++) await filler.call('Produce', 9, produceBody('large', batch('x'.repeat(1_000_000))));

    const garbage = socketTo(broker);
    garbage.resume();
    garbage.write(Buffer.alloc(1_000_000, 0xff));
    const http = socketTo(broker);
    http.resume();
    http.write('GET / HTTP/1.1\r\n\r\n');
    const half = Array.from({ length: 20 }, () => socketTo(broker));
    for (const socket of half) socket.write(Buffer.concat([Buffer.from([0x05, 0, 0, 0]), Buffer.alloc(1000)]));
    const unread = socketTo(broker);
    unread.pause();
    const fetch = framed(requestFrame('Fetch', 11, 1, fetchBody([{ topic: 'large' }], { maxBytes: 2 ** 24 })));
    for (let i = 0; i < 3000; i++) unread.write(fetch);
    const reset = socketTo(broker);
    reset.write(fetch.subarray(0, 20));
    reset.once('connect', () => reset.resetAndDestroy());

    const memoryBefore = process.memoryUsage().arrayBuffers;
    const slowestMs = await workNormally(broker, 50);
    await eventually(() => expect([garbage.destroyed, http.destroyed]).toEqual([true, true]));
    // One reply of 16 MB is under way to the client that does not read, not three thousand: 48 GB.
    expect(process.memoryUsage().arrayBuffers - memoryBefore).toBeLessThan(200 * 2 ** 20);
    expect(slowestMs).toBeLessThan(2_000);
    // When it reads at last, it gets what it asked for.
    let received = 0;
    unread.on('data', (chunk: Buffer) => {
      received += chunk.byteLength;
    });
    unread.resume();
    await eventually(() => expect(received).toBeGreaterThan(64 * 2 ** 20));
  }, 30_000);

  test('a client that goes away while it waits leaves nothing behind', async () => {
    const broker = await started({ topics: { good: 1 } });
    for (let i = 0; i < 20; i++) {
      const socket = socketTo(broker);
      const waiting = fetchBody([{ topic: 'good' }], { maxWaitMs: 2 ** 31 - 1 });
      socket.write(framed(requestFrame('Fetch', 11, 1, waiting)));
      await new Promise((resolve) => setImmediate(resolve));
      if (i % 2) socket.destroy();
      else socket.end();
    }
    const before = performance.now();
    expect(await workNormally(broker, 5)).toBeLessThan(2_000);
    await broker.close();
    expect(performance.now() - before).toBeLessThan(3_000);
  });
});

test('a partition count that is no count is refused, and the broker goes on', async () => {
  const broker = await startBroker();
  try {
    for (const partitions of [Number.NaN, 1.5, 0, 10_001]) {
      const errorName = partitions > 1.5 ? 'POLICY_VIOLATION' : 'INVALID_PARTITIONS';
      await expect(broker.createTopic('bad', partitions)).rejects.toMatchObject({ errorName });
    }
    await broker.createTopic('good', { partitions: 1, configs: { 'retention.ms': 1000 } });
    await expect(broker.createTopic('good', 1)).rejects.toMatchObject({ errorName: 'TOPIC_ALREADY_EXISTS' });
  } finally {
    await broker.close();
  }
  await expect(broker.createTopic('late', 1)).rejects.toThrow('closed');
});
