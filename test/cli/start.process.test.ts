import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { type BrokerProcess, startBrokerProcess } from '../support/broker-process.ts';
import { type Program, startProgram } from '../support/program.ts';
import { RawClient } from '../support/raw-client.ts';

// The real program, as `npm test` has built it.
const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));

const brokers: BrokerProcess[] = [];
const programs: Program[] = [];
afterEach(async (context) => {
  for (const program of programs.splice(0)) {
    program.signal('SIGKILL');
    await program.ended();
  }
  for (const broker of brokers.splice(0)) {
    if (context.task.result?.state !== 'fail') await broker.remove();
    else {
      await broker.kill();
      process.stderr.write(`the data is kept in ${broker.data}\n`);
    }
  }
});

async function started(args: readonly string[] = []): Promise<BrokerProcess> {
  const broker = await startBrokerProcess({ args });
  brokers.push(broker);
  return broker;
}

function minikafka(...args: string[]): Program {
  return minikafkaIn(tmpdir(), args);
}

function minikafkaIn(temporary: string, args: readonly string[]): Program {
  const program = startProgram(process.execPath, [CLI, ...args], { env: { TMPDIR: temporary, TEMP: temporary } });
  programs.push(program);
  return program;
}

/** Runs a command to its end. */
async function done(...args: string[]): Promise<{ code: number | null; lines: readonly string[]; output: string }> {
  const program = minikafka(...args);
  const { code } = await program.ended();
  return { code, lines: program.lines(), output: program.output() };
}

test('help and version exit with 0, a failed command with 1, a wrong command line with 2', async () => {
  expect((await done('--help')).code).toBe(0);
  expect((await done('--version')).code).toBe(0);
  // Port 1 is none that a broker listens on.
  const failed = await done('topics', 'list', '--bootstrap-server', '127.0.0.1:1');
  expect(failed).toMatchObject({ code: 1, lines: [], output: expect.stringMatching(/^minikafka: no broker answers at [^\n]*\n$/) });
  const wrong = await done('start', '--prot', '1');
  expect(wrong).toEqual({
    code: 2,
    lines: [],
    output: `minikafka: unknown option '--prot' (did you mean --port?); see "minikafka start --help"\n`,
  });
});

test('a broker says in one line where it listens, where its data is and how to stop it; SIGTERM stops it cleanly', async () => {
  const broker = await started(['--topic', 'orders:2:cleanup.policy=compact,delete']);
  const line = JSON.parse(broker.output().split('\n')[0]!);
  expect(line).toMatchObject({ level: 'info', listeners: [broker.bootstrap], dataDirectory: broker.data });
  expect(line.msg).toMatch(/^minikafka \S+ listens on localhost:\d+, keeps its data in \S+, and stops with Ctrl-C$/);
  const described = await done('topics', 'describe', 'orders', '--json', '--bootstrap-server', broker.bootstrap);
  expect(JSON.parse(described.output)).toMatchObject([{ configs: { 'cleanup.policy': 'compact,delete' }, partitions: [{}, {}] }]);
  expect(await broker.stop()).toEqual({ code: 0, signal: null });
  expect(broker.output()).not.toMatch(/"level":"(warn|error|fatal)"/); // neither warning nor error
});

/** A client with a second Fetch behind one that waits: until that is answered, the broker does not read from it, and its socket keeps no process alive. */
async function unreadClient(port: number): Promise<void> {
  const client = await RawClient.connect(tcpTransport, '127.0.0.1', port);
  const other = await RawClient.connect(tcpTransport, '127.0.0.1', port);
  onTestFinished(() => client.close());
  const partitions = [{ partition: 0, currentLeaderEpoch: -1, fetchOffset: 0, logStartOffset: -1, partitionMaxBytes: 1000 }];
  const ask = {
    replicaId: -1,
    maxWaitMs: 60_000,
    minBytes: 1,
    maxBytes: 1000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    rackId: '',
  };
  for (let i = 0; i < 2; i++) client.tell('Fetch', 11, { ...ask, topics: [{ topic: 'orders', partitions }], forgottenTopicsData: [] });
  for (let i = 0; i < 3; i++) await other.call('Metadata', 12, { topics: null }); // the broker has come to them
  await other.close();
}

test('a broker stops cleanly though nothing but a client that it does not read from is left', async () => {
  const broker = await started(['--topic', 'orders:1']);
  await unreadClient(broker.port);
  expect(await broker.stop()).toEqual({ code: 0, signal: null });
  expect(broker.output()).toContain('"msg":"stopped"');
});

