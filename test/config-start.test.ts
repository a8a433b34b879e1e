import { expect, test } from 'vitest';
import { brokerConfig, ConfigError, fromEnvironment, parseListeners, parseProperties } from '../src/config.ts';

function problems(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
const start = (values: Record<string, string>) => brokerConfig(new Map(Object.entries(values)));

// The cases of java.util.Properties' own documentation, and its grammar.
test('properties are read as Java reads them', () => {
  const text = [
    '# a comment',
    '! another',
    '',
    '  Truth = Beauty',
    'Truth2:Beauty',
    'Truth3\t\t\t:Beauty',
    'fruits   apple, banana, \\',
    '         pear, \\',
    '         peach',
    'cheeses',
    'colon\\:key=v',
    'space\\ key v',
    'tab=a\\tb',
    'unicode=\\u00e9',
    'path=C:\\\\data\\\\',
    'trailing=kept  ',
    'twice=1',
    'twice=2',
    'empty=',
    'equals=a=b',
    '# no continuation \\',
    'after=comment',
    'unknown=\\q',
    'last=\\',
  ].join('\n');
  expect(Object.fromEntries(parseProperties(text))).toEqual({
    Truth: 'Beauty',
    Truth2: 'Beauty',
    Truth3: 'Beauty',
    fruits: 'apple, banana, pear, peach',
    cheeses: '',
    'colon:key': 'v',
    'space key': 'v',
    tab: 'a\tb',
    unicode: 'é',
    path: 'C:\\data\\',
    trailing: 'kept  ',
    twice: '2',
    empty: '',
    equals: 'a=b',
    after: 'comment',
    unknown: 'q',
    last: '',
  });
  expect([...parseProperties('a=1\r\nb=2\rc=3')]).toEqual([
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ]);
  expect(problems(() => parseProperties('a=\\u12'))).toHaveLength(1);
});

test('KAFKA_* names become keys as in the Kafka images; their other names are left alone; unknown ones are told', () => {
  const { values, unknown } = fromEnvironment({
    KAFKA_LOG_RETENTION_MS: '5',
    KAFKA_ZOOKEEPER_CLIENT_CNXN_SOCKET: 'x',
    KAFKA_LISTENER_NAME_IN___TERNAL_SSL_PROTOCOL: 'y',
    KAFKA_HEAP_OPTS: '-Xmx1g',
    KAFKA_LOG4J_LOGGERS: 'a',
    KAFKA_JMX_PORT: '1',
    KAFKA_OPTS: '',
    KAFKA_CLUSTER_ID: 'c',
    KAFKA_NO_SUCH_KEY: '1',
    KAFKA_LOG__RETENTION: '1',
    PATH: '/bin',
    KAFKA_UNSET: undefined,
  });
  expect([...values]).toEqual([
    ['log.retention.ms', '5'],
    ['listener.name.in-ternal.ssl.protocol', 'y'],
  ]);
  expect(unknown).toEqual(['KAFKA_ZOOKEEPER_CLIENT_CNXN_SOCKET', 'KAFKA_NO_SUCH_KEY', 'KAFKA_LOG__RETENTION']);
});

test('all bad values of a start are told at once', () => {
  const bad = { 'num.partitions': 'many', 'no.such.key': '1', 'log.segment.bytes': '5', 'zookeeper.connect': 'localhost:2181' };
  expect(problems(() => start(bad))).toEqual([
    'Invalid value many for configuration num.partitions: Not a number of type INT',
    'Unknown key no.such.key: correct its name or remove it',
    'Invalid value 5 for configuration log.segment.bytes: Value must be at least 1048576',
  ]);
});

test('what is not implemented is refused at start, never passed over', () => {
  expect(problems(() => start({ 'authorizer.class.name': 'kafka.Acl' }))[0]).toMatch(/^authorizer.class.name: ACLs are not implemented/);
  expect(problems(() => start({ 'remote.log.storage.system.enable': 'true' }))[0]).toMatch(/tiered storage/);
  expect(problems(() => start({ 'process.roles': 'controller' }))[0]).toMatch(/no controller process/);
  expect(problems(() => start({ listeners: 'SSL://:9093' }))[0]).toMatch(/SSL uses SSL, but TLS and SASL are not implemented yet/);
  expect(problems(() => start({ 'log.retention.minutes': '0' }))[0]).toMatch(/must be unlimited/);
  expect(problems(() => start({ 'group.min.session.timeout.ms': '2', 'group.max.session.timeout.ms': '1' }))[0]).toMatch(/lower it/);
});

test('broker.id is the old name of node.id', () => {
  expect(start({ 'broker.id': '7' }).int('node.id')).toBe(7);
  expect(start({ 'node.id': '8' }).text('broker.id')).toBe('8');
  expect(start({ 'broker.id': '-1' }).int('node.id')).toBe(1);
  expect(problems(() => start({ 'broker.id': '7', 'node.id': '8' }))).toEqual([
    'broker.id and node.id differ: remove broker.id, the old name of node.id',
  ]);
});

test("Kafka's own sample file for a combined node starts a broker; what has no effect is named once", () => {
  const config = start({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.bootstrap.servers': 'localhost:9093',
    listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    'inter.broker.listener.name': 'PLAINTEXT',
    'advertised.listeners': 'PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL',
    'num.network.threads': '3',
    'num.io.threads': '8',
    'log.dirs': '/tmp/kraft-combined-logs',
    'num.partitions': '1',
    'zookeeper.connect': 'x:1',
  });
  expect(config.listeners).toEqual({
    listeners: [{ name: 'PLAINTEXT', host: '', port: 9092, protocol: 'PLAINTEXT' }],
    skipped: ['CONTROLLER://:9093'],
  });
  expect(config.advertisedListeners).toEqual([{ name: 'PLAINTEXT', host: 'localhost', port: 9092, protocol: 'PLAINTEXT' }]);
  const idle = [
    'controller.quorum.bootstrap.servers',
    'inter.broker.listener.name',
    'num.network.threads',
    'num.io.threads',
    'zookeeper.connect',
  ];
  expect(config.withoutEffect).toEqual(idle);
  expect(brokerConfig().withoutEffect).toEqual([]);
  expect(brokerConfig().advertisedListeners).toEqual([]);
});

test('listeners have names, hosts of both IP families, ports and protocols', () => {
  const parsed = parseListeners(
    'plaintext://:9092,EXTERNAL://0.0.0.0:9094, V6://[::1]:0',
    'PLAINTEXT:PLAINTEXT,EXTERNAL:PLAINTEXT,V6:plaintext',
  );
  expect(parsed.listeners.map(({ name, host, port }) => [name, host, port])).toEqual([
    ['PLAINTEXT', '', 9092],
    ['EXTERNAL', '0.0.0.0', 9094],
    ['V6', '::1', 0],
  ]);
});

test('listeners that cannot work are refused, each with what to do', () => {
  const map = 'PLAINTEXT:PLAINTEXT,B:PLAINTEXT,S:SASL_SSL';
  expect(problems(() => parseListeners('foo,PLAINTEXT://:99999,X://:1', map))).toEqual([
    "listeners: 'foo' is not NAME://host:port, as in PLAINTEXT://localhost:9092",
    "listeners: 'PLAINTEXT://:99999' is not NAME://host:port, as in PLAINTEXT://localhost:9092",
    'listeners: add X:PLAINTEXT to listener.security.protocol.map',
  ]);
  expect(problems(() => parseListeners('PLAINTEXT://:1,PLAINTEXT://:2', map))).toEqual([
    'listeners: the name PLAINTEXT stands there twice; use each name once',
  ]);
  expect(problems(() => parseListeners('PLAINTEXT://a:1,B://:1', map))).toEqual([
    'listeners: port 1 stands there twice; use each port once',
  ]);
  expect(problems(() => parseListeners('S://:1', map))[0]).toMatch(/S uses SASL_SSL/);
  expect(problems(() => parseListeners('PLAINTEXT://:1', 'nonsense'))[0]).toMatch(/'nonsense' is not NAME:PROTOCOL/);
  expect(problems(() => parseListeners('PLAINTEXT://0.0.0.0:0', map, '', true))).toHaveLength(2);
  expect(problems(() => start({ 'advertised.listeners': 'B://h:1', 'listener.security.protocol.map': map }))[0]).toMatch(
    /B is not among the names/,
  );
  expect(problems(() => start({ listeners: 'PLAINTEXT://:1', 'controller.listener.names': 'PLAINTEXT' }))[0]).toMatch(
    /^listeners: add one/,
  );
});
