import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runCaptured } from './captured.ts';

const COMMANDS = [
  'start',
  'topics',
  'topics create',
  'topics list',
  'topics describe',
  'topics alter',
  'topics delete',
  'configs',
  'configs describe',
  'configs alter',
  'wait',
];

test('--version is the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(await runCaptured(['--version'])).toEqual({ exitCode: 0, out: `${version}\n`, err: '' });
});

test.each(['', ...COMMANDS])('"%s --help" shows usage and examples on standard output', async (command) => {
  const words = command.split(' ').filter((word) => word !== '');
  const { exitCode, out, err } = await runCaptured([...words, '--help']);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  expect(out).toMatch(new RegExp(`^Usage: minikafka${command && ` ${command}`} `));
  expect(out).toMatch(/\nExamples:\n {2}minikafka /);
});

test('every example in the help is a command line that is understood', async () => {
  for (const command of COMMANDS) {
    const { out } = await runCaptured([...command.split(' '), '--help']);
    const examples = [...out.matchAll(/^ {2}minikafka (.+)$/gm)].map((match) => match[1]!);
    expect(examples.length, command).toBeGreaterThan(0);
    for (const example of examples) {
      // With --help nothing is done, but commands, options and their values are checked up to it.
      const { exitCode, err } = await runCaptured([...example.split(' '), '--help']);
      expect({ example, exitCode, err }).toEqual({ example, exitCode: 0, err: '' });
    }
  }
});

test('"help start" is the help of start', async () => {
  expect(await runCaptured(['help', 'start'])).toEqual(await runCaptured(['start', '--help']));
});

test.each([
  [[], 'Usage: minikafka [options] [command]'],
  [['topics'], 'Usage: minikafka topics [options] [command]'],
])('%j without a command is a usage error that shows what there is', async (args, usage) => {
  const { exitCode, out, err } = await runCaptured(args);
  expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
  expect(err).toContain(usage);
});

test.each([
  [['strat'], `unknown command 'strat' (did you mean start?); see "minikafka --help"`],
  [['topics', 'lst'], `unknown command 'lst' (did you mean list?); see "minikafka topics --help"`],
  [['start', '--prot', '1'], `unknown option '--prot' (did you mean --port?); see "minikafka start --help"`],
  [['start', '--port'], `option '--port <port>' argument missing; see "minikafka start --help"`],
  [
    ['start', '--port', '65536'],
    `option '--port <port>' argument '65536' is invalid. Write a number from 0 to 65535; see "minikafka start --help"`,
  ],
  [
    ['start', '--host', 'a b'],
    `option '--host <host>' argument 'a b' is invalid. Write one name or address, as in localhost, 0.0.0.0 or ::1; see "minikafka start --help"`,
  ],
  [
    ['start', '--log-level', 'loud'],
    `option '--log-level <level>' argument 'loud' is invalid. Allowed choices are debug, info, warn, error, silent; see "minikafka start --help"`,
  ],
  [
    ['start', '--log-format', 'xml'],
    `option '--log-format <format>' argument 'xml' is invalid. Allowed choices are pretty, json; see "minikafka start --help"`,
  ],
  [['topics', 'create'], `missing required argument 'name'; see "minikafka topics create --help"`],
  [
    ['topics', 'create', 't', '--partitions', '0'],
    `option '--partitions <number>' argument '0' is invalid. Write a number from 1 to 2147483647; see "minikafka topics create --help"`,
  ],
  [
    ['topics', 'create', 't', '--replication-factor', '32768'],
    `option '--replication-factor <number>' argument '32768' is invalid. Write a number from 1 to 32767; see "minikafka topics create --help"`,
  ],
  [['topics', 'create', 't', '--config', 'x'], '--config x: write key=value'],
  [['topics', 'list', '--bootstrap-server', 'a:b'], '--bootstrap-server a:b: "a:b" is no address; write host:port, as in localhost:9092'],
  [['start', '--override', 'foo.bar=1'], '--override: unknown key foo.bar; correct its name or remove it'],
  [['start', '--data', 'x', '--ephemeral'], '--ephemeral keeps no data, and --data says where to keep it; leave one out'],
  [['start', '--topic', 'x'], '--topic x: write name:partitions, or name:partitions:config=value,config=value'],
])('%j: one line says what is wrong, and the exit code is 2', async (args, message) => {
  expect(await runCaptured(args)).toEqual({ exitCode: 2, out: '', err: `minikafka: ${message}\n` });
});

test('several bad settings are a line each', async () => {
  const { exitCode, err } = await runCaptured(['start', '--override', 'foo=1', '--override', 'num.partitions=0']);
  expect(exitCode).toBe(2);
  expect(err.trimEnd().split('\n')).toEqual([
    'minikafka: --override: unknown key foo; correct its name or remove it',
    'minikafka: --override: Invalid value 0 for configuration num.partitions: Value must be at least 1',
  ]);
});

test('a file that does not exist, or is none, is a usage error', async () => {
  const missing = await runCaptured(['start', '--config', '/no/such/file']);
  expect(missing).toEqual({ exitCode: 2, out: '', err: 'minikafka: --config /no/such/file: there is no such file (/no/such/file)\n' });
  const folder = await runCaptured(['start', '--config', '/']);
  expect(folder).toMatchObject({ exitCode: 2, out: '', err: expect.stringMatching(/^minikafka: --config \/ cannot be read: .*\n$/) });
});

test('colours are for terminals that want them', async () => {
  expect((await runCaptured(['strat'], { terminal: true, colors: true })).err).toContain('\x1b[31mminikafka:\x1b[39m unknown');
  expect((await runCaptured(['strat'], { terminal: true })).err).toMatch(/^minikafka: unknown/);
  expect((await runCaptured(['--help'], { terminal: true, colors: true })).out).toContain('\x1b[1mUsage:\x1b[22m');
  expect((await runCaptured(['--help'])).out).not.toContain('\x1b');
});
