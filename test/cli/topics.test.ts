import { afterAll, beforeAll, expect, test } from 'vitest';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import type { Listening } from '../../src/core/transport.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { runCaptured } from './captured.ts';

let broker: RunningBroker;
beforeAll(async () => {
  broker = await startBroker({ config: { 'num.partitions': 3 } });
});
afterAll(() => broker.close());

const topics = (command: string, args: readonly string[] = [], options = {}) =>
  runCaptured(['topics', command, ...args, '--bootstrap-server', broker.bootstrapServers], options);

test('a topic is created, listed, described and deleted', async () => {
  const created = await topics('create', ['test', '--partitions', '2', '--replication-factor', '1']);
  expect(created).toEqual({ exitCode: 0, out: 'Created topic "test".\n', err: '' });
  expect((await topics('list')).out).toMatch(/^test\t2\t1\t[\w-]{22}\n$/);
  expect((await topics('describe', ['test'])).out).toBe('test\t0\t1\t1\t1\tnone\tnone\ntest\t1\t1\t1\t1\tnone\tnone\n');
  expect(await topics('delete', ['test'])).toEqual({ exitCode: 0, out: 'Deleted topic "test".\n', err: '' });
  expect(await topics('list')).toEqual({ exitCode: 0, out: '', err: '' });
});

test("without --partitions the broker's num.partitions holds", async () => {
  await topics('create', ['unsaid']);
  const [listed] = JSON.parse((await topics('list', ['--json'])).out);
  expect(listed).toMatchObject({ name: 'unsaid', partitions: 3, replicationFactor: 1, internal: false });
  await topics('delete', ['unsaid']);
});

test('a topic that exists is an error, unless --if-not-exists is given', async () => {
  await topics('create', ['twice']);
  expect(await topics('create', ['twice', '--partitions', '9'])).toEqual({
    exitCode: 1,
    out: '',
    err: 'minikafka: topic "twice" exists already; add --if-not-exists to leave it as it is\n',
  });
  const again = await topics('create', ['twice', '--partitions', '9', '--if-not-exists']);
  expect(again).toEqual({ exitCode: 0, out: 'Topic "twice" exists already.\n', err: '' });
  expect((await topics('create', ['twice', '--if-not-exists', '--json'])).out).toBe('{"name":"twice","created":false}\n');
  expect((await topics('describe', ['twice'])).out.split('\n')).toHaveLength(3 + 1);
  await topics('delete', ['twice']);
});

test('a topic that does not exist is an error, unless --if-exists is given', async () => {
  const message = `minikafka: there is no topic "nix" at ${broker.bootstrapServers}; "minikafka topics list" shows those that exist\n`;
  expect(await topics('delete', ['nix'])).toEqual({ exitCode: 1, out: '', err: message });
  expect(await topics('describe', ['nix'])).toEqual({ exitCode: 1, out: '', err: message });
  expect(await topics('delete', ['nix', '--if-exists'])).toEqual({ exitCode: 0, out: 'There is no topic "nix".\n', err: '' });
  expect((await topics('list')).out).toBe(''); // describe has not created it
});

test('what the broker refuses is told in its words', async () => {
  expect(await topics('create', ['bad', '--config', 'retention.msx=1'])).toEqual({
    exitCode: 1,
    out: '',
    err: 'minikafka: topic "bad" was not created: Unknown topic config name: retention.msx\n',
  });
});

test('JSON has everything, own configs included', async () => {
  const created = await topics('create', ['json', '--partitions', '1', '--config', 'cleanup.policy=compact,delete', '--json']);
  const { topicId } = JSON.parse(created.out);
  expect(JSON.parse(created.out)).toEqual({ name: 'json', topicId: expect.stringMatching(/^[\w-]{22}$/), created: true });
  expect(JSON.parse((await topics('describe', ['json', '--json'])).out)).toEqual([
    {
      name: 'json',
      topicId,
      internal: false,
      configs: { 'cleanup.policy': 'compact,delete' },
      partitions: [
        { partition: 0, leader: 1, leaderEpoch: 0, replicas: [1], inSyncReplicas: [1], eligibleLeaderReplicas: [], offlineReplicas: [] },
      ],
    },
  ]);
  expect((await topics('delete', ['json', '--json'])).out).toBe('{"name":"json","deleted":true}\n');
});

test('on a terminal there are tables', async () => {
  expect((await topics('list', [], { terminal: true })).out).toBe('There are no topics.\n');
  await topics('create', ['a-long-name', '--partitions', '1', '--config', 'retention.ms=60000']);
  const list = await topics('list', [], { terminal: true });
  expect(list.out.replace(/[\w-]{22}/, 'ID')).toBe(
    'Topic        Partitions  Replication factor  Topic id\na-long-name  1           1                   ID\n',
  );
  const described = await topics('describe', [], { terminal: true, colors: true });
  expect(described.out.replace(/id [\w-]{22}/, 'id ID')).toBe(
    '\x1b[1ma-long-name\x1b[22m  id ID\nretention.ms=60000\n\x1b[1mPartition  Leader  Replicas  In sync\x1b[22m\n0          1       1         1\n',
  );
  await topics('delete', ['a-long-name']);
});

/** An address at which a connection gets `answer` to whatever it says; closed by the test. */
function server(answer: string): Promise<Listening> {
  return tcpTransport.listen({ host: '127.0.0.1', port: 0 }, (wire) => {
    wire.start({ data: () => wire.write([Buffer.from(answer, 'latin1')]), drained: () => {}, closed: () => {} });
  });
}

async function deadPort(): Promise<number> {
  const listening = await server('');
  await listening.close();
  return listening.address.port;
}

test('the first bootstrap server that answers is taken', async () => {
  const servers = `127.0.0.1:${await deadPort()},${broker.bootstrapServers}`;
  expect(await runCaptured(['topics', 'list', '--bootstrap-server', servers])).toEqual({ exitCode: 0, out: '', err: '' });
});

test('when none answers, one line says so, and why', async () => {
  const [one, two] = [await deadPort(), await deadPort()];
  const advice = 'start one with "minikafka start", or give the address with --bootstrap-server';
  const ran = await runCaptured(['topics', 'list', '--bootstrap-server', `127.0.0.1:${one}, localhost:${two}`]);
  const each = `127.0.0.1:${one} (connection refused), localhost:${two} (connection refused)`;
  expect(ran).toEqual({ exitCode: 1, out: '', err: `minikafka: no broker answers at ${each}; ${advice}\n` });
});

test.each(['HTTP/1.1 400 Bad Request\r\n\r\n', '\0\0\0\x06\0\0\0\0\0\0'])(
  'a server that is no broker is called that: %j',
  async (answer) => {
    const other = await server(answer);
    const address = `127.0.0.1:${other.address.port}`;
    const { exitCode, err } = await runCaptured(['topics', 'list', '--bootstrap-server', address]);
    expect(exitCode).toBe(1);
    expect(err).toMatch(`minikafka: no broker answers at ${address} (that is no Kafka broker); `);
    await other.close();
  },
);

// ApiVersions v0: correlation id 0, no error, one API: Metadata (3) from version 90 to 99.
test('a broker without a common version is told as such', async () => {
  const other = await server('\0\0\0\x10\0\0\0\0\0\0\0\0\0\x01\0\x03\0\x5a\0\x63');
  const address = `127.0.0.1:${other.address.port}`;
  expect(await runCaptured(['topics', 'list', '--bootstrap-server', address])).toEqual({
    exitCode: 1,
    out: '',
    err: `minikafka: the broker at ${address} has no version of Metadata that minikafka speaks\n`,
  });
  await other.close();
});
