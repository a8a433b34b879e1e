import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliError } from '../../src/cli/errors.ts';
import { planStart, type StartFlags, type StartPlan, type StartSources } from '../../src/cli/start-plan.ts';
import { ConfigError } from '../../src/config.ts';
import type { ClusterFile } from '../../src/supervisor/cluster-file.ts';

const TEMPORARY = '/tmp/minikafka-0';

function plan(flags: StartFlags = {}, sources: Partial<StartSources> = {}): StartPlan {
  return planStart(flags, { env: {}, file: null, temporaryDirectory: TEMPORARY, ...sources });
}

/** Each problem on a line of its own, as they are printed. */
function problems(flags: StartFlags, sources: Partial<StartSources> = {}): string[] {
  try {
    plan(flags, sources);
  } catch (error) {
    if (error instanceof ConfigError) return [...error.problems];
    if (error instanceof CliError) {
      expect(error.exitCode).toBe(2);
      return [error.message];
    }
    throw error;
  }
  return [];
}

const listenersOf = ({ config }: StartPlan) => config.listeners.listeners.map(({ name, host, port }) => `${name}://${host}:${port}`);

test('without flags the broker is number 1, on loopback at 9092, with its data in ./minikafka-data', () => {
  const defaults = plan();
  expect(listenersOf(defaults)).toEqual(['PLAINTEXT://localhost:9092']);
  expect(defaults.config.dataDirectory).toBe('./minikafka-data');
  expect(defaults.config.int('node.id')).toBe(1);
  expect(defaults).toMatchObject({ topics: [], notices: [], warnings: [] });
});

test('a setting is taken from --override, else from the environment, else from the file, else from the default', () => {
  const file = 'log.segment.bytes=4000000\nlog.retention.ms=4000\nnum.partitions=4';
  const env = { KAFKA_LOG_SEGMENT_BYTES: '3000000', KAFKA_LOG_RETENTION_MS: '3000' };
  const { config } = plan({ config: 'server.properties', override: ['log.segment.bytes=2000000'] }, { file, env });
  expect(config.text('log.segment.bytes')).toBe('2000000');
  expect(config.text('log.retention.ms')).toBe('3000');
  expect(config.text('num.partitions')).toBe('4');
  expect(config.text('message.max.bytes')).toBe('1048588'); // Kafka's default
});

test('of two --override of one key the last is taken, and a value may hold equals signs and be empty', () => {
  const { config } = plan({ override: ['num.partitions=2', 'num.partitions = 3', 'broker.rack=a=b', 'sasl.kerberos.service.name='] });
  expect(config.text('num.partitions')).toBe('3');
  expect(config.text('broker.rack')).toBe('a=b');
});

test.each(['num.partitions', '=3', ''])('--override %j is no key=value', (text) => {
  expect(problems({ override: [text] })).toEqual([`--override ${text}: write key=value`]);
});

test('--data goes before log.dirs of the file and the environment', () => {
  const sources = { file: 'log.dirs=/file', env: { KAFKA_LOG_DIRS: '/env' } };
  expect(plan({ data: '/flag' }, sources).config.dataDirectory).toBe('/flag');
  expect(plan({}, sources).config.dataDirectory).toBe('/env');
  expect(plan({}, { file: 'log.dir=/only' }).config.dataDirectory).toBe('/only');
});

test('--ephemeral takes the temporary directory, whatever the file says, but not beside --data', () => {
  expect(plan({ ephemeral: true }, { file: 'log.dirs=/file' }).config.dataDirectory).toBe(TEMPORARY);
  expect(problems({ ephemeral: true, data: '/flag' })).toEqual([
    '--ephemeral keeps no data, and --data says where to keep it; leave one out',
  ]);
});

test('--data and log.dirs may name several directories', () => {
  expect(plan({ data: '/a, /b,/a' }, {}).config.dataDirectories).toEqual(['/a', '/b']);
  expect(problems({ data: ' ' })).toEqual(['--data is empty; write a directory']);
});

test('--port and --host make the listener', () => {
  expect(listenersOf(plan({ port: 0 }))).toEqual(['PLAINTEXT://localhost:0']);
  expect(listenersOf(plan({ host: '::1', port: 19092 }))).toEqual(['PLAINTEXT://::1:19092']);
});

