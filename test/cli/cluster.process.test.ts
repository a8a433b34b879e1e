import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Program, startProgram } from '../support/program.ts';

// Several processes in each test, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

// The real program, as `npm test` has built it.
const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));

const programs: Program[] = [];
const folders: string[] = [];
afterEach(async (context) => {
  for (const program of programs.splice(0)) {
    program.signal('SIGKILL'); // its brokers end with it
    await program.ended();
  }
  for (const folder of folders.splice(0)) {
    if (context.task.result?.state === 'fail') process.stderr.write(`the data is kept in ${folder}\n`);
    else await eventually(() => rmSync(folder, { recursive: true, force: true })); // while its brokers end
  }
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'minikafka-cluster-'));
  folders.push(made);
  return made;
}

function minikafka(...args: string[]): Program {
  const program = startProgram(process.execPath, [CLI, ...args]);
  programs.push(program);
  return program;
}

async function done(...args: string[]): Promise<{ code: number | null; lines: readonly string[]; output: string }> {
  const program = minikafka(...args);
  const { code } = await program.ended();
  return { code, lines: program.lines(), output: program.output() };
}

async function started(data: string, ...args: string[]): Promise<Program> {
  const program = minikafka('cluster', 'start', '--base-port', '0', '--data', data, ...args);
  await program.waitFor('all brokers', () => /a cluster of \d+ broker/.exec(program.output())?.[0]);
  return program;
}

interface Status {
  readonly supervisor: number;
  readonly brokers: readonly {
    readonly id: number;
    readonly state: string;
    readonly address: string | null;
    readonly pid: number | null;
  }[];
}

async function statusOf(data: string): Promise<Status> {
  return JSON.parse((await done('cluster', 'status', '--data', data, '--json')).output);
}

