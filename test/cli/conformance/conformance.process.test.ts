import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrokerProcess, startBrokerProcess } from '../../support/broker-process.ts';
import { startProgram } from '../../support/program.ts';

const CLI = fileURLToPath(new URL('../../../bin/minikafka.js', import.meta.url));

let broker: BrokerProcess;
let folder: string;
beforeAll(async () => {
  broker = await startBrokerProcess();
  folder = mkdtempSync(join(tmpdir(), 'minikafka-conformance-'));
});
afterAll(async () => {
  await broker.remove();
  rmSync(folder, { recursive: true, force: true });
});

const start = (...args: string[]) => startProgram(process.execPath, [CLI, 'conformance', '--bootstrap-server', broker.bootstrap, ...args]);

async function run(...args: string[]) {
  const program = start(...args);
  const { code } = await program.ended(60_000);
  return { code, lines: program.lines(), output: program.output() };
}

/** What is on the broker beside what is its own. */
async function topics(): Promise<readonly string[]> {
  const program = startProgram(process.execPath, [CLI, 'topics', 'list', '--bootstrap-server', broker.bootstrap]);
  await program.ended();
  return program.lines().map((line) => line.split('\t')[0]!);
}

test('a broker that does what Apache Kafka does passes, version by version, and nothing is left on it', async () => {
  const junit = join(folder, 'junit.xml');
  const { code, lines, output } = await run('--only', 'DescribeCluster,FindCoordinator:4-5', '--as', 'minikafka', '--junit', junit);
  expect({ code, output }).toMatchObject({ code: 0 });
  expect(lines).toEqual([
    expect.stringMatching(/^FindCoordinator\t10\t4\t(pass|known)\t\d+\t0\t\d+$/),
    expect.stringMatching(/^FindCoordinator\t10\t5\t(pass|known)\t\d+\t0\t\d+$/),
    ...[0, 1, 2].map((version) => expect.stringMatching(new RegExp(`^DescribeCluster\t60\t${version}\t(pass|known)\t\\d+\t0\t\\d+$`))),
  ]);
  expect(output).toMatch(/Apache Kafka 4\.4\.0: \d+ steps at 5 versions of 2 APIs; differences: 0 unexplained/);
  expect(readFileSync(junit, 'utf8')).toContain('<testsuite name="DescribeCluster"');
  expect((await topics()).filter((name) => name !== '__consumer_offsets' && name !== '__transaction_state')).toEqual([]);
});

test('where it differs, and nobody says that it may, the exit code is 1, and JSON has both sides', async () => {
  const { code, lines, output } = await run('--only', 'Produce:8', '--json');
  expect(code).toBe(1);
  const json = JSON.parse(lines[0]!);
  expect(json).toMatchObject({ passed: false, stopped: null, apis: [{ api: 'Produce', versions: [{ version: 8, status: 'differs' }] }] });
  expect(json.differences[0]).toMatchObject({ api: 'Produce', version: 8, kafka: '4.4.0', request: { api: expect.any(String) } });
  expect(output).toMatch(/minikafka: \d+ differences from Apache Kafka at 1 versions of 1 APIs/);
});

test('Ctrl-C ends it, and what it has made is deleted', async () => {
  const program = start('--only', 'Produce', '--scenario-timeout', '30s');
  await program.waitFor('a topic of it', () => (program.output() === '' ? true : undefined), 1).catch(() => {});
  for (let tries = 0; tries < 100 && !(await topics()).some((name) => name.startsWith('conformance-')); tries++);
  expect((await topics()).some((name) => name.startsWith('conformance-'))).toBe(true);
  program.signal('SIGINT');
  const { code } = await program.ended(30_000);
  expect(code).toBe(1);
  expect(program.output()).toContain('stopped: interrupted by SIGINT');
  expect((await topics()).filter((name) => name.startsWith('conformance-'))).toEqual([]);
});

test.each([
  [['--only', 'Nix'], 'no scenario is about "Nix"'],
  [['--against', '1.0'], '--against 1.0: there are 4.4.0 and 3.9.1'],
  [['--as', 'redpanda'], '--as redpanda: there are kafka and minikafka'],
  [['--timeout', '0s'], '--timeout 0s: give it 1ms at least'],
  [['--at-once', '99'], 'Write a number from 1 to 16'],
])('%s is wrong usage', async (args, why) => {
  const { code, output } = await run(...args);
  expect({ code, output }).toEqual({ code: 2, output: expect.stringContaining(why) });
});

test('where no broker answers, one line says so', async () => {
  const program = startProgram(process.execPath, [CLI, 'conformance', '--bootstrap-server', 'localhost:1']);
  expect((await program.ended()).code).toBe(1);
  expect(program.output()).toMatch(/^minikafka: no broker answers at localhost:1[^\n]*\n$/);
});