test('--port or --host beside listeners is an error that names the place of the listeners', () => {
  const file = 'listeners=PLAINTEXT://:9092';
  const message = (flag: string, from: string) => [`${flag} and listeners (${from}) both say where to listen; leave one out`];
  expect(problems({ port: 1, config: 'server.properties' }, { file })).toEqual(message('--port', 'server.properties'));
  expect(problems({ host: 'a' }, { env: { KAFKA_LISTENERS: 'PLAINTEXT://:9092' } })).toEqual(message('--host', 'KAFKA_LISTENERS'));
  expect(problems({ port: 1, override: [file] })).toEqual(message('--port', '--override'));
  expect(listenersOf(plan({}, { file }))).toEqual(['PLAINTEXT://:9092']);
});

test.each(['localhost', '127.0.0.1', '127.1.2.3', '::1'])('%s is loopback: no warning', (host) => {
  expect(plan({ host }).warnings).toEqual([]);
});

test.each([
  ['0.0.0.0', '0.0.0.0:9092'],
  ['::', '[::]:9092'],
  ['192.168.0.7', '192.168.0.7:9092'],
  ['127.0.0.1.example.com', '127.0.0.1.example.com:9092'],
])('%s is wider than loopback: a warning says that there is no authentication', (host, where) => {
  expect(plan({ host }).warnings).toEqual([`there is no authentication: whoever can reach ${where} can read, write and delete everything`]);
});

test('listeners of a file are warned of as well', () => {
  expect(plan({}, { file: 'listeners=PLAINTEXT://:9092' }).warnings).toEqual([
    'there is no authentication: whoever can reach *:9092 can read, write and delete everything',
  ]);
});

// The server.properties that Apache Kafka 4 ships, without its comments.
const KAFKA_FILE = `
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://localhost:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
offsets.topic.replication.factor=1
log.retention.hours=168
`;

test("with Kafka's own server.properties the controller listener is skipped, with a notice", () => {
  const kafka = plan({ config: 'server.properties' }, { file: KAFKA_FILE });
  expect(listenersOf(kafka)).toEqual(['PLAINTEXT://localhost:9092']);
  expect(kafka.config.advertisedListeners.map(({ name }) => name)).toEqual(['PLAINTEXT']);
  expect(kafka.notices[0]).toBe('skipping CONTROLLER://:9093: there is no controller process here');
  expect(kafka.warnings).toEqual([]);
});

test('keys of Kafka that have no effect here get one notice together', () => {
  const { notices } = plan({ override: ['zookeeper.connect=a:2181', 'num.io.threads=8', 'num.partitions=2'] });
  expect(notices).toEqual(['without effect here: zookeeper.connect, num.io.threads']);
});

test('unknown keys are an error that names each and its place, beside all bad values', () => {
  const sources = { file: 'retention.ms=1\nnum.partitions=none' };
  expect(problems({ config: 'my.properties', override: ['log.retention.mss=5'] }, sources)).toEqual([
    'my.properties: unknown key retention.ms; it is a key of topics, whose name for a broker is log.retention.ms',
    '--override: unknown key log.retention.mss; correct its name or remove it',
    'my.properties: Invalid value none for configuration num.partitions: Not a number of type INT',
  ]);
});

test('an unknown KAFKA_ name in the environment is a warning', () => {
  expect(plan({}, { env: { KAFKA_FOO: '1', KAFKA_BAR_BAZ: '2', KAFKA_HEAP_OPTS: '-Xmx1g', PATH: '/bin' } }).warnings).toEqual([
    'no broker key, so without effect, in the environment: KAFKA_FOO, KAFKA_BAR_BAZ',
  ]);
});

test('topics are checked with their configs before anything is touched', () => {
  expect(plan({ topic: ['a:1', 'b:2:cleanup.policy=compact,delete'] }).topics).toEqual([
    { name: 'a', partitions: 1, configs: {} },
    { name: 'b', partitions: 2, configs: { 'cleanup.policy': 'compact,delete' } },
  ]);
  expect(problems({ topic: ['a:1:retention.msx=5'] })).toEqual(['--topic a: Unknown topic config name: retention.msx']);
  expect(problems({ topic: ['a:1:retention.ms=soon'] })).toEqual([
    '--topic a: Invalid value soon for configuration retention.ms: Not a number of type LONG',
  ]);
});

