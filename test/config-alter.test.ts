import { expect, test } from 'vitest';
import {
  BrokerConfig,
  brokerConfig,
  CONFIG_TABLE,
  type ConfigOp,
  type ConfigScope,
  incrementalAlter,
  replaceConfigs,
} from '../src/config.ts';
import { KafkaError } from '../src/core/errors.ts';
import answers from './config-kafka-answers.json' with { type: 'json' };

type Configs = ReadonlyMap<string, string>;
const opsOf = (ops: unknown[][]) => ops.map(([op, name, value]) => ({ op, name, value }) as ConfigOp);

/** The configs after the ops, and Kafka's error if they were refused (then nothing changed). */
function alter(current: Configs, ops: readonly ConfigOp[], scope: ConfigScope, broker: BrokerConfig): [Configs, string[] | null] {
  try {
    return [incrementalAlter(current, ops, scope, broker), null];
  } catch (error) {
    if (error instanceof KafkaError) return [current, [error.errorName, error.message]];
    throw error;
  }
}

test("a topic's configs change step by step as in Kafka, or are refused with the same error", () => {
  const { static: staticValues, start, steps } = answers.topicAlterations;
  const broker = new BrokerConfig(new Map(Object.entries(staticValues)));
  let configs: Configs = new Map(Object.entries(start));
  for (const step of steps) {
    const [next, error] = alter(configs, opsOf(step.ops), 'topic', broker);
    expect(error, JSON.stringify(step.ops)).toEqual(step.error);
    configs = next;
    const topic = broker.topic(configs);
    const lists = {
      'cleanup.policy': topic.cleanupPolicy,
      'leader.replication.throttled.replicas': topic.leaderReplicationThrottledReplicas,
    };
    for (const [name, value] of Object.entries(step.then))
      expect(lists[name as keyof typeof lists].join(','), JSON.stringify(step.ops)).toBe(value);
  }
});

test("brokers' configs are changed or refused as in Kafka", () => {
  const broker = brokerConfig(
    new Map([
      ['listeners', 'PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:29093'],
      ['controller.listener.names', 'CONTROLLER'],
    ]),
  );
  let perBroker: Configs = new Map();
  let cluster: Configs = new Map();
  for (const { to, ops, error } of answers.brokerAlterations) {
    const running = broker.withDynamic(perBroker, cluster);
    const [next, got] = alter(to === '' ? cluster : perBroker, opsOf(ops), to === '' ? 'cluster default' : 'broker', running);
    expect(got, `${to} ${JSON.stringify(ops)}`).toEqual(error);
    if (to === '') cluster = next;
    else perBroker = next;
  }
  expect(cluster.get('log.cleanup.policy')).toBe('delete,compact');
  expect(perBroker.get('log.cleanup.policy')).toBe('compact');
});

// Kafka's rules beyond type and range, as Apache Kafka 4.4.0 answered them.
test.each<[string, string, boolean]>([
  ['log.roll.ms', '0', false],
  ['log.roll.ms', '1', true],
  ['log.roll.jitter.ms', '-1', false],
  ['num.io.threads', '3', false], // of 8
  ['num.io.threads', '4', true],
  ['num.io.threads', '16', true],
  ['num.io.threads', '17', false],
  ['num.replica.fetchers', '3', false],
  ['log.cleaner.threads', '0', false],
  ['log.cleaner.threads', '2', true],
  ['log.cleaner.dedupe.buffer.size', '1048576', false],
  ['log.cleaner.dedupe.buffer.size', '1048577', true],
  ['max.connections.per.ip.overrides', 'x', false],
  ['max.connections.per.ip.overrides', '127.0.0.1:5,host:7', true],
  ['max.connection.creation.rate', '0', false],
  ['principal.builder.class', 'x', false],
  ['listener.name.plaintext.num.partitions', '3', true],
])('%s %s of a broker: taken is %s', (name, value, taken) => {
  const [next, error] = alter(new Map(), [{ op: 'SET', name, value }], 'broker', brokerConfig(new Map()));
  expect([next.get(name), error?.[0]]).toEqual(taken ? [value, undefined] : [undefined, 'INVALID_REQUEST']);
});

test.each([
  ['', 'INVALID_CONFIG'], // Java splits it into one empty element
  [',delete', 'INVALID_CONFIG'],
  ['delete,', undefined],
  [',,', undefined],
])('appending "%s" to a list that has elements ends in %s', (value, error) => {
  const [, got] = alter(
    new Map([['cleanup.policy', 'compact']]),
    [{ op: 'APPEND', name: 'cleanup.policy', value }],
    'topic',
    brokerConfig(new Map()),
  );
  expect(got?.[0]).toBe(error);
});

