import { expect, test } from 'vitest';
import { wait } from '../../src/cli/wait-command.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { startBroker } from '../../src/index.ts';
import { runCaptured } from './captured.ts';
import { partitionOf, scriptedBroker } from './scripted-broker.ts';

const lines: string[] = [];
const out = { line: (text: string) => void lines.push(text), text: () => {}, isTerminal: false, hasColors: false, columns: undefined };
const waitFor = (bootstrapServer: string, topic: string[], timeout = '5s') =>
  wait({ bootstrapServer, topic, timeout }, { out, transport: tcpTransport, clock: realClock });

test('a broker that answers is ready, and so is a topic that is there', async () => {
  const broker = await startBroker({ topics: { orders: 3 } });
  const server = ['--bootstrap-server', broker.bootstrapServers];
  expect(await runCaptured(['wait', ...server])).toEqual({ exitCode: 0, out: `${broker.bootstrapServers} is ready.\n`, err: '' });
  const ready = await runCaptured(['wait', ...server, '--topic', 'orders:3', '--json']);
  expect(JSON.parse(ready.out)).toEqual({ address: broker.bootstrapServers, topics: ['orders'], waitedMs: expect.any(Number) });
  await broker.close();
});

test('at the timeout one line says what was missing, and no topic was created by the question', async () => {
  const broker = await startBroker({ topics: { orders: 3 } });
  const server = ['--bootstrap-server', broker.bootstrapServers];
  expect(await runCaptured(['wait', ...server, '--timeout', '1s', '--topic', 'nix', '--topic', 'orders:4'])).toEqual({
    exitCode: 1,
    out: '',
    err: 'minikafka: not ready after 1s: there is no topic "nix"; topic "orders" has 3 of 4 partitions\n',
  });
  expect((await runCaptured(['topics', 'list', ...server])).out).toMatch(/^orders\t[^\n]*\n$/);
  await broker.close();
});

test('it waits for a broker that starts, and for a topic that is created, meanwhile', async () => {
  const first = await startBroker();
  const { port } = first;
  await first.close();
  const ready = waitFor(`localhost:${port}`, ['late']);
  const broker = await startBroker({ port });
  await broker.createTopic('late');
  await ready;
  expect(lines.at(-1)).toBe(`localhost:${port} is ready, with "late".`);
  await broker.close();
});

test('nobody there is told at the timeout', async () => {
  const { exitCode, err } = await runCaptured(['wait', '--bootstrap-server', '127.0.0.1:1', '--timeout', '10ms']);
  expect({ exitCode, err }).toEqual({
    exitCode: 1,
    err: 'minikafka: not ready after 10ms: no broker answers at 127.0.0.1:1 (connection refused)\n',
  });
});

test('a partition without a leader is waited for', async () => {
  let asked = 0;
  const scripted = await scriptedBroker(9, () => ({
    brokers: [{ nodeId: 1, host: 'a', port: 1 }],
    topics: [{ errorCode: 0, name: 'orders', partitions: [partitionOf(0, 1), partitionOf(1, ++asked > 2 ? 1 : -1)] }],
  }));
  await waitFor(scripted.address, ['orders']);
  expect(scripted.requests.map(({ allowAutoTopicCreation }) => allowAutoTopicCreation)).toEqual([false, false, false]);
  await scripted.close();
});

test.each([
  ['no broker', { brokers: [], topics: [] }, /knows of no broker yet$/],
  [
    'no leaders',
    {
      brokers: [{ nodeId: 1, host: 'a', port: 1 }],
      topics: [{ errorCode: 5, name: 'orders', partitions: [0, 1, 2, 3, 4, 5, 6].map((i) => partitionOf(i, -1)) }],
    },
    /topic "orders": no leader for partition 0, 1, 2, 3, 4 and 2 more$/,
  ],
  [
    'a topic that may not be seen',
    { brokers: [{ nodeId: 1, host: 'a', port: 1 }], topics: [{ errorCode: 29, name: 'orders', partitions: [] }] },
    /topic "orders": .*[Aa]uthoriz/,
  ],
])('%s is named at the timeout', async (_what, answer, message) => {
  const scripted = await scriptedBroker(9, () => answer);
  await expect(waitFor(scripted.address, ['orders'], '1s')).rejects.toThrow(message);
  await scripted.close();
});

// Before v4 Metadata has no allowAutoTopicCreation: whoever names a topic creates it.
test.each([
  [3, null],
  [1, null],
  [0, []],
])('a broker with Metadata v%i is asked for all topics, by naming none', async (version, topics) => {
  const scripted = await scriptedBroker(version, () => ({
    brokers: [{ nodeId: 1, host: 'a', port: 1 }],
    topics: [{ errorCode: 0, name: 'orders', partitions: [partitionOf(0, 1)] }],
  }));
  await waitFor(scripted.address, ['orders']);
  expect(scripted.requests.map((request) => request.topics)).toEqual([topics]);
  await scripted.close();
});
