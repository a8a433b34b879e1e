import { DescribeConfigs, IncrementalAlterConfigs } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  APPEND,
  BROKER,
  BROKER_LOGGER,
  BROKER_VALUES,
  CLIENT_METRICS,
  DELETE,
  describe,
  GROUP,
  has,
  NODE,
  ownConfigs,
  SET,
  SUBTRACT,
  TOPIC,
  TOPIC_VALUES,
  valuesFor,
} from './config-support.ts';

export const incrementalAlterConfigsScenarios = [
  scenario(IncrementalAlterConfigs, 'of a topic', async (stage) => {
    const { name } = await stage.topic('a', { configs: { 'retention.ms': '5000', 'cleanup.policy': 'delete' } });
    const change = (changes: [string, number, string | null][], validateOnly = false, resourceName = name, resourceType = TOPIC) => ({
      resources: [
        { resourceType, resourceName, configs: changes.map(([key, configOperation, value]) => ({ name: key, configOperation, value })) },
      ],
      validateOnly,
    });
    const look = describe(TOPIC, name, null);
    const settled = async (step: string, key: string, value: string | null) => {
      await stage.until(DescribeConfigs, 2, look, has(key, value));
      await stage.stepOf(DescribeConfigs, 2, step, look, ownConfigs);
    };
    await stage.step('validated only', change([['max.message.bytes', SET, '1']], true));
    await stage.step('set', change([['max.message.bytes', SET, '1000']]));
    await settled('after set', 'max.message.bytes', '1000');
    await stage.step('append', change([['cleanup.policy', APPEND, 'compact']]));
    await settled('after append', 'cleanup.policy', 'delete,compact');
    await stage.step('append what is there', change([['cleanup.policy', APPEND, 'compact']]));
    await stage.step('subtract', change([['cleanup.policy', SUBTRACT, 'delete']]));
    await settled('after subtract', 'cleanup.policy', 'compact');
    await stage.step('subtract what is not there', change([['cleanup.policy', SUBTRACT, 'delete']]));
    await stage.step(
      'delete',
      change([
        ['max.message.bytes', DELETE, null],
        ['retention.ms', DELETE, ''],
      ]),
    );
    await settled('after delete', 'max.message.bytes', null);
    await stage.step('delete what is not there', change([['retention.bytes', DELETE, null]]));
    await stage.step('append to a number', change([['retention.ms', APPEND, '1']]));
    await stage.step('subtract from a number', change([['retention.ms', SUBTRACT, '1']]));
    await stage.step('an operation that does not exist', change([['retention.ms', 9, '1']]));
    await stage.step('set to null', change([['retention.ms', SET, null]]));
    await stage.step('an unknown key', change([['no.such.config', SET, '1']]));
    await stage.step('delete an unknown key', change([['no.such.config', DELETE, null]]));
    await stage.step('an invalid value', change([['retention.ms', SET, 'long']]));
    await stage.step(
      'an invalid value beside a good one',
      change([
        ['retention.ms', SET, 'long'],
        ['max.message.bytes', SET, '3000'],
      ]),
    );
    await stage.step(
      'a key twice',
      change([
        ['retention.ms', SET, '1'],
        ['retention.ms', SET, '2'],
      ]),
    );
    await stage.step('a topic that does not exist', change([['retention.ms', SET, '1']], false, stage.name('nowhere')));
    await stage.step('an invalid topic name', change([['retention.ms', SET, '1']], false, 'a b'));
    await stage.step('a resource type that does not exist', change([['retention.ms', SET, '1']], false, name, 99));
    await stage.step('a topic twice', {
      resources: [1, 2].map(() => change([['retention.ms', SET, '1']]).resources[0]!),
      validateOnly: false,
    });
    await stage.step('no changes', change([]));
    await stage.step('nothing', { resources: [], validateOnly: false });
    await stage.stepOf(DescribeConfigs, 2, 'what holds in the end', look, ownConfigs);
  }),

  // Validated only: a broker's configs are everybody's.
  scenario(IncrementalAlterConfigs, 'of a broker', async (stage) => {
    const change = (key: string, value: string, resourceName = NODE) => ({
      resources: [{ resourceType: BROKER, resourceName, configs: [{ name: key, configOperation: SET, value }] }],
      validateOnly: true,
    });
    await stage.step('a dynamic key', change('message.max.bytes', '2000000'));
    await stage.step("a dynamic key, the cluster's default", change('message.max.bytes', '2000000', ''));
    await stage.step('an invalid value', change('message.max.bytes', 'many'));
    await stage.step('a read-only key', change('num.partitions', '3'));
    await stage.step('a read-only key of the broker alone', change('node.id', '3'));
    await stage.step('an unknown key', change('no.such.config', '3'));
    await stage.step('another broker', change('message.max.bytes', '2000000', '7'));
    await stage.step('a broker that is no number', change('message.max.bytes', '2000000', 'one'));
  }),
];

