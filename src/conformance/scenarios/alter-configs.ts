import { AlterConfigs, DescribeConfigs } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  BROKER,
  BROKER_LOGGER,
  BROKER_VALUES,
  CLIENT_METRICS,
  describe,
  GROUP,
  has,
  NODE,
  ownConfigs,
  TOPIC,
  TOPIC_VALUES,
  valuesFor,
} from './config-support.ts';

export const alterConfigsScenarios = [
  scenario(AlterConfigs, 'of a topic', async (stage) => {
    const { name } = await stage.topic('a', { configs: { 'retention.ms': '5000' } });
    const set = (configs: Record<string, string | null>, validateOnly = false, resourceName = name, resourceType = TOPIC) => ({
      resources: [{ resourceType, resourceName, configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) }],
      validateOnly,
    });
    const look = describe(TOPIC, name, null);
    await stage.step('validated only', set({ 'max.message.bytes': '1000' }, true));
    await stage.step('what is not named is reset', set({ 'max.message.bytes': '1000' }));
    await stage.until(DescribeConfigs, 2, look, has('max.message.bytes', '1000'));
    await stage.stepOf(DescribeConfigs, 2, 'what holds now', look, ownConfigs);
    await stage.step('an unknown key', set({ 'no.such.config': '1' }));
    await stage.step('an invalid value', set({ 'max.message.bytes': 'many' }));
    await stage.step('a value of null', set({ 'max.message.bytes': null }));
    await stage.step('a topic that does not exist', set({ 'max.message.bytes': '1' }, false, stage.name('nowhere')));
    await stage.step('an invalid topic name', set({ 'max.message.bytes': '1' }, false, 'a b'));
    await stage.step('a resource type that does not exist', set({ 'max.message.bytes': '1' }, false, name, 99));
    await stage.step('another broker', set({ 'message.max.bytes': '1000' }, true, '7', BROKER));
    await stage.step('this broker, validated only', set({ 'message.max.bytes': '2000000' }, true, NODE, BROKER));
    await stage.step('a read-only key of this broker', set({ 'node.id': '3' }, true, NODE, BROKER));
    // Apache Kafka leaves it unanswered: once is enough to wait for that.
    if (stage.version === 2) await stage.step('a topic twice', { resources: [1, 2].map(() => set({}).resources[0]!), validateOnly: true });
    await stage.step('nothing', { resources: [], validateOnly: false });
    await stage.step('everything reset', set({}));
    await stage.until(DescribeConfigs, 2, look, has('max.message.bytes', null));
    await stage.stepOf(DescribeConfigs, 2, 'nothing holds now', look, ownConfigs);
  }),
];

/** What nobody can alter, or what is only validated: brokers' configs are everybody's. */
export const alterConfigsDetailScenarios = [
  scenario(AlterConfigs, 'values', async (stage) => {
    const { name } = await stage.topic('a');
    const set = (configs: [string, string | null][], validateOnly = true) => ({
      resources: [{ resourceType: TOPIC, resourceName: name, configs: configs.map(([key, value]) => ({ name: key, value })) }],
      validateOnly,
    });
    for (const [key, value] of valuesFor(stage.version, 2, TOPIC_VALUES)) await stage.step(`${key} "${value}"`, set([[key, value]]));
    await stage.step(
      'a key twice',
      set([
        ['retention.ms', '1'],
        ['retention.ms', '2'],
      ]),
    );
    await stage.step('a key without a name', set([['', '1']]));
    await stage.step(
      'a good one beside an unknown one',
      set(
        [
          ['retention.ms', '1'],
          ['no.such.config', '2'],
        ],
        false,
      ),
    );
    await stage.step(
      'a good one beside null',
      set(
        [
          ['retention.ms', '1'],
          ['flush.ms', null],
        ],
        false,
      ),
    );
    await stage.step('an empty value of a list', set([['cleanup.policy', '']], false));
    await stage.until(DescribeConfigs, 2, describe(TOPIC, name, null), has('cleanup.policy', ''));
    await stage.stepOf(DescribeConfigs, 2, 'what holds now', describe(TOPIC, name, null), ownConfigs);
    await stage.step('a value of 32767 characters', set([['follower.replication.throttled.replicas', `${'0:1,'.repeat(8191)}0:1`]]));
  }),

  scenario(AlterConfigs, 'several resources', async (stage) => {
    const { name: a } = await stage.topic('a');
    const { name: b } = await stage.topic('b');
    const resource = (resourceType: number, resourceName: string, key: string, value: string | null) => ({
      resourceType,
      resourceName,
      configs: [{ name: key, value }],
    });
    await stage.step('one refused, two altered', {
      resources: [
        resource(TOPIC, a, 'retention.ms', '7000'),
        resource(TOPIC, stage.name('nowhere'), 'retention.ms', '7000'),
        resource(TOPIC, b, 'retention.ms', '8000'),
      ],
      validateOnly: false,
    });
    for (const [topic, value] of [
      [a, '7000'],
      [b, '8000'],
    ] as const) {
      await stage.until(DescribeConfigs, 2, describe(TOPIC, topic, null), has('retention.ms', value));
      await stage.stepOf(DescribeConfigs, 2, `what ${topic === a ? 'a' : 'b'} has`, describe(TOPIC, topic, null), ownConfigs);
    }
    await stage.step('of every type', {
      resources: [
        resource(TOPIC, a, 'no.such.config', '1'),
        resource(BROKER, NODE, 'num.partitions', '3'),
        resource(BROKER, '', 'num.partitions', '3'),
        resource(BROKER, '7', 'num.partitions', '3'),
        resource(0, a, 'retention.ms', '1'),
        resource(3, b, 'retention.ms', '1'),
      ],
      validateOnly: true,
    });
  }),

  scenario(AlterConfigs, 'resources without configs here', async (stage) => {
    for (const [what, type, name] of [
      ['loggers', BROKER_LOGGER, NODE],
      ['loggers of another broker', BROKER_LOGGER, '7'],
      ['client metrics', CLIENT_METRICS, stage.name('m')],
      ['client metrics without a name', CLIENT_METRICS, ''],
      ['a group', GROUP, stage.name('g')],
      ['a group without a name', GROUP, ''],
    ] as const) {
      const of = (configs: { name: string; value: string | null }[]) => ({
        resources: [{ resourceType: type, resourceName: name, configs }],
        validateOnly: true,
      });
      await stage.step(`${what}: a key that does not exist`, of([{ name: 'no.such.config', value: '1' }]));
      await stage.step(`${what}: nothing`, of([]));
    }
  }),

  scenario(AlterConfigs, 'of brokers, validated only', async (stage) => {
    const set = (resourceName: string, configs: Record<string, string | null>) => ({
      resources: [{ resourceType: BROKER, resourceName, configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) }],
      validateOnly: true,
    });
    for (const [who, name] of [
      ['this broker', NODE],
      ["the cluster's default", ''],
    ] as const) {
      // With it, as Apache Kafka holds it there and would not take it away.
      const staying: Record<string, string> = name === '' ? { 'min.insync.replicas': '1' } : {};
      for (const [key, value] of valuesFor(stage.version, 2, BROKER_VALUES))
        await stage.step(`${who}: ${key} "${value}"`, set(name, { ...staying, [key]: value }));
      await stage.step(`${who}: two read-only keys`, set(name, { 'num.partitions': '3', 'node.id': '1' }));
    }
    for (const name of ['one', '1.0', '-1', ' 1']) await stage.step(`broker "${name}"`, set(name, { 'max.connections': '100' }));
  }),
];