test('of what is set for all listeners of a name, three keys may be set for all brokers', () => {
  const given = ['max.connections', 'num.network.threads', 'max.connection.creation.rate', 'ssl.keystore.location', 'no.such'];
  const taken = given.filter(
    (key) =>
      alter(
        new Map(),
        [{ op: 'SET', name: `listener.name.plaintext.${key}`, value: '3' }],
        'cluster default',
        brokerConfig(new Map()),
      )[1] === null,
  );
  expect(taken).toEqual(given.slice(0, 3));
});

test('what is set for all brokers is judged by what is in force: a value of the broker itself stands before it', () => {
  const running = brokerConfig(new Map()).withDynamic(new Map([['log.roll.ms', '5']]), new Map());
  const [next] = alter(new Map(), [{ op: 'SET', name: 'log.roll.ms', value: '0' }], 'cluster default', running);
  expect(next.get('log.roll.ms')).toBe('0');
});

test('what differs from broker to broker is not set for all of them', () => {
  const kafka = answers.perBrokerKeys.filter((name) => !/^ssl\.(key\.password|keystore|truststore)/.test(name));
  expect(kafka.length).toBeGreaterThan(20);
  const values: Record<string, string> = {
    boolean: 'true',
    double: '0.8',
    long: '60000',
    short: '300',
    list: 'a',
    string: 'x',
    class: 'x',
    password: 'x',
  };
  const refused = [...CONFIG_TABLE.broker].filter(([name, key]) => {
    if (key.dynamic !== true) return false;
    const value = key.oneOf?.[0] ?? values[key.type] ?? key.default;
    const [, error] = alter(new Map(), [{ op: 'SET', name, value }], 'cluster default', brokerConfig());
    return error?.[1]?.startsWith('Cannot update these configs at default cluster level') ?? false;
  });
  expect(refused.map(([name]) => name).sort()).toEqual(kafka.sort());
});

test('listeners do not change while the broker runs: that is refused, not passed over', () => {
  const [, error] = alter(new Map(), [{ op: 'SET', name: 'listeners', value: 'PLAINTEXT://:9999' }], 'broker', brokerConfig());
  expect(error).toEqual([
    'INVALID_REQUEST',
    'listeners cannot be changed while the broker runs: change it in its configuration and restart it',
  ]);
});

test('a change leaves the configs that it started from alone', () => {
  const before = new Map([['retention.ms', '5']]);
  incrementalAlter(before, [{ op: 'DELETE', name: 'retention.ms', value: null }], 'topic', brokerConfig());
  expect([...before]).toEqual([['retention.ms', '5']]);
});

test('AlterConfigs replaces all configs; duplicates and missing values are refused', () => {
  const broker = brokerConfig();
  expect([...replaceConfigs([{ name: 'retention.ms', value: '9' }], 'topic', broker)]).toEqual([['retention.ms', '9']]);
  const twice = [
    { name: 'retention.ms', value: '9' },
    { name: 'retention.ms', value: '8' },
  ];
  expect(() => replaceConfigs(twice, 'topic', broker)).toThrow('Error due to duplicate config keys');
  expect(() => replaceConfigs([{ name: 'retention.ms', value: null }], 'topic', broker)).toThrow(
    'Null value not supported for : retention.ms',
  );
});

test('a resource has at most 1000 configs', () => {
  const entries = Array.from({ length: 1001 }, (_, at) => ({ name: `plugin.key.${at}`, value: 'x' }));
  expect(replaceConfigs(entries.slice(1), 'broker', brokerConfig()).size).toBe(1000);
  expect(() => replaceConfigs(entries, 'broker', brokerConfig())).toThrow('At most 1000 configs');
});

test('min.insync.replicas is for topics and for all brokers alike, not for one broker (KIP-966, in Kafka’s words)', () => {
  const refused = [new Map(), ['INVALID_CONFIG', 'Broker-level min.insync.replicas cannot be altered while ELR is enabled.']];
  const set = opsOf([['SET', 'min.insync.replicas', '2']]);
  expect(alter(new Map(), set, 'broker', brokerConfig(new Map()))).toEqual(refused);
  expect(alter(new Map(), set, 'cluster default', brokerConfig(new Map()))[1]).toBeNull();
  expect(() => replaceConfigs([{ name: 'min.insync.replicas', value: '2' }], 'broker', brokerConfig(new Map()))).toThrow('Broker-level');
});