type Change = readonly [key: string, operation: number, value: string | null];

const changes = (resourceType: number, resourceName: string, ...each: Change[]) => ({
  resourceType,
  resourceName,
  configs: each.map(([name, configOperation, value]) => ({ name, configOperation, value })),
});

export const incrementalAlterConfigsDetailScenarios = [
  scenario(IncrementalAlterConfigs, 'values', async (stage) => {
    const { name } = await stage.topic('a');
    for (const [key, value] of valuesFor(stage.version, 1, TOPIC_VALUES))
      await stage.step(`${key} "${value}"`, { resources: [changes(TOPIC, name, [key, SET, value])], validateOnly: true });
  }),

  scenario(IncrementalAlterConfigs, 'lists', async (stage) => {
    const { name } = await stage.topic('a', { configs: { 'cleanup.policy': 'compact' } });
    const KEY = 'cleanup.policy';
    const REPLICAS = 'leader.replication.throttled.replicas';
    const look = describe(TOPIC, name, [KEY, REPLICAS]);
    const alter = async (what: string, ...each: Change[]) => {
      await stage.step(what, { resources: [changes(TOPIC, name, ...each)], validateOnly: false });
    };
    const holds = async (what: string, key: string, value: string | null) => {
      await stage.until(DescribeConfigs, 2, look, has(key, value));
      await stage.stepOf(DescribeConfigs, 2, what, look, ownConfigs);
    };
    await alter('append two, one of which is there', [KEY, APPEND, 'delete,compact']);
    await holds('after that', KEY, 'compact,delete');
    await alter('append with white space', [KEY, APPEND, ' delete ']);
    await alter('append what is not allowed', [KEY, APPEND, 'burn']);
    await alter('append nothing', [KEY, APPEND, '']);
    await alter('append an empty element', [KEY, APPEND, ',delete']);
    await alter('append an empty last element', [KEY, APPEND, 'delete,']);
    await alter('append a comma', [KEY, APPEND, ',']);
    await alter('append null', [KEY, APPEND, null]);
    await alter('subtract null', [KEY, SUBTRACT, null]);
    await alter('subtract both', [KEY, SUBTRACT, 'compact,delete']);
    await alter('subtract nothing', [KEY, SUBTRACT, '']);
    await alter('append to a list that has no value', [REPLICAS, APPEND, '0:1']);
    await holds('now it has one', REPLICAS, '0:1');
    await alter('append the same again', [REPLICAS, APPEND, '0:1,1:1']);
    await holds('it is there once', REPLICAS, '0:1,1:1');
    await alter('append what is no replica', [REPLICAS, APPEND, 'x']);
    await alter('subtract one', [REPLICAS, SUBTRACT, '0:1']);
    await holds('the other is left', REPLICAS, '1:1');
    await alter('subtract the last', [REPLICAS, SUBTRACT, '1:1']);
    await holds('it is empty', REPLICAS, '');
    await alter('delete, with a value', [REPLICAS, DELETE, '0:1']);
    await holds('it is not set', REPLICAS, null);
    await alter('append to a text', ['compression.type', APPEND, 'gzip']);
    await alter('subtract from a bool', ['preallocate', SUBTRACT, 'true']);
    await alter('append to a key that does not exist', ['no.such.config', APPEND, '1']);
    await alter('a list that is set, and appended to', [KEY, SET, 'compact'], [KEY, APPEND, 'delete']);
    await alter('append to one, set another', [KEY, APPEND, 'delete'], ['retention.ms', SET, '9000']);
    await stage.stepOf(DescribeConfigs, 2, 'in the end', look, ownConfigs);
  }),

  scenario(IncrementalAlterConfigs, 'several resources', async (stage) => {
    const { name: a } = await stage.topic('a');
    const { name: b } = await stage.topic('b');
    await stage.step('one refused, two altered', {
      resources: [
        changes(TOPIC, a, ['retention.ms', SET, '7000']),
        changes(TOPIC, stage.name('nowhere'), ['retention.ms', SET, '7000']),
        changes(TOPIC, b, ['retention.ms', SET, '8000'], ['flush.ms', DELETE, null]),
      ],
      validateOnly: false,
    });
    for (const [what, topic, value] of [
      ['a', a, '7000'],
      ['b', b, '8000'],
    ] as const) {
      await stage.until(DescribeConfigs, 2, describe(TOPIC, topic, null), has('retention.ms', value));
      await stage.stepOf(DescribeConfigs, 2, `what ${what} has`, describe(TOPIC, topic, null), ownConfigs);
    }
    await stage.step('of every type', {
      resources: [
        changes(TOPIC, a, ['no.such.config', SET, '1']),
        changes(BROKER, NODE, ['num.partitions', SET, '3']),
        changes(BROKER, '', ['num.partitions', SET, '3']),
        changes(BROKER, '7', ['num.partitions', SET, '3']),
        changes(0, a, ['retention.ms', SET, '1']),
        changes(3, b, ['retention.ms', SET, '1']),
      ],
      validateOnly: true,
    });
  }),

  scenario(IncrementalAlterConfigs, 'resources without configs here', async (stage) => {
    for (const [what, type, name] of [
      ['loggers', BROKER_LOGGER, NODE],
      ['loggers of another broker', BROKER_LOGGER, '7'],
      ['loggers of the default', BROKER_LOGGER, ''],
      ['client metrics', CLIENT_METRICS, stage.name('m')],
      ['client metrics without a name', CLIENT_METRICS, ''],
      ['a group', GROUP, stage.name('g')],
      ['a group without a name', GROUP, ''],
    ] as const) {
      await stage.step(`${what}: a key that does not exist`, {
        resources: [changes(type, name, ['no.such.config', SET, '1'])],
        validateOnly: true,
      });
      await stage.step(`${what}: nothing`, { resources: [changes(type, name)], validateOnly: true });
    }
    await stage.step('a group: a value', {
      resources: [changes(GROUP, stage.name('g'), ['consumer.session.timeout.ms', SET, '50000'])],
      validateOnly: true,
    });
    await stage.step('client metrics: a value', {
      resources: [changes(CLIENT_METRICS, stage.name('m'), ['interval.ms', SET, '50000'])],
      validateOnly: true,
    });
    await stage.step('loggers: a level', {
      resources: [changes(BROKER_LOGGER, NODE, ['kafka.conformance', SET, 'INFO'])],
      validateOnly: true,
    });
    await stage.step('loggers: no level', {
      resources: [changes(BROKER_LOGGER, NODE, ['kafka.conformance', SET, 'LOUD'])],
      validateOnly: true,
    });
  }),

  scenario(IncrementalAlterConfigs, 'of brokers, validated only', async (stage) => {
    const step = (what: string, name: string, ...each: Change[]) =>
      stage.step(what, { resources: [changes(BROKER, name, ...each)], validateOnly: true });
    for (const [who, name] of [
      ['this broker', NODE],
      ["the cluster's default", ''],
    ] as const) {
      for (const [key, value] of valuesFor(stage.version, 1, BROKER_VALUES))
        await step(`${who}: ${key} "${value}"`, name, [key, SET, value]);
      await step(`${who}: append to a list`, name, ['log.cleanup.policy', APPEND, 'compact']);
      await step(`${who}: append what is not allowed`, name, ['log.cleanup.policy', APPEND, 'burn']);
      await step(`${who}: subtract from a list`, name, ['log.cleanup.policy', SUBTRACT, 'delete']);
      await step(`${who}: append to a number`, name, ['max.connections', APPEND, '1']);
      await step(`${who}: append to what nobody knows`, name, ['no.such.config', APPEND, '1']);
      await step(`${who}: delete`, name, ['max.connections', DELETE, null]);
      await step(`${who}: delete a read-only key`, name, ['num.partitions', DELETE, null]);
      await step(`${who}: delete what nobody knows`, name, ['no.such.config', DELETE, null]);
      await step(`${who}: delete min.insync.replicas`, name, ['min.insync.replicas', DELETE, null]);
      await step(`${who}: an operation that does not exist`, name, ['max.connections', 4, '1']);
      await step(`${who}: a key twice`, name, ['max.connections', SET, '5'], ['max.connections', DELETE, null]);
      await step(`${who}: good and bad`, name, ['max.connections', SET, '5'], ['num.io.threads', SET, '0']);
    }
    for (const name of ['1.0', '-1', ' 1']) await step(`broker "${name}"`, name, ['max.connections', SET, '100']);
  }),
];