const isAlive = (pid: number): boolean => {
  try {
    // A process that has ended and was not waited for is a zombie, which only its name is left of.
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

async function allGone(pids: readonly (number | null)[]): Promise<void> {
  await eventually(() => expect(pids.filter((pid) => pid !== null && isAlive(pid))).toEqual([]));
}

test('cluster start runs a process for each broker and says so in a line each; Ctrl-C stops them all', async () => {
  const data = folder();
  const cluster = await started(data);
  const ports = cluster.lines().flatMap((line) => /^broker \d listens on localhost:(\d+), keeps its data in \S+$/.exec(line)?.[1] ?? []);
  expect(new Set(ports).size).toBe(3);
  expect(cluster.lines().at(-1)).toMatch(/: a cluster of 3 brokers; new topics have 3 replicas, of which 2 must be in sync for acks=all;/);
  const { brokers, supervisor } = await statusOf(data);
  expect(supervisor).toBe(cluster.pid);
  expect(brokers.map(({ address }) => Number(address!.split(':')[1])).sort()).toEqual(ports.map(Number).sort());
  for (const id of [1, 2, 3]) expect(existsSync(join(data, `broker-${id}`, 'meta.properties'))).toBe(true);
  cluster.signal('SIGINT');
  expect(await cluster.ended()).toEqual({ code: 0, signal: null });
  await allGone(brokers.map(({ pid }) => pid));
  for (const id of [1, 2, 3]) expect(readFileSync(join(data, `broker-${id}.log`), 'utf8')).toMatch(/"stopped"\}\n$/);
});

test('all brokers end when the supervisor is killed', async () => {
  const data = folder();
  const cluster = await started(data);
  const { brokers } = await statusOf(data);
  cluster.signal('SIGKILL');
  await cluster.ended();
  await allGone(brokers.map(({ pid }) => pid));
});

test('a dead broker stays down until cluster restart, which answers when it serves on its old port', async () => {
  const data = folder();
  const cluster = await started(data);
  const before = (await statusOf(data)).brokers[1]!;
  process.kill(before.pid!, 'SIGKILL');
  const line = await cluster.waitFor('the death', () => cluster.lines().find((each) => each.includes('SIGKILL')));
  expect(line).toBe(`broker 2 was ended by SIGKILL and stays down; "minikafka cluster restart --data ${data} --broker 2" starts it`);
  expect((await statusOf(data)).brokers[1]).toMatchObject({ id: 2, state: 'down', pid: null });
  const restarted = await done('cluster', 'restart', '--data', data, '--broker', '2');
  expect(restarted).toMatchObject({ code: 0, output: `Broker 2 is restarted and listens on ${before.address}.\n` });
  const after = (await statusOf(data)).brokers[1]!;
  expect(after.address).toBe(before.address);
  expect(after.pid).not.toBe(before.pid);
});

test('cluster restart without --broker restarts one after the other, cluster stop ends them all', async () => {
  const data = folder();
  const cluster = await started(data, '--brokers', '2');
  const before = (await statusOf(data)).brokers;
  const restarted = await done('cluster', 'restart', '--data', data);
  expect(restarted.code).toBe(0);
  expect(restarted.lines.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual(['Broker 1 is restarted', 'Broker 2 is restarted']);
  const after = (await statusOf(data)).brokers;
  expect(after.filter(({ pid }) => before.some((each) => each.pid === pid))).toEqual([]);
  expect(await done('cluster', 'stop', '--data', data)).toMatchObject({ code: 0, output: `Stopped the 2 brokers of ${data}.\n` });
  expect(await cluster.ended()).toEqual({ code: 0, signal: null });
  await allGone(after.map(({ pid }) => pid));
  expect(await done('cluster', 'status', '--data', data)).toEqual({
    code: 1,
    lines: [],
    output: `minikafka: no cluster runs in ${data}; start one with "minikafka cluster start --data ${data}"\n`,
  });
});

test('what cannot be is said in one line, and leaves no process', async () => {
  const data = folder();
  const cluster = await started(data, '--brokers', '2');
  expect(await done('cluster', 'start', '--data', data)).toMatchObject({
    code: 1,
    output: `minikafka: a cluster runs in ${data} already, under process ${cluster.pid}; stop it with "minikafka cluster stop --data ${data}"\n`,
  });
  expect(await done('cluster', 'restart', '--data', data, '--broker', '7')).toMatchObject({
    code: 1,
    output: 'minikafka: there is no broker 7 here; there are 1, 2\n',
  });
  const nowhere = join(data, 'nowhere');
  expect(await done('cluster', 'stop', '--data', nowhere)).toMatchObject({
    code: 1,
    output: `minikafka: there is no cluster in ${nowhere}; "minikafka cluster start --data ${nowhere}" starts one\n`,
  });
});

test('a port that is taken, or a setting that is wrong, fails the start as a whole and is not kept', async () => {
  const data = join(folder(), 'cluster');
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const taken = await done('cluster', 'start', '--data', data, '--base-port', String(port - 1), '--brokers', '2', '--host', '127.0.0.1');
  other.close();
  expect(taken.code).toBe(1);
  expect(taken.output).toContain(`minikafka: broker 2: port ${port} is in use by another program`);
  const wrong = await done('cluster', 'start', '--data', data, '--base-port', '0', '--override', 'log.segment.bytes=x');
  expect(wrong.code).toBe(1);
  expect(wrong.output).toMatch(/^minikafka: broker \d: [^\n]*log\.segment\.bytes[^\n]*\n$/);
  expect(existsSync(join(data, 'cluster.json'))).toBe(false);
});

test('a broker started by hand takes the settings of the cluster; one without a cluster is refused', async () => {
  const data = folder();
  await started(data, '--brokers', '3', '--override', 'num.partitions=4', '--racks', 'a,b');
  const fourth = minikafka('start', '--broker-id', '4', '--cluster', data);
  const port = await fourth.waitFor('the start line', () => / listens on localhost:(\d+)/.exec(fourth.output())?.[1]);
  const described = await done('configs', 'describe', 'broker', '4', '--all', '--bootstrap-server', `localhost:${port}`);
  const lines = described.lines.map((line) => line.split('\t'));
  const textOf = (name: string) => lines.find((line) => line.includes(name))?.find((_, at, line) => line[at - 1] === name);
  expect(['node.id', 'num.partitions', 'broker.rack', 'min.insync.replicas', 'default.replication.factor'].map(textOf)).toEqual([
    '4',
    '4',
    'b',
    '2',
    '3',
  ]);
  expect(existsSync(join(data, 'broker-4', 'meta.properties'))).toBe(true);
  const twin = await done('start', '--broker-id', '4', '--cluster', data);
  expect(twin.output).toMatch(/broker-4 is in use by process \d+; stop it/);
  const empty = folder();
  expect(await done('start', '--broker-id', '4', '--cluster', empty)).toMatchObject({
    code: 2,
    output: `minikafka: --cluster ${empty}: there is no cluster yet; "minikafka cluster start --data ${empty}" starts one\n`,
  });
});

test('a damaged cluster.json is named', async () => {
  const data = folder();
  writeFileSync(join(data, 'cluster.json'), '{"brokers": 3');
  const { code, output } = await done('cluster', 'start', '--data', data);
  expect(code).toBe(1);
  expect(output).toMatch(/^minikafka: \S+cluster\.json is damaged: [^\n]*\n$/);
});

test('when a third broker joins, internal topics gain replicas, and other topics do not', async () => {
  const data = folder();
  const cluster = await started(data, '--brokers', '2');
  const port = /localhost:(\d+)/.exec(cluster.output())![1]!;
  const at = ['--bootstrap-server', `localhost:${port}`];
  await done('topics', 'create', 'orders', ...at);
  // The first group has the offsets topic made.
  const consumer = minikafka('consume', 'orders', '--group', 'readers', ...at);
  const replicasOf = async (topic: string) => {
    const { lines } = await done('topics', 'describe', topic, ...at);
    return new Set(lines.map((line) => line.split('\t')[4]!.split(',').length));
  };
  await eventually(async () => expect(await replicasOf('__consumer_offsets')).toEqual(new Set([2])));
  const third = minikafka('start', '--broker-id', '3', '--cluster', data, '--port', '0');
  await third.waitFor('the start line', () => / listens on /.exec(third.output())?.[0]);
  await eventually(async () => expect(await replicasOf('__consumer_offsets')).toEqual(new Set([3])));
  expect(await replicasOf('orders')).toEqual(new Set([2]));
  const { brokers } = await statusOf(data);
  expect(brokers.map(({ id, state }) => [id, state])).toEqual([
    [1, 'running'],
    [2, 'running'],
    [3, 'alone'],
  ]);
  consumer.signal('SIGTERM');
  await consumer.ended();
});