test('so does startBroker() in a program that has nothing else to do', async () => {
  const source = `
    import { startBroker } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const broker = await startBroker({ topics: { orders: 1 } });
    process.once('SIGTERM', () => broker.close().then(() => console.log('closed')));
    console.log('port ' + broker.port);`;
  const program = startProgram(process.execPath, ['--input-type=module', '--eval', source]);
  programs.push(program);
  await unreadClient(await program.waitFor('its port', () => Number(/^port (\d+)$/m.exec(program.output())?.[1]) || undefined));
  program.signal('SIGTERM');
  expect(await program.ended()).toEqual({ code: 0, signal: null });
  expect(program.lines().at(-1)).toBe('closed');
});

test('--log-format and --log-level say how, and how much', async () => {
  const pretty = minikafka('start', '--port', '0', '--ephemeral', '--log-format', 'pretty');
  const line = await pretty.waitFor('the start line', () => pretty.lines()[0]);
  expect(line).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: minikafka \S+ listens on [^{]*$/);
  const quiet = minikafka('start', '--port', '0', '--ephemeral', '--log-level', 'warn', '--host', '0.0.0.0');
  const warning = JSON.parse(await quiet.waitFor('the warning', () => quiet.lines()[0]));
  expect(warning).toMatchObject({ level: 'warn', msg: expect.stringContaining('there is no authentication') });
  quiet.signal('SIGTERM');
  await quiet.ended();
  expect(quiet.lines()).toHaveLength(1);
});

test('topics are still there after a restart, and --topic leaves them alone', async () => {
  const broker = await started(['--topic', 'orders:2']);
  await done('topics', 'create', 'other', '--partitions', '4', '--bootstrap-server', broker.bootstrap);
  await broker.stop();
  const again = minikafka('start', '--port', '0', '--data', broker.data, '--topic', 'orders:9', '--topic', 'new:1');
  const port = await again.waitFor('the start line', () => / listens on localhost:(\d+)/.exec(again.output())?.[1]);
  const listed = await done('topics', 'list', '--bootstrap-server', `localhost:${port}`);
  expect(listed.lines.map((line) => line.split('\t').slice(0, 2).join(' '))).toEqual(['new 1', 'orders 2', 'other 4']);
});

test('a second broker is refused the port, and the data directory with the name of the process that holds it', async () => {
  const broker = await started();
  const elsewhere = mkdtempSync(join(tmpdir(), 'minikafka-test-'));
  expect(await done('start', '--port', String(broker.port), '--data', elsewhere)).toEqual({
    code: 1,
    lines: [],
    output: `minikafka: port ${broker.port} is in use by another program; choose another with --port, or stop it\n`,
  });
  rmSync(elsewhere, { recursive: true });
  const locked = await done('start', '--port', '0', '--data', broker.data);
  expect(locked).toMatchObject({ code: 1, lines: [] });
  expect(locked.output).toMatch(/^minikafka: \S+ is in use by process \d+; stop it, or choose another directory with --data\n$/);
});

test('a data directory that is a file is refused in one line', async () => {
  expect(await done('start', '--port', '0', '--data', CLI)).toEqual({
    code: 1,
    lines: [],
    output: `minikafka: ${CLI} is no directory, or lies in a file; choose another with --data\n`,
  });
});

test.each([
  ['SIGINT', { code: 0, signal: null }],
  ['SIGTERM', { code: 0, signal: null }],
  ['SIGHUP', { code: null, signal: 'SIGHUP' }], // the terminal was closed
] as const)('the directory of --ephemeral is gone after %s', async (signal, end) => {
  const program = minikafka('start', '--port', '0', '--ephemeral');
  const data = await program.waitFor('the start line', () => /"dataDirectory":"([^"]+)"/.exec(program.output())?.[1]);
  expect(readdirSync(data)).toContain('meta.properties');
  program.signal(signal);
  expect(await program.ended()).toEqual(end);
  expect(program.lines().at(-1)).toContain('"msg":"stopped"');
  expect(existsSync(data)).toBe(false);
});

test('the directory of --ephemeral is gone after a start that failed', async () => {
  const broker = await started();
  const temporary = mkdtempSync(join(tmpdir(), 'minikafka-test-'));
  const program = minikafkaIn(temporary, ['start', '--port', String(broker.port), '--ephemeral']);
  expect((await program.ended()).code).toBe(1);
  expect(readdirSync(temporary)).toEqual([]);
  rmSync(temporary, { recursive: true });
});

test('nothing is created when a setting is wrong', async () => {
  const data = join(tmpdir(), `minikafka-test-${process.pid}-never`);
  expect((await done('start', '--data', data, '--override', 'foo=1')).code).toBe(2);
  expect(existsSync(data)).toBe(false);
});