test('a bad value is told with the place where it stands', () => {
  const config = 'my.properties';
  const bad = (key: string) => `Invalid value x for configuration ${key}: Not a number of type INT`;
  expect(problems({ config }, { file: 'num.partitions=x' })).toEqual([`my.properties: ${bad('num.partitions')}`]);
  expect(problems({}, { env: { KAFKA_NUM_PARTITIONS: 'x' } })).toEqual([`KAFKA_NUM_PARTITIONS: ${bad('num.partitions')}`]);
  expect(problems({ override: ['num.partitions=x'] })).toEqual([`--override: ${bad('num.partitions')}`]);
  // The place of the value that counts, not of one that it hides.
  const both = { file: 'num.partitions=x', env: { KAFKA_NUM_PARTITIONS: 'x' } };
  expect(problems({ config }, both)).toEqual([`KAFKA_NUM_PARTITIONS: ${bad('num.partitions')}`]);
  expect(problems({ config }, { file: 'broker.id=x' })[0]).toMatch(/^my\.properties: Invalid value x/);
  expect(problems({ config }, { file: 'a=\\u12' })).toEqual([expect.stringMatching(/^my\.properties: .*four hexadecimal digits/)]);
});

test.each([
  ['process.roles=controller', 'my.properties: process.roles: there is no controller process here; add broker, or remove it'],
  ['log.retention.ms=0', 'my.properties: log.retention.ms must be unlimited (-1) or, greater than or equal to 1'],
  ['listeners=9092', "my.properties: listeners: '9092' is not NAME://host:port, as in PLAINTEXT://localhost:9092"],
])('so is one that this broker cannot do: %s', (file, message) => {
  expect(problems({ config: 'my.properties' }, { file })).toEqual([message]);
});

test.each([
  ['__consumer_offsets', 'offsets.topic.num.partitions'],
  ['__transaction_state', 'transaction.state.log.num.partitions'],
  ['__share_group_state', 'share.coordinator.state.topic.num.partitions'],
])('%s is not to be named: the broker makes it with the configs that it needs', (name, key) => {
  expect(problems({ topic: [`${name}:3`] })).toEqual([
    `--topic ${name}:3: ${name} is made by the broker itself when it is needed; leave it out, and set ${key} for its partitions`,
  ]);
  expect(() => plan({ override: [`${key}=3`] })).not.toThrow();
});

const CLUSTER: ClusterFile = {
  brokers: 3,
  basePort: 19092,
  host: 'localhost',
  racks: ['a', 'b'],
  overrides: { 'num.partitions': '7' },
  defaults: { 'min.insync.replicas': '2', 'default.replication.factor': '3' },
};

test("a broker of a cluster has the cluster's settings below its own, and its place from its number", () => {
  const { config, cluster } = plan({ brokerId: 4, cluster: '/c', override: ['min.insync.replicas=1'] }, { cluster: CLUSTER });
  expect(config.int('node.id')).toBe(4);
  expect(config.dataDirectory).toBe(join('/c', 'broker-4'));
  expect(config.listeners.listeners).toMatchObject([{ host: 'localhost', port: 19095 }]);
  expect([config.string('broker.rack'), config.int('num.partitions'), config.int('min.insync.replicas')]).toEqual(['b', 7, 1]);
  expect(cluster).toEqual({ directory: '/c', peers: new Map() });
  expect(plan().cluster).toBeNull();
});

test('a broker of a cluster dials its peers where the environment says', () => {
  const env = { MINIKAFKA_PEERS: '{"1":"127.0.0.1:5000","2":"::1:5001"}' };
  const { cluster } = plan({ brokerId: 3, cluster: '/c' }, { cluster: CLUSTER, env });
  expect([...cluster!.peers]).toEqual([
    [1, { host: '127.0.0.1', port: 5000 }],
    [2, { host: '::1', port: 5001 }],
  ]);
});

test.each<[string, StartFlags, Partial<StartSources>, string]>([
  ['--broker-id alone', { brokerId: 4 }, {}, '--broker-id is for a broker of a cluster; say which with --cluster, or leave it out'],
  [
    '--cluster alone',
    { cluster: '/c' },
    { cluster: CLUSTER },
    '--cluster needs --broker-id, a number that no other broker of the cluster has',
  ],
  ['--data besides', { brokerId: 4, cluster: '/c', data: 'd' }, { cluster: CLUSTER }, expect.stringContaining('leave out --data')],
  ['no cluster there', { brokerId: 4, cluster: '/c' }, { cluster: null }, expect.stringContaining('--cluster /c: there is no cluster yet')],
  [
    'another node.id',
    { brokerId: 4, cluster: '/c' },
    { cluster: CLUSTER, env: { KAFKA_NODE_ID: '5' } },
    'node.id (KAFKA_NODE_ID) is for --broker-id and --cluster to say; remove it',
  ],
])('%s is refused', (_, flags, sources, problem) => {
  expect(problems(flags, sources)).toEqual([problem]);
});
